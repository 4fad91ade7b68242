# SPDX-License-Identifier: Apache-2.0
"""The plan of a VM for people: its address map, PCI functions, data and verdicts."""

from collections.abc import Iterable, Iterator

from passthru.board.model import BarKind
from passthru.plan.model import (
    Blob,
    BlobRole,
    GuestFunction,
    GuestRegion,
    PlannedBar,
    RegionKind,
    VmPlan,
)
from passthru.report.text import printable

__all__ = ["plan_as_text", "size_text"]

_BAR_KINDS = {
    BarKind.MEMORY32: "32-bit memory",
    BarKind.MEMORY64: "64-bit memory",
    BarKind.PORTS: "ports",
}
_NOT_NAMED_TWICE = (RegionKind.RAM, RegionKind.ROM)


def plan_as_text(plan: VmPlan) -> str:
    """The whole plan as lines of text, with an end of line after the last."""
    sections = (
        _heading(plan),
        _address_map(plan.regions),
        _functions(plan),
        _serial_ports(plan),
        _blobs(plan.blobs),
        _verdicts(plan.regions),
        _claims(plan),
    )
    texts = ("\n".join(section) for section in sections)
    return "\n\n".join(text for text in texts if text) + "\n"


def size_text(size: int) -> str:
    """``64 MiB``, in the largest unit that divides ``size``."""
    for unit, name in ((1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size and size % unit == 0:
            return f"{size // unit:,} {name}"
    return f"{size:,} byte" + ("" if size == 1 else "s")


def _heading(plan: VmPlan) -> Iterator[str]:
    plural = "s" if plan.cpu_count > 1 else ""
    yield f"VM {printable(plan.name)}: {plan.cpu_count} virtual processor{plural}"
    if plan.command_line:
        yield f"Command line: {printable(plan.command_line)}"


def _address_map(regions: tuple[GuestRegion, ...]) -> Iterator[str]:
    rows: list[tuple[str, ...]] = [("guest address", "", "size", "what", "host address", "access")]
    for region in regions:
        rows.append(
            (
                f"{region.range.start:#x}",
                f"..{region.range.end:#x}",
                size_text(region.range.size),
                _region_name(region),
                f"{region.host.start:#x}" if region.host else "",
                str(region.access) if region.access else "",
            )
        )
    yield "Address map"
    yield from _table(rows)


def _region_name(region: GuestRegion) -> str:
    kind = region.kind.value
    if region.kind in _NOT_NAMED_TWICE or region.name == kind:
        return kind
    if region.kind is RegionKind.PASSED_RAM:
        return f"{printable(region.name)} (system memory)"
    return printable(region.name)


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
        yield ("  " + "  ".join(cells)).rstrip()


def _functions(plan: VmPlan) -> Iterator[str]:
    ports = plan.pci.ports
    if not plan.functions:
        return
    yield f"PCI functions (ports {ports.start:#x}..{ports.end:#x})"
    for function in sorted(plan.functions, key=lambda each: each.guest):
        yield f"  {_function_line(function)}"
        for planned in function.bars:
            yield f"    {_bar_line(planned)}"


def _function_line(function: GuestFunction) -> str:
    host = function.host
    interrupt = "no INTx" if function.gsi is None else f"INTx on line {function.gsi}"
    group = "no IOMMU group" if host.iommu_group is None else f"IOMMU group {host.iommu_group}"
    return f"{function.guest} = host {host} ({host.address.sysfs_name}), {interrupt}, {group}"


def _bar_line(planned: PlannedBar) -> str:
    bar = planned.bar
    size = f"{bar.range.size} ports" if bar.kind is BarKind.PORTS else size_text(bar.range.size)
    kind = "" if bar.kind is BarKind.PORTS else f", {_BAR_KINDS[bar.kind]}"
    prefetchable = ", prefetchable" if bar.prefetchable else ""
    return (
        f"BAR {bar.number} at {planned.guest_start:#x} = host {bar.range.start:#x}, "
        f"{size}{kind}{prefetchable}"
    )


def _serial_ports(plan: VmPlan) -> Iterator[str]:
    if not plan.serial_ports:
        return
    yield "Serial ports"
    for port in plan.serial_ports:
        streams = ", ".join(printable(stream) for stream in port.host_devices) or "no host device"
        yield f"  port {port.port:#x}, line {port.gsi}: {streams}"


def _blobs(blobs: tuple[Blob, ...]) -> Iterator[str]:
    if not blobs:
        return
    yield "Data"
    for blob in blobs:
        yield f"  {_ROLES[blob.role]}: {_blob_source(blob)}"


_ROLES = {
    BlobRole.BOOT_IMAGE: "boot image",
    BlobRole.INITRD: "initial RAM disk",
    BlobRole.DATA: "data",
}


def _blob_source(blob: Blob) -> str:
    if blob.passed is not None:
        return f"passed memory at {blob.passed}"
    where = "where it belongs" if blob.address is None else f"at {blob.address:#x}"
    return f"file {printable(blob.path or '')}, copied {where}"


def _verdicts(regions: Iterable[GuestRegion]) -> Iterator[str]:
    judged = [region for region in regions if region.verdicts]
    if not judged:
        return
    yield "What the access letters do on this host"
    for region in judged:
        yield f"  {printable(region.name)}"
        for verdict in region.verdicts:
            yield f"    {verdict.letter}  {verdict.enforcement.value}: {verdict.explanation}"


def _claims(plan: VmPlan) -> Iterator[str]:
    if not plan.claims:
        return
    yield "Taken from the host"
    for claim in plan.claims:
        yield f"  {claim.resource}  ({claim.span})"
    if plan.locked_memory:
        yield f"  {size_text(plan.locked_memory)} of locked memory, for DMA"
