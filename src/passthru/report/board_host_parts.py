# SPDX-License-Identifier: Apache-2.0
"""Devices that a host cannot give away, because it would not run without them."""

from passthru.board.model import PlatformDevice

__all__ = ["host_part"]

_PMU = "the processors' performance counters"
_HOST_BRIDGE = "a PCI host bridge, whose functions are passed one by one"

_STARTS = {
    "arm,gic": "an interrupt controller",
    "arm,cortex-a15-gic": "an interrupt controller",
    "arm,smmu-": "an IOMMU",
    "arm,mmu-": "an IOMMU",
    "arm,armv7-timer": "the processors' timer",
    "arm,armv8-timer": "the processors' timer",
    "arm,armv8-pmuv3": _PMU,
    "pci-host-": _HOST_BRIDGE,
    "PNP0C01": "resources of the main board",
    "PNP0C02": "resources of the main board",
}
"""How a word of ``compatible`` begins, or an ACPI id (in either case): what the device is."""

_ENDS = {"-pmu": _PMU, "-pcie": _HOST_BRIDGE}
"""How such a word ends."""


def host_part(device: PlatformDevice) -> str | None:
    """What the device is to its host; None for one that can be given away."""
    for word in device.compatible:
        for start, part in _STARTS.items():
            if word.startswith(start) or word.upper() == start:
                return part
        for end, part in _ENDS.items():
            if word.endswith(end):
                return part
    return None
