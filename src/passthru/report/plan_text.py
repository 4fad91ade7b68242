# SPDX-License-Identifier: Apache-2.0
"""A VM for people: its address map, interrupts, PCI functions, data, verdicts and host steps."""

from collections.abc import Iterator
from textwrap import wrap

from passthru.board.model import BarKind, Board
from passthru.language.model import PciLocation
from passthru.plan.described_functions import DescribedFunction
from passthru.plan.host_places import claimed_things
from passthru.plan.interrupt_routes import InterruptRoute
from passthru.plan.model import Blob, PlannedBar, Verdict
from passthru.plan.vm_description import VmDescription
from passthru.report.plan_map_text import ROLES, address_map, line_text
from passthru.report.sizes import rough_size_text, size_text
from passthru.report.table import Column, table
from passthru.report.text import printable

__all__ = ["plan_as_text"]

_BAR_KINDS = {
    BarKind.MEMORY32: "32-bit memory",
    BarKind.MEMORY64: "64-bit memory",
    BarKind.PORTS: "ports",
}


def plan_as_text(
    vm: VmDescription, board: Board | None, *, has_errors: bool = False, width: int | None = None
) -> str:
    """The whole plan as lines of text, with an end of line after the last.

    ``board`` is the one that ``vm`` was described for. ``has_errors``: something was found
    that keeps ``run`` from starting the VM. ``width`` is that of the terminal, in characters;
    None where there is none.
    """
    sections = (
        _heading(vm, board),
        address_map(vm, width),
        _interrupts(vm, width),
        _ports(vm, width),
        _functions(vm, board),
        _host_devices(vm),
        _blobs(vm.blobs),
        _dma(vm, board),
        _verdicts(vm),
        _claims(vm, board, width),
        _steps(vm, has_errors=has_errors),
    )
    texts = ("\n".join(_fitted(section, width)) for section in sections)
    return "\n\n".join(text for text in texts if text) + "\n"


def _fitted(lines: Iterator[str], width: int | None) -> Iterator[str]:
    for line in lines:
        if width is None or len(line) <= width:
            yield line
            continue
        indent = " " * (len(line) - len(line.lstrip()) + 4)
        yield from wrap(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )


def _heading(vm: VmDescription, board: Board | None) -> Iterator[str]:
    plural = "s" if vm.cpu_count > 1 else ""
    if board is None:
        where = "no board"
    else:
        where = f"board {printable(board.name)} ({printable(board.architecture)})"
    yield f"VM {printable(vm.name)}: {vm.cpu_count} virtual processor{plural}; {where}"
    if vm.config.cmdline is not None:
        yield f"Command line: {printable(vm.config.cmdline.value)}"
    if vm.gic is not None:
        yield (
            f"GICv{vm.gic.version}: distributor at {vm.gic.distributor.start:#x}, "
            f"{vm.gic.processors_name} at {vm.gic.processors.start:#x}"
        )
        yield "PSCI (hvc) switches processors and the whole machine on and off"


_INTERRUPTS = (
    Column("guest line"),
    Column("from", may_shrink=True),
    Column("host vector", is_right=True),
    Column("on the board", may_shrink=True),
    Column("", may_shrink=True),
    Column("line", is_right=True),
)


def _interrupts(vm: VmDescription, width: int | None) -> Iterator[str]:
    if not vm.interrupts:
        return
    several = len({each.span.source for each in vm.interrupts}) > 1
    yield "Interrupts"
    yield from table(
        _INTERRUPTS,
        [
            (
                _guest_line(each),
                printable(each.user),
                "" if each.vector is None else str(each.vector),
                _on_board(each),
                "unmasked at once" if each.immediate_unmask else "",
                line_text(each.span, several=several),
            )
            for each in sorted(vm.interrupts, key=lambda each: (each.controller, each.line or 0))
        ],
        width,
    )


def _guest_line(route: InterruptRoute) -> str:
    controller = printable(route.controller)
    return controller if route.line is None else f"{controller}:{route.line}"


def _on_board(route: InterruptRoute) -> str:
    if route.uio is not None:
        return f"/dev/{printable(route.uio)} delivers it"
    return "" if route.owner is None else f"{printable(route.owner)} has it"


_PORTS = (
    Column("ports"),
    Column("what", may_shrink=True),
    Column("", may_shrink=True),
    Column("line", is_right=True),
)


def _ports(vm: VmDescription, width: int | None) -> Iterator[str]:
    if not vm.ports:
        return
    spans = [each.span for each in vm.ports if each.span is not None]
    several = len({span.source for span in spans}) > 1
    yield "Ports"
    yield from table(
        _PORTS,
        [
            (
                str(each.range),
                printable(each.name),
                "passed" if each.is_passed else "",
                line_text(each.span, several=several),
            )
            for each in vm.ports
        ],
        width,
    )


