# SPDX-License-Identifier: Apache-2.0
"""The PVH boot protocol for ELF images (Xen: docs/misc/pvh.pandoc, hvm/start_info.h).

Entered in 32-bit protected mode without paging, EBX pointing to start_info.
"""

from struct import pack

from passthru.addresses import AddressRange
from passthru.vmm.elf_image import ElfImage, LoadSegment, read_elf
from passthru.vmm.image_errors import (
    AddressNotPossible,
    ImageUnsupported,
    InitrdNotPlaceable,
    LowRamMissing,
    OutsideRam,
)
from passthru.vmm.x86_64.boot.command_line import encoded_command_line
from passthru.vmm.x86_64.boot.entry import DescriptorTable, ProtectedModeEntry, flat_gdt
from passthru.vmm.x86_64.boot.request import BootPlan, BootRequest, BootWrite, FreeRam, usable_ram

__all__ = ["plan_elf"]

_MAGIC = 0x336EC578
_VERSION = 1
_START_INFO_SIZE = 56
_4GIB = AddressRange(0, 1 << 32)
# From the second page on: a null pointer must not be valid, and 4 GiB are all EBX reaches.
_REACHABLE = AddressRange.between(0x1000, _4GIB.end)
# COMMAND_LINE_SIZE of Linux on x86; the protocol itself has no limit.
_COMMAND_LINE_LIMIT = 2047


def plan_elf(request: BootRequest) -> BootPlan:
    """Where an ELF image's segments and start_info go, and its PVH entry. Raises ImageError."""
    image = read_elf(request.name, request.image, "x86-64")
    entry = _checked_entry(request, image)
    free = usable_ram(request)
    writes, zeroed = _place_segments(request, image, free)
    modules, initrd_writes = _modules(request, free)
    info_address, info = _start_info(request, modules, free)
    gdt = flat_gdt(long_mode=False)
    gdt_address = _reserve(request.name, len(gdt), free)
    writes += [*initrd_writes, BootWrite(info_address, info), BootWrite(gdt_address, gdt)]
    return BootPlan(
        tuple(writes),
        ProtectedModeEntry(entry, info_address, DescriptorTable(gdt_address, len(gdt) - 1)),
        tuple(zeroed),
    )


def _checked_entry(request: BootRequest, image: ElfImage) -> int:
    if image.pvh_entry is None:
        raise ImageUnsupported(
            request.name,
            "an ELF file without a PVH entry (note Xen, type 18), the only protocol for ELF here",
            "build the kernel with CONFIG_PVH=y, or give its bzImage",
        )
    if request.address is not None:
        raise AddressNotPossible(
            request.name,
            request.address,
            "an ELF file itself says where it goes",
            f"guest load {request.name}",
        )
    for segment in image.segments:
        if segment.address <= image.pvh_entry < segment.address + segment.file_size:
            return image.pvh_entry
    raise ImageUnsupported(
        request.name, f"damaged ELF file: its entry {image.pvh_entry:#x} lies in no segment"
    )


def _place_segments(
    request: BootRequest, image: ElfImage, free: FreeRam
) -> tuple[list[BootWrite], list[AddressRange]]:
    writes, zeroed = [], []
    rom = FreeRam(request.rom)
    for segment in image.segments:
        place = AddressRange(segment.address, segment.memory_size)
        if not (free.is_free(place) or rom.is_free(place)):
            raise OutsideRam(request.name, "a segment", place)
        free.take(place)
        rom.take(place)
        file_bytes, zeros = _parts(segment)
        if file_bytes.size:
            end = segment.offset + segment.file_size
            data = memoryview(request.image)[segment.offset : end]
            writes.append(BootWrite(file_bytes.start, data))
        if zeros.size:
            zeroed.append(zeros)
    return writes, zeroed


def _parts(segment: LoadSegment) -> tuple[AddressRange, AddressRange]:
    """What comes from the file, and the zeros after it."""
    end = segment.address + segment.memory_size
    from_file = AddressRange(segment.address, segment.file_size)
    return from_file, AddressRange.between(from_file.end, end)


def _reserve(name: str, size: int, free: FreeRam) -> int:
    place = free.take_lowest(size, _REACHABLE)
    if place is None:
        raise LowRamMissing(name, size, _REACHABLE)
    return place.start


def _modules(request: BootRequest, free: FreeRam) -> tuple[list[AddressRange], list[BootWrite]]:
    """The initrd as the only module, if there is one."""
    if request.initrd is not None:
        return [request.initrd], []
    if not request.initrd_data:
        return [], []
    size = len(request.initrd_data)
    place = free.take_highest(size, _REACHABLE)
    if place is None:
        raise InitrdNotPlaceable(request.name, size, _REACHABLE.end)
    return [place], [BootWrite(place.start, request.initrd_data)]


def _start_info(
    request: BootRequest, modules: list[AddressRange], free: FreeRam
) -> tuple[int, bytes]:
    """struct hvm_start_info, followed by all that it points to; and its GPA."""
    memory_map = b"".join(
        pack("<QQII", entry.range.start, entry.range.size, entry.type, 0)
        for entry in request.memory
    )
    module_list = b"".join(pack("<QQQQ", part.start, part.size, 0, 0) for part in modules)
    command_line = encoded_command_line(request.name, request.command_line, _COMMAND_LINE_LIMIT)
    size = _START_INFO_SIZE + len(module_list) + len(memory_map) + len(command_line)
    address = _reserve(request.name, size, free)
    module_address = address + _START_INFO_SIZE
    map_address = module_address + len(module_list)
    info = pack(
        "<IIIIQQQQII",
        _MAGIC,
        _VERSION,
        0,
        len(modules),
        module_address if modules else 0,
        map_address + len(memory_map),
        request.rsdp,
        map_address,
        len(request.memory),
        0,
    )
    return address, info + module_list + memory_map + command_line
