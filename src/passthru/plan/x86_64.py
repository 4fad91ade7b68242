# SPDX-License-Identifier: Apache-2.0
"""Where things are on an x86-64 machine before any configuration speaks.

Memory addresses are guest-physical; ports are x86 I/O ports.
"""

from passthru.addresses import PAGE_SIZE, AddressRange

__all__ = [
    "BELOW_CHIPSET",
    "FIRMWARE_AREA",
    "HIGHEST_ADDRESS",
    "IOAPIC_ADDRESS",
    "IOAPIC_LINES",
    "KVM_PAGES",
    "LAPIC_PAGE",
    "MACHINE_LINES",
    "MACHINE_PORTS",
    "MOST_ADDRESS_BITS",
    "PCI_INTERRUPT_LINES",
    "PORT_WINDOWS",
    "SERIAL_PORT_COUNT",
    "WINDOW64_SPACE",
]

FIRMWARE_AREA = AddressRange.between(0xE0000, 0x100000)
"""Where the ACPI tables lie and a PC's kernel looks for them (ACPI 6.5, 5.2.5.1)."""

LAPIC_PAGE = AddressRange(0xFEE00000, PAGE_SIZE)
"""The local APIC of every vCPU (Intel SDM volume 3, 11.4.1)."""

KVM_PAGES = AddressRange(0xFEFFC000, 4 * PAGE_SIZE)
"""Where KVM keeps an identity map and a TSS of its own on Intel processors without
unrestricted guests (KVM_SET_IDENTITY_MAP_ADDR, KVM_SET_TSS_ADDR); no slot may be there."""

IOAPIC_ADDRESS = 0xFEC00000
"""KVM's I/O APIC where no ``vdev ioapic`` says otherwise."""

IOAPIC_LINES = 24
"""Input lines of KVM's I/O APIC (KVM_IOAPIC_NUM_PINS)."""

MACHINE_LINES = {
    0: ("timer8254", "hpet"),
    8: ("mc146818", "hpet"),
    9: (),
}
"""I/O APIC lines that the machine drives itself (timer, clock, power management), each with
the virtual devices that are it."""

PCI_INTERRUPT_LINES = range(16, 24)
"""I/O APIC lines that carry INTx; those below belong to the ISA devices."""

BELOW_CHIPSET = AddressRange.between(0x100000, 0xFEC00000)
"""Where ECAM and the 32-bit window may lie: above the PC's first megabyte and below
the interrupt controllers and the reset vector."""

WINDOW64_SPACE = AddressRange.between(1 << 32, 1 << 46)
"""Where the 64-bit window may lie, as far as the host's processor decodes addresses."""

MOST_ADDRESS_BITS = 52
"""Width of the widest physical addresses that there are (Intel SDM volume 3, 4.1.4)."""

HIGHEST_ADDRESS = 1 << MOST_ADDRESS_BITS
"""End of what x86-64 page tables can name (Intel SDM volume 3, 4.1.4)."""

SERIAL_PORT_COUNT = 8
"""Ports of an 8250."""

PORT_WINDOWS = (
    AddressRange(0xC000, 0x4000),
    AddressRange(0x8000, 0x4000),
    AddressRange(0x4000, 0x4000),
    AddressRange(0x2000, 0x2000),
)
"""Places for the PCI port window, the preferred one first."""

MACHINE_PORTS = (
    (AddressRange(0x20, 2), "interrupt controller (8259)"),
    (AddressRange(0x40, 4), "timer (8254)"),
    (AddressRange(0x61, 1), "timer gate"),
    (AddressRange(0x64, 1), "keyboard controller (reset)"),
    (AddressRange(0x70, 2), "clock (MC146818)"),
    (AddressRange(0xA0, 2), "interrupt controller (8259)"),
    (AddressRange(0x4D0, 2), "interrupt trigger modes"),
    (AddressRange(0x600, 12), "power management"),
    (AddressRange(0xCF8, 8), "pci config access"),
)
"""Ports that the machine itself answers, and what is there."""
