# SPDX-License-Identifier: Apache-2.0
"""Addresses as the whole project counts them: half-open ranges and PCI functions.

A range carries no address space of its own; the name of the field that holds it says
which one is meant (guest-physical, host-physical, I/O port, IOVA).
"""

from passthru.lean import Iterable, NamedTuple

__all__ = ["HUGEPAGE_SIZE", "PAGE_SIZE", "AddressRange", "PciAddress", "united", "without"]

PAGE_SIZE = 4096
"""Mapping granule of the MMU and of qvm's allocations, in bytes."""

HUGEPAGE_SIZE = 2 << 20
"""Bytes of a huge page on x86-64 and, with 4 KiB granule, on arm64."""


class AddressRange(NamedTuple):
    """A half-open range ``[start, start + size)``, in bytes (or ports)."""

    start: int
    size: int

    @property
    def end(self) -> int:
        """First address after the range."""
        return self.start + self.size

    @classmethod
    def between(cls, start: int, end: int) -> "AddressRange":
        """The range from ``start`` up to, but not including, ``end``."""
        return cls(start, end - start)

    def contains(self, other: "AddressRange") -> bool:
        """Whether ``other`` lies wholly inside this range."""
        return self.start <= other.start and other.end <= self.end

    def overlaps(self, other: "AddressRange") -> bool:
        """Whether at least one byte is in both; an empty range overlaps nothing."""
        return max(self.start, other.start) < min(self.end, other.end)

    def intersection(self, other: "AddressRange") -> "AddressRange | None":
        """The bytes in both ranges, or None."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return AddressRange.between(start, end) if start < end else None

    def page_aligned(self) -> "AddressRange":
        """The smallest range of whole pages around this one."""
        start = self.start & -PAGE_SIZE
        return AddressRange.between(start, (self.end + PAGE_SIZE - 1) & -PAGE_SIZE)

    def __str__(self) -> str:
        return f"{self.start:#x}..{self.end:#x}"


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


class PciAddress(NamedTuple):
    """A PCI function: segment (Linux: domain), bus, device and function number."""

    segment: int
    bus: int
    device: int
    function: int

    @classmethod
    def from_sysfs(cls, name: str) -> "PciAddress":
        """The function that sysfs calls ``0000:00:1f.2`` (all fields hexadecimal).

        Raises ValueError on any other form.
        """
        segment, bus, rest = name.split(":")
        device, function = rest.split(".")
        return cls(int(segment, 16), int(bus, 16), int(device, 16), int(function, 16))

    @property
    def sysfs_name(self) -> str:
        """The name under ``/sys/bus/pci/devices``."""
        return f"{self.segment:04x}:{self.bus:02x}:{self.device:02x}.{self.function}"

    def __str__(self) -> str:
        """qvm's notation, decimal: ``pci:0:31.2`` (the segment is not part of it)."""
        return f"pci:{self.bus}:{self.device}.{self.function}"
