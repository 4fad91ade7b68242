# SPDX-License-Identifier: Apache-2.0
"""Rules about the guest's address map and ports: one answer at each place."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import PortLocation, VmConfig
from passthru.lean import Iterator, NamedTuple
from passthru.plan.model import RegionKind, VmPlan
from passthru.plan.x86_64 import HIGHEST_ADDRESS, MACHINE_PORTS, SERIAL_PORT_COUNT

__all__ = [
    "ADDRESS_OVERLAP",
    "ADDRESS_TOO_HIGH",
    "MEMORY_GRANULARITY",
    "PORT_OVERLAP",
    "address_overlap",
    "address_too_high",
    "memory_granularity",
    "port_overlap",
]

_MOST_CONFLICTS = 4

ADDRESS_OVERLAP = Rule(
    "address-overlap",
    Severity.ERROR,
    "two things answer at one guest address",
    "RAM, ROM, passed memory, devices and reserved places each need addresses of their own.",
)

ADDRESS_TOO_HIGH = Rule(
    "address-too-high",
    Severity.ERROR,
    "a guest address that no x86-64 processor can reach",
    "Physical addresses have at most 52 bits.",
)

MEMORY_GRANULARITY = Rule(
    "memory-granularity",
    Severity.ERROR,
    "`ram`, `rom` or a pass with `m` that does not consist of whole 4 KiB pages",
    "Memory is given to a guest in pages. A length without a suffix is in bytes: `ram 1m,1023` "
    "is 1,023 bytes.",
)

PORT_OVERLAP = Rule(
    "port-overlap",
    Severity.ERROR,
    "two things answer at one x86 port",
    "Each port has one device behind it; some belong to the machine itself.",
)


class _Occupant(NamedTuple):
    """Something with a place in an address space; ``span`` is None for the machine's own."""

    range: AddressRange
    name: str
    span: Span | None
    is_reserve: bool = False

    def conflicts(self, other: "_Occupant") -> bool:
        """Whether both want to answer at one address.

        A `reserve` keeps automatic allocation away; what the machine has in any case may
        be in it.
        """
        if (self.is_reserve and other.span is None) or (other.is_reserve and self.span is None):
            return False
        return self.range.overlaps(other.range)


def address_overlap(plan: VmPlan, board: Board) -> Iterator[Finding]:
    """``address-overlap``."""
    occupants = [
        _Occupant(each.range, each.name, each.span, each.kind is RegionKind.RESERVED)
        for each in plan.regions
    ]
    for one, other in _conflicts(occupants):
        yield _conflict(ADDRESS_OVERLAP, one, other)


def _conflicts(occupants: list[_Occupant]) -> Iterator[tuple[_Occupant, _Occupant]]:
    """Every pair that overlaps, once, by one sweep from the lowest address up.

    No occupant is named with more than a few others, so that a hopeless map stays readable.
    """
    open_ones: list[_Occupant] = []
    for occupant in sorted(occupants, key=lambda each: each.range):
        open_ones = [each for each in open_ones if each.range.end > occupant.range.start]
        conflicting = [each for each in open_ones if each.conflicts(occupant)]
        for each in conflicting[:_MOST_CONFLICTS]:
            yield each, occupant
        open_ones.append(occupant)


def _conflict(rule: Rule, one: _Occupant, other: _Occupant) -> Finding:
    first, second = _in_text_order(one, other)
    shared = one.range.intersection(other.range)
    return rule.finding(
        f"{second.name} ({second.range}) and {first.name} ({first.range}) overlap at {shared}",
        second.span,
        others=(Place(first.name if first.span else f"{first.name}, by the machine", first.span),),
    )


def _in_text_order(one: _Occupant, other: _Occupant) -> tuple[_Occupant, _Occupant]:
    """The one that stands first (or is the machine's) before the one to complain about."""
    if other.span is None or (
        one.span is not None
        and one.span.source is other.span.source
        and one.span.start > other.span.start
    ):
        return other, one
    return one, other


def address_too_high(plan: VmPlan, board: Board) -> Iterator[Finding]:
    """``address-too-high``."""
    for region in plan.regions:
        if region.range.end > HIGHEST_ADDRESS:
            yield ADDRESS_TOO_HIGH.finding(
                f"{region.name} ends at {region.range.end:#x}, above {HIGHEST_ADDRESS:#x}",
                region.span,
            )


def memory_granularity(plan: VmPlan, board: Board) -> Iterator[Finding]:
    """``memory-granularity``."""
    for region in plan.regions:
        if region.kind not in (RegionKind.RAM, RegionKind.ROM, RegionKind.PASSED_RAM):
            continue
        start, size = region.range
        if size == 0 or start % PAGE_SIZE or size % PAGE_SIZE:
            wrong = f"starts at {start:#x}" if start % PAGE_SIZE else f"has {size:,} bytes"
            yield MEMORY_GRANULARITY.finding(
                f"{region.name} {wrong}, which is not a multiple of 4 KiB", region.span
            )


def port_overlap(config: VmConfig, board: Board) -> Iterator[Finding]:
    """``port-overlap``."""
    for one, other in _conflicts(list(_port_occupants(config))):
        yield _conflict(PORT_OVERLAP, one, other)


def _port_occupants(config: VmConfig) -> Iterator[_Occupant]:
    machine = {"timer8254", "mc146818", "8259", "ioapic"}
    for ports, name in MACHINE_PORTS:
        yield _Occupant(ports, name, None)
    for vdev in config.vdevs:
        for location in vdev.locations:
            if isinstance(location, PortLocation) and vdev.type not in machine:
                count = SERIAL_PORT_COUNT if vdev.type == "ser8250" else location.ports.size
                ports = AddressRange(location.ports.start, count)
                yield _Occupant(ports, f"vdev {vdev.type}", location.span)
    for passed in config.passes:
        for location in passed.locations:
            if isinstance(location, PortLocation):
                yield _Occupant(location.ports, "pass io:", location.span)
    for reserve in config.reserves:
        for location in reserve.locations:
            if isinstance(location, PortLocation):
                yield _Occupant(location.ports, "reserve io:", location.span, is_reserve=True)
