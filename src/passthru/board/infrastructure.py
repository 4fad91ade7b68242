# SPDX-License-Identifier: Apache-2.0
"""What a host needs to live: interrupt controllers, IOMMUs, PCI configuration, timers, firmware.

A guest that reaches one of these owns the host, so none of them is ever passed. Each reader
collects what its source shows into ``Board.infrastructure``; a snapshot from before that field
existed has what its other fields show. All places are host-physical.
"""

from passthru.addresses import AddressRange, united, without
from passthru.board import gic
from passthru.board.model import Board, HostRegion, InterruptLine, PciFunction, PlatformDevice
from passthru.lean import Iterable, Iterator

__all__ = [
    "described_infrastructure",
    "distinct",
    "fixed_infrastructure",
    "function_of_host",
    "kind_of_device",
    "kind_of_name",
    "needed_line",
    "needed_ports",
    "qnx_infrastructure",
    "shown_infrastructure",
]

INTERRUPT_CONTROLLER = "interrupt controller"
IOMMU = "IOMMU"
CONFIGURATION = "PCI configuration space"
TIMER = "timer"
FIRMWARE = "firmware"
MOTHERBOARD = "motherboard registers"

_KINDS_BY_NAME = {
    "Local APIC": INTERRUPT_CONTROLLER,
    "IOAPIC": INTERRUPT_CONTROLLER,
    "GICD": INTERRUPT_CONTROLLER,
    "GICR": INTERRUPT_CONTROLLER,
    "GICC": INTERRUPT_CONTROLLER,
    "GICH": INTERRUPT_CONTROLLER,
    "GICV": INTERRUPT_CONTROLLER,
    "arm-smmu": IOMMU,
    "dmar": IOMMU,
    "amd_iommu": IOMMU,
    "PCI MMCONFIG": CONFIGURATION,
    "PCI ECAM": CONFIGURATION,
    "HPET": TIMER,
    "ACPI Tables": FIRMWARE,
    "ACPI Non-volatile Storage": FIRMWARE,
    "System ROM": FIRMWARE,
    "QEMU0002": FIRMWARE,
    "fw_cfg": FIRMWARE,
}
"""By the start of the name in ``/proc/iomem``, as the kernel's drivers claim their places."""

_STARTS = tuple(_KINDS_BY_NAME)

_KINDS_BY_DEVICE = {
    "PNP0000": INTERRUPT_CONTROLLER,
    "PNP0001": INTERRUPT_CONTROLLER,
    "PNP0003": INTERRUPT_CONTROLLER,
    "ACPI0009": INTERRUPT_CONTROLLER,
    "ACPI000A": INTERRUPT_CONTROLLER,
    "PNP0100": TIMER,
    "PNP0103": TIMER,
    "PNP0C01": MOTHERBOARD,
    "PNP0C02": MOTHERBOARD,
    "QEMU0002": FIRMWARE,
    "cfi-flash": FIRMWARE,
    "qemu,fw-cfg-mmio": FIRMWARE,
    "arm,armv7-timer": TIMER,
    "arm,armv7-timer-mem": TIMER,
    "arm,armv8-timer": TIMER,
    "brcm,bcm2836-l1-intc": INTERRUPT_CONTROLLER,
    "brcm,bcm2835-armctrl-ic": INTERRUPT_CONTROLLER,
    "brcm,bcm2836-armctrl-ic": INTERRUPT_CONTROLLER,
    "qcom,smmu-500": IOMMU,
    "qcom,smmu-v2": IOMMU,
    "renesas,ipmmu-vmsa": IOMMU,
}
"""By ``compatible``, or by the id in ACPI and on the PNP bus (ACPI 6.5, table 5.162)."""

_KINDS_BY_FAMILY = {
    "arm,gic": INTERRUPT_CONTROLLER,
    "arm,smmu": IOMMU,
    "arm,mmu-": IOMMU,
    "pci-host-": CONFIGURATION,
}
"""By the start of ``compatible`` (bindings/interrupt-controller, bindings/iommu, bindings/pci)."""

