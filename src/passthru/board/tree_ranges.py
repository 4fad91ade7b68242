# SPDX-License-Identifier: Apache-2.0
"""Differences of ranges, and maps that have a background."""

from passthru.addresses import AddressRange
from passthru.board.model import HostRegion
from passthru.lean import Iterable, Iterator

__all__ = ["layered_map", "without"]


def without(ranges: Iterable[AddressRange], holes: Iterable[AddressRange]) -> list[AddressRange]:
    """What is left of ``ranges`` when every one of ``holes`` is taken out, sorted."""
    cuts = _Cuts(holes)
    return sorted(piece for each in ranges for piece in cuts.rest_of(each))


class _Cuts:
    """Ranges that are taken out of others."""

    def __init__(self, holes: Iterable[AddressRange]) -> None:
        self._holes: list[AddressRange] = []
        for hole in sorted(holes):
            last = self._holes[-1] if self._holes else None
            if last is not None and hole.start <= last.end:
                end = max(last.end, hole.end)
                self._holes[-1] = AddressRange.between(last.start, end)
            else:
                self._holes.append(hole)
        self._ends = [hole.end for hole in self._holes]

    def rest_of(self, whole: AddressRange) -> Iterator[AddressRange]:
        from bisect import bisect_right

        start = whole.start
        for place in range(bisect_right(self._ends, start), len(self._holes)):
            hole = self._holes[place]
            if hole.start >= whole.end:
                break
            if hole.start > start:
                yield AddressRange.between(start, hole.start)
            start = hole.end
        if start < whole.end:
            yield AddressRange.between(start, whole.end)


def layered_map(
    regions: Iterable[HostRegion], background: Iterable[HostRegion]
) -> tuple[HostRegion, ...]:
    """A memory map of ``regions``, and of ``background`` where there are none; sorted.

    A region that lies wholly inside another one is left out. Of several backgrounds, the
    one that begins first has a place.
    """
    top: list[HostRegion] = []
    for region in sorted(regions, key=lambda each: (each.range.start, -each.range.size)):
        if not top or not top[-1].range.contains(region.range):
            top.append(region)
    cuts = _Cuts(region.range for region in top)
    pieces = [
        HostRegion(piece, behind.name)
        for behind in background
        for piece in cuts.rest_of(behind.range)
    ]
    return tuple(sorted([*top, *_disjoint(sorted(pieces))]))


def _disjoint(pieces: list[HostRegion]) -> Iterator[HostRegion]:
    end = 0
    for piece in pieces:
        start = max(end, piece.range.start)
        if start < piece.range.end:
            yield HostRegion(AddressRange.between(start, piece.range.end), piece.name)
            end = piece.range.end
