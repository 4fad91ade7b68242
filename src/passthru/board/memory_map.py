# SPDX-License-Identifier: Apache-2.0
"""The host's memory map from ``/proc/iomem`` and the firmware's own from sysfs."""

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.infrastructure import kind_of_name
from passthru.board.model import HostRegion
from passthru.lean import NamedTuple

__all__ = ["MemoryMap", "firmware_ram", "parse_iomem", "parse_resource", "read_memory_map"]

_ALLOCATED = "system ram"
_RESERVED = ("reserved", "soft reserved")


class MemoryMap(NamedTuple):
    """Host-physical memory, sorted by address; all empty where the kernel tells nobody.

    ``regions`` is the top level, ``allocated`` what the host's allocator owns (with the
    kernel itself and everything else inside it), ``reserved`` RAM kept from it;
    ``infrastructure`` is as in Board, at any depth.
    """

    regions: tuple[HostRegion, ...] = ()
    allocated: tuple[AddressRange, ...] = ()
    reserved: tuple[HostRegion, ...] = ()
    infrastructure: tuple[HostRegion, ...] = ()


def read_memory_map(files: HostFiles) -> MemoryMap:
    """The memory map of the host; empty without the right to see addresses."""
    found = parse_iomem(files.text("/proc/iomem"))
    ram = firmware_ram(files) if found.reserved else ()
    if not ram:
        return found
    return found._replace(reserved=_only_within(found.reserved, ram))


def parse_iomem(text: str) -> MemoryMap:
    """Read the text of ``/proc/iomem``; lines of another form are passed over.

    The kernel prints every address as zero to a reader without CAP_SYS_ADMIN
    (kernel/resource.c, ``r_show``); such a text gives an empty map.
    """
    regions, allocated, reserved, infrastructure = [], [], [], []
    for line in text.splitlines():
        region = parse_resource(line)
        if region is None:
            continue
        name = region.name.lower()
        # Hot-added RAM stands below its device (virtio_mem, kmem), so depth does not matter.
        if name.startswith(_ALLOCATED):
            allocated.append(region.range)
        kind = kind_of_name(region.name)
        if kind is not None:
            infrastructure.append(HostRegion(region.range, f"{kind} {region.name}"))
        if line[:1].isspace():
            continue
        regions.append(region)
        if name in _RESERVED:
            reserved.append(region)
    found = (regions, allocated, reserved, infrastructure)
    return MemoryMap._make(tuple(sorted(each)) for each in found)


def parse_resource(line: str) -> HostRegion | None:
    """One line of ``/proc/iomem`` or ``/proc/ioports``; None without a place or of another form."""
    numbers, separator, name = line.strip().partition(" : ")
    first, dash, last = numbers.partition("-")
    if not separator or not dash:
        return None
    try:
        start, end = int(first, 16), int(last, 16) + 1
    except ValueError:
        return None
    if not 0 <= start < end <= 1 << 64 or (start, end) == (0, 1):
        return None
    return HostRegion(AddressRange.between(start, end), name)


def firmware_ram(files: HostFiles) -> tuple[AddressRange, ...]:
    """RAM as the firmware reported it, before any ``memmap=`` (sysfs ``firmware/memmap``).

    Empty where the kernel has no such map. KVM asks the same map whether passed memory is
    cached (arch/x86/kvm/mmu/spte.c, ``kvm_is_mmio_pfn``).
    """
    folder = "/sys/firmware/memmap"
    found = []
    for entry in files.names(folder):
        if files.text(f"{folder}/{entry}/type") != "System RAM":
            continue
        try:
            start = int(files.text(f"{folder}/{entry}/start"), 16)
            last = int(files.text(f"{folder}/{entry}/end"), 16)
        except ValueError:
            continue
        if 0 <= start <= last < 1 << 64:
            found.append(AddressRange.between(start, last + 1))
    return tuple(sorted(found))


def _only_within(
    regions: tuple[HostRegion, ...], ram: tuple[AddressRange, ...]
) -> tuple[HostRegion, ...]:
    pieces = ((region.name, region.range.intersection(each)) for region in regions for each in ram)
    return tuple(sorted(HostRegion(piece, name) for name, piece in pieces if piece is not None))
