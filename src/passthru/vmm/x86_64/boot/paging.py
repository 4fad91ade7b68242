# SPDX-License-Identifier: Apache-2.0
"""Page tables that map linear addresses to the same guest-physical ones.

Four levels, pages of 2 MiB (every 64-bit processor has those), writable, executable.
"""

from struct import pack

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.lean import Iterable

__all__ = ["identity_tables", "tables_size"]

_GIB = 1 << 30
_ENTRIES = 512
_LARGE_PAGE = 2 << 20
_PRESENT_WRITABLE = 0b11
_PAGE_IS_LARGE = 1 << 7


def _directories(ranges: Iterable[AddressRange]) -> tuple[list[int], list[int]]:
    """Which GiB (page directories) and which 512 GiB (pointer tables) the ranges touch."""
    gibs = sorted(
        {
            gib
            for part in ranges
            if part.size > 0
            for gib in range(part.start // _GIB, (part.end - 1) // _GIB + 1)
        }
    )
    return gibs, sorted({gib // _ENTRIES for gib in gibs})


def tables_size(ranges: Iterable[AddressRange]) -> int:
    """Bytes that identity_tables needs for these ranges."""
    gibs, pointer_tables = _directories(ranges)
    return PAGE_SIZE * (1 + len(pointer_tables) + len(gibs))


def identity_tables(base: int, ranges: Iterable[AddressRange]) -> bytes:
    """Tables for the page-aligned GPA ``base``, the top one (CR3) first.

    They map every GiB that one of ``ranges`` (below 256 TiB) touches.
    """
    gibs, pointer_tables = _directories(ranges)
    pointer_base = base + PAGE_SIZE
    directory_base = pointer_base + PAGE_SIZE * len(pointer_tables)
    top = [0] * _ENTRIES
    pointers = {number: [0] * _ENTRIES for number in pointer_tables}
    for position, number in enumerate(pointer_tables):
        top[number] = pointer_base + PAGE_SIZE * position | _PRESENT_WRITABLE
    directories = []
    for position, gib in enumerate(gibs):
        address = directory_base + PAGE_SIZE * position
        pointers[gib // _ENTRIES][gib % _ENTRIES] = address | _PRESENT_WRITABLE
        first = gib * _GIB | _PRESENT_WRITABLE | _PAGE_IS_LARGE
        directories.append(range(first, first + _GIB, _LARGE_PAGE))
    tables = [top, *pointers.values(), *directories]
    return b"".join(pack(f"<{_ENTRIES}Q", *table) for table in tables)
