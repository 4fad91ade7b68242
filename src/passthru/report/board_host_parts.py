# SPDX-License-Identifier: Apache-2.0
"""Devices that a host cannot give away, because it would not run without them."""

from passthru.board.model import PlatformDevice

__all__ = ["host_part"]

_PARTS = {
    "arm,gic": "an interrupt controller",
    "arm,cortex-a15-gic": "an interrupt controller",
    "arm,smmu-": "an IOMMU",
    "arm,mmu-": "an IOMMU",
    "arm,armv7-timer": "the processors' timer",
    "arm,armv8-timer": "the processors' timer",
    "arm,armv8-pmuv3": "the processors' performance counters",
    "pci-host-": "a PCI host bridge, whose functions are passed one by one",
    "PNP0C01": "resources of the main board",
    "PNP0C02": "resources of the main board",
}
"""What begins a word of ``compatible``, or an ACPI id (in either case): what the device is."""


def host_part(device: PlatformDevice) -> str | None:
    """What the device is to its host; None for one that can be given away."""
    for word in device.compatible:
        for start, part in _PARTS.items():
            if word.startswith(start) or word.upper() == start:
                return part
    return None
