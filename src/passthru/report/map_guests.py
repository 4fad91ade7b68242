# SPDX-License-Identifier: Apache-2.0
"""The columns of the guests: their address maps, interrupt lines, ports and PCI functions."""

from collections.abc import Iterator

from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import BarKind
from passthru.diagnostics.source import Span
from passthru.language.access import Access
from passthru.lean import NamedTuple
from passthru.plan.interrupt_routes import InterruptRoute
from passthru.plan.model import GuestRegion, RegionKind
from passthru.plan.vm_description import VmDescription
from passthru.report.map_conflicts import Conflicts, source_line
from passthru.report.map_model import Item, ItemKind
from passthru.report.sizes import rough_size_text, size_text

__all__ = [
    "FunctionTarget",
    "GuestThing",
    "LineTarget",
    "RangeTarget",
    "Target",
    "guest_addresses",
    "guest_functions",
    "guest_interrupts",
    "guest_ports",
]

_KINDS = {
    RegionKind.RAM: ItemKind.RAM,
    RegionKind.ROM: ItemKind.ROM,
    RegionKind.PASSED: ItemKind.PASSED,
    RegionKind.PASSED_RAM: ItemKind.PASSED_RAM,
    RegionKind.RESERVED: ItemKind.RESERVED,
    RegionKind.DEVICE: ItemKind.DEVICE,
    RegionKind.PCI_CONFIG: ItemKind.WINDOW,
    RegionKind.PCI_WINDOW: ItemKind.WINDOW,
    RegionKind.FIRMWARE: ItemKind.FIRMWARE,
}


class RangeTarget(NamedTuple):
    """Host memory (HPA), or host ports."""

    range: AddressRange


class LineTarget(NamedTuple):
    """An interrupt of the host, and the driver that has it."""

    vector: int
    owner: str | None


class FunctionTarget(NamedTuple):
    """A PCI function of the host; ``address`` is None where no board tells which it is."""

    address: PciAddress | None
    selector: str


Target = RangeTarget | LineTarget | FunctionTarget


class GuestThing(NamedTuple):
    """A thing of a guest, where it was configured, and what of the host is behind it."""

    item: Item
    span: Span | None
    target: Target | None = None


def guest_addresses(vm: VmDescription, conflicts: Conflicts) -> tuple[GuestThing, ...]:
    """Everything in the guest's address map, sorted: regions, BARs, loaded data."""
    things = [
        *(_region(each, conflicts) for each in vm.regions if each.range.size > 0),
        *_memory_bars(vm, conflicts),
        *_loaded(vm, conflicts),
    ]
    return tuple(sorted(things, key=_by_place))


def _by_place(thing: GuestThing) -> tuple[int, int]:
    """By address; what others are in goes before them."""
    return thing.item.range.start, -thing.item.range.size


def _region(region: GuestRegion, conflicts: Conflicts) -> GuestThing:
    name = region.name
    if region.host is not None:
        # The address in its name stands beside it, and the host's at the end of its arrow.
        name = region.name.partition(" mem:")[0]
        if region.access is not None:
            name = f"{name} {_letters(region.access)}"
    elif region.kind is RegionKind.RESERVED:
        name = "reserve"
    if region.range.size == 1:  # of some devices only the start is known to be theirs
        told, size = [f"{region.name} at {region.range.start:#x}"], ""
    else:
        told = [f"{region.name} {region.range} ({size_text(region.range.size)})"]
        size = rough_size_text(region.range.size)
    if region.host is not None:
        told.append(f"host {region.host}")
    kind = _KINDS[region.kind]
    item = _address_item(region.range, kind, name, size, told, region.span, conflicts)
    target = None if region.host is None or region.host.size < 1 else RangeTarget(region.host)
    return GuestThing(item, region.span, target)


def _letters(access: Access) -> str:
    """The access letters that say what the memory is; the rest is left to the line's text."""
    told = "rwxm" if access.system_memory else "rwxdn"
    return "".join(letter for letter in str(access) if letter in told)


def _address_item(
    place: AddressRange,
    kind: ItemKind,
    name: str,
    size: str,
    told: list[str],
    span: Span | None,
    conflicts: Conflicts,
) -> Item:
    return Item(
        range=place,
        kind=kind,
        place=f"{place.start:#x}",
        name=name,
        size=size,
        told=_with_line(told, span),
        conflicts=conflicts.of_guest(span),
    )


def _with_line(told: list[str], span: Span | None) -> tuple[str, ...]:
    return (*told, source_line(span) if span is not None else "the machine's own")


