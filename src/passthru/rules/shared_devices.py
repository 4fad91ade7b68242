# SPDX-License-Identifier: Apache-2.0
"""Devices of the board that are passed to several VMs, and where the board has them."""

from _operator import itemgetter  # as in lean: the public module loads much more

from passthru.addresses import AddressRange
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


_Place = tuple[int, int, PlatformDevice | PciFunction]
"""Start and end of some registers (host-physical), and whose they are."""


class BoardDevices:
    """The devices of a board with registers in memory, found by address."""

    def __init__(self, board: Board) -> None:
        from itertools import accumulate

        self._places: list[_Place] = [
            (start, start + size, device)
            for device in board.devices
            for start, size in device.registers
        ]
        self._places += _function_places(board)
        self._places.sort(key=_START)
        self._furthest = list(accumulate(map(_END, self._places), max))

    def at(self, place: AddressRange) -> BoardDevice | None:
        """A device with registers in ``place``: one that does DMA, if any does.

        Else it is the one that starts last, which of nested ones is an inner one.
        """
        from bisect import bisect_left

        found = None
        number = bisect_left(self._places, place.end, key=_START)
        while number > 0 and self._furthest[number - 1] > place.start:
            number -= 1
            _, end, device = self._places[number]
            if end > place.start:
                described = _described(device)
                if described.does_dma:
                    return described
                found = found or described
        return found


def _function_places(board: Board) -> Iterator[_Place]:
    for function in board.pci:
        for bar in function.bars:
            if bar.kind is not BarKind.PORTS and not function.is_bridge:
                yield bar.range.start, bar.range.end, function


def _described(device: PlatformDevice | PciFunction) -> BoardDevice:
    if isinstance(device, PciFunction):
        return BoardDevice(str(device), does_dma=True)
    # What an IOMMU has streams for is a bus master.
    return BoardDevice(device.name, bool(device.streams) or device.iommu_group is not None)