_HOST_BRIDGES = ("pci@", "pcie@")
"""What a device tree calls them, whoever made them (Devicetree Specification, 2.2.2)."""

_KINDS_BY_ASINFO = {
    "gicd": INTERRUPT_CONTROLLER,
    "gicr": INTERRUPT_CONTROLLER,
    "gicc": INTERRUPT_CONTROLLER,
    "gich": INTERRUPT_CONTROLLER,
    "gicv": INTERRUPT_CONTROLLER,
    "gits": INTERRUPT_CONTROLLER,
    "its": INTERRUPT_CONTROLLER,
    "lapic": INTERRUPT_CONTROLLER,
    "ioapic": INTERRUPT_CONTROLLER,
    "smmu": IOMMU,
    "vtd": IOMMU,
    "hpet": TIMER,
}
"""By the leaf name of an entry of QNX's asinfo, without digits at its end."""

_FIXED_X86 = (
    HostRegion(AddressRange(0xFEC00000, 0x1000), f"{INTERRUPT_CONTROLLER} I/O APIC"),
    # Message-signalled interrupts are writes to any of it (Intel SDM, volume 3, 11.11).
    HostRegion(AddressRange(0xFEE00000, 0x100000), f"{INTERRUPT_CONTROLLER} local APIC"),
    # Where a processor starts after a reset (Intel SDM, volume 3, 10.1.4).
    HostRegion(AddressRange(0xFFFF0000, 0x10000), f"{FIRMWARE} at the reset vector"),
)

_PORTS_X86 = (
    HostRegion(AddressRange(0x20, 2), "interrupt controller PIC 1"),
    HostRegion(AddressRange(0x40, 4), "timer PIT"),
    HostRegion(AddressRange(0x60, 1), "keyboard controller, which can reset the host"),
    HostRegion(AddressRange(0x61, 1), "system control port B"),
    HostRegion(AddressRange(0x64, 1), "keyboard controller, which can reset the host"),
    HostRegion(AddressRange(0x70, 2), "CMOS memory and the mask of the NMI"),
    HostRegion(AddressRange(0x92, 1), "system control port A, which can reset the host"),
    HostRegion(AddressRange(0xA0, 2), "interrupt controller PIC 2"),
    HostRegion(AddressRange(0xB2, 2), "system management interrupt"),
    HostRegion(AddressRange(0x4D0, 2), "trigger modes of the PICs"),
    HostRegion(AddressRange(0xCF8, 8), "PCI configuration and the reset of the host"),
)
"""Ports that a PC has at fixed places (the ICH9's data sheet, table 9-2)."""

_PORT_OWNERS = ("ACPI ", "PCI conf", "dma", "fw_cfg", "QEMU0002")
"""Starts of the names of further such ports in ``/proc/ioports``; ISA's DMA reaches the host's
memory."""

_CLASSES = {
    0x0600: "the host bridge",
    0x0601: "the bridge to the legacy devices, interrupts and power control of the host",
    0x0800: "an interrupt controller",
    0x0806: "an IOMMU",
}
"""By base class and subclass (PCI Code and ID Assignment Specification)."""

_LINES_ARM = frozenset((*range(16), *range(25, 31)))
"""Messages between processors, and the timers' and the virtualization's (Arm BSA, table 5)."""

_LINES_X86 = (0, 2)
_LINE_OWNERS = ("timer", "cascade", "acpi")
_IOMMU_OWNERS = ("dmar", "AMD-Vi")


def kind_of_name(name: str) -> str | None:
    """What a region of that name in ``/proc/iomem`` is to the host; None if not infrastructure."""
    if not name.startswith(_STARTS):
        return None
    return next(kind for start, kind in _KINDS_BY_NAME.items() if name.startswith(start))


