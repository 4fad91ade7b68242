# SPDX-License-Identifier: Apache-2.0
"""What a boot protocol is given, what it answers, and the memory in which it works: the map
that firmware hands to the guest, and the RAM that is still free.
"""

from passthru.addresses import PAGE_SIZE, AddressRange, united, without
from passthru.lean import IntEnum, Iterable, NamedTuple
from passthru.plan.model import GuestRegion, RegionKind
from passthru.plan.x86_64 import LEGACY_HOLE
from passthru.vmm.x86_64.boot.entry import Entry

__all__ = [
    "BootPlan",
    "BootRequest",
    "BootWrite",
    "E820Type",
    "FreeRam",
    "MapEntry",
    "memory_map",
    "usable_ram",
]


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


class BootRequest(NamedTuple):
    """One image to start, and the machine around it. All addresses are GPAs.

    ``name`` is the image as the user calls it, for messages. ``ram`` is what the guest may
    write and the caller can fill, ``rom`` what only the caller can; ``memory`` is the map
    that the guest is told. The initrd is either in place already (``initrd``) or comes as
    ``initrd_data`` to be placed. ``rsdp`` is 0 where there are no ACPI tables. ``address``
    is where the user wants the image, None where the image or the loader decides.
    ``explicit`` says that the user called it a guest image, so that data of no known
    format are an error and not a flat binary.
    """

    name: str
    image: bytes | memoryview
    command_line: str
    memory: tuple[MapEntry, ...]
    ram: tuple[AddressRange, ...]
    rom: tuple[AddressRange, ...] = ()
    rsdp: int = 0
    initrd: AddressRange | None = None
    initrd_data: bytes | memoryview | None = None
    address: int | None = None
    explicit: bool = False


class BootWrite(NamedTuple):
    """Bytes to copy to the GPA ``address``."""

    address: int
    data: bytes | memoryview

    @property
    def range(self) -> AddressRange:
        """Where they go."""
        return AddressRange(self.address, len(self.data))


class BootPlan(NamedTuple):
    """What to do to start the image: copy ``writes``, then run the first vCPU from ``entry``.

    ``zeroed`` lists GPA ranges that must read as zero; fresh RAM does already, RAM passed
    from the host may not.
    """

    writes: tuple[BootWrite, ...]
    entry: Entry
    zeroed: tuple[AddressRange, ...] = ()


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
