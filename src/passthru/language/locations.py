# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``loc``: guest memory, x86 ports and PCI functions.

Left of ``=`` is the guest's side, right of it the host's (docs/reference-readings.md, "Guest and
host").
"""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.access import ACCESS_LETTERS, DEFAULT_ACCESS, Access, parse_access
from passthru.language.model import Location, MemoryLocation, PortLocation
from passthru.language.numbers import (
    ADDRESS_LIMIT,
    DECIMAL_DIGITS,
    Notation,
    plain_hexadecimal,
    read_number,
)
from passthru.language.words import Word
from passthru.lean import Enum, NamedTuple

__all__ = [
    "LOCATION_PREFIXES",
    "Space",
    "may_be_system_memory",
    "plain_memory_location",
    "read_location",
]

_PORT_LIMIT = 1 << 16
"""x86 has 65536 I/O ports."""


class Space(Enum):
    """What a location is in; the value is its prefix."""

    MEMORY = "mem:"
    PORT = "io:"
    PCI = "pci:"


_LENGTH_IS_OPTIONAL = "7.0"
"""The version in whose grammar a passed memory needs no length."""

_MEMORY_PREFIX = Space.MEMORY.value

LOCATION_PREFIXES = tuple(space.value for space in Space)
"""What a location may begin with."""


def read_location(
    word: Word,
    findings: list[Finding],
    *,
    version: str,
    default: Space = Space.MEMORY,
    sized_by_device: bool = False,
) -> Location | None:
    """The location that ``word`` is; None, and a finding, where it is none.

    ``version`` is the hypervisor's; ``default`` is the space of a location without prefix.
    ``sized_by_device`` is for virtual devices, which know their size: a missing length is
    right there. The range then has one page, or one port, so only its start means something.
    """
    if not word.known:
        return None
    if default is Space.MEMORY:
        location = plain_memory_location(word, sized_by_device)
        if location is not None:
            return location
    if word.value.endswith(","):
        findings.append(_with_comma_behind(word))
        return None
    space, start = _space_of(word.value, default)
    if space is Space.PCI:
        # Costs start-up, and a guest without passed functions hardly has any.
        from passthru.language.pci import read_pci_location

        return read_pci_location(word, start, version, findings)
    if not start and ":" in word.value.partition("=")[0]:
        from passthru.language.pci import place_without_prefix

        fix = place_without_prefix(word.value)
        problem = "has no `pci:` before it" if fix else "is no location"
        is_certain = fix is not None and "." in word.value
        edits = word.replacing(0, len(word.value), fix) if fix and is_certain else ()
        findings.append(mistakes.bad_location(word.span, word.value, problem, fix, edits))
        return None
    if space is Space.PORT:
        return _read_port_location(word, start, findings)
    may_lack_length = sized_by_device or version == _LENGTH_IS_OPTIONAL
    return _read_memory_location(word, start, may_lack_length, findings)


def may_be_system_memory(word: Word) -> bool:
    """Whether a location whose value is not all known has, or may have, the letter `m`."""
    access = _cut(word.value, 0).access
    if not all(letter in ACCESS_LETTERS or letter in "+-" for letter in access):
        return "$" in access
    return parse_access(access).access.system_memory


def _with_comma_behind(word: Word) -> Finding:
    right = word.value.rstrip(",")
    edits = word.replacing(len(right), len(word.value), "") if right else ()
    return mistakes.bad_location(word.span, word.value, "ends with a comma", right or None, edits)


def plain_memory_location(word: Word, sized_by_device: bool) -> MemoryLocation | None:
    """Memory as nearly all of it is written, quickly: there is nothing to say about it.

    None where ``read_location`` has to look closer.
    """
    text, source, start, end, _, known = word
    if not known:
        return None
    left, equals, host_text = text.removeprefix(_MEMORY_PREFIX).partition("=")
    guest_text, comma, rest = left.partition(",")
    guest = plain_hexadecimal(guest_text)
    if guest is None:
        return None
    access, size = DEFAULT_ACCESS, PAGE_SIZE
    if comma:
        length_text, comma, letters = rest.partition(",")
        length = plain_hexadecimal(length_text)
        access, unknown, removed_nothing, _ = parse_access(letters)
        if not length or unknown or removed_nothing or (comma and not letters and not equals):
            return None
        size = length
    elif not sized_by_device:
        return None
    guest_range = host_range = AddressRange._make((guest, size))
    if equals and host_text != guest_text:
        host = plain_hexadecimal(host_text)
        if host is None:
            return None
        host_range = AddressRange._make((host, size))
    span = Span._make((source, start, end))
    return MemoryLocation._make((guest_range, host_range, access, span))


def _space_of(text: str, default: Space) -> tuple[Space, int]:
    """The space of a location, and the length of the prefix that says so."""
    for space in Space:
        if text.startswith(space.value):
            return space, len(space.value)
    return default, 0


class _Fields(NamedTuple):
    """A memory or port location cut at its commas and its ``=``, not yet understood.

    Each text goes with its offset in the word's value; None where it is not there.
    """

    region: str
    length: str | None
    length_at: int
    access: str
    access_at: int
    host: str | None
    host_at: int


def _cut(text: str, at: int) -> _Fields:
    left, equals, host = text.partition("=")
    host_at = at + len(left) + 1
    if equals:
        left = left.removesuffix(",")
    region, *rest = left.split(",", 2)
    length_at = access_at = at + len(region) + 1
    length = None
    # Two fields: a length begins with a digit, access letters never do.
    if rest and (len(rest) == 2 or rest[0][:1].isdigit()):
        length = rest.pop(0)
        access_at += len(length) + 1
    access = rest[0] if rest else ""
    return _Fields(
        region, length or None, length_at, access, access_at, host if equals else None, host_at
    )


def _misplaced_number(word: Word, fields: _Fields) -> Finding | None:
    """``0x1000,0x1000,rwn,0x2000``: a number among the access letters, or nothing."""
    letters, _, number = fields.access.rpartition(",")
    if fields.host is not None or number[:1] not in DECIMAL_DIGITS:
        return None
    at = fields.access_at + len(letters)
    right = f"{word.value[:at].removesuffix(',')}={number}"
    problem = "has a number where access letters stand; the host's address comes behind `=`"
    is_certain = letters != "" and not parse_access(letters).unknown
    edits = word.replacing(at, at + 1, "=") if is_certain else ()
    return mistakes.bad_location(word.span, word.value, problem, right, edits)


def _read_memory_location(
    word: Word, at: int, may_lack_length: bool, findings: list[Finding]
) -> MemoryLocation | None:
    fields = _cut(word.value[at:], at)
    if (misplaced := _misplaced_number(word, fields)) is not None:
        findings.append(misplaced)
        return None
    guest = read_number(word, at, fields.region, Notation.ADDRESS, findings)
    if guest is None:
        return None
    size: int | None = PAGE_SIZE
    if fields.length is not None:
        size = _read_length(word, fields, findings)
    elif not may_lack_length:
        length_at = at + len(fields.region)
        findings.append(
            mistakes.missing_length(
                word.span,
                word.value,
                f"{word.value[:length_at]},{PAGE_SIZE:#x}{word.value[length_at:]}",
                word.replacing(length_at, length_at, f",{PAGE_SIZE:#x}"),
            )
        )
    access = _read_access(word, fields, findings)
    host: int | None = guest
    if fields.host is not None:
        host = _read_host_address(word, fields, findings)
    if size is None or access is None or host is None:
        return None
    if max(guest, host) + size > ADDRESS_LIMIT:
        findings.append(
            mistakes.bad_location(word.span, word.value, "ends after the last 64-bit address")
        )
        return None
    return MemoryLocation(AddressRange(guest, size), AddressRange(host, size), access, word.span)


def _read_port_location(word: Word, at: int, findings: list[Finding]) -> PortLocation | None:
    fields = _cut(word.value[at:], at)
    port = read_number(word, at, fields.region, Notation.ADDRESS, findings, _PORT_LIMIT)
    if port is None:
        return None
    count: int | None = 1
    if fields.length is not None:
        count = _read_length(word, fields, findings)
    access = _read_access(word, fields, findings)
    if count is None or access is None:
        return None
    if port + count > _PORT_LIMIT:
        findings.append(
            mistakes.bad_location(word.span, word.value, "ends after the last port, 0xffff")
        )
        return None
    if fields.host is not None:
        without_host = word.value[: fields.host_at - 1].removesuffix(",")
        edits = word.replacing(len(without_host), len(word.value), "")
        findings.append(mistakes.host_address_ignored(word.span, word.value, without_host, edits))
    return PortLocation(AddressRange(port, count), access, word.span)


def _read_length(word: Word, fields: _Fields, findings: list[Finding]) -> int | None:
    text = fields.length or ""
    length = read_number(word, fields.length_at, text, Notation.LENGTH, findings)
    if length == 0:
        span = word.part(fields.length_at, fields.length_at + len(text))
        findings.append(
            mistakes.bad_number(span, text, "is no length: it must be at least 1", None)
        )
        return None
    return length


def _read_access(word: Word, fields: _Fields, findings: list[Finding]) -> Access | None:
    if not fields.access:
        return DEFAULT_ACCESS
    parsed = parse_access(fields.access)
    start, end = fields.access_at, fields.access_at + len(fields.access)
    span = word.part(start, end)
    meant = parsed.meant
    edits = word.replacing(start, end, meant) if meant else ()
    if parsed.unknown:
        findings.append(mistakes.unknown_access_type(span, parsed.unknown, meant, edits))
        return None
    if parsed.removed_nothing:
        findings.append(mistakes.access_removed_nothing(span, parsed.removed_nothing, meant, edits))
    return parsed.access


def _read_host_address(word: Word, fields: _Fields, findings: list[Finding]) -> int | None:
    text, at = fields.host or "", fields.host_at
    if text.startswith(Space.MEMORY.value):
        at += len(Space.MEMORY.value)
        text = text.removeprefix(Space.MEMORY.value)
    return read_number(word, at, text, Notation.ADDRESS, findings)
