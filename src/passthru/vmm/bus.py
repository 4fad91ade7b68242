# SPDX-License-Identifier: Apache-2.0
"""Where trapped accesses go: x86 ports and guest-physical addresses."""

from bisect import bisect_right
from typing import Protocol

from passthru.addresses import AddressRange

__all__ = ["Bus", "Handler"]


class Handler(Protocol):
    """A device's side of a trapped access.

    ``offset`` counts from the start of the range it was attached at and lies inside it;
    ``size`` is 1, 2, 4 or 8 bytes. Both come from the guest.
    """

    def read(self, offset: int, size: int) -> int:
        """The value the guest reads; bits beyond ``size`` are cut off."""

    def write(self, offset: int, size: int, value: int) -> None:
        """The guest wrote ``value``."""


class Bus:
    """Ranges that trap, and who answers. Nobody there: reads give all ones, writes vanish.

    That is what an x86 bus does, and qvm's default (``unsupported reference ignore``).
    """

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._entries: list[tuple[AddressRange, Handler]] = []

    def attach(self, range_: AddressRange, handler: Handler) -> None:
        """Let ``handler`` answer in ``range_``; raises ValueError if somebody does already."""
        position = bisect_right(self._starts, range_.start)
        for neighbour, _ in self._entries[max(position - 1, 0) : position + 1]:
            if neighbour.overlaps(range_):
                raise ValueError(f"{range_} overlaps {neighbour}")
        # New lists, so that a vCPU thread in find() sees the old or the new state, whole.
        starts, entries = self._starts[:], self._entries[:]
        starts.insert(position, range_.start)
        entries.insert(position, (range_, handler))
        self._starts, self._entries = starts, entries

    def detach(self, range_: AddressRange) -> None:
        """Let nobody answer there any more; raises ValueError if nobody did."""
        position = self._starts.index(range_.start)
        self._starts = self._starts[:position] + self._starts[position + 1 :]
        self._entries = self._entries[:position] + self._entries[position + 1 :]

    def find(self, address: int, size: int) -> tuple[Handler, int] | None:
        """Who answers the whole access, and its offset there."""
        entries = self._entries
        position = bisect_right(self._starts, address) - 1
        if position < 0 or position >= len(entries):
            return None
        (start, length), handler = entries[position]
        offset = address - start
        return (handler, offset) if offset + size <= length else None

    def read(self, address: int, size: int) -> int:
        """The value a guest's read of ``size`` bytes gives."""
        found = self.find(address, size)
        mask = (1 << (8 * size)) - 1
        if found is None:
            return mask
        handler, offset = found
        return handler.read(offset, size) & mask

    def write(self, address: int, size: int, value: int) -> None:
        """Hand a guest's write on."""
        found = self.find(address, size)
        if found is not None:
            handler, offset = found
            handler.write(offset, size, value)
