# SPDX-License-Identifier: Apache-2.0
"""The search for conflicts: one sweep over sorted ranges of any address space."""

from _operator import itemgetter  # as in lean: the public module loads much more

from passthru.lean import Iterable, Iterator

__all__ = ["Taken", "overlapping_pairs"]

_MOST_HOLDERS = 4
_MOST_OPEN = 8

_START = itemgetter(0)
_END = itemgetter(1)


Taken = tuple[int, int, int, int]
"""Start and end of a half-open range, its owner, and the caller's own number for it.

An owner has no conflict with himself. These are plain tuples, of which there may be hundreds of
thousands: Python's garbage collector does not come back to plain tuples of numbers.
"""


def overlapping_pairs(taken: Iterable[Taken]) -> Iterator[tuple[Taken, Taken]]:
    """Every two that overlap and have different owners, each pair once, by one sweep.

    The one with the lower start comes first. Where a great many overlap one another, each is
    named with a few that reach furthest, so that time and output stay in proportion to the
    input; but what overlaps one that starts below it is named in any case.
    """
    open_ones: list[Taken] = []
    furthest = 0
    for each in sorted(taken, key=_START):
        start, end, owner, _ = each
        if start >= furthest:
            open_ones, furthest = [each], end
            continue
        if start >= end:
            continue  # it is empty
        open_ones = [other for other in open_ones if other[1] > start]
        found = 0
        for other in open_ones:
            if other[2] != owner:
                yield other, each
                found += 1
                if found == _MOST_HOLDERS:
                    break
        open_ones.append(each)
        furthest = max(furthest, end)
        if len(open_ones) > _MOST_OPEN:
            open_ones = _furthest_reaching(open_ones)


def _furthest_reaching(open_ones: list[Taken]) -> list[Taken]:
    """A few that stay open longest, each of another owner: whatever comes meets one of them."""
    kept: dict[int, Taken] = {}
    for each in sorted(open_ones, key=_END, reverse=True):
        if len(kept) < _MOST_HOLDERS:
            kept.setdefault(each[2], each)
    return list(kept.values())
