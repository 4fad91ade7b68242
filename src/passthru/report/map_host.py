# SPDX-License-Identifier: Apache-2.0
"""The host's columns: what its board has, and in it what the guests are given."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from re import findall

from passthru.addresses import AddressRange
from passthru.board.model import Board, HostRegion, InterruptLine
from passthru.lean import NamedTuple
from passthru.report.board_memory import MemoryRow, MemoryUse, memory_rows
from passthru.report.map_guests import FunctionTarget, LineTarget, RangeTarget, Target
from passthru.report.map_model import Item, ItemKind
from passthru.report.sizes import rough_size_text, size_text

__all__ = [
    "Arrow",
    "HostThing",
    "host_addresses",
    "host_functions",
    "host_interrupts",
    "host_ports",
]

_USES = {
    MemoryUse.HOST: ItemKind.HOST_RAM,
    MemoryUse.RESERVED: ItemKind.HOST_RESERVED,
    MemoryUse.FIRMWARE: ItemKind.HOST_FIRMWARE,
    MemoryUse.DEVICES: ItemKind.HOST_DEVICES,
}
_RAM_KINDS = (ItemKind.HOST_RAM, ItemKind.HOST_RESERVED)

_NEAR = 16 << 20
"""Bytes between two pieces of one use that are still drawn as one."""

_MOST_NAMES = 12


class Arrow(NamedTuple):
    """An arrow from a thing of a guest, given by its number, to a target on the host.

    ``kind`` and ``told`` are the guest's thing's; ``conflicts`` those on the host's side.
    """

    vm: int
    vm_name: str
    guest: int
    target: Target
    kind: ItemKind
    told: tuple[str, ...]
    conflicts: tuple[int, ...]


class HostThing(NamedTuple):
    """A thing of the host; ``target`` is None where no guest is given it."""

    item: Item
    target: Target | None = None


def host_addresses(board: Board | None, arrows: Sequence[Arrow]) -> tuple[HostThing, ...]:
    """The host's address map and what is passed of it, sorted by address."""
    given = []
    wanted = []
    for target, users in _by_target(arrows):
        if isinstance(target, RangeTarget):
            wanted.append(target.range)
            place, size = f"{target.range.start:#x}", rough_size_text(target.range.size)
            name = _name_of_memory(target.range, board) if board else ""
            given.append(HostThing(_given(target.range, place, name, size, users), target))
    blocks = map(HostThing, _blocks(board, wanted)) if board is not None else ()
    # Of two at one place the block goes first, and what is given lies on it.
    return tuple(sorted([*blocks, *given], key=_by_place))


def _by_place(thing: HostThing) -> tuple[int, int]:
    """By address; what others are in goes before them."""
    return thing.item.range.start, -thing.item.range.size


def _by_target(arrows: Iterable[Arrow]) -> Iterator[tuple[Target, list[Arrow]]]:
    users: dict[Target, list[Arrow]] = {}
    for arrow in arrows:
        users.setdefault(arrow.target, []).append(arrow)
    yield from users.items()


def _given(place: AddressRange, text: str, name: str, size: str, users: Sequence[Arrow]) -> Item:
    told = [f"host {text} {name}".rstrip()]
    for vm, arrows in groupby(users, key=lambda each: each.vm_name):
        told.append(f"passed to {vm}:")
        told += (arrow.told[-1] for arrow in arrows)
    return Item(
        range=place,
        kind=users[0].kind,
        place=text,
        name=name,
        size=size,
        told=tuple(told),
        conflicts=_together(each.conflicts for each in users),
    )