def _functions(vm: VmDescription, board: Board | None) -> Iterator[str]:
    devices = [
        (location.guest, vdev.type)
        for vdev in vm.config.vdevs
        for location in vdev.locations
        if isinstance(location, PciLocation) and location.guest is not None
    ]
    if not vm.functions and not devices:
        return
    yield "PCI functions of the guest"
    if vm.plan is not None and vm.plan.pci is not None:
        yield "  pci:0:0.0 the guest's own host bridge"
    for place, type_ in sorted(devices):
        yield f"  {place} vdev {printable(type_)}"
    for function in sorted(vm.functions, key=lambda each: (each.guest is None, each.guest or ())):
        yield f"  {_function_line(function, board)}"
        for planned in function.bars:
            yield f"    {_bar_line(planned)}"
    if board is None:
        yield "  Their BARs and interrupt lines are decided on a board."


def _function_line(function: DescribedFunction, board: Board | None) -> str:
    place = "at a place that is left open" if function.guest is None else str(function.guest)
    host = function.host
    if host is None:
        return f"{place} = host {printable(function.selector)}{_unknown_on(board)}"
    group = "no IOMMU group" if host.iommu_group is None else f"IOMMU group {host.iommu_group}"
    interrupt = "" if function.gsi is None else f", INTx on line {function.gsi}"
    return f"{place} = host {host} ({host.address.sysfs_name}){interrupt}, {group}"


def _unknown_on(board: Board | None) -> str:
    if board is None:
        return ""
    return ", which the board does not have" if board.pci else "; the board tells of no functions"


def _bar_line(planned: PlannedBar) -> str:
    bar = planned.bar
    size = f"{bar.range.size} ports" if bar.kind is BarKind.PORTS else size_text(bar.range.size)
    kind = "" if bar.kind is BarKind.PORTS else f", {_BAR_KINDS[bar.kind]}"
    prefetchable = ", prefetchable" if bar.prefetchable else ""
    return (
        f"BAR {bar.number} at {planned.guest_start:#x} = host {bar.range.start:#x}, "
        f"{size}{kind}{prefetchable}"
    )


def _host_devices(vm: VmDescription) -> Iterator[str]:
    connected = [(vdev, vdev.values("hostdev")) for vdev in vm.config.vdevs]
    connected = [(vdev, streams) for vdev, streams in connected if streams]
    if not connected:
        return
    yield "Virtual devices with something of the host behind them"
    for vdev, streams in connected:
        places = " ".join(location.span.text for location in vdev.locations)
        at = f" at {printable(places)}" if places else ""
        yield f"  {printable(vdev.type)}{at}: {', '.join(map(printable, streams))}"


def _blobs(blobs: tuple[Blob, ...]) -> Iterator[str]:
    if not blobs:
        return
    yield "Data"
    for blob in blobs:
        yield f"  {ROLES[blob.role]}: {_blob_source(blob)}"


def _blob_source(blob: Blob) -> str:
    if blob.passed is not None:
        return f"passed memory at {blob.passed}"
    where = "where it belongs" if blob.address is None else f"at {blob.address:#x}"
    return f"file {printable(blob.path or '')}, copied {where}"


def _dma(vm: VmDescription, board: Board | None) -> Iterator[str]:
    if not vm.dma_windows:
        return
    yield "What passed devices may reach by DMA (guest addresses)"
    for window in vm.dma_windows:
        yield f"  {window}  {size_text(window.size)}"
    if vm.locked_memory:
        limit = None if board is None else board.abilities.locked_memory_limit
        allowed = "" if limit is None else f"; the board's limit is {rough_size_text(limit)}"
        yield f"  that takes {rough_size_text(vm.locked_memory)} of locked memory{allowed}"


def _verdicts(vm: VmDescription) -> Iterator[str]:
    same: dict[tuple[Verdict, ...], list[str]] = {}
    for region in vm.regions:
        if region.verdicts:
            same.setdefault(region.verdicts, []).append(printable(region.name))
    if not same:
        return
    yield "What the access letters do"
    for verdicts, names in same.items():
        yield f"  {', '.join(names)}"
        for verdict in verdicts:
            yield f"    {verdict.letter}  {verdict.enforcement.value}: {verdict.explanation}"


_CLAIMS = (
    Column("what"),
    Column("now on the board", may_shrink=True),
    Column("line", is_right=True),
)


def _claims(vm: VmDescription, board: Board | None, width: int | None) -> Iterator[str]:
    if not vm.claims:
        return
    several = len({claim.span.source for claim in vm.claims}) > 1
    now = {} if board is None else claimed_things(vm, board)
    yield "Taken from the host"
    yield from table(
        _CLAIMS,
        [
            (
                printable(claim.resource),
                printable(now.get(claim.span, "")),
                line_text(claim.span, several=several),
            )
            for claim in vm.claims
        ],
        width,
    )


def _steps(vm: VmDescription, *, has_errors: bool) -> Iterator[str]:
    yield "What `passthru run` does on the host"
    if vm.not_run_because is not None:
        yield f"  nothing is shown: {printable(vm.not_run_because)}"
    elif has_errors:
        yield "  nothing before the errors are repaired; then:"
    number_width = len(str(len(vm.steps)))
    for number, step in enumerate(vm.steps, 1):
        yield f"  {number:{number_width}}. {printable(step)}"
