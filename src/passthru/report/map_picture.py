# SPDX-License-Identifier: Apache-2.0
"""Makes the picture of some VMs on a board: its panels, arrows, conflicts and remarks."""

from collections.abc import Callable, Iterator, Sequence

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Severity
from passthru.lean import NamedTuple
from passthru.plan.model import RegionKind
from passthru.plan.vm_description import VmDescription
from passthru.report.map_conflicts import Conflicts
from passthru.report.map_guests import (
    GuestThing,
    guest_addresses,
    guest_functions,
    guest_interrupts,
    guest_ports,
)
from passthru.report.map_host import (
    Arrow,
    HostThing,
    host_addresses,
    host_functions,
    host_interrupts,
    host_ports,
)
from passthru.report.map_model import Column, Item, Link, Panel, Picture

__all__ = ["picture_of"]


class _Subject(NamedTuple):
    """What one panel is about, and the two sides of it."""

    title: str
    guest: Callable[[VmDescription, Conflicts], tuple[GuestThing, ...]]
    host: Callable[[Board | None, Sequence[Arrow]], tuple[HostThing, ...]]
    by_address: bool


_ADDRESSES = _Subject("Addresses", guest_addresses, host_addresses, True)
_LISTS = (
    _Subject("Interrupts", guest_interrupts, host_interrupts, False),
    _Subject("Ports", guest_ports, host_ports, False),
    _Subject("PCI functions", guest_functions, host_functions, False),
)


def picture_of(
    vms: Sequence[VmDescription], board: Board | None, findings: Sequence[Finding]
) -> Picture:
    """What is drawn of ``vms`` on ``board``; ``findings`` are those about all of them.

    Lists that are empty for every VM get no panel.
    """
    conflicts = Conflicts(findings)
    lists = [_panel(each, vms, board, conflicts) for each in _LISTS]
    return Picture(
        title=_title(vms, board),
        panels=(
            _panel(_ADDRESSES, vms, board, conflicts),
            *(each for each in lists if any(guest.items for guest in each.guests)),
        ),
        conflicts=tuple(conflicts.all),
        remarks=tuple(_remarks(vms, board, findings, conflicts)),
    )


def _title(vms: Sequence[VmDescription], board: Board | None) -> str:
    names = " and ".join(vm.name for vm in vms) if len(vms) <= 2 else f"{len(vms)} VMs"
    return f"{names} on {board.name}" if board else f"{names}, on no board in particular"


def _panel(
    subject: _Subject, vms: Sequence[VmDescription], board: Board | None, conflicts: Conflicts
) -> Panel:
    things = [subject.guest(vm, conflicts) for vm in vms]
    arrows = [
        Arrow(
            vm=number,
            vm_name=vm.name,
            guest=place,
            target=thing.target,
            kind=thing.item.kind,
            told=thing.item.told,
            conflicts=conflicts.of_host(thing.span),
        )
        for number, vm in enumerate(vms)
        for place, thing in enumerate(things[number])
        if thing.target is not None
    ]
    host = subject.host(board, arrows)
    place_of = {thing.target: place for place, thing in enumerate(host)}
    return Panel(
        title=subject.title,
        guests=tuple(_guest_column(*each) for each in zip(vms, things, strict=True)),
        host=Column(board.name if board else "host", _host_remark(board), _items(host)),
        links=tuple(
            Link(each.vm, each.guest, place_of[each.target], each.told, each.conflicts)
            for each in arrows
        ),
        by_address=subject.by_address,
    )


def _guest_column(vm: VmDescription, things: tuple[GuestThing, ...]) -> Column:
    return Column(vm.name, vm.config.span.file, tuple(thing.item for thing in things))


def _items(things: Sequence[HostThing]) -> tuple[Item, ...]:
    return tuple(thing.item for thing in things)


def _host_remark(board: Board | None) -> str:
    return f"host, {board.architecture}" if board else "no board was given"


def _remarks(
    vms: Sequence[VmDescription],
    board: Board | None,
    findings: Sequence[Finding],
    conflicts: Conflicts,
) -> Iterator[str]:
    if board is not None and not board.memory_known:
        yield "The board does not tell its memory map: only what is passed is drawn of the host."
    for vm in vms:
        yield from _not_drawn(vm)
    drawn = {conflict.id for conflict in conflicts.all}
    others = [
        each
        for each in findings
        if each.severity is not Severity.INFORMATION and each.id not in drawn
    ]
    if others:
        count = "1 other finding is" if len(others) == 1 else f"{len(others)} other findings are"
        yield f"{count} no conflict of places: `passthru check` tells more."


def _not_drawn(vm: VmDescription) -> Iterator[str]:
    loaded = [blob.path for blob in vm.blobs if blob.path is not None and blob.address is None]
    if loaded:
        names = ", ".join(path.rpartition("/")[2] for path in loaded)
        yield f"{vm.name}: not drawn is what goes where its own content says: {names}."
    memory = (RegionKind.RAM, RegionKind.ROM)
    missing = len(vm.config.memory) - sum(region.kind in memory for region in vm.regions)
    if missing > 0:
        yield f"{vm.name}: not drawn is RAM or ROM whose place is not certain ({missing})."
