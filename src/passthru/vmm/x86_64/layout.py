# SPDX-License-Identifier: Apache-2.0
"""Fixed places of the x86-64 machine: ports, interrupt lines and legacy addresses.

Ports are x86 I/O ports; addresses are guest-physical.
"""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.plan.x86_64 import FIRMWARE_AREA, IOAPIC_ADDRESS, KVM_PAGES, LAPIC_PAGE

__all__ = [
    "ACPI_TABLES_ADDRESS",
    "ACPI_TABLES_SIZE",
    "CMOS_IRQ",
    "CMOS_PORT",
    "IDENTITY_MAP_ADDRESS",
    "KVM_IOAPIC_ADDRESS",
    "LAPIC_ADDRESS",
    "LEGACY_HOLE",
    "PCI_CONFIG_PORTS",
    "PM1A_CONTROL_PORT",
    "PM1A_EVENT_PORT",
    "PM_BLOCK_SIZE",
    "PM_TIMER_PORT",
    "RESET_PORT",
    "RESET_VALUE",
    "RTC_CENTURY_INDEX",
    "SCI_GSI",
    "SLEEP_TYPE_S5",
    "TSS_ADDRESS",
]

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

KVM_IOAPIC_ADDRESS = IOAPIC_ADDRESS
"""Where KVM's IOAPIC answers; it cannot be moved (arch/x86/kvm/ioapic.c)."""

LAPIC_ADDRESS = LAPIC_PAGE.start
"""Local APIC page of every vCPU."""

ACPI_TABLES_ADDRESS = FIRMWARE_AREA.start
"""Where RSDP and the tables lie, in the area that firmware owns on a PC."""

ACPI_TABLES_SIZE = FIRMWARE_AREA.size
"""Bytes there, up to 1 MiB."""

LEGACY_HOLE = AddressRange.between(0xA0000, 0x100000)
"""Where a PC has video memory, option ROMs and firmware; never the guest's to use as RAM."""

IDENTITY_MAP_ADDRESS = KVM_PAGES.start
"""A page that KVM uses itself on Intel processors without unrestricted guest."""

TSS_ADDRESS = KVM_PAGES.start + PAGE_SIZE
"""Three pages for the same."""
