# SPDX-License-Identifier: Apache-2.0
import bz2
import gzip
import lzma

import pytest
from boot_samples import MIB, make_bzimage, make_elf, make_request, memory_after, xen_note
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.diagnostics.errors import ExitStatus
from passthru.vmm.image_errors import (
    AddressNotPossible,
    ImageError,
    NotAnImage,
    OtherArchitecture,
    OutsideRam,
    RamTooSmall,
)
from passthru.vmm.images import ImageFormat, recognise
from passthru.vmm.x86_64.boot import plan_boot
from passthru.vmm.x86_64.boot.entry import RealModeEntry

FLAT = b"\xfa\xb0\x2a\xe6\x10\xf4"


def at(offset, mark):
    return bytes(offset) + mark + bytes(16)


FORMATS = [
    (make_bzimage(), ImageFormat.BZIMAGE),
    (b"MZ" + make_bzimage()[2:], ImageFormat.BZIMAGE),
    (make_elf([], b""), ImageFormat.ELF),
    (at(0x38, b"ARM\x64"), ImageFormat.ARM64_IMAGE),
    (at(0x24, (0x016F2818).to_bytes(4, "little")), ImageFormat.ARM_ZIMAGE),
    (at(0x38, b"RSC\x05"), ImageFormat.RISCV_IMAGE),
    ((0x27051956).to_bytes(4, "big"), ImageFormat.UIMAGE),
    ((0xD00DFEED).to_bytes(4, "big"), ImageFormat.DEVICE_TREE),
    (b"ANDROID!" + bytes(8), ImageFormat.ANDROID),
    (gzip.compress(b"kernel", mtime=0), ImageFormat.GZIP),
    (lzma.compress(b"kernel"), ImageFormat.XZ),
    (bz2.compress(b"kernel"), ImageFormat.BZIP2),
    ((0xFD2FB528).to_bytes(4, "little"), ImageFormat.ZSTD),
    ((0x184C2102).to_bytes(4, "little"), ImageFormat.LZ4),
    (b"QFI\xfb\0\0\0\3", ImageFormat.QCOW2),
    (b"070701" + bytes(100), ImageFormat.CPIO),
    (b"MZ" + bytes(0x3A) + b"\x40\0\0\0PE\0\0", ImageFormat.EFI),
    (b"MZ" + bytes(0x3A) + b"\xff\xff\xff\xff", ImageFormat.FLAT),
    (b"MZ", ImageFormat.FLAT),
    (b"", ImageFormat.EMPTY),
    (FLAT, ImageFormat.FLAT),
    (make_bzimage()[:0x205], ImageFormat.FLAT),
]


@pytest.mark.parametrize(("image", "kind"), FORMATS)
def test_recognised(image, kind):
    assert recognise(image) is kind
    assert recognise(memoryview(image)) is kind


def test_every_format_is_tried():
    assert {kind for _, kind in FORMATS} == set(ImageFormat)


@given(st.binary(max_size=600))
def test_any_bytes_are_something(image):
    assert isinstance(recognise(image), ImageFormat)


@pytest.mark.parametrize(
    ("image", "error", "text", "fix"),
    [
        (at(0x38, b"ARM\x64"), OtherArchitecture, "made for arm64", "give an x86-64 image"),
        (b"\x1f\x8b\x08\0", NotAnImage, "a gzip file", "zcat image > image.unpacked"),
        (b"070701", NotAnImage, "a cpio archive", "initrd load image"),
        (b"", NotAnImage, "an empty file", None),
        (b"QFI\xfb", NotAnImage, "a qcow2 disk", None),
    ],
)
def test_refused(image, error, text, fix):
    with pytest.raises(error, match=f"^image: .*{text}") as caught:
        plan_boot(make_request(image))
    assert caught.value.exit_status == ExitStatus.FATAL_BEFORE_START
    assert (caught.value.fix or "").startswith(fix or "")


