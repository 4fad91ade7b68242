# SPDX-License-Identifier: Apache-2.0
"""What a host cannot give away, because it would not run without it."""

from passthru.board.infrastructure import (
    CONFIGURATION,
    FIRMWARE,
    INTERRUPT_CONTROLLER,
    IOMMU,
    MOTHERBOARD,
    TIMER,
    function_of_host,
    kind_of_device,
)
from passthru.board.model import Board, PciFunction, PlatformDevice

__all__ = ["function_part", "host_part"]

_HOST_BRIDGE = "a PCI host bridge, whose functions are passed one by one"
_PARTS = {
    INTERRUPT_CONTROLLER: "an interrupt controller",
    IOMMU: "an IOMMU",
    CONFIGURATION: _HOST_BRIDGE,
    TIMER: "a timer of the host",
    FIRMWARE: "firmware",
    MOTHERBOARD: "resources of the main board",
}

_PART_ENDS = {"-pmu": "the processors' performance counters", "-pcie": _HOST_BRIDGE}
_PMU = "arm,armv8-pmuv3"
"""Ends of words of ``compatible``, and one whole, of what is no infrastructure by its registers."""


def host_part(device: PlatformDevice, board: Board) -> str | None:
    """What the device is to its host; None for one that can be given away.

    `check` refuses the same: ``Board.infrastructure``, and what it is told by.
    """
    kind = kind_of_device(device.compatible) or _kind_by_place(device, board)
    if kind is not None:
        return _PARTS[kind]
    for word in device.compatible:
        for end, part in _PART_ENDS.items():
            if word.endswith(end) or (word == _PMU and end == "-pmu"):
                return part
    return None


def _kind_by_place(device: PlatformDevice, board: Board) -> str | None:
    for registers in device.registers:
        for region in board.infrastructure:
            if region.range.overlaps(registers.page_aligned()):
                return next((kind for kind in _PARTS if region.name.startswith(kind)), FIRMWARE)
    return None


def function_part(function: PciFunction) -> str | None:
    """What a PCI function is to its host; None for a device of its own."""
    if function.is_bridge or function.class_code >> 16 == _BASE_CLASS_BRIDGE:
        return "a bridge"
    return function_of_host(function)


_BASE_CLASS_BRIDGE = 0x06
