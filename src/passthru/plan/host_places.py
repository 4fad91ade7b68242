# SPDX-License-Identifier: Apache-2.0
"""What a board has at a place of its address space."""

from passthru.addresses import AddressRange
from passthru.board.model import BarKind, Board, PciFunction
from passthru.diagnostics.source import Span
from passthru.lean import TYPE_CHECKING, Iterator

if TYPE_CHECKING:
    from passthru.plan.vm_description import VmDescription

__all__ = ["claimed_things", "host_place"]

_MOST_NAMED = 3


def claimed_things(vm: "VmDescription", board: Board) -> dict[Span, str]:
    """What ``board`` has at each place of the configuration that claims something, for people.

    What the board does not tell is left out.
    """
    found: dict[Span, str | None] = {}
    for region in vm.regions:
        if region.host is not None and region.span is not None:
            found[region.span] = host_place(region.host, board)
    for ports in vm.ports:
        if ports.is_passed and ports.span is not None:
            found[ports.span] = _port_owner(ports.range, board)
    for route in vm.interrupts:
        found.setdefault(route.span, None if route.owner is None else f"{route.owner} has it")
    for function in vm.functions:
        found[function.span] = None if function.host is None else _function(function.host)
    return {span: text for span, text in found.items() if text is not None}


def _port_owner(ports: AddressRange, board: Board) -> str | None:
    names = [each.name for each in board.ports if each.range.overlaps(ports)]
    return names[-1] if names else None


def _function(function: PciFunction) -> str:
    driver = "no driver" if function.driver is None else f"driver {function.driver}"
    group = function.iommu_group
    return f"{driver}, {'no IOMMU group' if group is None else f'IOMMU group {group}'}"


def host_place(place: AddressRange, board: Board) -> str | None:
    """What is at ``place`` (HPA), for people; None where the board does not tell.

    Devices are named before the memory that they lie in.
    """
    names = list(dict.fromkeys(_devices(place, board))) or list(
        dict.fromkeys(_memory(place, board))
    )
    if not names:
        return None
    more = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _devices(place: AddressRange, board: Board) -> Iterator[str]:
    for device in board.devices:
        if any(each.overlaps(place) for each in device.registers):
            yield device.name
    for function in board.pci:
        for bar in function.bars:
            if bar.kind is not BarKind.PORTS and bar.range.overlaps(place):
                yield f"BAR {bar.number} of {function.address}"


def _memory(place: AddressRange, board: Board) -> Iterator[str]:
    for region in board.reserved:
        if region.range.overlaps(place):
            yield f"reserved RAM ({region.name})"
    if any(each.overlaps(place) for each in board.allocated):
        yield "RAM that the host uses"
    ram = (*board.allocated, *(region.range for region in board.reserved))
    if not any(each.overlaps(place) for each in ram):
        for region in board.memory:
            if region.range.overlaps(place):
                yield region.name
