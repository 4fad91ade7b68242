# SPDX-License-Identifier: Apache-2.0
"""Which RAM is still free while an image and its data are laid out."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.lean import Iterable
from passthru.vmm.x86_64.boot.request import BootRequest
from passthru.vmm.x86_64.e820 import E820Type
from passthru.vmm.x86_64.ranges import united, without

__all__ = ["FreeRam", "usable_ram"]


class FreeRam:
    """Free guest-physical ranges; what is taken is not given out again."""

    def __init__(self, ranges: Iterable[AddressRange]) -> None:
        self._free = united(ranges)

    def is_free(self, wanted: AddressRange) -> bool:
        """Whether every byte of ``wanted`` is free."""
        return any(part.contains(wanted) for part in self._free)

    def largest(self) -> int:
        """Bytes in the largest free range."""
        return max((part.size for part in self._free), default=0)

    def take(self, taken: AddressRange) -> None:
        """Keep ``taken`` from later callers; parts of it that are not free do not matter."""
        self._free = [rest for part in self._free for rest in without(part, [taken])]

    def take_lowest(
        self, size: int, within: AddressRange, alignment: int = PAGE_SIZE
    ) -> AddressRange | None:
        """Take the lowest ``size`` bytes inside ``within``, or give None if none are free."""
        for part in self._free:
            common = part.intersection(within)
            if common is None:
                continue
            start = (common.start + alignment - 1) // alignment * alignment
            if start + size <= common.end:
                return self._taken(start, size)
        return None

    def take_highest(
        self, size: int, within: AddressRange, alignment: int = PAGE_SIZE
    ) -> AddressRange | None:
        """Take the highest ``size`` bytes inside ``within``, or give None if none are free."""
        for part in reversed(self._free):
            common = part.intersection(within)
            if common is None:
                continue
            start = (common.end - size) // alignment * alignment
            if start >= common.start:
                return self._taken(start, size)
        return None

    def _taken(self, start: int, size: int) -> AddressRange:
        found = AddressRange(start, size)
        self.take(found)
        return found


def usable_ram(request: BootRequest) -> FreeRam:
    """RAM that the guest is told to use and that holds nothing yet."""
    usable = [entry.range for entry in request.memory if entry.type is E820Type.USABLE]
    common = (ram.intersection(part) for ram in request.ram for part in usable)
    free = FreeRam(part for part in common if part is not None)
    if request.initrd is not None:
        free.take(request.initrd)
    return free
