# SPDX-License-Identifier: Apache-2.0
"""What a guest of QNX's hypervisor has: interrupt controllers, ports, an address map."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.language.model import MemoryLocation, Vdev, VmConfig
from passthru.language.numbers import BadNumber, Notation, parse_number
from passthru.language.vdevs import VDEV_TYPES
from passthru.lean import Iterator, Sequence
from passthru.plan.memory import option_regions, pass_regions, plain_region, reserved_regions
from passthru.plan.model import GuestRegion, RegionKind
from passthru.plan.x86_64 import IOAPIC_LINES, LAPIC_PAGE, SERIAL_PORT_COUNT
from passthru.rules.guest_map import Occupant, configured_ports
from passthru.rules.interrupts import Controller, Controllers
from passthru.rules.users import Uses

__all__ = ["address_map", "known_controllers", "placed_memory", "port_occupants"]

_GIC = "gic"
_GIC_LINES = 1020
"""Interrupt ids of a GIC that are lines; 1020 to 1023 have a special meaning (Arm IHI 0069)."""

_GIC_FRAMES = ("gicd", "gicc", "gicr")

_FIXED_PORTS = {
    "timer8254": (AddressRange(0x40, 4),),
    "mc146818": (AddressRange(0x70, 2),),
    "pckeyboard": (AddressRange(0x60, 1), AddressRange(0x64, 1)),
}
"""Where every PC has these devices; in a guest they are only where the text has them."""

_PORT_COUNTS = {"ser8250": SERIAL_PORT_COUNT, "timer8254": 4, "mc146818": 2, "8259": 2}

_DEVICE_SIZES = {"pl011": 0x1000, "wdt-sp805": 0x1000, "hpet": 0x400, "ser8250": 8}
"""Bytes of the devices whose size their own documentation gives; of others only the start is
known to be theirs."""


def known_controllers(config: VmConfig, uses: Uses, architecture: str | None) -> Controllers:
    """The controllers that the text names, and the GIC that every ARM guest has."""
    by_name = {}
    has_gic = has_nameless = False
    used = {interrupt.controller for _, interrupt in uses.interrupts}
    for vdev in config.vdevs:
        name = vdev.name.value if vdev.name else ""
        if vdev.type == _GIC:
            has_gic = True
            by_name[name or _GIC] = Controller(_GIC, _GIC_LINES)
        elif vdev.type == "ioapic" and not name:
            has_nameless = True
        elif vdev.type == "ioapic":
            by_name[name] = Controller("ioapic", IOAPIC_LINES)
        elif name in used and (vdev.type == "8259" or vdev.type not in VDEV_TYPES):
            by_name[name] = Controller(vdev.type, None)  # a vendor's own, perhaps
    if not has_gic and architecture != "x86":
        by_name[_GIC] = Controller(_GIC, _GIC_LINES)
    return Controllers(by_name, may_have_others=has_nameless)


def port_occupants(config: VmConfig, uses: Uses) -> Iterator[Occupant]:
    """Who has x86 ports."""
    for vdev in config.vdevs:
        if vdev.type in _FIXED_PORTS and not vdev.locations:
            for ports in _FIXED_PORTS[vdev.type]:
                yield Occupant(ports, f"vdev {vdev.type}", vdev.span)
    for user, location in uses.ports:
        if isinstance(user, Vdev):
            count = max(location.ports.size, _PORT_COUNTS.get(user.type, 1))
            ports = AddressRange(location.ports.start, count)
            yield Occupant(ports, f"vdev {user.type}", location.span)
        else:
            yield configured_ports(user, location)


def address_map(
    config: VmConfig, memory: Sequence[GuestRegion], architecture: str | None
) -> tuple[GuestRegion, ...]:
    """Everything that certainly answers at some guest address; ``memory`` is its RAM and ROM."""
    return (
        *memory,
        *pass_regions(config, None),
        *reserved_regions(config),
        *_vdev_regions(config),
        *(_LOCAL_APIC if architecture == "x86" else ()),
    )


_LOCAL_APIC = (GuestRegion(LAPIC_PAGE, RegionKind.DEVICE, "local apic", None),)


def placed_memory(config: VmConfig) -> tuple[GuestRegion, ...]:
    """RAM and ROM up to the first whose place is not certain.

    Without a start it goes after the highest so far; whether memory that is passed with
    `m` counts for that is not documented.
    """
    if all(option.start is not None for option in config.memory):
        return tuple(option_regions(config.memory))
    system_memory = [
        region.range.end
        for region in pass_regions(config, None)
        if region.kind is RegionKind.PASSED_RAM
    ]
    placed: list[GuestRegion] = []
    is_certain = True
    for option, region in zip(config.memory, option_regions(config.memory), strict=True):
        if option.start is None:
            start = region.range.start
            is_certain = is_certain and not any(end > start for end in system_memory)
        if is_certain or option.start is not None:
            placed.append(region)
    return tuple(placed)


def _vdev_regions(config: VmConfig) -> Iterator[GuestRegion]:
    for vdev in config.vdevs:
        for location in vdev.locations:
            if isinstance(location, MemoryLocation):
                place = location.guest
                if place.size == PAGE_SIZE:  # a page is assumed where the text has no length
                    place = AddressRange(place.start, _DEVICE_SIZES.get(vdev.type, 1))
                yield plain_region(place, RegionKind.DEVICE, f"vdev {vdev.type}", location.span)
        if vdev.type == _GIC:
            for option in vdev.options:
                if option.name in _GIC_FRAMES and option.value is not None:
                    start = parse_number(option.value, Notation.ADDRESS)
                    if not isinstance(start, BadNumber):
                        place = AddressRange(start.value, 1)
                        name = f"{option.name} of vdev gic"
                        yield plain_region(place, RegionKind.DEVICE, name, option.span)
