# SPDX-License-Identifier: Apache-2.0
"""A board for people: its memory, devices and interrupts, and what passing them takes."""

from collections.abc import Iterable, Iterator

from passthru.board.model import BarKind, Board, BoardOrigin, IommuGroup, PciFunction
from passthru.board.pci_classes import class_name
from passthru.report.board_capabilities import capability_lines
from passthru.report.board_host_parts import function_part, host_part
from passthru.report.board_memory import memory_rows
from passthru.report.board_passing import (
    function_steps,
    memory_steps,
    pci_steps,
    platform_steps,
)
from passthru.report.board_picture import memory_picture
from passthru.report.sizes import rough_size_text, size_text
from passthru.report.table import Column, places_in_line, table
from passthru.report.text import printable

__all__ = ["board_as_text"]

_BAR_KINDS = {
    BarKind.MEMORY32: "32-bit memory",
    BarKind.MEMORY64: "64-bit memory",
    BarKind.PORTS: "ports",
}

_MEMORY = (
    Column("host address"),
    Column("size", is_right=True),
    Column("use"),
    Column("name"),
)
_PORTS = (Column("ports"), Column("owner"))
_INTERRUPTS = (Column("line"), Column("trigger"), Column("owner"))
_FEATURES = (Column("module or option"), Column("state"))


def board_as_text(board: Board) -> str:
    """The whole board as lines of text, with an end of line after the last."""
    sections = (
        _heading(board),
        _memory(board),
        _picture(board),
        _ports(board),
        _interrupts(board),
        _groups(board),
        _functions(board),
        _platform_devices(board),
        _features(board),
        _unseen(board),
    )
    texts = ("\n".join(section) for section in sections)
    return "\n\n".join(text for text in texts if text) + "\n"


def _heading(board: Board) -> Iterator[str]:
    plural = "s" if board.cpu_count > 1 else ""
    yield (
        f"Board {printable(board.name)}: {printable(board.architecture)}, "
        f"{board.cpu_count} processor{plural}"
    )
    for cluster in board.clusters:
        numbers = ", ".join(map(str, cluster.cpus))
        yield f"  {printable(cluster.name)}: {numbers}"
    yield f"  IOMMU: {printable(board.iommu_kind or _nameless_iommu(board))}"
    if not board.features:
        return  # no Linux, as far as is known
    limit = board.abilities.locked_memory_limit
    told = "no limit" if limit is None else size_text(limit)
    yield f"  memory that may be locked, which DMA needs: {told}"


def _nameless_iommu(board: Board) -> str:
    if board.origin is BoardOrigin.QNX:
        return "not known, taken as present"
    return "in use" if board.abilities.iommu else "none in use"


def _memory(board: Board) -> Iterator[str]:
    if not board.memory_known:
        return
    rows = list(memory_rows(board))
    places = places_in_line([(f"{row.range.start:#x}", f"{row.range.end:#x}") for row in rows])
    yield "Memory map"
    yield from table(
        _MEMORY,
        [
            (place, rough_size_text(row.range.size), row.use.value, printable(row.name))
            for place, row in zip(places, rows, strict=True)
        ],
    )
    for step in memory_steps(board):
        yield f"  {printable(step)}"


def _picture(board: Board) -> Iterator[str]:
    if board.memory_known:
        yield "Picture of the memory map"
        yield from memory_picture(board)


def _ports(board: Board) -> Iterator[str]:
    if not board.ports:
        return
    yield "Ports"
    places = places_in_line(
        [(f"{each.range.start:#x}", f"{each.range.end:#x}") for each in board.ports]
    )
    names = (printable(each.name) for each in board.ports)
    yield from table(_PORTS, list(zip(places, names, strict=True)))


def _interrupts(board: Board) -> Iterator[str]:
    if not board.interrupts:
        return
    nobody = "not known" if board.origin is BoardOrigin.TREE else "nobody has it"
    yield "Interrupts"
    yield from table(
        _INTERRUPTS,
        [
            (
                f"{printable(line.controller)}:{line.vector}",
                line.trigger.value,
                printable(line.owner or nobody),
            )
            for line in board.interrupts
        ],
    )


