# SPDX-License-Identifier: Apache-2.0
"""The MADT's contents: local APICs, the IOAPIC and how ISA lines reach it (ACPI 6.5, 5.2.12)."""

from struct import pack

from passthru.vmm.x86_64.acpi.platform import AcpiPlatform
from passthru.vmm.x86_64.layout import LAPIC_ADDRESS, SCI_GSI

__all__ = ["madt_body"]

# Two 8259 are there too.
_PCAT_COMPATIBLE = 1
_ENABLED = 1
# APIC ids from here on do not fit a local APIC structure (255 is broadcast).
_FIRST_X2APIC_ID = 255

# MPS INTI flags (table 5.26).
_CONFORMS_TO_BUS = 0
_LEVEL_ACTIVE_HIGH = 0b1101


def madt_body(platform: AcpiPlatform) -> bytes:
    """The structures after the MADT's header; APIC id and processor _UID are the vCPU's number."""
    many = platform.cpu_count > _FIRST_X2APIC_ID
    return b"".join(
        (
            pack("<II", LAPIC_ADDRESS, _PCAT_COMPATIBLE),
            *(_local_apic(number) for number in range(platform.cpu_count)),
            # type 1: id, address, first GSI
            pack("<BBBxII", 1, 12, 0, platform.ioapic_address, 0),
            # No override for the PIT: its line 0 is pin 0, as `timer8254 intr ioapic:0` says.
            # Active high, because that is how the device model drives the line.
            _source_override(SCI_GSI, SCI_GSI, _LEVEL_ACTIVE_HIGH),
            # type 4: every processor's LINT1 is NMI
            pack("<BBBHB", 4, 6, 0xFF, _CONFORMS_TO_BUS, 1),
            # type 0xa: the same for x2APIC structures
            pack("<BBHIB3x", 0xA, 12, _CONFORMS_TO_BUS, 0xFFFFFFFF, 1) if many else b"",
        )
    )


def _local_apic(number: int) -> bytes:
    if number < _FIRST_X2APIC_ID:
        return pack("<BBBBI", 0, 8, number, number, _ENABLED)
    return pack("<BBHIII", 9, 16, 0, number, _ENABLED, number)


def _source_override(line: int, gsi: int, flags: int) -> bytes:
    return pack("<BBBBIH", 2, 10, 0, line, gsi, flags)
