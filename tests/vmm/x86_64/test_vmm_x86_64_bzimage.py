# SPDX-License-Identifier: Apache-2.0
"""boot_params read back by the offsets of Documentation/arch/x86/zero-page.rst."""

from struct import unpack_from

import pytest
from boot_samples import KERNEL_MARK, MIB, make_bzimage, make_request, memory_after

from passthru.addresses import AddressRange
from passthru.vmm.image_errors import (
    AddressNotPossible,
    CommandLineNotPossible,
    ImageTruncated,
    ImageUnsupported,
    InitrdNotPlaceable,
    LowRamMissing,
    MapTooLong,
    RamTooSmall,
)
from passthru.vmm.x86_64.boot import plan_boot
from passthru.vmm.x86_64.boot.entry import LongModeEntry
from passthru.vmm.x86_64.boot.paging import identity_tables
from passthru.vmm.x86_64.boot.request import E820Type, MapEntry

GIB = 1 << 30
LOW = AddressRange(0, 0xA0000)


def boot(image=None, **fields):
    return plan_boot(make_request(image or make_bzimage(), **fields))


def zero_page(plan):
    return memory_after(plan, plan.entry.rsi, 4096)


def field(plan, offset, code="I"):
    return unpack_from("<" + code, zero_page(plan), offset)[0]


def initrd_of(plan):
    start = field(plan, 0x218) | field(plan, 0x0C0) << 32
    return AddressRange(start, field(plan, 0x21C) | field(plan, 0x0C4) << 32)


def test_kernel_goes_where_it_prefers():
    plan = boot()
    assert isinstance(plan.entry, LongModeEntry)
    assert plan.entry.rip == 16 * MIB + 0x200
    assert memory_after(plan, 16 * MIB, 8) == KERNEL_MARK


def test_header_is_copied_and_completed():
    image = make_bzimage()
    plan = boot(image)
    page = zero_page(plan)
    assert page[0x202:0x206] == b"HdrS"
    assert page[0x22C:0x264] == image[0x22C:0x264]
    assert page[0x26C:0x290] == bytes(0x24), "past the header's end"
    assert page[0x1EF] == 0, "sentinel"
    assert page[0x210] == 0xFF, "type_of_loader"
    assert field(plan, 0x070, "Q") == 0xE0000, "acpi_rsdp_addr"
    assert field(plan, 0x250, "Q") == 0, "setup_data"


def test_command_line():
    plan = boot(command_line="console=ttyS0 name=ä")
    address = field(plan, 0x228) | field(plan, 0x0C8) << 32
    expected = "console=ttyS0 name=ä".encode() + b"\0"
    assert memory_after(plan, address, len(expected)) == expected


def test_memory_map():
    request = make_request(make_bzimage())
    page = zero_page(plan_boot(request))
    entries = [unpack_from("<QQI", page, 0x2D0 + 20 * n) for n in range(page[0x1E8])]
    assert entries == [(e.range.start, e.range.size, int(e.type)) for e in request.memory]


def test_page_tables_map_what_the_kernel_needs():
    plan = boot()
    tables = identity_tables(plan.entry.cr3, [AddressRange(0, 4 * GIB)])
    assert memory_after(plan, plan.entry.cr3, len(tables)) == tables


def test_gdt_and_stack_are_low():
    plan = boot()
    gdt = plan.entry.gdt
    assert memory_after(plan, gdt.base, gdt.limit + 1) != b"\xee" * (gdt.limit + 1)
    low = [write.range for write in plan.writes if write.address < MIB]
    stack = AddressRange(plan.entry.rsp - 4096, 4096)
    assert LOW.contains(stack)
    assert not any(stack.overlaps(part) for part in low)
    assert all(AddressRange.between(0x1000, 0x90000).contains(part) for part in low)


@pytest.mark.shows("blob-type-load", "example-initrd-load")
def test_initrd_goes_high_but_below_the_limit():
    plan = boot(make_bzimage(initrd_max=64 * MIB - 1), initrd_data=b"i" * 5000)
    assert initrd_of(plan) == AddressRange(64 * MIB - 8192, 5000)
    assert memory_after(plan, 64 * MIB - 8192, 5000) == b"i" * 5000


def test_initrd_above_4_gib():
    ram = (LOW, AddressRange(MIB, 47 * MIB), AddressRange(4 * GIB, GIB))
    plan = boot(ram=ram, initrd_data=b"i" * (40 * MIB))
    assert initrd_of(plan) == AddressRange(4 * GIB, 40 * MIB)
    with pytest.raises(InitrdNotPlaceable, match="40m below 0x80000000"):
        boot(make_bzimage(xload_flags=1), ram=ram, initrd_data=b"i" * (40 * MIB))


@pytest.mark.shows(
    "pass-purpose", "pass-blob", "blob-initrd", "example-initrd-source", "example-initrd-place"
)
def test_initrd_in_place():
    place = AddressRange(0xB0000000, 16 * MIB)
    plan = boot(initrd=place)
    assert initrd_of(plan) == place
    assert not any(write.range.overlaps(place) for write in plan.writes)


