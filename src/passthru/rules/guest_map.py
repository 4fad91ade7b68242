# SPDX-License-Identifier: Apache-2.0
"""Rules about the guest's address map and ports: one answer at each place."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import (
    BlobType,
    Load,
    Pass,
    PortLocation,
    Reserve,
    Vdev,
    VmConfig,
)
from passthru.lean import TYPE_CHECKING, Iterable, Iterator, NamedTuple, Sequence
from passthru.plan.model import GuestRegion, RegionKind
from passthru.plan.users import Uses
from passthru.plan.x86_64 import MACHINE_PORTS, SERIAL_PORT_COUNT

if TYPE_CHECKING:
    from passthru.rules.passed_memory import PassedMemory

__all__ = [
    "ADDRESS_OVERLAP",
    "LOAD_OUTSIDE_MEMORY",
    "MEMORY_GRANULARITY",
    "PORT_OVERLAP",
    "Occupant",
    "address_overlap",
    "any_overlap",
    "guest_memory",
    "kvm_port_occupants",
    "load_outside_memory",
    "load_overlap",
    "memory_around",
    "memory_granularity",
    "overlapping_pairs",
    "port_overlap",
]

_GUEST_MEMORY = (RegionKind.RAM, RegionKind.ROM, RegionKind.PASSED_RAM)
_PLAIN_DATA = (BlobType.DATA, BlobType.RAW)
_NOBODY = -1
_LONGEST_BARE_LENGTH = 1 << 16
"""A length in bytes that is shorter and no whole page was probably meant with a suffix."""

ADDRESS_OVERLAP = Rule(
    "address-overlap",
    Severity.ERROR,
    "Two things answer at one guest address.",
    "RAM, ROM, passed memory, devices and reserved places each need addresses of their own.",
)

MEMORY_GRANULARITY = Rule(
    "memory-granularity",
    Severity.ERROR,
    "A `ram`, a `rom` or a pass with `m` does not consist of whole 4 KiB pages.",
    "Memory is given to a guest in pages. A length without a suffix is in bytes: `ram 1m,1023` "
    "is 1,023 bytes.",
)

LOAD_OUTSIDE_MEMORY = Rule(
    "load-outside-memory",
    Severity.ERROR,
    "A file is loaded to an address where the guest has no memory.",
    "The address of a `load` is guest-physical and lies in memory that `ram`, `rom` or a pass "
    "with `m` gave before.",
)

PORT_OVERLAP = Rule(
    "port-overlap",
    Severity.ERROR,
    "Two things answer at one x86 port.",
    "Each port has one device behind it; some belong to the machine itself.",
)


class Occupant(NamedTuple):
    """Something with a place in an address space; ``span`` is None for the machine's own."""

    range: AddressRange
    name: str
    span: Span | None
    is_reserve: bool = False

    @property
    def keeps_still(self) -> bool:
        """Whether it has no conflict with others of this kind.

        A `reserve` keeps automatic allocation away; what the machine has in any case may
        be in it, and what is reserved twice is still free.
        """
        return self.is_reserve or self.span is None

    @property
    def place(self) -> str:
        """Where it is, for people; of what has no known size only the start."""
        return _place(self.range)


def _place(place: AddressRange) -> str:
    return f"at {place.start:#x}" if place.size == 1 else f"{place}"


def address_overlap(regions: Iterable[GuestRegion]) -> Iterator[Finding]:
    """``address-overlap``."""
    occupants = [
        Occupant(each.range, each.name, each.span, each.kind is RegionKind.RESERVED)
        for each in regions
    ]
    for one, other in overlapping_pairs(occupants):
        yield _conflict(ADDRESS_OVERLAP, one, other)


def load_overlap(config: VmConfig) -> Iterator[Finding]:
    """``address-overlap`` of files: how far one reaches is not known, where it starts is."""
    first: dict[int, Load] = {}
    for load in config.loads:
        if load.address is None:
            continue
        earlier = first.setdefault(load.address, load)
        if earlier is not load:
            yield ADDRESS_OVERLAP.finding(
                f"two files are loaded to {load.address:#x}",
                load.span,
                resource=load.path,
                others=(Place("the first one", earlier.span),),
                fix="remove one of the two, or load it to another address",
            )


def guest_memory(regions: Iterable[GuestRegion]) -> tuple[GuestRegion, ...]:
    """The regions that the guest has as memory: `ram`, `rom` and passes with `m`."""
    return tuple(region for region in regions if region.kind in _GUEST_MEMORY)


def load_outside_memory(config: VmConfig, memory: Sequence[GuestRegion]) -> Iterator[Finding]:
    """``load-outside-memory``; how far the file reaches is only known when it is read.

    ``memory`` is all that can be loaded to. Where there is none, reading tells of every load.
    """
    for load in config.loads:
        if load.address is None or not memory:
            continue
        if memory_around(AddressRange(load.address, 1), memory) is None:
            yield LOAD_OUTSIDE_MEMORY.finding(
                f"{_kind(load)} goes to {load.address:#x}, where the guest has no memory",
                load.span,
                resource=load.path,
                others=(Place(f"{each.name} {each.range}", each.span) for each in memory[:4]),
                fix=f"load it to an address in {memory[0].range}, where there is {memory[0].name}",
            )