def test_flat_runs_from_the_first_free_byte():
    plan = plan_boot(make_request(FLAT, ram=(AddressRange(0x4000, 0x1000),)))
    assert plan.entry == RealModeEntry(0x4000)
    assert memory_after(plan, 0x4000, len(FLAT)) == FLAT


def test_flat_at_an_address():
    plan = plan_boot(make_request(FLAT, address=0x7C00))
    assert plan.entry == RealModeEntry(0x7C00)
    assert memory_after(plan, 0x7C00, len(FLAT)) == FLAT


def test_flat_in_rom():
    rom = AddressRange(0xFFFF0000, 0x10000)
    plan = plan_boot(make_request(FLAT, rom=(rom,), address=0xFFFFFFF0))
    assert plan.entry == RealModeEntry(0xFFFFFFF0)
    assert memory_after(plan, 0xFFFFFFF0, len(FLAT)) == FLAT


def test_flat_but_called_a_guest_image():
    with pytest.raises(NotAnImage, match="no known format"):
        plan_boot(make_request(FLAT, explicit=True))


@pytest.mark.parametrize(
    ("address", "error", "text"),
    [
        (0x7C08, AddressNotPossible, "multiple of 16"),
        (1 << 32, AddressNotPossible, "4 GiB"),
        (0x9FFF0, OutsideRam, "0x9fff0"),
        (0x40000000, OutsideRam, "0x40000000"),
    ],
)
def test_flat_at_a_bad_address(address, error, text):
    with pytest.raises(error, match=text):
        plan_boot(make_request(FLAT * 4, address=address))


def test_flat_does_not_cover_the_firmware_tables():
    ram = (AddressRange(0, 2 * MIB),)
    with pytest.raises(OutsideRam):
        plan_boot(make_request(b"\xf4" * 0x20000, ram=ram, address=0xD0000))
    large = plan_boot(make_request(b"\xf4" * (MIB - 0x10000), ram=ram))
    assert large.entry == RealModeEntry(MIB)


def test_flat_too_large():
    with pytest.raises(RamTooSmall, match=r"needs 2m .* 640k") as caught:
        plan_boot(make_request(bytes(2 * MIB), ram=(AddressRange(0, 0xA0000),)))
    assert caught.value.fix == "ram 0,2m"


ELF = make_elf([(MIB, b"\xf4" * 64, 4096)], xen_note(MIB))
STARTS = st.sampled_from([ELF, make_bzimage(kernel_size=0x400, init_size=MIB)])


@given(STARTS, st.lists(st.tuples(st.integers(0, 0x270), st.integers(0, 255)), max_size=12))
def test_damaged_images_never_write_outside_ram(image, changes):
    damaged = bytearray(image)
    for offset, value in changes:
        if offset < len(damaged):
            damaged[offset] = value
    request = make_request(bytes(damaged), initrd_data=b"initrd")
    try:
        plan = plan_boot(request)
    except ImageError:
        return
    taken = []
    for write in plan.writes:
        assert any(part.contains(write.range) for part in request.ram)
        assert not any(write.range.overlaps(other) for other in taken)
        taken.append(write.range)


@given(st.binary(max_size=300), st.sampled_from([b"\x7fELF", ELF[:5], ELF[:64], ELF[:120]]))
def test_garbage_after_an_elf_mark(tail, head):
    with pytest.raises(ImageError):
        plan_boot(make_request(head + tail, explicit=True))


def test_pieces_for_adjacent_ram():
    ram = (AddressRange(0, 0x2000), AddressRange(0x2000, 0x2000))
    image = bytes(range(256)) * 16 * 3
    plan = plan_boot(make_request(image, ram=ram, address=0x800))
    assert [write.range for write in plan.writes] == [
        AddressRange(0x800, 0x1800),
        AddressRange(0x2000, 0x1800),
    ]
    assert memory_after(plan, 0x800, len(image)) == image
