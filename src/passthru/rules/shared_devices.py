# SPDX-License-Identifier: Apache-2.0
"""Devices of the board that are passed to several VMs, and where the board has them."""

from bisect import bisect_left
from itertools import accumulate
from operator import itemgetter

from passthru.addresses import AddressRange
from passthru.board.dma import is_bus_master
from passthru.board.model import BarKind, Board, PciFunction, PlatformDevice
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.rule import Rule
from passthru.lean import Iterator, NamedTuple

__all__ = ["DEVICE_SHARED", "DMA_DEVICE_SHARED", "BoardDevice", "BoardDevices"]

_START = itemgetter(0)
_END = itemgetter(1)

DEVICE_SHARED = Rule(
    "device-shared",
    Severity.WARNING,
    "A device of the board is passed to two VMs.",
    "A device has one set of registers, and two drivers undo each other's settings. Only in "
    "exceptional designs is a device without DMA shared.",
)

DMA_DEVICE_SHARED = Rule(
    "dma-device-shared",
    Severity.ERROR,
    "A device that does DMA is passed to two VMs.",
    "Its DMA is kept to the memory of one VM. With two owners it fails, or reaches the memory of "
    "the wrong one.",
)


class BoardDevice(NamedTuple):
    """A device by the name that the board has for it."""

    name: str
    does_dma: bool


class BoardDevices:
    """The devices of a board with registers in memory, found by address."""

    def __init__(self, board: Board) -> None:
        platform: dict[bool, list[_Place]] = {True: [], False: []}
        for device in board.devices:
            does_dma = is_bus_master(device)
            for start, size in device.registers:
                platform[does_dma].append((start, start + size, device))
        self._with_dma = _Registers([*platform[True], *_function_places(board)])
        self._without_dma = _Registers(platform[False])

    def at(self, place: AddressRange) -> BoardDevice | None:
        """A device with registers in ``place``: one that does DMA, if any does."""
        for registers, does_dma in ((self._with_dma, True), (self._without_dma, False)):
            device = registers.last_in(place)
            if device is not None:
                name = device.name if isinstance(device, PlatformDevice) else str(device)
                return BoardDevice(name, does_dma)
        return None


_Place = tuple[int, int, PlatformDevice | PciFunction]
"""Start and end of some registers (host-physical), and whose they are."""


def _function_places(board: Board) -> Iterator[_Place]:
    for function in board.pci:
        for bar in function.bars:
            if bar.kind is not BarKind.PORTS and not function.is_bridge:
                yield bar.range.start, bar.range.end, function


class _Registers:
    """Places sorted by their start."""

    def __init__(self, places: list[_Place]) -> None:
        self._places = sorted(places, key=_START)
        self._furthest = list(accumulate(map(_END, self._places), max))

    def last_in(self, place: AddressRange) -> PlatformDevice | PciFunction | None:
        """The one with the highest start that overlaps: of nested devices an inner one."""
        number = bisect_left(self._places, place.end, key=_START)
        while number > 0 and self._furthest[number - 1] > place.start:
            number -= 1
            _, end, device = self._places[number]
            if end > place.start:
                return device
        return None
