# SPDX-License-Identifier: Apache-2.0
"""The guest's PCI bus 0: who is at which place, told by the configuration's text alone."""

from passthru.addresses import PciAddress
from passthru.diagnostics.finding import Finding, Place
from passthru.language.model import PciLocation, PciSelector, Reserve, Vdev, VmConfig
from passthru.lean import Iterator, NamedTuple, Sequence
from passthru.plan.problems import (
    PCI_FUNCTION_0_MISSING,
    PCI_GUEST_BUS,
    PCI_PASSED_TWICE,
    PCI_SLOT_TAKEN,
)

__all__ = [
    "PlacesOnBus",
    "WantedPlace",
    "check_places",
    "named_place",
    "passed_locations",
    "passed_twice",
    "take_places",
]

_DEVICES = range(32)
_HOST_BRIDGE = PciAddress(0, 0, 0, 0)


class WantedPlace(NamedTuple):
    """A function that shall be on the bus.

    ``host`` is what it is on the host, None for a virtual device; ``name`` is how messages
    call it.
    """

    location: PciLocation
    host: PciSelector | None
    name: str


class PlacesOnBus(NamedTuple):
    """The guest's place of each wanted function, None where it cannot be there, and why not."""

    places: tuple[PciAddress | None, ...]
    findings: tuple[Finding, ...]


def passed_locations(config: VmConfig) -> Iterator[PciLocation]:
    """Every ``pass loc pci:``, in the order of the text."""
    for passed in config.passes:
        yield from _on_pci(passed.locations)


def _on_pci(locations: Sequence[object]) -> Iterator[PciLocation]:
    return (location for location in locations if isinstance(location, PciLocation))


def passed_twice(name: str, location: PciLocation, first: PciLocation) -> Finding:
    """``pci-passed-twice``: the host's function ``name`` at a second place."""
    return PCI_PASSED_TWICE.finding(
        f"{name} is already passed to this guest",
        location.span,
        resource=str(location.host),
        others=(Place("passed here first", first.span),),
        fix="remove one of the two",
    )


def check_places(config: VmConfig, *, has_host_bridge: bool) -> tuple[Finding, ...]:
    """What is wrong with the passed functions' places, as far as no host is needed to tell."""
    wanted: list[WantedPlace] = []
    findings: list[Finding] = []
    first: dict[PciSelector, PciLocation] = {}
    for location in passed_locations(config):
        host = location.host
        # Ids without an index may mean another of several equal functions each time.
        is_certain = isinstance(host, PciAddress) or host.instance is not None
        if is_certain and host in first:
            findings.append(passed_twice(str(host), location, first[host]))
            continue
        first[host] = location
        wanted.append(WantedPlace(location, host, str(host)))
    taken = take_places(config, wanted, has_host_bridge=has_host_bridge)
    return (*findings, *taken.findings)


def take_places(
    config: VmConfig, wanted: Sequence[WantedPlace], *, has_host_bridge: bool
) -> PlacesOnBus:
    """Put every wanted function on the bus of the guest.

    Places that are named go first, so that automatic ones (by vendor and device id) take
    what is left, from device 1 up. ``has_host_bridge``: the machine has one, at 0:0.0.
    """
    bus = _Bus(config, has_host_bridge=has_host_bridge)
    places: dict[int, PciAddress] = {}
    findings = [*bus.findings]
    for number, each in sorted(
        enumerate(wanted), key=lambda item: named_place(item[1].location) is None
    ):
        outcome = bus.place(each)
        if isinstance(outcome, Finding):
            findings.append(outcome)
        else:
            places[number] = outcome
    in_order = tuple(places.get(number) for number in range(len(wanted)))
    findings.extend(_without_function_0(wanted, in_order, bus))
    return PlacesOnBus(in_order, tuple(findings))


def named_place(location: PciLocation) -> PciAddress | None:
    """The place on the guest's bus that the text gives, None where it is left open."""
    if location.guest is not None:
        return location.guest
    return location.host if isinstance(location.host, PciAddress) else None