def test_initrd_in_place_keeps_the_kernel_away():
    place = AddressRange(17 * MIB, MIB)
    plan = boot(initrd=place)
    assert plan.entry.rip == 2 * MIB + 0x200
    assert initrd_of(plan) == place


@pytest.mark.shows("example-initrd-place")
def test_initrd_in_place_out_of_reach():
    with pytest.raises(InitrdNotPlaceable):
        boot(make_bzimage(xload_flags=1), initrd=AddressRange(4 * GIB, MIB))


def test_no_initrd():
    assert initrd_of(boot()) == AddressRange(0, 0)


def test_kernel_is_moved_when_ram_is_small():
    plan = boot(ram=(LOW, AddressRange(MIB, 15 * MIB)))
    assert plan.entry.rip == 2 * MIB + 0x200


def test_kernel_above_4_gib():
    ram = (LOW, AddressRange(5 * GIB, GIB))
    plan = boot(ram=ram)
    assert plan.entry.rip == 5 * GIB + 0x200
    mapped = [AddressRange(0, 4 * GIB), AddressRange(5 * GIB, MIB)]
    tables = identity_tables(plan.entry.cr3, mapped)
    assert memory_after(plan, plan.entry.cr3, len(tables)) == tables
    with pytest.raises(RamTooSmall):
        boot(make_bzimage(xload_flags=1), ram=ram)


def test_ram_too_small_says_how_much():
    with pytest.raises(RamTooSmall, match=r"needs 8m .* 6m") as caught:
        boot(ram=(LOW, AddressRange(MIB, 6 * MIB)))
    assert caught.value.fix == "ram 0,24m"
    # With what the fix says it works.
    boot(ram=(LOW, AddressRange(MIB, 23 * MIB)))


def test_fixed_kernel_is_not_moved():
    with pytest.raises(RamTooSmall):
        boot(make_bzimage(relocatable=0), ram=(LOW, AddressRange(MIB, 15 * MIB)))
    assert boot(make_bzimage(relocatable=0)).entry.rip == 16 * MIB + 0x200


def test_address_asked_for():
    assert boot(address=32 * MIB).entry.rip == 32 * MIB + 0x200


@pytest.mark.parametrize(
    ("image", "address", "text"),
    [
        (make_bzimage(), 33 * MIB, "multiple of 0x200000"),
        (make_bzimage(), 0, "from 1 MiB on"),
        (make_bzimage(relocatable=0), 32 * MIB, "cannot be moved"),
        (make_bzimage(xload_flags=1), 4 * GIB, "above 4 GiB"),
    ],
)
def test_address_not_possible(image, address, text):
    with pytest.raises(AddressNotPossible, match=text):
        boot(image, address=address)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"version": 0x0205}, r"2\.05 has no 64-bit entry"),
        ({"xload_flags": 0}, "32-bit Linux kernel"),
        ({"load_flags": 0}, "32-bit Linux kernel"),
        ({"boot_flag": 0}, "boot flag"),
        ({"alignment": 0x300000}, "power of two"),
        ({"kernel_size": 0x100}, "no entry"),
    ],
)
def test_kernels_that_cannot_be_started(change, text):
    with pytest.raises(ImageUnsupported, match=text):
        boot(make_bzimage(**change))


@pytest.mark.parametrize("size", [0x206, 0x267, 2560, 2560 + 0x3FFF])
def test_truncated(size):
    with pytest.raises(ImageTruncated, match=f"the image has {size}"):
        boot(make_bzimage()[:size])


def test_command_line_limit():
    boot(make_bzimage(command_line_size=20), command_line="x" * 20)
    with pytest.raises(CommandLineNotPossible, match="has 21 bytes, and this image takes 20"):
        boot(make_bzimage(command_line_size=20), command_line="x" * 21)


def test_command_line_with_a_zero_byte():
    with pytest.raises(CommandLineNotPossible, match="zero byte"):
        boot(command_line="quiet\0init=/bin/sh")


@pytest.mark.parametrize("low", [(), (AddressRange(0, 0x3000),)])
def test_no_low_ram(low):
    with pytest.raises(LowRamMissing, match=r"0x1000\.\.0x90000"):
        boot(ram=(*low, AddressRange(MIB, 255 * MIB)))


def test_map_limit():
    pages = tuple(
        MapEntry(AddressRange(GIB + 8192 * n, 4096), E820Type.RESERVED) for n in range(126)
    )
    request = make_request(make_bzimage())
    with pytest.raises(MapTooLong, match="129 pieces"):
        plan_boot(request._replace(memory=request.memory + pages))
    plan = plan_boot(request._replace(memory=request.memory + pages[1:]))
    assert zero_page(plan)[0x1E8] == 128


def test_memory_view_gives_the_same():
    image = make_bzimage()
    copied, viewed = boot(image), boot(memoryview(image))
    assert copied.entry == viewed.entry
    assert [bytes(w.data) for w in copied.writes] == [bytes(w.data) for w in viewed.writes]
