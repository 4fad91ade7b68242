# SPDX-License-Identifier: Apache-2.0
"""Linux' Image for arm64: where it goes, with its tree and its RAM disk, and damaged ones."""

import gzip
import struct
from pathlib import Path

import pytest

from arm_board import LINUX
from passthru.addresses import AddressRange
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.arm_planner import plan_arm_vm
from passthru.vmm.aarch64.boot import ArmImages, read_images
from passthru.vmm.aarch64.errors import TreeOutsideRam
from passthru.vmm.image_errors import ImageError

MIB = 1 << 20
HOST_MEMORY = b"a RAM disk".ljust(0x1000)
TREE = b"\xd0\x0d\xfe\xed"


def image(text_offset: int = 0, size: int = 3 * MIB, flags: int = 0xA) -> bytes:
    return struct.pack("<IIQQQ24x4sI", 0, 0, text_offset, size, flags, b"ARM\x64", 0) + b"kernel"


def images(
    directory: Path,
    content: bytes,
    more: str = "",
    load: str = "guest load",
    ram: str = "ram 0x80100000,64m",
) -> tuple[ArmImages, list]:
    (directory / "Image").write_bytes(content)
    (directory / "initrd").write_bytes(b"initrd")
    text = f"{ram}\n{load} {directory}/Image\n{more}"
    config, findings = read([Source("guest.qvmconf", text)], environment={})
    planned = plan_arm_vm(config, LINUX)
    assert (findings, planned.findings) == ((), ())
    told: list = []

    def make_tree(initrd: AddressRange | None, space: int) -> bytes:
        told.append(initrd)
        told.append(space)
        return TREE

    def read_host(place: AddressRange) -> bytes:
        assert place == AddressRange(0x70000000, 0x1000)
        return HOST_MEMORY

    return read_images(planned.plan, make_tree, read_host), told


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("text_offset", [0, 0x80000])
def test_it_starts_above_2_mib_with_its_tree_in_x0(tmp_path, pack, text_offset):
    started, told = images(tmp_path, pack(image(text_offset)))
    assert started.entry == 0x80200000 + text_offset
    assert dict(started.writes)[started.entry] == image(text_offset)
    assert dict(started.writes)[started.tree] == TREE
    assert started.tree >= started.entry + 3 * MIB
    assert started.tree % 8 == 0
    assert told == [None, 2 * MIB]


def test_the_ram_disk_goes_behind_and_the_tree_tells_where(tmp_path):
    started, (place, _) = images(tmp_path, image(), f"initrd load {tmp_path}/initrd")
    assert isinstance(place, AddressRange)
    assert dict(started.writes)[place.start] == b"initrd"
    for taken in (AddressRange(started.entry, 3 * MIB), AddressRange(started.tree, 2 * MIB)):
        assert not taken.overlaps(place)


@pytest.mark.parametrize("kind", ["guest load", "load"])
def test_a_ram_disk_in_the_host_s_memory_is_copied(tmp_path, kind):
    content = image() if kind == "guest load" else b"code"
    more = "fdt generate initrd pass loc 0x90000000,0x1000,rn=0x70000000"
    started, (place, _) = images(tmp_path, content, more, kind)
    assert dict(started.writes)[place.start] == HOST_MEMORY
    assert place.size == len(HOST_MEMORY)
    assert AddressRange(0x80100000, 64 * MIB).contains(place)


def test_a_passed_ram_disk_without_room_is_refused_before_it_is_read(tmp_path):
    with pytest.raises(ImageError) as raised:  # read_host refuses all but 4 KiB
        images(tmp_path, image(), "initrd pass loc 0x90000000,96M,rn=0x70000000")
    assert str(raised.value) == (
        "[guest.qvmconf:3] the initial RAM disk: needs 96m of RAM in one piece to start, and the "
        "largest free piece that this guest has is 57m"
    )


def test_a_ram_disk_without_room_has_it_with_the_fix(tmp_path):
    (tmp_path / "large").write_bytes(bytes(65 * MIB))
    more = f"initrd load {tmp_path}/large"
    with pytest.raises(ImageError, match=r"^\[guest.qvmconf:3\] the initial RAM disk") as raised:
        images(tmp_path, image(), more)
    _, (place, _) = images(tmp_path, image(), more, ram=str(raised.value.fix))
    assert place.size == 65 * MIB


def test_a_ram_disk_with_an_address_is_left_there(tmp_path):
    started, told = images(tmp_path, image(), f"initrd load 0x80200000,{tmp_path}/initrd")
    assert told[0] == AddressRange(0x80200000, 6)
    assert started.entry == 0x80400000


