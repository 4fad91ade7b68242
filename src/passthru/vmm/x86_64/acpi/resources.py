# SPDX-License-Identifier: Apache-2.0
"""Resource descriptors for _CRS, one function per macro (ACPI 6.5, chapter 6.4).

Ranges are half-open as everywhere; the inclusive ends of the format are made here.
"""

from struct import pack

from passthru.addresses import AddressRange
from passthru.lean import IntEnum
from passthru.vmm.x86_64.acpi import aml

__all__ = [
    "SpaceType",
    "dword_space",
    "interrupt",
    "io",
    "irq",
    "memory32_fixed",
    "qword_space",
    "resource_template",
    "word_space",
]

# Table 6.40, general flags: the producer decodes positively, both ends are fixed.
_MIN_AND_MAX_FIXED = 0x0C
_CONSUMER = 0x01


class SpaceType(IntEnum):
    """Resource type of an address space descriptor (6.4.3.5)."""

    MEMORY = 0
    PORTS = 1
    BUS_NUMBERS = 2


# Type-specific flags: memory read-write and not cacheable (table 6.50), the entire port
# range (table 6.51), none for bus numbers.
_SPACE_FLAGS = {SpaceType.MEMORY: 0x01, SpaceType.PORTS: 0x03, SpaceType.BUS_NUMBERS: 0x00}


def resource_template(*descriptors: bytes) -> bytes:
    """ResourceTemplate: the descriptors and an end tag (6.4.2.9), as a Buffer.

    The end tag's checksum is zero, which means "treat as correct".
    """
    return aml.buffer(b"".join(descriptors) + b"\x79\x00")


def io(start: int, size: int) -> bytes:
    """IO with 16-bit decoding at a fixed place (6.4.2.5); ``size`` up to 255 ports."""
    return pack("<BBHHBB", 0x47, 1, start, start, 1, size)


def irq(line: int) -> bytes:
    """IRQNoFlags: an ISA line 0 to 15, edge-triggered, active high (6.4.2.1)."""
    if not 0 <= line <= 15:
        raise ValueError(f"{line} is no ISA interrupt line")
    return pack("<BH", 0x22, 1 << line)


def interrupt(gsi: int) -> bytes:
    """Interrupt (extended): one GSI, consumed, edge-triggered, active high (6.4.3.6)."""
    return pack("<BHBBI", 0x89, 6, 0x03, 1, gsi)


def memory32_fixed(memory: AddressRange) -> bytes:
    """Memory32Fixed, read-write (6.4.3.4)."""
    return pack("<BHBII", 0x86, 9, 1, memory.start, memory.size)


def word_space(kind: SpaceType, space: AddressRange) -> bytes:
    """WordIO or WordBusNumber that a bridge hands on (6.4.3.5.3)."""
    return _address_space(0x88, "H", kind, space, _MIN_AND_MAX_FIXED)


def dword_space(kind: SpaceType, space: AddressRange) -> bytes:
    """DWordMemory or DWordIO that a bridge hands on (6.4.3.5.2)."""
    return _address_space(0x87, "I", kind, space, _MIN_AND_MAX_FIXED)


def qword_space(kind: SpaceType, space: AddressRange, *, consumer: bool = False) -> bytes:
    """QWordMemory or QWordIO that a bridge hands on, or that the device itself uses (6.4.3.5.1)."""
    flags = _MIN_AND_MAX_FIXED | (_CONSUMER if consumer else 0)
    return _address_space(0x8A, "Q", kind, space, flags)


def _address_space(tag: int, field: str, kind: SpaceType, space: AddressRange, flags: int) -> bytes:
    # granularity, minimum, maximum, translation, length
    body = pack(
        "<BBB" + field * 5,
        kind,
        flags,
        _SPACE_FLAGS[kind],
        0,
        space.start,
        space.end - 1,
        0,
        space.size,
    )
    return pack("<BH", tag, len(body)) + body
