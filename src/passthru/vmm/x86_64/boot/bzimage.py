# SPDX-License-Identifier: Apache-2.0
"""Linux' 64-bit boot protocol (Documentation/arch/x86/boot.rst, "64-bit Boot Protocol").

The kernel goes to the address that it prefers, or to another one if it can be moved; the
initrd to the top of the RAM that the kernel reaches; boot_params, command line, GDT and
page tables below 640 KiB.
"""

from struct import pack, pack_into

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.vmm.image_errors import (
    AddressNotPossible,
    InitrdNotPlaceable,
    LowRamMissing,
    MapTooLong,
    RamTooSmall,
)
from passthru.vmm.x86_64.boot.command_line import encoded_command_line
from passthru.vmm.x86_64.boot.entry import DescriptorTable, LongModeEntry, flat_gdt
from passthru.vmm.x86_64.boot.linux_header import (
    SETUP_HEADER_START,
    SetupHeader,
    read_setup_header,
)
from passthru.vmm.x86_64.boot.paging import identity_tables, tables_size
from passthru.vmm.x86_64.boot.request import BootPlan, BootRequest, BootWrite, FreeRam, usable_ram

__all__ = ["plan_bzimage"]

_ENTRY_64 = 0x200
_4GIB = 1 << 32
_ADDRESS_LIMIT = 1 << 46  # what page tables of four levels map for a kernel
_HIGH_MEMORY = 0x100000
# Linux' decompressor uses the last pages below 640 KiB itself for a moment.
_LOW_RAM = AddressRange.between(0x1000, 0x90000)
_STACK_SIZE = PAGE_SIZE

_MAX_MAP_ENTRIES = 128  # E820_MAX_ENTRIES_ZEROPAGE
_UNDEFINED_LOADER = 0xFF


class _LowData:
    """The pieces below 640 KiB, one after the other."""

    def __init__(self, name: str, free: FreeRam) -> None:
        self._name = name
        self._free = free
        self.writes: list[BootWrite] = []

    def reserve(self, size: int) -> int:
        place = self._free.take_lowest(size, _LOW_RAM)
        if place is None:
            raise LowRamMissing(self._name, size, _LOW_RAM)
        return place.start

    def add(self, data: bytes) -> int:
        address = self.reserve(len(data))
        self.writes.append(BootWrite(address, data))
        return address


def plan_bzimage(request: BootRequest) -> BootPlan:
    """Where a bzImage and its data go, and its 64-bit entry. Raises ImageError."""
    header = read_setup_header(request.name, request.image)
    free = usable_ram(request)
    kernel = _place_kernel(request, header, free)
    low = _LowData(request.name, free)
    command_line = low.add(
        encoded_command_line(request.name, request.command_line, header.command_line_limit)
    )
    boot_params = low.reserve(PAGE_SIZE)
    stack = low.reserve(_STACK_SIZE)
    gdt = flat_gdt(long_mode=True)
    gdt_address = low.add(gdt)
    mapped = [AddressRange(0, _4GIB), kernel]
    tables = low.reserve(tables_size(mapped))
    initrd, initrd_writes = _place_initrd(request, header, free)
    start, end = header.kernel_offset, header.kernel_offset + header.kernel_size
    writes = (
        BootWrite(kernel.start, memoryview(request.image)[start:end]),
        *initrd_writes,
        *low.writes,
        BootWrite(boot_params, _boot_params(request, header, command_line, initrd)),
        BootWrite(tables, identity_tables(tables, mapped)),
    )
    entry = LongModeEntry(
        rip=kernel.start + _ENTRY_64,
        rsi=boot_params,
        rsp=stack + _STACK_SIZE,
        cr3=tables,
        gdt=DescriptorTable(gdt_address, len(gdt) - 1),
    )
    return BootPlan(writes, entry)


