# SPDX-License-Identifier: Apache-2.0
"""The memory map that firmware hands to the guest, from the plan's regions."""

from passthru.addresses import AddressRange
from passthru.lean import IntEnum, Iterable, NamedTuple
from passthru.plan.model import GuestRegion, RegionKind
from passthru.vmm.x86_64.layout import LEGACY_HOLE
from passthru.vmm.x86_64.ranges import united, without

__all__ = ["E820Type", "MapEntry", "memory_map"]


class E820Type(IntEnum):
    """Address range types (ACPI 6.5, table 15.4); PVH uses the same numbers."""

    USABLE = 1
    RESERVED = 2


class MapEntry(NamedTuple):
    """One range of guest-physical memory and what the guest may do with it."""

    range: AddressRange
    type: E820Type


_USABLE_KINDS = frozenset({RegionKind.RAM, RegionKind.PASSED_RAM})

# The PCI windows are left out: Linux keeps BARs away from what the map calls reserved.
_RESERVED_KINDS = frozenset(
    {
        RegionKind.ROM,
        RegionKind.PASSED,
        RegionKind.RESERVED,
        RegionKind.DEVICE,
        RegionKind.PCI_CONFIG,
        RegionKind.FIRMWARE,
    }
)


def memory_map(regions: Iterable[GuestRegion]) -> tuple[MapEntry, ...]:
    """The map in ascending order, without overlaps; neighbours of one type are one entry.

    Where a reserved range lies over RAM, reserved wins; so does the legacy hole from
    0xa0000 to 1 MiB, in which the firmware tables are, even if RAM covers it.
    """
    usable, reserved = [], [LEGACY_HOLE]
    for region in regions:
        if region.kind in _USABLE_KINDS:
            usable.append(region.range)
        elif region.kind in _RESERVED_KINDS:
            reserved.append(region.range)
    reserved = united(reserved)
    entries = [MapEntry(part, E820Type.RESERVED) for part in reserved]
    for ram in united(usable):
        entries += [MapEntry(part, E820Type.USABLE) for part in without(ram, reserved)]
    return tuple(sorted(entries))