def _memory_bars(vm: VmDescription, conflicts: Conflicts) -> Iterator[GuestThing]:
    for function in vm.functions:
        for planned in function.bars:
            if planned.bar.kind is BarKind.PORTS or planned.bar.range.size < 1:
                continue
            place = AddressRange(planned.guest_start, planned.bar.range.size)
            name = f"BAR {planned.bar.number} {function.guest or function.selector}"
            told = [f"{name} {place}", f"host {planned.bar.range}"]
            kind = ItemKind.PASSED
            size = rough_size_text(place.size)
            item = _address_item(place, kind, name, size, told, function.span, conflicts)
            yield GuestThing(item, function.span, RangeTarget(planned.bar.range))


def _loaded(vm: VmDescription, conflicts: Conflicts) -> Iterator[GuestThing]:
    for blob in vm.blobs:
        if blob.path is None or blob.address is None:
            continue
        place = AddressRange(blob.address, 1)  # how long it is, only the file itself tells
        name = f"load {blob.path.rpartition('/')[2]}"
        told = [f"{blob.role.value}: {blob.path}"]
        item = _address_item(place, ItemKind.LOADED, name, "", told, blob.span, conflicts)
        yield GuestThing(item, blob.span)


def guest_interrupts(vm: VmDescription, conflicts: Conflicts) -> tuple[GuestThing, ...]:
    """The guest's interrupt lines, by controller and number."""
    routes = sorted(vm.interrupts, key=lambda each: (each.controller, each.line or 0))
    return tuple(_route(*each, conflicts) for each in enumerate(routes))


def _route(number: int, route: InterruptRoute, conflicts: Conflicts) -> GuestThing:
    line = "" if route.line is None else f":{route.line}"
    place = f"{route.controller}{line}"
    told = [f"{place} of {route.user}"]
    if route.is_passed and route.vector is None:
        told.append("which interrupt of the host this is, is not known here")
    item = Item(
        range=AddressRange(number, 1),
        kind=ItemKind.PASSED if route.is_passed else ItemKind.DEVICE,
        place=place,
        name=route.user,
        size="unmasked at once" if route.immediate_unmask else "",
        told=_with_line(told, route.span),
        conflicts=conflicts.of_guest(route.span),
    )
    target = None if route.vector is None else LineTarget(route.vector, route.owner)
    return GuestThing(item, route.span, target if route.is_passed else None)


def guest_ports(vm: VmDescription, conflicts: Conflicts) -> tuple[GuestThing, ...]:
    """The guest's x86 ports, sorted."""
    things = []
    for each in vm.ports:
        kind = ItemKind.PASSED if each.is_passed else ItemKind.DEVICE
        target = RangeTarget(each.range) if each.is_passed else None
        name = "pass" if each.is_passed else each.name
        things.append(_ports(each.range, kind, name, each.span, target, conflicts))
    for function in vm.functions:
        for planned in function.bars:
            if planned.bar.kind is BarKind.PORTS:
                place = AddressRange(planned.guest_start, planned.bar.range.size)
                name = f"BAR {planned.bar.number} {function.guest or function.selector}"
                target = RangeTarget(planned.bar.range)
                kind = ItemKind.PASSED
                things.append(_ports(place, kind, name, function.span, target, conflicts))
    return tuple(sorted(things, key=_by_place))


def _ports(
    place: AddressRange,
    kind: ItemKind,
    name: str,
    span: Span | None,
    target: Target | None,
    conflicts: Conflicts,
) -> GuestThing:
    told = [f"ports {place} of {name}"]
    size = f"{place.size} port" + ("" if place.size == 1 else "s")
    item = _address_item(place, kind, name, size, told, span, conflicts)
    return GuestThing(item, span, target)


def guest_functions(vm: VmDescription, conflicts: Conflicts) -> tuple[GuestThing, ...]:
    """The PCI functions that are passed, in the order of the configuration."""
    things = []
    for number, each in enumerate(vm.functions):
        place = "pci" if each.guest is None else str(each.guest)
        item = Item(
            range=AddressRange(number, 1),
            kind=ItemKind.PASSED,
            place=place,
            name="pass" if each.guest else "pass, where there is room",
            size="" if each.gsi is None else f"INTx on {each.gsi}",
            told=_with_line([f"{place} is {each.host or each.selector} of the host"], each.span),
            conflicts=conflicts.of_guest(each.span),
        )
        address = each.host.address if each.host else None
        target = FunctionTarget(address, str(address or each.selector))
        things.append(GuestThing(item, each.span, target))
    return tuple(things)
