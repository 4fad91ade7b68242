# SPDX-License-Identifier: Apache-2.0
"""Passed PCI functions and their places on the guest's bus 0."""

from passthru.addresses import PciAddress
from passthru.board.model import Board, PciFunction
from passthru.diagnostics.finding import Finding, Place
from passthru.diagnostics.source import Span
from passthru.language.model import Location, PciLocation, VmConfig
from passthru.lean import Iterable, Iterator, NamedTuple
from passthru.plan.host_functions import choose_function
from passthru.plan.problems import (
    PCI_FUNCTION_0_MISSING,
    PCI_GUEST_BUS,
    PCI_PASSED_TWICE,
    PCI_SLOT_TAKEN,
)
from passthru.plan.x86_64 import PCI_INTERRUPT_LINES

__all__ = ["FunctionPlan", "PlacedFunction", "interrupt_lines", "place_functions"]

_DEVICES = range(32)
_HOST_BRIDGE = PciAddress(0, 0, 0, 0)


class PlacedFunction(NamedTuple):
    """A host function, and where the guest sees it."""

    guest: PciAddress
    host: PciFunction
    span: Span


class FunctionPlan(NamedTuple):
    """The functions that could be placed, in the order of the text, and what could not."""

    functions: tuple[PlacedFunction, ...]
    findings: tuple[Finding, ...]


class _Wanted(NamedTuple):
    """A chosen host function; ``guest`` is None where any free device will do."""

    guest: PciAddress | None
    host: PciFunction
    location: PciLocation


def place_functions(config: VmConfig, board: Board) -> FunctionPlan:
    """Choose the host function and the guest place of every ``pass loc pci:``.

    Places that are named go first, so that automatic ones (by vendor and device id) take
    what is left, from device 1 up.
    """
    wanted, findings = _choose(config, board)
    bus = _Bus(config)
    placed: dict[int, PlacedFunction] = {}
    for index, each in sorted(enumerate(wanted), key=lambda item: item[1].guest is None):
        outcome = bus.place(each)
        if isinstance(outcome, Finding):
            findings.append(outcome)
        else:
            placed[index] = outcome
    functions = tuple(function for _, function in sorted(placed.items()))
    findings.extend(_without_function_0(functions, bus))
    return FunctionPlan(functions, tuple(findings))


def _choose(config: VmConfig, board: Board) -> tuple[list[_Wanted], list[Finding]]:
    wanted: list[_Wanted] = []
    findings: list[Finding] = []
    owners: dict[PciAddress, PciLocation] = {}
    for location in _passed_locations(config):
        chosen = choose_function(location, board)
        if isinstance(chosen, Finding):
            findings.append(chosen)
        elif chosen.address in owners:
            findings.append(_passed_twice(chosen, location, owners[chosen.address]))
        else:
            owners[chosen.address] = location
            wanted.append(_Wanted(_named_place(location), chosen, location))
    return wanted, findings


def _passed_locations(config: VmConfig) -> Iterator[PciLocation]:
    for passed in config.passes:
        for location in passed.locations:
            if isinstance(location, PciLocation):
                yield location


def _named_place(location: PciLocation) -> PciAddress | None:
    if location.guest is not None:
        return location.guest
    return location.host if isinstance(location.host, PciAddress) else None


def _passed_twice(function: PciFunction, location: PciLocation, first: PciLocation) -> Finding:
    return PCI_PASSED_TWICE.finding(
        f"{function} is already passed to this guest",
        location.span,
        resource=str(function.address),
        others=(Place("passed here first", first.span),),
    )


class _Bus:
    """The guest's bus 0 while it fills up."""

    def __init__(self, config: VmConfig) -> None:
        self._placed: set[PciAddress] = set()
        self.taken: dict[PciAddress, Place] = {
            _HOST_BRIDGE: Place("the guest's own host bridge is device 0 of its bus")
        }
        named = (_named_place(location) for location in _passed_locations(config))
        self._named = {place for place in named if place is not None}
        for reserve in config.reserves:
            self._take(reserve.locations, "reserved here")
        for vdev in config.vdevs:
            self._named |= self._take(vdev.locations, f"vdev {vdev.type} is there")

    def _take(self, locations: Iterable[Location], user: str) -> set[PciAddress]:
        places = set()
        for location in locations:
            if isinstance(location, PciLocation) and location.guest is not None:
                self.taken[location.guest] = Place(user, location.span)
                places.add(location.guest)
        return places

    def answers(self, guest: PciAddress) -> bool:
        """Whether the configuration wants a function or a virtual device at ``guest``."""
        return guest in self._named or guest in self._placed

    def place(self, wanted: _Wanted) -> PlacedFunction | Finding:
        """Put one function on the bus, or say why it cannot be there."""
        guest = self._free_device() if wanted.guest is None else wanted.guest
        problem = self._problem(guest, wanted)
        if problem is not None:
            return problem
        span = wanted.location.span
        self.taken[guest] = Place(f"{wanted.host} is there", span)
        self._placed.add(guest)
        return PlacedFunction(guest, wanted.host, span)

    def _problem(self, guest: PciAddress, wanted: _Wanted) -> Finding | None:
        if guest.bus != 0 or guest.segment != 0:
            return self._wrong_bus(guest, wanted)
        user = self.taken.get(guest)
        if user is None and guest.device == _HOST_BRIDGE.device:
            user = self.taken[_HOST_BRIDGE]
        if user is None:
            return None
        return PCI_SLOT_TAKEN.finding(
            f"{guest} of the guest is taken",
            wanted.location.span,
            resource=str(guest),
            others=(user,),
            fix=self._fix(wanted),
        )

    def _wrong_bus(self, guest: PciAddress, wanted: _Wanted) -> Finding:
        if wanted.location.guest in (None, wanted.location.host):
            message = f"{guest} is on bus {guest.bus} of the host; say where the guest shall see it"
        else:
            message = f"{guest} is on bus {guest.bus} of the guest, which has only bus 0"
        return PCI_GUEST_BUS.finding(
            message, wanted.location.span, resource=str(guest), fix=self._fix(wanted)
        )

    def _fix(self, wanted: _Wanted) -> str:
        return f"{self._free_device()}={wanted.location.host}"

    def _free_device(self) -> PciAddress:
        """Function 0 of the first device that nothing is on.

        With all 32 taken this names the host bridge's place, which is then refused.
        """
        used = {guest.device for guest in self.taken} | {guest.device for guest in self._named}
        device = next((number for number in _DEVICES if number not in used), _HOST_BRIDGE.device)
        return PciAddress(0, 0, device, 0)


def _without_function_0(functions: tuple[PlacedFunction, ...], bus: _Bus) -> Iterator[Finding]:
    seen = set()
    for function in functions:
        device = function.guest.device
        first = PciAddress(0, 0, device, 0)
        if bus.answers(first) or device in seen:
            continue
        seen.add(device)
        yield PCI_FUNCTION_0_MISSING.finding(
            f"the guest finds nothing at {function.guest}, for its device {device} has no "
            "function 0",
            function.span,
            resource=str(function.guest),
            fix=f"{first}={function.host.address}  (or keep the number, with "
            f"`vdev pci-dummy loc {first}` as a placeholder)",
        )


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
