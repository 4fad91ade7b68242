# SPDX-License-Identifier: Apache-2.0
"""Where things are on an x86-64 machine before any configuration speaks.

Memory addresses are guest-physical; ports are x86 I/O ports. The plan keeps these places
free, and the machine and its firmware tables put there what belongs there.
"""

from passthru.addresses import PAGE_SIZE, AddressRange

__all__ = [
    "BELOW_CHIPSET",
    "CMOS_IRQ",
    "CMOS_PORT",
    "FIRMWARE_AREA",
    "IOAPIC_ADDRESS",
    "IOAPIC_LINES",
    "IOAPIC_SPACE_END",
    "KVM_PAGES",
    "LAPIC_PAGE",
    "LEGACY_HOLE",
    "MACHINE_LINES",
    "MACHINE_PORTS",
    "MOST_ADDRESS_BITS",
    "PCI_CONFIG_PORTS",
    "PCI_INTERRUPT_LINES",
    "PM1A_CONTROL_PORT",
    "PM1A_EVENT_PORT",
    "PM_BLOCK_SIZE",
    "PM_TIMER_PORT",
    "PORT_WINDOWS",
    "RESET_PORT",
    "RESET_VALUE",
    "RTC_CENTURY_INDEX",
    "SCI_GSI",
    "SERIAL_PORT_COUNT",
    "SLEEP_TYPE_S5",
    "WINDOW64_SPACE",
]

FIRMWARE_AREA = AddressRange.between(0xE0000, 0x100000)
"""Where the ACPI tables lie and a PC's kernel looks for them (ACPI 6.5, 5.2.5.1)."""

LEGACY_HOLE = AddressRange.between(0xA0000, 0x100000)
"""Where a PC has video memory, option ROMs and firmware; never the guest's to use as RAM."""

LAPIC_PAGE = AddressRange(0xFEE00000, PAGE_SIZE)
"""The local APIC of every vCPU (Intel SDM volume 3, 11.4.1)."""

KVM_PAGES = AddressRange(0xFEFFC000, 4 * PAGE_SIZE)
"""Where KVM keeps an identity map and a TSS of its own on Intel processors without
unrestricted guests (KVM_SET_IDENTITY_MAP_ADDR, KVM_SET_TSS_ADDR); no slot may be there."""

IOAPIC_ADDRESS = 0xFEC00000
"""KVM's I/O APIC, which cannot be moved (arch/x86/kvm/ioapic.c); the guest sees it here where
no ``vdev ioapic`` says otherwise."""

IOAPIC_SPACE_END = 1 << 32
"""End of the addresses at which ACPI's table of interrupt controllers can have an I/O APIC
(ACPI 6.5, 5.2.12.3)."""

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

SERIAL_PORT_COUNT = 8
"""Ports of an 8250."""

PORT_WINDOWS = (
    AddressRange(0xC000, 0x4000),
    AddressRange(0x8000, 0x4000),
    AddressRange(0x4000, 0x4000),
    AddressRange(0x2000, 0x2000),
)
"""Places for the PCI port window, the preferred one first."""

CMOS_PORT = 0x70
"""Index port of the MC146818; data at the next."""

CMOS_IRQ = 8
"""ISA line of the MC146818."""

RTC_CENTURY_INDEX = 0x32
"""Where in the CMOS memory the century stands, in BCD, as the FADT says."""

PM1A_EVENT_PORT = 0x600
"""PM1a status (2 bytes) and enable (2 bytes) registers (ACPI 6.5, 4.8.3.1)."""

PM1A_CONTROL_PORT = 0x604
"""PM1a control register, 2 bytes (ACPI 6.5, 4.8.3.2)."""

PM_TIMER_PORT = 0x608
"""Power management timer, 4 bytes, 3.579545 MHz (ACPI 6.5, 4.8.3.3)."""

PM_BLOCK_SIZE = 12
"""Ports from PM1A_EVENT_PORT to the end of the timer."""

PCI_CONFIG_PORTS = AddressRange(0xCF8, 8)
"""Address and data registers of PCI configuration mechanism 1."""

SLEEP_TYPE_S5 = 5
"""SLP_TYP value that \\_S5 names: soft off."""

RESET_PORT = 0xCF9
"""The FADT's reset register; byte writes only (0xcf8 takes dwords)."""

RESET_VALUE = 6
"""What to write there."""

SCI_GSI = 9
"""The ACPI system control interrupt, level-triggered."""

MACHINE_PORTS = (
    (AddressRange(0x20, 2), "interrupt controller (8259)"),
    (AddressRange(0x40, 4), "timer (8254)"),
    (AddressRange(0x61, 1), "timer gate"),
    (AddressRange(0x64, 1), "keyboard controller (reset)"),
    (AddressRange(CMOS_PORT, 2), "clock (MC146818)"),
    (AddressRange(0xA0, 2), "interrupt controller (8259)"),
    (AddressRange(0x4D0, 2), "interrupt trigger modes"),
    (AddressRange(PM1A_EVENT_PORT, PM_BLOCK_SIZE), "power management"),
    (PCI_CONFIG_PORTS, "pci config access"),
)
"""Ports that the machine itself answers, and what is there."""
