# SPDX-License-Identifier: Apache-2.0
"""The address map of a VM as rows of a table: what is there, the holes, and what is loaded."""

from collections.abc import Iterator, Sequence

from passthru.addresses import AddressRange
from passthru.diagnostics.source import Span
from passthru.plan.model import Blob, BlobRole, GuestRegion, RegionKind
from passthru.plan.vm_description import VmDescription, has_known_size
from passthru.report.sizes import rough_size_text, size_text
from passthru.report.table import Column, places_in_line, table
from passthru.report.text import printable

__all__ = ["ROLES", "address_map", "line_text"]

_COLUMNS = (
    Column("guest address"),
    Column("size", is_right=True),
    Column("what", may_shrink=True),
    Column("host", is_right=True),
    Column("access"),
    Column("line", is_right=True),
)
_NOTHING = ("",) * 2


def address_map(vm: VmDescription, width: int | None) -> Iterator[str]:
    """The whole map from address 0 to its last region, with the lines of the configuration."""
    several = len({each.span.source for each in vm.regions if each.span is not None}) > 1
    rows = [
        *((region.range, 0, _region_row(region, several=several)) for region in vm.regions),
        *((hole, 0, _hole_row(hole)) for hole in vm.holes),
        *(
            (AddressRange(blob.address, 0), 1, _load_row(blob, several=several))
            for blob in vm.blobs
            if blob.address is not None and blob.passed is None
        ),
    ]
    rows.sort(key=lambda row: (row[0].start, row[1]))
    yield "Address map"
    yield from table(_COLUMNS, _with_places([row[2] for row in rows]), width)
    yield from _unplaced(vm)


def _with_places(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """The rows with start and end as one text."""
    places = places_in_line([(start, end) for start, end, *_ in rows])
    return [(place, *row[2:]) for place, row in zip(places, rows, strict=True)]


def line_text(span: Span | None, *, several: bool) -> str:
    """Where something stands, with the name of the file if there are ``several``."""
    if span is None:
        return ""
    return f"{printable(span.file)}:{span.line}" if several else str(span.line)


def _region_row(region: GuestRegion, *, several: bool) -> tuple[str, ...]:
    place = region.range
    is_known = has_known_size(region)
    host = region.host
    return (
        f"{place.start:#x}",
        f"{place.end:#x}" if is_known else "?",
        size_text(place.size) if is_known else "",
        _what(region),
        f"{host.start:#x}" if host is not None else "",
        str(region.access) if region.access is not None else "",
        line_text(region.span, several=several),
    )


def _what(region: GuestRegion) -> str:
    name = printable(region.name.partition(" mem:")[0])
    return f"{name}, system memory" if region.kind is RegionKind.PASSED_RAM else name


def _hole_row(hole: AddressRange) -> tuple[str, ...]:
    place = (f"{hole.start:#x}", f"{hole.end:#x}", rough_size_text(hole.size))
    return (*place, "(hole)", *_NOTHING, "")


ROLES = {
    BlobRole.BOOT_IMAGE: "boot image",
    BlobRole.INITRD: "initial RAM disk",
    BlobRole.DATA: "data",
    BlobRole.FDT: "device tree",
    BlobRole.ACPI: "ACPI table",
}
"""What people call data by what the guest does with it."""


def _load_row(blob: Blob, *, several: bool) -> tuple[str, ...]:
    what = f"  load {printable(blob.path or '')}"
    return (f"{blob.address:#x}", "", "", what, *_NOTHING, line_text(blob.span, several=several))


def _unplaced(vm: VmDescription) -> Iterator[str]:
    """What the guest has, too, but nobody can say where."""
    has_bus = vm.gic is None or vm.functions
    if vm.plan is None and vm.not_run_because is None and has_bus:
        yield "  The windows of the PCI bus go into holes; which ones is decided on a board."
    placed = {region.span for region in vm.regions}
    for option in vm.config.memory:
        if option.span not in placed:
            yield (
                f"  {size_text(option.size)} of {option.kind.value} more (line "
                f"{option.span.line}): where it goes is not documented"
            )