def kind_of_device(compatible: Iterable[str]) -> str | None:
    """What a device with these ids is to the host; None if it is not infrastructure."""
    for word in compatible:
        if word in gic.COMPATIBLE:
            return INTERRUPT_CONTROLLER
        kind = _KINDS_BY_DEVICE.get(word.upper() if word.upper().startswith("PNP") else word)
        if kind is not None:
            return kind
        for start, family in _KINDS_BY_FAMILY.items():
            if word.startswith(start):
                return family
    return None


def fixed_infrastructure(architecture: str) -> tuple[HostRegion, ...]:
    """What every host of the architecture has at the same place."""
    return _FIXED_X86 if architecture in ("x86_64", "i686") else ()


def described_infrastructure(
    devices: Iterable[PlatformDevice], ram: Iterable[AddressRange]
) -> Iterator[HostRegion]:
    """The registers of those devices that are infrastructure.

    Firmware counts RAM as part of the motherboard, too, so ``ram`` is left out of that.
    """
    holes = united(ram)
    for device in devices:
        kind = kind_of_device(device.compatible)
        if kind is None and device.name.rpartition("/")[2].startswith(_HOST_BRIDGES):
            kind = CONFIGURATION
        if kind is None:
            continue
        for place in device.registers:
            for piece in without(place, holes) if kind == MOTHERBOARD else (place,):
                yield HostRegion(piece, f"{kind} {device.name}")


def qnx_infrastructure(asinfo: Iterable[HostRegion]) -> Iterator[HostRegion]:
    """The entries of QNX's asinfo that are infrastructure."""
    for region in asinfo:
        kind = _KINDS_BY_ASINFO.get(region.name.rstrip("0123456789").lower())
        if kind is not None:
            yield HostRegion(region.range, f"{kind} {region.name}")


def shown_infrastructure(board: Board) -> tuple[HostRegion, ...]:
    """What the board's other fields show of it: all that is known of an older snapshot."""
    named = (
        HostRegion(region.range, f"{kind} {region.name}")
        for region in board.memory
        if (kind := kind_of_name(region.name)) is not None
    )
    ram = (*board.allocated, *(region.range for region in board.reserved))
    return distinct(
        (
            *fixed_infrastructure(board.architecture),
            *named,
            *described_infrastructure(board.devices, ram),
            *qnx_infrastructure(board.asinfo),
        )
    )


def distinct(regions: Iterable[HostRegion]) -> tuple[HostRegion, ...]:
    """The regions by address, without those that lie wholly inside another one."""
    kept: list[HostRegion] = []
    end = 0
    for region in sorted(regions, key=lambda each: (each.range.start, -each.range.end)):
        if region.range.end > end:
            kept.append(region)
            end = region.range.end
    return tuple(kept)


def needed_ports(board: Board) -> tuple[HostRegion, ...]:
    """The x86 ports that the host needs to live; none on other architectures."""
    if board.architecture not in ("x86_64", "i686"):
        return ()
    named = (each for each in board.ports if each.name.startswith(_PORT_OWNERS))
    return (*_PORTS_X86, *named)


def needed_line(vector: int, lines: Iterable[InterruptLine], board: Board) -> str | None:
    """What the host needs the interrupt ``vector`` for; None if nothing that it lives by.

    ``lines`` are those of the main interrupt controller with that vector.
    """
    if board.architecture in ("aarch64", "armv7l"):
        if vector in _LINES_ARM:
            return "processors have it for their timers, or for messages to each other"
    elif board.architecture in ("x86_64", "i686"):
        if vector in _LINES_X86:
            return "it is the host's timer"
        for owner in [each for line in lines for each in (line.owner or "").split(",")]:
            if owner in _LINE_OWNERS or owner.startswith(_IOMMU_OWNERS):
                return f"the host's {owner} has it"
    for device in board.devices:
        if vector in device.interrupts and (kind := kind_of_device(device.compatible)):
            return f"it is the interrupt of the {kind} {device.name}"
    return None


def function_of_host(function: PciFunction) -> str | None:
    """What a PCI function is to the host that its class makes part of it; None if nothing."""
    return _CLASSES.get(function.class_code >> 8)
