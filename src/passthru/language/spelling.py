# SPDX-License-Identifier: Apache-2.0
"""What somebody probably meant to write."""

from passthru.lean import Iterable

__all__ = ["OTHER_NAMES", "is_spelling", "meant_option", "nearest"]

OTHER_NAMES = {
    "address": "loc",
    "bootargs": "cmdline",
    "device": "vdev",
    "dtb": "fdt",
    "image": "load",
    "interrupt": "intr",
    "irq": "intr",
    "kernel": "load",
    "location": "loc",
    "memory": "ram",
    "passthrough": "pass",
    "passthru": "pass",
    "priority": "sched",
    "ramdisk": "initrd",
    "reg": "loc",
    "reserved": "reserve",
    "smp": "cpu",
    "vcpu": "cpu",
}
"""What other tools call an option."""

_LONGEST = 32
"""Longer words are no misspelt options."""


def meant_option(word: str, known: Iterable[str], most_slips: int = 2) -> str | None:
    """The option that ``word`` is nearly, or that has this name elsewhere; or None."""
    names = frozenset(known)
    other = OTHER_NAMES.get(word.lower())
    return other if other in names else nearest(word, names, most_slips)


def is_spelling(word: str, known: str) -> bool:
    """Whether ``word`` is ``known`` but for capitals, ``_`` for ``-``, and a colon behind it."""
    return word.lower().replace("_", "-").removesuffix(":") == known


def nearest(word: str, known: Iterable[str], most_slips: int = 2) -> str | None:
    """The known word that is fewest slips away from ``word``, or None.

    A slip is a letter too much, too few, wrong, or swapped with its neighbour. Short words
    may have one, longer ones ``most_slips``.
    """
    if not 3 <= len(word) <= _LONGEST:
        return None
    most = 1 if len(word) <= 4 else most_slips
    best: tuple[int, str] | None = None
    lower = word.lower()
    letters = set(lower)
    for candidate in sorted(known):
        if abs(len(candidate) - len(word)) > most:
            continue
        # One slip puts at most one letter in and one out; counting that is quick.
        if len(letters.symmetric_difference(candidate)) > 2 * most:
            continue
        distance = _distance(lower, candidate)
        if distance <= most and (best is None or distance < best[0]):
            best = distance, candidate
    return best[1] if best else None


def _distance(left: str, right: str) -> int:
    """Optimal string alignment distance."""
    before: list[int] = []
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        current = [i]
        for j, b in enumerate(right, 1):
            cost = min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            current.append(cost)
        before, previous = previous, current
    return previous[-1]
