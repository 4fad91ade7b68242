# SPDX-License-Identifier: Apache-2.0
"""QNX's table of the address space, as ``pidin syspage=asinfo`` prints it.

One entry a line: ``0048) 0000000048000000-00000000480fffff o:0030 /memory/below4G/ram/fdt``,
that is its offset in the section, its first and last byte, the offset of the entry it is
part of, and its name. Entries named ``sysram`` are what the memory manager hands out.
"""

from passthru.addresses import AddressRange
from passthru.board.model import HostRegion
from passthru.board.tree_ranges import layered_map, without
from passthru.lean import Iterable, Iterator, NamedTuple, Sequence

__all__ = ["AddressSpaceEntry", "QnxMemory", "leaf_names", "ports", "read_asinfo", "read_memory"]

_ENTRY = r"\s*[0-9a-f]+\)\s+([0-9a-f]{1,16})-([0-9a-f]{1,16})\s+o:[0-9a-f]+\s+/(\S+)\s*"
_HEADER = "Section:asinfo"

_IO = "io"
_RAM = "ram"
_SYSRAM = "sysram"


class AddressSpaceEntry(NamedTuple):
    """One entry; ``path`` is its name in parts, without the first slash."""

    range: AddressRange
    path: tuple[str, ...]

    @property
    def leaf(self) -> str:
        """The last part of the name, which ``$asinfo_start{…}`` uses."""
        return self.path[-1]


class QnxMemory(NamedTuple):
    """Host-physical memory, sorted (fields as in Board)."""

    memory: tuple[HostRegion, ...]
    allocated: tuple[AddressRange, ...]
    reserved: tuple[HostRegion, ...]


def read_asinfo(lines: Iterable[str]) -> tuple[list[AddressSpaceEntry], list[str]]:
    """The entries among the lines in their order, and the lines that are something else."""
    import re

    entry = re.compile(_ENTRY, re.IGNORECASE)
    found, rest = [], []
    for line in lines:
        match = entry.fullmatch(line)
        if match is not None:
            start, last = int(match[1], 16), int(match[2], 16)
            path = tuple(part for part in match[3].split("/") if part)
            if start <= last and path:
                found.append(AddressSpaceEntry(AddressRange.between(start, last + 1), path))
                continue
        if not line.startswith(_HEADER):
            rest.append(line)
    return found, rest


def leaf_names(entries: Sequence[AddressSpaceEntry]) -> tuple[HostRegion, ...]:
    """Every entry by its leaf name, in the table's order; of several with one, the first counts.

    QNX's documentation does not say which counts; the order is the one in which a search
    from the table's start meets them.
    """
    return tuple(HostRegion(entry.range, entry.leaf) for entry in entries)


def ports(entries: Sequence[AddressSpaceEntry]) -> tuple[HostRegion, ...]:
    """The x86 ports that entries below ``/io`` name."""
    return tuple(
        sorted(
            HostRegion(entry.range, entry.leaf)
            for entry in entries
            if entry.path[0] == _IO and len(entry.path) > 1
        )
    )


def read_memory(entries: Sequence[AddressSpaceEntry]) -> QnxMemory:
    """RAM, what the host allocates from, and the rest of it: typed memory, by leaf names.

    The table lists few devices, so what it says nothing about is not absent; the memory map
    has it under the name of the entry that is around everything.
    """
    physical = [entry for entry in entries if entry.path[0] != _IO]
    ram = [entry.range for entry in physical if entry.leaf == _RAM]
    allocated = sorted(entry.range for entry in physical if entry.leaf == _SYSRAM)
    containers = {entry.path[:depth] for entry in physical for depth in range(len(entry.path))}
    named = [
        HostRegion(entry.range, entry.leaf)
        for entry in physical
        if entry.path not in containers and entry.leaf not in (_RAM, _SYSRAM)
    ]
    around = [HostRegion(entry.range, entry.leaf) for entry in physical if len(entry.path) == 1]
    memory = layered_map([*(HostRegion(each, _RAM) for each in ram), *named], around)
    reserved = sorted(_typed_memory(ram, allocated, named))
    return QnxMemory(memory, tuple(allocated), tuple(reserved))


def _typed_memory(
    ram: list[AddressRange], allocated: list[AddressRange], named: list[HostRegion]
) -> Iterator[HostRegion]:
    """RAM that is not ``allocated``, each byte once, under the closest name there is for it."""
    left = without(ram, allocated)
    for region in sorted(named, key=lambda each: each.range.size):
        pieces = [piece for each in left if (piece := each.intersection(region.range))]
        yield from (HostRegion(piece, region.name) for piece in pieces)
        left = without(left, pieces)
    yield from (HostRegion(piece, _RAM) for piece in left)