def _place_kernel(request: BootRequest, header: SetupHeader, free: FreeRam) -> AddressRange:
    """The ``init_size`` bytes from the load address on."""
    wanted = _wanted_address(request, header)
    kernel = AddressRange(wanted, header.init_size)
    if kernel.start >= _HIGH_MEMORY and free.is_free(kernel) and kernel.end <= _ADDRESS_LIMIT:
        free.take(kernel)
        return kernel
    if not header.relocatable or request.address is not None:
        raise _too_small(request, header, free, wanted)
    limit = _ADDRESS_LIMIT if header.above_4gib else _4GIB
    within = AddressRange.between(_HIGH_MEMORY, limit)
    found = free.take_lowest(header.init_size, within, header.alignment)
    if found is None:
        raise _too_small(request, header, free, wanted)
    return found


def _too_small(
    request: BootRequest, header: SetupHeader, free: FreeRam, wanted: int
) -> RamTooSmall:
    end = wanted + header.init_size
    return RamTooSmall(request.name, header.init_size, free.largest(), end)


def _wanted_address(request: BootRequest, header: SetupHeader) -> int:
    asked = request.address
    if asked is None or asked == header.preferred_address:
        return header.preferred_address
    if not header.relocatable:
        raise AddressNotPossible(
            request.name,
            asked,
            "this kernel cannot be moved",
            f"guest load {header.preferred_address:#x},{request.name}",
        )
    if asked % header.alignment or asked < _HIGH_MEMORY:
        raise AddressNotPossible(
            request.name,
            asked,
            f"a kernel starts at a multiple of {header.alignment:#x} from 1 MiB on",
            f"guest load {request.name}",
        )
    if asked + header.init_size > _4GIB and not header.above_4gib:
        raise AddressNotPossible(
            request.name,
            asked,
            "this kernel cannot run above 4 GiB",
            f"guest load {request.name}",
        )
    return asked


def _place_initrd(
    request: BootRequest, header: SetupHeader, free: FreeRam
) -> tuple[AddressRange, list[BootWrite]]:
    """Where the initrd is, empty if there is none, and what to write for it."""
    limit = _ADDRESS_LIMIT if header.above_4gib else min(header.initrd_limit, _4GIB)
    if request.initrd is not None:
        if request.initrd.end > limit:
            raise InitrdNotPlaceable(request.name, request.initrd.size, limit)
        return request.initrd, []
    if not request.initrd_data:
        return AddressRange(0, 0), []
    size = len(request.initrd_data)
    below = AddressRange.between(0, min(header.initrd_limit, _4GIB))
    place = free.take_highest(size, below)
    if place is None:
        place = free.take_lowest(size, AddressRange.between(below.end, limit))
    if place is None:
        raise InitrdNotPlaceable(request.name, size, limit)
    return place, [BootWrite(place.start, request.initrd_data)]


def _boot_params(
    request: BootRequest, header: SetupHeader, command_line: int, initrd: AddressRange
) -> bytes:
    """struct boot_params, the "zero page" (Documentation/arch/x86/zero-page.rst)."""
    if len(request.memory) > _MAX_MAP_ENTRIES:
        raise MapTooLong(request.name, len(request.memory), _MAX_MAP_ENTRIES)
    page = bytearray(PAGE_SIZE)
    page[SETUP_HEADER_START : SETUP_HEADER_START + len(header.raw)] = header.raw
    pack_into("<Q", page, 0x070, request.rsdp)  # acpi_rsdp_addr
    # ext_ramdisk_image, ext_ramdisk_size, ext_cmd_line_ptr: the upper halves
    pack_into("<III", page, 0x0C0, initrd.start >> 32, initrd.size >> 32, command_line >> 32)
    pack_into("<B", page, 0x1E8, len(request.memory))  # e820_entries
    pack_into("<H", page, 0x1FA, 0xFFFF)  # vid_mode: normal
    pack_into("<B", page, 0x210, _UNDEFINED_LOADER)  # type_of_loader
    pack_into("<II", page, 0x218, initrd.start & 0xFFFFFFFF, initrd.size & 0xFFFFFFFF)
    pack_into("<I", page, 0x228, command_line & 0xFFFFFFFF)  # cmd_line_ptr
    pack_into("<Q", page, 0x250, 0)  # setup_data: none
    table = b"".join(
        pack("<QQI", entry.range.start, entry.range.size, entry.type) for entry in request.memory
    )
    page[0x2D0 : 0x2D0 + len(table)] = table
    return bytes(page)
