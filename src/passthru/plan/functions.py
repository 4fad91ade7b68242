# SPDX-License-Identifier: Apache-2.0
"""Passed PCI functions and their places on the guest's bus 0."""

from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import Board, PciFunction
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language.model import PciLocation, VmConfig
from passthru.lean import NamedTuple
from passthru.plan.guest_bus import WantedPlace, passed_locations, passed_twice, take_places
from passthru.plan.host_functions import choose_function
from passthru.plan.x86_64 import PCI_INTERRUPT_LINES

__all__ = [
    "ChosenFunction",
    "FunctionPlan",
    "PlacedFunction",
    "chosen_functions",
    "interrupt_lines",
    "kept_windows",
    "place_functions",
]


class PlacedFunction(NamedTuple):
    """A host function, and where the guest sees it."""

    guest: PciAddress
    host: PciFunction
    span: Span


class FunctionPlan(NamedTuple):
    """The functions that could be placed, in the order of the text, and what could not."""

    functions: tuple[PlacedFunction, ...]
    findings: tuple[Finding, ...]


class ChosenFunction(NamedTuple):
    """A host function that a location means."""

    host: PciFunction
    location: PciLocation


def place_functions(config: VmConfig, board: Board) -> FunctionPlan:
    """Choose the host function and the guest place of every ``pass loc pci:``."""
    chosen, findings = chosen_functions(config, board)
    wanted = [WantedPlace(each.location, each.host.address, str(each.host)) for each in chosen]
    taken = take_places(config, wanted, has_host_bridge=True)
    functions = tuple(
        PlacedFunction(guest, each.host, each.location.span)
        for each, guest in zip(chosen, taken.places, strict=True)
        if guest is not None
    )
    return FunctionPlan(functions, (*findings, *taken.findings))


def chosen_functions(config: VmConfig, board: Board) -> tuple[list[ChosenFunction], list[Finding]]:
    """What each ``pass loc pci:`` means on the board, and those that mean nothing or one again."""
    chosen: list[ChosenFunction] = []
    findings: list[Finding] = []
    owners: dict[PciAddress, PciLocation] = {}
    for location in passed_locations(config):
        function = choose_function(location, board)
        if isinstance(function, Finding):
            findings.append(function)
        elif function.address in owners:
            findings.append(passed_twice(str(function), location, owners[function.address]))
        else:
            owners[function.address] = location
            chosen.append(ChosenFunction(function, location))
    return chosen, findings


def kept_windows(functions: tuple[PlacedFunction, ...], board: Board) -> tuple[AddressRange, ...]:
    """Addresses that the IOMMU keeps back from these functions (GPA, which is the IOVA)."""
    numbers = {each.host.iommu_group for each in functions}
    groups = [group for group in board.iommu_groups if group.number in numbers]
    return tuple(window.range for group in groups for window in group.reserved)


def interrupt_lines(
    functions: tuple[PlacedFunction, ...], in_use: frozenset[int]
) -> tuple[int | None, ...]:
    """The GSI that carries each function's INTx, None for a function without a pin.

    Each guest device and pin gets a line of its own that is not ``in_use``; when there are
    no more, passed functions share them.
    """
    free = [line for line in PCI_INTERRUPT_LINES if line not in in_use]
    free = free or list(PCI_INTERRUPT_LINES)
    lines: dict[tuple[int, int], int] = {}
    found: list[int | None] = []
    for function in functions:
        if function.host.interrupt_pin == 0:
            found.append(None)
            continue
        wire = (function.guest.device, function.host.interrupt_pin)
        if wire not in lines:
            lines[wire] = free[len(lines) % len(free)]
        found.append(lines[wire])
    return tuple(found)