class _Bus:
    """The guest's bus 0 while it fills up; ``findings`` are about the virtual devices."""

    def __init__(self, config: VmConfig, *, has_host_bridge: bool) -> None:
        self.findings: list[Finding] = []
        self._has_host_bridge = has_host_bridge
        self._taken: dict[PciAddress, Place] = {}
        if has_host_bridge:
            place = Place("the guest's own host bridge is device 0 of its bus")
            self._taken[_HOST_BRIDGE] = place
        named = (named_place(location) for location in passed_locations(config))
        self._wanted = {place for place in named if place is not None}
        self._placed: set[PciAddress] = set()
        # A placeholder without `loc` may be the function 0 of any device.
        self._has_free_dummy = any(
            vdev.type == "pci-dummy" and not vdev.locations for vdev in config.vdevs
        )
        for reserve in config.reserves:
            self._reserve(reserve)
        for vdev in config.vdevs:
            self._add_vdev(vdev)

    def _reserve(self, reserve: Reserve) -> None:
        for location in _on_pci(reserve.locations):
            if location.guest is not None:
                self._taken[location.guest] = Place("reserved here", location.span)

    def _add_vdev(self, vdev: Vdev) -> None:
        for location in _on_pci(vdev.locations):
            guest = location.guest
            if guest is None:
                continue
            problem = self._problem(guest, WantedPlace(location, None, f"vdev {vdev.type}"))
            if problem is not None:
                self.findings.append(problem)
                continue
            self._taken[guest] = Place(f"vdev {vdev.type} is there", location.span)
            self._placed.add(guest)

    def answers(self, guest: PciAddress) -> bool:
        """Whether the configuration wants a function or a virtual device at ``guest``."""
        return guest in self._wanted or guest in self._placed or self._has_free_dummy

    def place(self, wanted: WantedPlace) -> PciAddress | Finding:
        """Put one function on the bus, or say why it cannot be there."""
        guest = named_place(wanted.location) or self._free_device()
        problem = self._problem(guest, wanted)
        if problem is not None:
            return problem
        self._taken[guest] = Place(f"{wanted.name} is there", wanted.location.span)
        self._placed.add(guest)
        return guest

    def _problem(self, guest: PciAddress, wanted: WantedPlace) -> Finding | None:
        if guest.bus != 0 or guest.segment != 0:
            return self._wrong_bus(guest, wanted)
        user = self._taken.get(guest)
        if user is None and self._has_host_bridge and guest.device == _HOST_BRIDGE.device:
            user = self._taken[_HOST_BRIDGE]
        if user is None:
            return None
        return PCI_SLOT_TAKEN.finding(
            f"{guest} of the guest is taken",
            wanted.location.span,
            resource=str(guest),
            others=(user,),
            fix=self._fix(wanted),
        )

    def _wrong_bus(self, guest: PciAddress, wanted: WantedPlace) -> Finding:
        if wanted.host is not None and wanted.location.guest in (None, wanted.location.host):
            message = f"{guest} is on bus {guest.bus} of the host; say where the guest shall see it"
        else:
            message = f"{guest} is on bus {guest.bus} of the guest, which has only bus 0"
        return PCI_GUEST_BUS.finding(
            message, wanted.location.span, resource=str(guest), fix=self._fix(wanted)
        )

    def _fix(self, wanted: WantedPlace) -> str:
        free = str(self._free_device())
        return free if wanted.host is None else f"{free}={wanted.location.host}"

    def _free_device(self) -> PciAddress:
        """Function 0 of the first device from 1 up that nothing is on.

        With all taken this names device 0, which is the host bridge's or taken as well.
        """
        used = {guest.device for guest in self._taken} | {guest.device for guest in self._wanted}
        used.add(_HOST_BRIDGE.device)
        device = next((number for number in _DEVICES if number not in used), _HOST_BRIDGE.device)
        return PciAddress(0, 0, device, 0)


def _without_function_0(
    wanted: Sequence[WantedPlace], places: Sequence[PciAddress | None], bus: _Bus
) -> Iterator[Finding]:
    seen = set()
    for each, guest in zip(wanted, places, strict=True):
        if guest is None or guest.device in seen:
            continue
        first = PciAddress(0, 0, guest.device, 0)
        if bus.answers(first):
            continue
        seen.add(guest.device)
        yield PCI_FUNCTION_0_MISSING.finding(
            f"the guest finds nothing at {guest}, for its device {guest.device} has no function 0",
            each.location.span,
            resource=str(guest),
            fix=f"{first}={each.host}  (or keep the number, with `vdev pci-dummy loc {first}` as "
            "a placeholder)",
        )
