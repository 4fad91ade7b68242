# SPDX-License-Identifier: Apache-2.0
"""start_info read back as Xen's public/arch-x86/hvm/start_info.h lays it out."""

from struct import pack, pack_into, unpack_from

import pytest
from boot_samples import MIB, make_elf, make_elf32, make_request, memory_after, xen_note

from passthru.addresses import AddressRange
from passthru.vmm.image_errors import (
    AddressNotPossible,
    CommandLineNotPossible,
    ImageTruncated,
    ImageUnsupported,
    InitrdNotPlaceable,
    LowRamMissing,
    OtherArchitecture,
    OutsideRam,
)
from passthru.vmm.x86_64.boot import plan_boot
from passthru.vmm.x86_64.boot.entry import ProtectedModeEntry

CODE = b"\xf4" * 64
SEGMENTS = [(MIB, CODE, 0x3000), (2 * MIB, b"data", 4)]
ELF = make_elf(SEGMENTS, xen_note(MIB + 16))


def start_info(plan):
    return unpack_from("<IIIIQQQQII", memory_after(plan, plan.entry.ebx, 56))


def test_segments_and_entry():
    plan = plan_boot(make_request(ELF))
    assert isinstance(plan.entry, ProtectedModeEntry)
    assert plan.entry.eip == MIB + 16
    assert memory_after(plan, MIB, 0x3000) == CODE.ljust(0x3000, b"\0")
    assert memory_after(plan, 2 * MIB, 4) == b"data"


def test_32_bit_image():
    plan = plan_boot(make_request(make_elf32(MIB, CODE, xen_note(MIB))))
    assert plan.entry.eip == MIB
    assert memory_after(plan, MIB, len(CODE)) == CODE


def test_start_info():
    request = make_request(ELF, command_line="a=1")
    plan = plan_boot(request)
    info = start_info(plan)
    magic, version, flags, modules, module_list, line, rsdp, entries, count, reserved = info
    assert (magic, version, flags, reserved) == (0x336EC578, 1, 0, 0)
    assert (modules, module_list) == (0, 0)
    assert memory_after(plan, line, 4) == b"a=1\0"
    assert rsdp == 0xE0000
    table = memory_after(plan, entries, 24 * count)
    assert [unpack_from("<QQII", table, 24 * n) for n in range(count)] == [
        (e.range.start, e.range.size, int(e.type), 0) for e in request.memory
    ]


def module(plan):
    assert start_info(plan)[3] == 1
    return unpack_from("<QQQQ", memory_after(plan, start_info(plan)[4], 32))


def test_initrd_is_the_module():
    plan = plan_boot(make_request(ELF, initrd_data=b"i" * 5000))
    address, size, line, reserved = module(plan)
    assert (address, size, line, reserved) == (256 * MIB - 8192, 5000, 0, 0)
    assert memory_after(plan, address, size) == b"i" * 5000


def test_initrd_in_place():
    plan = plan_boot(make_request(ELF, initrd=AddressRange(0xB0000000, MIB)))
    assert module(plan)[:2] == (0xB0000000, MIB)


def test_nothing_overlaps():
    plan = plan_boot(make_request(ELF, initrd_data=b"i"))
    places = [write.range for write in plan.writes] + list(plan.zeroed)
    for position, place in enumerate(places):
        assert not any(place.overlaps(other) for other in places[position + 1 :])


def test_segment_in_rom():
    rom = AddressRange(0x80000000, MIB)
    elf = make_elf([(rom.start, CODE, len(CODE))], xen_note(rom.start))
    plan = plan_boot(make_request(elf, rom=(rom,)))
    assert memory_after(plan, rom.start, len(CODE)) == CODE


@pytest.mark.parametrize(
    "note",
    [
        xen_note(1, name=b"GNU\0", kind=3) + xen_note(MIB),
        xen_note(MIB, size=8),
        xen_note(7, kind=6) + xen_note(MIB),
    ],
)
def test_entry_note_among_others(note):
    assert plan_boot(make_request(make_elf(SEGMENTS, note))).entry.eip == MIB


@pytest.mark.parametrize(
    ("note", "text"),
    [
        (b"", "without a PVH entry"),
        (xen_note(MIB, name=b"GNU\0"), "without a PVH entry"),
        (xen_note(MIB)[:-1], "without a PVH entry"),
        (pack("<III", 0xFFFFFFFF, 0xFFFFFFFF, 18) + b"Xen\0", "without a PVH entry"),
        (xen_note(3 * MIB), "lies in no segment"),
        (xen_note(MIB + 64), "lies in no segment"),
    ],
)
def test_bad_entry(note, text):
    with pytest.raises(ImageUnsupported, match=text):
        plan_boot(make_request(make_elf(SEGMENTS, note)))


@pytest.mark.parametrize(("machine", "name"), [(183, "arm64"), (243, "RISC-V"), (0x9999, "39321")])
def test_other_architecture(machine, name):
    with pytest.raises(OtherArchitecture, match=name):
        plan_boot(make_request(make_elf(SEGMENTS, xen_note(MIB), machine=machine)))


@pytest.mark.parametrize(
    "segments",
    [
        [(0x9F000, CODE, 0x2000)],
        [(256 * MIB, CODE, 64)],
        [((1 << 64) - 64, CODE, 64)],
        [(MIB, CODE, 1 << 50)],
        [(MIB, CODE, 64), (MIB + 32, CODE, 64)],
    ],
)
def test_segment_outside_free_ram(segments):
    with pytest.raises(OutsideRam):
        plan_boot(make_request(make_elf(segments, xen_note(segments[0][0], size=8))))


def test_truncated():
    with pytest.raises(ImageTruncated, match=f"the image has {len(ELF) - 1}"):
        plan_boot(make_request(ELF[:-1]))


def test_more_in_the_file_than_in_memory():
    elf = bytearray(ELF)
    pack_into("<Q", elf, 64 + 40, 8)
    with pytest.raises(ImageUnsupported, match="larger in the file"):
        plan_boot(make_request(bytes(elf)))


@pytest.mark.parametrize(("offset", "count"), [(64, 0xFFFF), (1 << 63, 3), (len(ELF), 1)])
def test_bad_table_of_segments(offset, count):
    elf = bytearray(ELF)
    pack_into("<Q", elf, 0x20, offset)
    pack_into("<H", elf, 0x38, count)
    with pytest.raises(ImageTruncated, match="table of segments"):
        plan_boot(make_request(bytes(elf)))


def test_no_address_for_elf():
    with pytest.raises(AddressNotPossible, match="itself says"):
        plan_boot(make_request(ELF, address=4 * MIB))


def test_no_room():
    ram = (AddressRange(MIB, 0x3000), AddressRange(2 * MIB, 4096))
    elf = make_elf([(MIB, CODE, 0x3000), (2 * MIB, b"d", 4096)], xen_note(MIB))
    with pytest.raises(LowRamMissing):
        plan_boot(make_request(elf, ram=ram))
    with pytest.raises(InitrdNotPlaceable):
        plan_boot(make_request(elf, ram=ram, initrd_data=b"i"))


def test_command_line_too_long():
    with pytest.raises(CommandLineNotPossible):
        plan_boot(make_request(ELF, command_line="x" * 2048))