def _together(conflicts: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(sorted({number for each in conflicts for number in each}))


def _name_of_memory(place: AddressRange, board: Board) -> str:
    """What the board calls a place: the device, BAR or reserved region that is there."""
    for device in board.devices:
        if any(each.overlaps(place) for each in device.registers):
            return _short(device.name)
    for function in board.pci:
        for bar in function.bars:
            if bar.kind.value != "ports" and bar.range.overlaps(place):
                return f"BAR {bar.number} {function.address}"
    regions = [*board.reserved, *board.memory]
    around = [each for each in regions if each.range.overlaps(place) and each.name]
    if any(each.overlaps(place) for each in board.allocated):
        return "the host's RAM"
    smallest = min(around, key=lambda each: each.range.size, default=None)
    return _short(smallest.name) if smallest else "nothing known there"


def _short(name: str) -> str:
    """The last part of a device's path; ``memreserve`` of ``/memreserve/``."""
    return name.rstrip("/").rpartition("/")[2]


def _blocks(board: Board, wanted: Sequence[AddressRange]) -> Iterator[Item]:
    rows = [row for row in memory_rows(board) if row.use in _USES and row.range.size > 0]
    for run in _runs(rows, wanted):
        place = AddressRange.between(run[0].range.start, run[-1].range.end)
        kind = _USES[run[0].use]
        names = list(dict.fromkeys(row.name for row in run if row.name))
        name = _short(names[0]) if len(names) == 1 else run[0].use.value
        told = [f"{kind.value}: {place} ({size_text(place.size)})", *names[:_MOST_NAMES]]
        if len(names) > _MOST_NAMES:
            told.append(f"and {len(names) - _MOST_NAMES} more")
        yield Item(place, kind, f"{place.start:#x}", name, rough_size_text(place.size), tuple(told))


def _runs(rows: Sequence[MemoryRow], wanted: Sequence[AddressRange]) -> Iterator[list[MemoryRow]]:
    """The rows, those together that are of one use and near one another.

    RAM stands for itself, and a hole that somebody wants a part of stays a hole.
    """
    run: list[MemoryRow] = []
    for row in rows:
        if run and not _continues(run[-1], row, wanted):
            yield run
            run = []
        run.append(row)
    if run:
        yield run


def _continues(before: MemoryRow, row: MemoryRow, wanted: Sequence[AddressRange]) -> bool:
    if row.use != before.use or _USES[row.use] in _RAM_KINDS:
        return False
    between = AddressRange.between(before.range.end, row.range.start)
    return between.size <= _NEAR and not any(between.overlaps(each) for each in wanted)


def host_interrupts(board: Board | None, arrows: Sequence[Arrow]) -> tuple[HostThing, ...]:
    """The interrupts of the host that are passed, by vector."""
    things = []
    for target, users in _by_target(arrows):
        if isinstance(target, LineTarget):
            line = _line(target.vector, board)
            name = _name_of_line(target, board)
            trigger = line.trigger.value if line and line.trigger.value != "unknown" else ""
            place = AddressRange(target.vector, 1)
            item = _given(place, str(target.vector), name, trigger, users)
            things.append(HostThing(item, target))
    return tuple(sorted(things, key=lambda each: each.item.range))


def _line(vector: int, board: Board | None) -> InterruptLine | None:
    lines = board.interrupts if board else ()
    return next((each for each in lines if each.vector == vector), None)


def _name_of_line(target: LineTarget, board: Board | None) -> str:
    if target.owner:
        return f"{target.owner} of the host has it"
    for device in board.devices if board else ():
        if target.vector in device.interrupts:
            return _short(device.name)
    return ""


def host_ports(board: Board | None, arrows: Sequence[Arrow]) -> tuple[HostThing, ...]:
    """The x86 ports that are passed, sorted."""
    things = []
    for target, users in _by_target(arrows):
        if isinstance(target, RangeTarget):
            owners = board.ports if board else ()
            name = _smallest_around(target.range, owners)
            size = f"{target.range.size} port" + ("" if target.range.size == 1 else "s")
            item = _given(target.range, f"{target.range.start:#x}", name, size, users)
            things.append(HostThing(item, target))
    return tuple(sorted(things, key=lambda each: each.item.range))


def _smallest_around(place: AddressRange, regions: Iterable[HostRegion]) -> str:
    around = [each for each in regions if each.range.overlaps(place)]
    return min(around, key=lambda each: each.range.size).name if around else ""


def host_functions(board: Board | None, arrows: Sequence[Arrow]) -> tuple[HostThing, ...]:
    """The PCI functions that are passed, by address; those that no board tells go last."""
    things = []
    for target, users in _by_target(arrows):
        if not isinstance(target, FunctionTarget):
            continue
        function = board.pci_function(target.address) if board and target.address else None
        place, name, group = target.selector, "", ""
        if function is not None:
            place = str(function.address)
            driver = function.driver or "no driver"
            name = f"{function.vendor:04x}:{function.device:04x} {driver}"
            group = "" if function.iommu_group is None else f"group {function.iommu_group}"
        item = _given(AddressRange(0, 1), place, name, group, users)
        things.append(HostThing(item, target))
    return tuple(sorted(things, key=_function_key))


def _function_key(thing: HostThing) -> tuple[bool, bool, list[int], str]:
    target = thing.target
    address = target.address if isinstance(target, FunctionTarget) else None
    place = address.sysfs_name if address else thing.item.place
    numbers = [] if address else [int(digits) for digits in findall(r"\b\d+\b", place)]
    return (address is None, not numbers, numbers, place)
