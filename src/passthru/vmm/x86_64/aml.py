# SPDX-License-Identifier: Apache-2.0
"""ACPI machine language: one function per term, each giving the term's bytes; and the
resource descriptors that _CRS holds, one function per macro.

Only what the DSDT needs. Section numbers are those of the ACPI specification 6.5, chapters
20.2 (grammar) and 6.4 (descriptors) where nothing else is said. A value outside what an
encoding can hold raises ValueError: the caller is our own code, never the guest. Ranges are
half-open as everywhere; the inclusive ends of the descriptors are made here.
"""

from _struct import pack  # struct only hands it on, from a file more

from passthru.addresses import AddressRange
from passthru.lean import IntEnum, Iterable

__all__ = [
    "ARG3",
    "LOCAL0",
    "SpaceType",
    "and_into",
    "arg",
    "buffer",
    "create_dword_field",
    "device",
    "dword_space",
    "eisa_id",
    "else_",
    "if_",
    "integer",
    "interrupt",
    "io",
    "irq",
    "lequal",
    "lnot",
    "memory32_fixed",
    "method",
    "name",
    "name_path",
    "or_into",
    "package",
    "package_length",
    "qword_space",
    "resource_template",
    "return_",
    "scope",
    "store",
    "string",
    "uuid",
    "word_space",
]

_ZERO, _ONE, _NAME = b"\x00", b"\x01", b"\x08"
_BYTE, _WORD, _DWORD, _STRING, _QWORD = b"\x0a", b"\x0b", b"\x0c", b"\x0d", b"\x0e"
_SCOPE, _BUFFER, _PACKAGE, _METHOD, _DEVICE = b"\x10", b"\x11", b"\x12", b"\x14", b"\x5b\x82"
_DUAL_NAME, _MULTI_NAME = b"\x2e", b"\x2f"
_STORE, _AND, _OR, _CREATE_DWORD_FIELD = b"\x70", b"\x7b", b"\x7d", b"\x8a"
_LNOT, _LEQUAL, _IF, _ELSE, _RETURN = b"\x92", b"\x93", b"\xa0", b"\xa1", b"\xa4"

_MAX_PACKAGE = 0xFFFFFFF

LOCAL0 = b"\x60"
"""Local0 (20.2.6.2)."""


def arg(number: int) -> bytes:
    """Argument ``number`` of the running method, 0 to 6 (20.2.6.1)."""
    if not 0 <= number <= 6:
        raise ValueError(f"a method has no argument {number}")
    return bytes([0x68 + number])


ARG3 = arg(3)
"""Arg3, which _OSC modifies in place."""


def package_length(body_size: int) -> bytes:
    """PkgLength of a term with ``body_size`` bytes after it; it counts itself (20.2.4)."""
    if body_size + 1 <= 0x3F:
        return bytes([body_size + 1])
    for following in (1, 2, 3):
        total = body_size + 1 + following
        if total < 1 << (4 + 8 * following):
            return bytes([following << 6 | total & 0xF]) + (total >> 4).to_bytes(
                following, "little"
            )
    raise ValueError(f"a package of {body_size} bytes does not fit; {_MAX_PACKAGE} do")


def _sized(opcode: bytes, body: bytes) -> bytes:
    return opcode + package_length(len(body)) + body


def name_path(path: str) -> bytes:
    r"""NameString such as ``\_SB.PCI0`` or ``^CRS``; segments are filled with ``_`` (20.2.2)."""
    bare = path.lstrip("\\^")
    prefix = path[: len(path) - len(bare)].encode("ascii")
    segments = [_name_segment(segment) for segment in bare.split(".")] if bare else []
    match len(segments):
        case 0:
            return prefix + b"\x00"
        case 1:
            return prefix + segments[0]
        case 2:
            return prefix + _DUAL_NAME + segments[0] + segments[1]
        case count:
            return prefix + _MULTI_NAME + bytes([count]) + b"".join(segments)


def _name_segment(segment: str) -> bytes:
    valid = segment.isascii() and segment.replace("_", "A").isalnum() and segment.isupper()
    if not (valid or segment.strip("_") == "") or not 1 <= len(segment) <= 4:
        raise ValueError(f"{segment!r} is no ACPI name")
    if segment[0].isdigit():
        raise ValueError(f"{segment!r}: an ACPI name does not start with a digit")
    return segment.ljust(4, "_").encode("ascii")


