# SPDX-License-Identifier: Apache-2.0
"""Where ACPI's tables say that a host's infrastructure is.

The kernel's memory map names most of it, but drivers claim their places late, or never. Sources:
ACPI 6.5 (MADT 5.2.12, GTDT 5.2.25), PCI Firmware 3.3 (MCFG 4.1.2), Intel VT-d 4.1 (DMAR 8.1), AMD
IOMMU 3.08 (IVRS 5.2), Arm DEN 0049E (IORT), IA-PC HPET 1.0a (3.2.4). Tables are the firmware's
input: what does not fit into its table ends the reading of it.
"""

from struct import calcsize, unpack_from

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.infrastructure import (
    CONFIGURATION,
    INTERRUPT_CONTROLLER,
    IOMMU,
    TIMER,
)
from passthru.board.model import HostRegion
from passthru.lean import Callable, Iterator

__all__ = ["TABLES", "acpi_infrastructure", "infrastructure_of_table"]

TABLES = "/sys/firmware/acpi/tables"

_HEADER = 36
_LAST = 1 << 64
_BUS_SIZE = 1 << 20
"""Bytes of memory-mapped configuration space for a bus: 32 devices of 8 functions of 4 KiB."""

_PAGE = 0x1000
_GICD_SIZE = 0x10000
_GICC_SIZE = 0x2000
_GICR_SIZE = 0x20000
_ITS_SIZE = 0x20000
_SMMUV3_SIZE = 0x20000
_IVHD_SIZE = 0x4000


def acpi_infrastructure(files: HostFiles) -> Iterator[HostRegion]:
    """What the tables of the host name; nothing where they may not be read."""
    for name in _READERS:
        table = files.data(f"{TABLES}/{name}")
        if table:
            yield from infrastructure_of_table(table)


def infrastructure_of_table(table: bytes) -> Iterator[HostRegion]:
    """The host-physical places that one table names, by its signature; none of other tables."""
    reader = _READERS.get(table[:4].decode("ascii", errors="replace"))
    if reader is None or len(table) < _HEADER:
        return
    length = int.from_bytes(table[4:8], "little")
    for start, size, name in reader(table[: max(_HEADER, length)]):
        if start and size and start + size <= _LAST:
            yield HostRegion(AddressRange(start, size), name)


Place = tuple[int, int, str]


def _madt(table: bytes) -> Iterator[Place]:
    for (local,) in _found(table, "<I", _HEADER):
        yield local, _PAGE, f"{INTERRUPT_CONTROLLER} local APIC"
    for kind, entry in _entries(table, _HEADER + 8, width=1):
        for form, offset, size, name in _MADT_ENTRIES.get(kind, ()):
            for start, *told in _found(entry, form, offset):
                yield start, max(size, *told, 0), f"{INTERRUPT_CONTROLLER} {name}"


_MADT_ENTRIES = {
    1: (("<I", 4, _PAGE, "I/O APIC"),),
    5: (("<Q", 4, _PAGE, "local APIC"),),
    6: (("<Q", 8, _PAGE, "I/O SAPIC"),),
    11: (
        ("<Q", 32, _GICC_SIZE, "GICC"),
        ("<Q", 40, _GICC_SIZE, "GICV"),
        ("<Q", 48, _GICC_SIZE, "GICH"),
        ("<Q", 60, _GICR_SIZE, "GICR"),
    ),
    12: (("<Q", 8, _GICD_SIZE, "GICD"),),
    13: (("<Q", 8, _PAGE, "GIC MSI frame"),),
    14: (("<QI", 4, _GICR_SIZE, "GICR"),),
    15: (("<Q", 8, _ITS_SIZE, "GIC ITS"),),
}
"""By kind: the form and offset of an address (and size), the least that is there, its name."""


def _mcfg(table: bytes) -> Iterator[Place]:
    for place in range(_HEADER + 8, len(table) - 15, 16):
        start, _segment, first, last = unpack_from("<QHBB", table, place)
        if first <= last:
            yield start + first * _BUS_SIZE, (last - first + 1) * _BUS_SIZE, CONFIGURATION


def _dmar(table: bytes) -> Iterator[Place]:
    for kind, entry in _entries(table, _HEADER + 12, width=2):
        if kind == _DRHD:
            # The size is a power of two of pages, in what was once reserved as zero.
            for order, _segment, start in _found(entry, "<BHQ", 5):
                yield start, _PAGE << (order & 0xF), IOMMU


_DRHD = 0


def _ivrs(table: bytes) -> Iterator[Place]:
    place = _HEADER + 12
    while place + 16 <= len(table):
        kind, length, start = unpack_from("<BxHxxxxQ", table, place)
        if length < 16:
            return
        if kind in _IVHD:
            yield start, _IVHD_SIZE, IOMMU
        place += length


_IVHD = (0x10, 0x11, 0x40)


def _iort(table: bytes) -> Iterator[Place]:
    for count, place in _found(table, "<II", _HEADER):
        for _ in range(min(count, len(table))):
            if not _HEADER <= place <= len(table) - 16:
                return
            kind, length = unpack_from("<BH", table, place)
            node = table[place : place + length]
            if length < 16:
                return
            if kind == _SMMU:
                for start, size in _found(node, "<QQ", 16):
                    yield start, max(size, _PAGE), IOMMU
            elif kind == _SMMUV3:
                for (start,) in _found(node, "<Q", 16):
                    yield start, _SMMUV3_SIZE, IOMMU
            place += length


_SMMU, _SMMUV3 = 3, 4


def _hpet(table: bytes) -> Iterator[Place]:
    for (start,) in _found(table, "<Q", _HEADER + 8):
        yield start, 0x400, f"{TIMER} HPET"


def _gtdt(table: bytes) -> Iterator[Place]:
    for offset in (_HEADER, 80):
        for (start,) in _found(table, "<Q", offset):
            # All ones say that there is no such block.
            if start != _LAST - 1:
                yield start, _PAGE, TIMER
    for count, place in _found(table, "<II", 88):
        for _ in range(min(count, len(table))):
            for kind, length, start in _found(table, "<BHxQ", place):
                if kind == _TIMER_BLOCK:
                    yield start, _PAGE, TIMER
                place += max(length, 1)


_TIMER_BLOCK = 0


def _entries(table: bytes, place: int, *, width: int) -> Iterator[tuple[int, bytes]]:
    """The kind and all bytes of each entry; kind and length have ``width`` bytes each."""
    while place + 2 * width <= len(table):
        kind = int.from_bytes(table[place : place + width], "little")
        length = int.from_bytes(table[place + width : place + 2 * width], "little")
        if length < 2 * width or place + length > len(table):
            return
        yield kind, table[place : place + length]
        place += length


def _found(entry: bytes, form: str, offset: int) -> Iterator[tuple[int, ...]]:
    """The numbers at ``offset``, once; not at all if the entry is too short to have them."""
    if offset + calcsize(form) <= len(entry):
        yield unpack_from(form, entry, offset)


_READERS: dict[str, Callable[[bytes], Iterator[Place]]] = {
    "APIC": _madt,
    "MCFG": _mcfg,
    "DMAR": _dmar,
    "IVRS": _ivrs,
    "IORT": _iort,
    "HPET": _hpet,
    "GTDT": _gtdt,
}
"""By signature; sysfs has one table of each under that name."""
