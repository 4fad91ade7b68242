# SPDX-License-Identifier: Apache-2.0
"""Sets of addresses as lists of ranges."""

from passthru.addresses import AddressRange
from passthru.lean import Iterable

__all__ = ["united", "without"]


def united(ranges: Iterable[AddressRange]) -> list[AddressRange]:
    """The same addresses as ranges that neither overlap nor touch, in ascending order."""
    result: list[AddressRange] = []
    for part in sorted(part for part in ranges if part.size > 0):
        if result and part.start <= result[-1].end:
            last = result.pop()
            part = AddressRange.between(last.start, max(last.end, part.end))
        result.append(part)
    return result


def without(whole: AddressRange, holes: Iterable[AddressRange]) -> list[AddressRange]:
    """What is left of ``whole``, in ascending order; ``holes`` are as united() gives them."""
    left, start = [], whole.start
    for hole in holes:
        common = whole.intersection(hole)
        if common is None:
            continue
        if start < common.start:
            left.append(AddressRange.between(start, common.start))
        start = common.end
    if start < whole.end:
        left.append(AddressRange.between(start, whole.end))
    return left