def integer(value: int) -> bytes:
    """The shortest form of an unsigned 64-bit integer (20.2.3)."""
    if value == 0:
        return _ZERO
    if value == 1:
        return _ONE
    for opcode, size in ((_BYTE, 1), (_WORD, 2), (_DWORD, 4), (_QWORD, 8)):
        if 0 <= value < 1 << (8 * size):
            return opcode + value.to_bytes(size, "little")
    raise ValueError(f"{value} is no unsigned 64-bit integer")


def string(text: str) -> bytes:
    """String of ASCII characters 0x01 to 0x7f (20.2.3)."""
    if "\0" in text or not text.isascii():
        raise ValueError(f"{text!r} is no ACPI string")
    return _STRING + text.encode("ascii") + b"\x00"


def eisa_id(identifier: str) -> bytes:
    """EISAID("PNP0A08") as the integer that _HID holds (19.6.36)."""
    letters, product = identifier[:3], identifier[3:]
    if len(identifier) != 7 or not all("A" <= letter <= "Z" for letter in letters):
        raise ValueError(f"{identifier!r} is no EISA identifier")
    vendor = 0
    for letter in letters:
        vendor = vendor << 5 | ord(letter) - 0x40
    return _DWORD + vendor.to_bytes(2, "big") + int(product, 16).to_bytes(2, "big")


def buffer(data: bytes) -> bytes:
    """Buffer with these bytes (20.2.5.4, DefBuffer)."""
    return _sized(_BUFFER, integer(len(data)) + data)


def uuid(text: str) -> bytes:
    """ToUUID: a 16-byte buffer in the mixed byte order of 19.6.142."""
    parts = text.split("-")
    if [len(part) for part in parts] != [8, 4, 4, 4, 12]:
        raise ValueError(f"{text!r} is no UUID")
    little = b"".join(bytes.fromhex(part)[::-1] for part in parts[:3])
    return buffer(little + bytes.fromhex(parts[3] + parts[4]))


def package(*elements: bytes) -> bytes:
    """Package of at most 255 elements (20.2.5.4, DefPackage)."""
    if len(elements) > 255:
        raise ValueError(f"a Package holds 255 elements, not {len(elements)}")
    return _sized(_PACKAGE, bytes([len(elements)]) + b"".join(elements))


def name(path: str, value: bytes) -> bytes:
    """Name(path, value) (20.2.5.1)."""
    return _NAME + name_path(path) + value


def scope(path: str, body: Iterable[bytes]) -> bytes:
    """Scope(path) around the terms of ``body`` (20.2.5.1)."""
    return _sized(_SCOPE, name_path(path) + b"".join(body))


def device(path: str, body: Iterable[bytes]) -> bytes:
    """Device(path) around the terms of ``body`` (20.2.5.2)."""
    return _sized(_DEVICE, name_path(path) + b"".join(body))


def method(path: str, arguments: int, body: Iterable[bytes], *, serialized: bool = False) -> bytes:
    """Method; one that creates names must be ``serialized`` (20.2.5.2)."""
    if not 0 <= arguments <= 7:
        raise ValueError(f"a method takes 7 arguments at most, not {arguments}")
    flags = arguments | serialized << 3
    return _sized(_METHOD, name_path(path) + bytes([flags]) + b"".join(body))


def return_(value: bytes) -> bytes:
    """Return(value) (20.2.5.3)."""
    return _RETURN + value


def if_(condition: bytes, body: Iterable[bytes]) -> bytes:
    """If(condition) around the terms of ``body`` (20.2.5.3)."""
    return _sized(_IF, condition + b"".join(body))


def else_(body: Iterable[bytes]) -> bytes:
    """Else, right after an If (20.2.5.3)."""
    return _sized(_ELSE, b"".join(body))


def lequal(left: bytes, right: bytes) -> bytes:
    """LEqual(left, right) (20.2.5.4)."""
    return _LEQUAL + left + right


def lnot(operand: bytes) -> bytes:
    """LNot(operand) (20.2.5.4)."""
    return _LNOT + operand


def store(value: bytes, target: bytes) -> bytes:
    """Store(value, target) (20.2.5.4)."""
    return _STORE + value + target


def and_into(target: bytes, mask: bytes) -> bytes:
    """And(target, mask, target) (20.2.5.4)."""
    return _AND + target + mask + target


def or_into(target: bytes, mask: bytes) -> bytes:
    """Or(target, mask, target) (20.2.5.4)."""
    return _OR + target + mask + target


def create_dword_field(source: bytes, offset: int, path: str) -> bytes:
    """CreateDWordField(source, offset in bytes, path) (20.2.5.2)."""
    return _CREATE_DWORD_FIELD + source + integer(offset) + name_path(path)


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
    return buffer(b"".join(descriptors) + b"\x79\x00")


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
