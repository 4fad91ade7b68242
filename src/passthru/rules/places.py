# SPDX-License-Identifier: Apache-2.0
"""Ranges of a board that are looked up by address, for many passes among many devices."""

from _bisect import bisect_left  # as in lean: the public modules load much more
from itertools import accumulate

from passthru.addresses import AddressRange
from passthru.lean import Iterable

__all__ = ["Places"]


class Places:
    """Numbered ranges of one address space, found by what overlaps them.

    Each is the half-open ``[start, end)`` with the caller's own number for it. They may
    overlap; several may have one number.
    """

    def __init__(self, places: Iterable[tuple[int, int, int]]) -> None:
        self._places = sorted(places)
        self._starts = [start for start, _, _ in self._places]
        self._furthest = list(accumulate((end for _, end, _ in self._places), max))

    def at(self, wanted: AddressRange) -> list[int]:
        """The numbers of all that have at least one byte in ``wanted``, each once, sorted."""
        numbers = set()
        place = bisect_left(self._starts, wanted.end)
        while place > 0 and self._furthest[place - 1] > wanted.start:
            place -= 1
            start, end, number = self._places[place]
            if max(start, wanted.start) < min(end, wanted.end):
                numbers.add(number)
        return sorted(numbers)
