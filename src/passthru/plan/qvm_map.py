# SPDX-License-Identifier: Apache-2.0
"""The address map that QNX's hypervisor makes of a configuration.

Only what is documented, so that nothing is in it whose place is a guess.
"""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.language.model import MemoryLocation, VmConfig
from passthru.language.numbers import BadNumber, Notation, parse_number
from passthru.lean import Iterator, Sequence
from passthru.plan.memory import option_regions, pass_regions, plain_region, reserved_regions
from passthru.plan.model import GuestRegion, RegionKind
from passthru.plan.x86_64 import LAPIC_PAGE

__all__ = ["address_map", "placed_memory"]

_GIC = "gic"
_GIC_FRAMES = ("gicd", "gicc", "gicr")

_DEVICE_SIZES = {"pl011": 0x1000, "wdt-sp805": 0x1000, "hpet": 0x400, "ser8250": 8}
"""Bytes of the devices whose size their own documentation gives; of others only the start is
known to be theirs."""


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
