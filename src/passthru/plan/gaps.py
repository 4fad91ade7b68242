# SPDX-License-Identifier: Apache-2.0
"""Free places in an address map. Sizes are powers of two and places naturally aligned."""

from passthru.addresses import AddressRange
from passthru.lean import Iterable

__all__ = ["align_up", "highest_gap", "is_free", "lowest_gap", "power_of_two_from"]


def align_up(address: int, size: int) -> int:
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
    start = align_up(within.start, size)
    for each in sorted(each for each in used if each.size > 0):
        if start + size <= each.start:
            break
        start = max(start, align_up(each.end, size))
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
