# SPDX-License-Identifier: Apache-2.0
"""Where the guest's PCI bus lives: holes that nothing in the configuration uses.

Sizes of such holes are powers of two, and places are naturally aligned.
"""

from passthru.addresses import AddressRange
from passthru.diagnostics.finding import Finding
from passthru.language.model import PortLocation, VmConfig
from passthru.lean import Iterable, NamedTuple, Sequence
from passthru.plan.model import GuestRegion, PciWindows, RegionKind
from passthru.plan.x86_64 import BELOW_CHIPSET, PORT_WINDOWS, WINDOW64_SPACE

__all__ = [
    "WindowSpaces",
    "configured_ports",
    "find_windows",
    "highest_gap",
    "is_free",
    "lowest_gap",
    "no_room_for_pci",
    "power_of_two_from",
    "window_regions",
]

_MEMORY64_SIZES = tuple(1 << bits for bits in range(36, 31, -1))
"""Sizes of the 64-bit window that are tried where no function asks for more, in bytes."""

_ECAM_SIZE = 1 << 20
_MEMORY32_SIZES = tuple(1 << bits for bits in range(30, 19, -1))


class WindowSpaces(NamedTuple):
    """Where a machine may have the windows of its bus (GPA; ports of the bus), by their kind.

    ``ports`` are places for the port window, the preferred one first.
    """

    memory32: AddressRange
    memory64: AddressRange
    ports: tuple[AddressRange, ...]


_PC = WindowSpaces(BELOW_CHIPSET, WINDOW64_SPACE, PORT_WINDOWS)


def find_windows(
    regions: Iterable[GuestRegion],
    ports: Iterable[AddressRange],
    memory64_size: int,
    address_bits: int,
    *,
    spaces: WindowSpaces = _PC,
    kept: Iterable[AddressRange] = (),
) -> PciWindows | None:
    """Places for bus 0's config space and windows, clear of ``regions`` and ``ports``.

    The 32-bit window is as large as a hole below 4 GiB allows, up to 1 GiB; the 64-bit
    one has ``memory64_size`` bytes or more and goes above everything else where the
    processor's ``address_bits`` allow. ``kept`` are addresses that nothing may be at.
    None where a hole is missing.
    """
    kept = tuple(kept)
    used = [region.range for region in regions]
    ecam = highest_gap((*used, *kept), _ECAM_SIZE, spaces.memory32)
    if ecam is None:
        return None
    used.append(ecam)
    memory32 = _find_memory32((*used, *kept), spaces.memory32)
    end = min(spaces.memory64.end, 1 << address_bits)
    memory64 = _find_memory64(used, kept, memory64_size, spaces.memory64.start, end)
    port_window = _find_ports(ports, spaces.ports)
    if memory32 is None or memory64 is None or port_window is None:
        return None
    return PciWindows(ecam, memory32, memory64, port_window)


def _find_memory32(used: Sequence[AddressRange], space: AddressRange) -> AddressRange | None:
    places = (highest_gap(used, size, space) for size in _MEMORY32_SIZES)
    return next((place for place in places if place is not None), None)


def _find_memory64(
    used: Sequence[AddressRange], kept: Sequence[AddressRange], least: int, lowest: int, end: int
) -> AddressRange | None:
    top = max(lowest, *(each.end for each in used))
    sizes = [size for size in _MEMORY64_SIZES if size >= least] or [least]
    for start, obstacles in ((top, kept), (lowest, (*used, *kept))):
        for size in sizes:
            if start < end:
                place = lowest_gap(obstacles, size, AddressRange.between(start, end))
                if place is not None:
                    return place
    return None


def _find_ports(
    used: Iterable[AddressRange], windows: Iterable[AddressRange]
) -> AddressRange | None:
    taken = tuple(used)
    return next((window for window in windows if is_free(window, taken)), None)


def no_room_for_pci(config: VmConfig, configured: Iterable[GuestRegion], hole: str) -> Finding:
    """``no-room-for-pci``; ``hole`` says what to change."""
    from passthru.plan.problems import NO_ROOM_FOR_PCI

    largest = max(configured, key=lambda region: region.range.size, default=None)
    return NO_ROOM_FOR_PCI.finding(
        "the guest's address map has no room for its PCI bus",
        largest.span if largest else config.span,
        fix=hole,
    )


def configured_ports(config: VmConfig) -> tuple[AddressRange, ...]:
    """Every x86 port that the configuration names, in passes, vdevs and reserves."""
    locations = (
        *(each.locations for each in config.passes),
        *(each.locations for each in config.vdevs),
        *(each.locations for each in config.reserves),
    )
    return tuple(
        location.ports
        for group in locations
        for location in group
        if isinstance(location, PortLocation)
    )


def window_regions(windows: PciWindows) -> tuple[GuestRegion, ...]:
    """The windows as regions of the address map (the port window is not part of it)."""
    window = RegionKind.PCI_WINDOW
    return (
        GuestRegion(windows.ecam, RegionKind.PCI_CONFIG, "pci bus 0", None),
        GuestRegion(windows.memory32, window, "pci 32-bit window", None),
        GuestRegion(windows.memory64, window, "pci 64-bit window", None),
    )


def _align_up(address: int, size: int) -> int:
    """The first multiple of ``size`` (a power of two) that is not below ``address``."""
    return (address + size - 1) & -size


def power_of_two_from(size: int) -> int:
    """The smallest power of two that is not below ``size`` (1 for zero)."""
    return 1 << max(0, size - 1).bit_length()


def is_free(place: AddressRange, used: Iterable[AddressRange]) -> bool:
    """Whether nothing in ``used`` has a byte of ``place``."""
    return not any(place.overlaps(each) for each in used)


def lowest_gap(
    used: Iterable[AddressRange], size: int, within: AddressRange
) -> AddressRange | None:
    """The lowest naturally aligned place of ``size`` that nothing uses, or None."""
    start = _align_up(within.start, size)
    for each in sorted(each for each in used if each.size > 0):
        if start + size <= each.start:
            break
        start = max(start, _align_up(each.end, size))
    return AddressRange(start, size) if start + size <= within.end else None


def highest_gap(
    used: Iterable[AddressRange], size: int, within: AddressRange
) -> AddressRange | None:
    """The highest naturally aligned place of ``size`` that nothing uses, or None."""
    start = (within.end - size) & -size
    for each in sorted((each for each in used if each.size > 0), key=_end, reverse=True):
        if each.end <= start:
            break
        start = min(start, (each.start - size) & -size)
    return AddressRange(start, size) if start >= within.start else None


def _end(place: AddressRange) -> int:
    return place.end