def test_an_image_without_a_size_is_as_large_as_its_file(tmp_path):
    assert images(tmp_path, image(size=0))[0].entry == 0x80280000


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_more_ram_as_the_fix_says_is_enough(tmp_path, pack):
    large = image(size=80 * MIB).ljust(80 * MIB, b"k")
    with pytest.raises(ImageError, match="80m of RAM in one piece") as raised:
        images(tmp_path, pack(large))
    assert raised.value.fix == "ram 0x80100000,145m"
    assert images(tmp_path, pack(large), ram=raised.value.fix)[0].entry == 0x80200000


@pytest.mark.parametrize(
    ("address", "space", "kernel"),
    [
        (0x80100008, 2 * MIB, 0x80400000),
        (0x80200000, 2 * MIB, 0x80400000),
        (0x840FF000, 0x1000, 0x80200000),
    ],
)
def test_a_tree_of_ones_own_goes_where_it_shall(tmp_path, address, space, kernel):
    started, told = images(tmp_path, image(), f"fdt load {address:#x},own.dtb")
    assert (started.tree, told) == (address, [None, space])
    assert dict(started.writes)[address] == TREE
    assert started.entry == kernel


def test_a_tree_has_the_room_up_to_what_else_has_a_place(tmp_path):
    (tmp_path / "data").write_bytes(b"data")
    more = f"fdt load 0x80100000,own.dtb load 0x80100100,{tmp_path}/data"
    assert images(tmp_path, image(), more)[1] == [None, 0x100]


@pytest.mark.parametrize("address", [0x80000000, 0x84100000, 0x80100100])
def test_a_tree_where_no_free_memory_is_is_refused(tmp_path, address):
    (tmp_path / "data").write_bytes(bytes(0x100))
    more = f"load 0x80100100,{tmp_path}/data fdt load {address:#x},own.dtb"
    with pytest.raises(TreeOutsideRam, match=f"{address:#x}, which is not free RAM") as raised:
        images(tmp_path, image(), more)
    assert raised.value.fix == "`fdt load own.dtb` puts it where there is room"


@pytest.mark.parametrize("more", ["fdt generate", "fdt load own.dtb", "set fdt-dump-file x"])
def test_another_image_gets_a_tree_where_the_configuration_speaks_of_one(tmp_path, more):
    started, told = images(tmp_path, b"code", f"{more} initrd load {tmp_path}/initrd", "load")
    assert started.entry == 0x80100000
    assert (told[0].size, told[1]) == (6, 2 * MIB)
    assert dict(started.writes) == {
        started.entry: b"code",
        told[0].start: b"initrd",
        started.tree: TREE,
    }
    assert started.tree % 8 == 0


def test_another_image_gets_none_without_a_word_of_it(tmp_path):
    started, told = images(tmp_path, b"code", "", "load")
    assert (started.tree, told) == (0, [])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (image()[:60], "needs 64 bytes"),
        (image(flags=1), "big-endian"),
        (image(size=1 << 62), "impossible place"),
        (image(text_offset=1 << 30), "impossible place"),
        (image(size=64 * MIB), "64m of RAM"),
        (gzip.compress(image(), mtime=0)[:40], "ends too early"),
        (b"\x1f\x8b\x08" + bytes(40), "damaged gzip"),
        (gzip.compress(bytes(128 * MIB), mtime=0), "of RAM in one piece"),
    ],
)
def test_what_cannot_start_is_told(tmp_path, content, words):
    with pytest.raises(ImageError, match=words):
        images(tmp_path, content)


@pytest.mark.parametrize("kind", ["guest load", "load"])
@pytest.mark.parametrize("letters", ["rwxcmn", "rxcmn"])
def test_nothing_goes_to_passed_memory_by_itself(tmp_path, kind, letters):
    content = image() if kind == "guest load" else b"code"
    passed = f"pass loc 0x40000000,32M,{letters}=0x70000000"
    more = f"fdt generate initrd load {tmp_path}/initrd {passed}"
    started, (place, _) = images(tmp_path, content, more, kind)
    assert isinstance(place, AddressRange)
    ram = AddressRange(0x80100000, 64 * MIB)
    for start in (started.entry, started.tree, place.start, *(at for at, _ in started.writes)):
        assert ram.contains(AddressRange(start, 1))


def test_passed_memory_does_not_help_where_there_is_too_little_ram(tmp_path):
    passed = "pass loc 0x40000000,32M,rwxcmn=0x70000000"
    with pytest.raises(ImageError, match="of RAM in one piece"):
        images(tmp_path, image(), passed, ram="ram 0x80100000,1m")