def _groups(board: Board) -> Iterator[str]:
    if not board.iommu_groups:
        return
    yield "IOMMU groups (all of a group is passed, or none)"
    for group in board.iommu_groups:
        members = ", ".join(_members(group, board)) or "nothing that is known here"
        yield f"  {group.number}: {members}"
        for window in group.reserved:
            yield f"    keeps DMA addresses {window.range} ({printable(window.name)})"


def _members(group: IommuGroup, board: Board) -> Iterator[str]:
    for address in group.members:
        function = board.pci_function(address)
        yield f"{address} ({_driver(function.driver if function else None)})"
    for device in board.devices:
        if device.iommu_group == group.number:
            yield f"{printable(device.name)} ({_driver(device.driver)})"


def _driver(driver: str | None) -> str:
    return printable(driver) if driver else "no driver"


def _functions(board: Board) -> Iterator[str]:
    if not board.pci:
        return
    yield "PCI functions"
    for step in pci_steps(board):
        yield f"  before any can be passed: {printable(step)}"
    for function in board.pci:
        yield f"  {_function_line(function, board)}"
        for bar in function.bars:
            ports = bar.kind is BarKind.PORTS
            size = f"{bar.range.size}" if ports else size_text(bar.range.size)
            kind = _BAR_KINDS[bar.kind] + (", prefetchable" if bar.prefetchable else "")
            yield f"    BAR {bar.number} at {bar.range.start:#x}: {size} {kind}"
        for line in capability_lines(function):
            yield f"    {line}"
        function_is = function_part(function)
        if function_is is not None:
            yield f"    stays with the host: it is {function_is}"
        else:
            yield from _steps(function_steps(function, board))


def _function_line(function: PciFunction, board: Board) -> str:
    kind = class_name(function.class_code) or f"class {function.class_code:06x}"
    known = f"{function} ({function.address.sysfs_name}), {kind}"
    if board.origin is BoardOrigin.QNX:  # whose tools tell of none of what follows
        return known
    group = "no group" if function.iommu_group is None else f"group {function.iommu_group}"
    resets = ", ".join(map(printable, function.reset_methods)) or "none known"
    return f"{known}, {_driver(function.driver)}, {group}, resets: {resets}"


def _steps(steps: Iterable[str]) -> Iterator[str]:
    told = list(steps)
    if told:
        yield "    to pass it:"
        for step in told:
            yield f"      {printable(step)}"


def _platform_devices(board: Board) -> Iterator[str]:
    if not board.devices:
        return
    is_tree = board.origin is BoardOrigin.TREE  # which knows nothing of drivers
    yield "Devices on no bus that tells of them"
    for device in board.devices:
        names = ", ".join(map(printable, device.compatible)) or "nothing known of it"
        driver = "" if is_tree else f"; {_driver(device.driver)}"
        yield f"  {printable(device.name)}: {names}{driver}"
        facts = {
            "registers": [f"{each} ({size_text(each.size)})" for each in device.registers],
            "interrupts": [str(each) for each in device.interrupts],
            "clocks": device.clocks,
            "power domains": device.power_domains,
            "resets": device.resets,
            "streams": device.streams,
        }
        for name, values in facts.items():
            if values:
                yield f"    {name}: {', '.join(map(printable, values))}"
        part = host_part(device, board)
        if part is not None:
            yield f"    stays with the host: it is {part}"
        else:
            yield from _steps(platform_steps(device, board))


def _features(board: Board) -> Iterator[str]:
    if not board.features:
        return
    yield "Kernel"
    yield from table(_FEATURES, [(printable(each.name), each.state) for each in board.features])


def _unseen(board: Board) -> Iterator[str]:
    if not board.unseen:
        return
    yield "Not seen"
    for sentence in board.unseen:
        yield f"  {printable(sentence)}"
