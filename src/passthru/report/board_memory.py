# SPDX-License-Identifier: Apache-2.0
"""The host's address space in rows: what each piece is used for."""

from itertools import pairwise

from passthru.addresses import AddressRange
from passthru.board.model import Board, HostRegion
from passthru.lean import Enum, NamedTuple

__all__ = ["MemoryRow", "MemoryUse", "memory_rows"]


class MemoryUse(Enum):
    """What a piece of the address space is used for, in words for people."""

    HOST = "host allocates"
    RESERVED = "reserved RAM"
    FIRMWARE = "firmware"
    DEVICES = "devices"
    HOLE = "hole"


# What the kernels call memory that the firmware keeps (include/linux/ioport.h, e820.c).
_FIRMWARE_NAMES = ("reserved", "acpi ", "system rom", "video rom", "adapter rom", "unusable")


class MemoryRow(NamedTuple):
    """A piece of the host's address space, what it is used for, and the host's name for it."""

    range: AddressRange
    use: MemoryUse
    name: str


def memory_rows(board: Board) -> list[MemoryRow]:
    """The memory map without gaps from its first to its last region, sorted by address.

    Reserved RAM goes before what the host allocates, and that before everything else.
    """
    allocated = [MemoryRow(each, MemoryUse.HOST, "") for each in board.allocated]
    reserved = [MemoryRow(each.range, MemoryUse.RESERVED, each.name) for each in board.reserved]
    others = [MemoryRow(each.range, _use(each), each.name) for each in board.memory]
    layers = [*reserved, *allocated, *others]
    edges = sorted({edge for row in layers for edge in (row.range.start, row.range.end)})
    rows: list[MemoryRow] = []
    for start, end in pairwise(edges):
        piece = AddressRange.between(start, end)
        found = next((row for row in layers if row.range.overlaps(piece)), None)
        use, name = (found.use, found.name) if found else (MemoryUse.HOLE, "")
        if rows and rows[-1][1:] == (use, name):
            rows[-1] = MemoryRow(AddressRange.between(rows[-1].range.start, end), use, name)
        else:
            rows.append(MemoryRow(piece, use, name))
    return rows


def _use(region: HostRegion) -> MemoryUse:
    is_firmware = region.name.lower().startswith(_FIRMWARE_NAMES)
    return MemoryUse.FIRMWARE if is_firmware else MemoryUse.DEVICES
