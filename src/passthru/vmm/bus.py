# SPDX-License-Identifier: Apache-2.0
"""Where trapped accesses go: x86 ports and guest-physical addresses."""

from _bisect import bisect_right  # bisect only hands it on, from a file more

from passthru.addresses import AddressRange
from passthru.lean import NamedTuple, Protocol

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


class _Nobody:
    """Answers where nothing is."""

    def read(self, offset: int, size: int) -> int:
        return -1

    def write(self, offset: int, size: int, value: int) -> None:
        return


class _Entry(NamedTuple):
    range: AddressRange
    handler: Handler


_MASKS = {size: (1 << (8 * size)) - 1 for size in range(1, 9)}
_REMEMBERED = 4096


class Bus:
    """Ranges that trap, and who answers. Nobody there: reads give all ones, writes vanish.

    That is what an x86 bus does, and qvm's default (``unsupported reference ignore``).
    Not thread-safe by itself: the machine's lock is held around every access.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        # Where an address led last time, for the few addresses that guests use all the time:
        # handler, offset in its range, bytes from there to the end of the range.
        self._known: dict[int, tuple[Handler, int, int]] = {}

    def attach(self, range_: AddressRange, handler: Handler) -> None:
        """Let ``handler`` answer in ``range_``; raises ValueError if somebody does already."""
        position = bisect_right(self._entries, range_.start, key=_start)
        for neighbour in self._entries[max(position - 1, 0) : position + 1]:
            if neighbour.range.overlaps(range_):
                raise ValueError(f"{range_} overlaps {neighbour.range}")
        self._entries.insert(position, _Entry(range_, handler))
        self._known.clear()

    def detach(self, range_: AddressRange) -> None:
        """Let nobody answer there any more."""
        self._entries = [entry for entry in self._entries if entry.range != range_]
        self._known.clear()

    def read(self, address: int, size: int) -> int:
        """The value a guest's read of ``size`` bytes gives."""
        handler, offset, left = self._known.get(address) or self._look_up(address)
        return (handler.read(offset, size) if size <= left else -1) & _MASKS[size]

    def write(self, address: int, size: int, value: int) -> None:
        """Hand a guest's write on."""
        handler, offset, left = self._known.get(address) or self._look_up(address)
        if size <= left:
            handler.write(offset, size, value)

    def _look_up(self, address: int) -> tuple[Handler, int, int]:
        if len(self._known) >= _REMEMBERED:
            # The guest chooses the addresses: it must not fill our memory with them.
            self._known.clear()
        found: tuple[Handler, int, int] = (_Nobody(), 0, 8)
        position = bisect_right(self._entries, address, key=_start) - 1
        if position >= 0:
            range_, handler = self._entries[position]
            if address < range_.end:
                found = (handler, address - range_.start, range_.end - address)
        self._known[address] = found
        return found


def _start(entry: _Entry) -> int:
    return entry.range.start