def memory_around(place: AddressRange, memory: Sequence[GuestRegion]) -> GuestRegion | None:
    """The region that has all of ``place``, or None."""
    return next((region for region in memory if region.range.contains(place)), None)


def _kind(load: Load) -> str:
    if load.blob is None or load.blob in _PLAIN_DATA:
        return "the file"
    return f"the {load.blob.value} image"


def any_overlap(ranges: Iterable[AddressRange]) -> bool:
    """Whether it is worth while to look for overlaps: quick, and nearly always false."""
    end = 0
    for start, size in sorted(ranges):
        if start < end:
            return True
        end = start + size
    return False


def overlapping_pairs(occupants: Iterable[Occupant]) -> Iterator[tuple[Occupant, Occupant]]:
    """Every pair that conflicts, once, the one with the lower address first.

    No occupant is named with more than a few others, so that a hopeless map stays readable.
    """
    known = list(occupants)
    if not any_overlap(each.range for each in known):
        return
    # A guest whose map is right starts without it.
    from passthru.rules import sweep

    taken = (
        (each.range.start, each.range.end, _NOBODY if each.keeps_still else number, number)
        for number, each in enumerate(known)
    )
    for one, other in sweep.overlapping_pairs(taken):
        yield known[one[-1]], known[other[-1]]


def _conflict(rule: Rule, one: Occupant, other: Occupant) -> Finding:
    first, second = _in_text_order(one, other)
    shared = one.range.intersection(other.range)
    where = f" {_place(shared)}" if shared and shared.size == 1 else f" at {shared}"
    return rule.finding(
        f"{second.name} ({second.place}) and {first.name} ({first.place}) overlap{where}",
        second.span,
        others=(Place(first.name if first.span else f"{first.name}, by the machine", first.span),),
        fix=_way_out(first, second),
    )


def _way_out(first: Occupant, second: Occupant) -> str:
    if first.is_reserve or second.is_reserve:
        return "leave what is used out of the `reserve`: named places need none"
    which = "one of them" if first.span else second.name
    if first.range.size == 1:
        return f"give {which} other addresses"
    return f"give {which} other addresses; {first.name} ends before {first.range.end:#x}"


def _in_text_order(one: Occupant, other: Occupant) -> tuple[Occupant, Occupant]:
    """The one that stands first (or is the machine's) before the one to complain about."""
    if other.span is None or (
        one.span is not None
        and one.span.source is other.span.source
        and one.span.start > other.span.start
    ):
        return other, one
    return one, other


def memory_granularity(config: VmConfig, passed: "Sequence[PassedMemory]") -> Iterator[Finding]:
    """``memory-granularity``."""
    for option in config.memory:
        yield from _not_in_pages(option.kind.value, option.start or 0, option.size, option.span)
    for each in passed:
        location = each.location
        if location.access.system_memory:
            guest = location.guest
            name = f"pass mem:{guest.start:#x}"
            yield from _not_in_pages(name, guest.start, guest.size, location.span)


def _not_in_pages(name: str, start: int, size: int, span: Span) -> Iterator[Finding]:
    if not (start | size) % PAGE_SIZE:
        return
    if start % PAGE_SIZE:
        wrong = f"starts at {start:#x}"
        below = start & -PAGE_SIZE
        fix = f"start at {below:#x} or at {below + PAGE_SIZE:#x}"
    else:
        wrong = f"has {size:,} bytes"
        is_bare = size < _LONGEST_BARE_LENGTH and span.text.endswith(str(size))
        fix = f"{span.text}m" if is_bare else f"make it {-size % PAGE_SIZE:,} bytes longer"
    yield MEMORY_GRANULARITY.finding(
        f"{name} {wrong}, which is not a multiple of 4 KiB", span, fix=fix
    )


def port_overlap(occupants: Iterable[Occupant]) -> Iterator[Finding]:
    """``port-overlap``."""
    for one, other in overlapping_pairs(occupants):
        yield _conflict(PORT_OVERLAP, one, other)


def kvm_port_occupants(uses: Uses) -> Iterator[Occupant]:
    """Who has ports in the machine that run makes; passed ones are refused altogether."""
    machine = ("timer8254", "mc146818", "8259", "ioapic")
    for ports, name in MACHINE_PORTS:
        yield Occupant(ports, name, None)
    for user, location in uses.ports:
        if isinstance(user, Reserve):
            yield _configured_ports(user, location)
        elif isinstance(user, Vdev) and user.type not in machine:
            size = SERIAL_PORT_COUNT if user.type == "ser8250" else location.ports.size
            ports = AddressRange(location.ports.start, size)
            yield Occupant(ports, f"vdev {user.type}", location.span)


def _configured_ports(user: Pass | Reserve, location: PortLocation) -> Occupant:
    """Ports that are passed or reserved."""
    is_reserve = isinstance(user, Reserve)
    name = "reserve io:" if is_reserve else "pass io:"
    return Occupant(location.ports, name, location.span, is_reserve)
