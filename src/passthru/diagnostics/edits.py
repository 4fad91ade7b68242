# SPDX-License-Identifier: Apache-2.0
"""Carries out the changes of text that findings have with them."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Source
from passthru.lean import Iterable, Mapping, NamedTuple

__all__ = ["Repair", "apply_edits", "repair"]


class Repair(NamedTuple):
    """The new text of each source that changes, and the findings whose edits are in it."""

    texts: Mapping[Source, str]
    carried_out: tuple[Finding, ...]


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """``text`` with all ``edits`` made, whose spans count in ``text`` as it is now.

    Raises ValueError where an edit reaches outside the text or into another edit.
    """
    parts: list[str] = []
    position = 0
    before: Edit | None = None
    for edit in sorted(edits, key=_start):
        start, end = edit.span.start, edit.span.end
        if not 0 <= start <= end <= len(text):
            raise ValueError(f"an edit of [{start}, {end}) in a text of {len(text)} characters")
        if before is not None and _collide(before, edit):
            raise ValueError(f"two edits of one place, at {before.span.start} and {start}")
        parts += (text[position:start], edit.text)
        position, before = end, edit
    return "".join((*parts, text[position:]))


def repair(findings: Iterable[Finding]) -> Repair:
    """Make the edits of as many findings as can be made together.

    The findings are taken in the order of the text, each with all its edits or not at all:
    one whose edits collide with those of an earlier one is left for the next reading.
    """
    from bisect import insort

    taken: dict[Source, list[Edit]] = {}
    carried_out = []
    repairable = [finding for finding in findings if finding.edits]
    for finding in sorted(repairable, key=lambda each: min(map(_start, each.edits))):
        if any(_collides(edit, taken.get(edit.span.source, [])) for edit in finding.edits):
            continue
        for edit in finding.edits:
            insort(taken.setdefault(edit.span.source, []), edit, key=_start)
        carried_out.append(finding)
    texts = {source: apply_edits(source.text, edits) for source, edits in taken.items()}
    return Repair(texts, tuple(carried_out))


def _start(edit: Edit) -> int:
    return edit.span.start


def _collides(edit: Edit, others: list[Edit]) -> bool:
    """Whether ``edit`` collides with one of ``others``, which are sorted and do not collide."""
    from bisect import bisect_left

    place = bisect_left(others, edit.span.start, key=_start)
    return any(_collide(edit, other) for other in others[max(place - 1, 0) : place + 1])


def _collide(one: Edit, other: Edit) -> bool:
    """Whether the result of both is not certain; two that begin at one place have no order."""
    if one.span.start == other.span.start:
        return True
    return one.span.start < other.span.end and other.span.start < one.span.end
