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
from passthru.vmm.image_errors import ImageError

MIB = 1 << 20
TREE = b"\xd0\x0d\xfe\xed"


def image(text_offset: int = 0, size: int = 3 * MIB, flags: int = 0xA) -> bytes:
    return struct.pack("<IIQQQ24x4sI", 0, 0, text_offset, size, flags, b"ARM\x64", 0) + b"kernel"


def images(directory: Path, content: bytes, more: str = "") -> tuple[ArmImages, list[object]]:
    (directory / "Image").write_bytes(content)
    (directory / "initrd").write_bytes(b"initrd")
    text = f"ram 0x80100000,63m\nguest load {directory}/Image\n{more}"
    config, findings = read([Source("guest.qvmconf", text)], environment={})
    planned = plan_arm_vm(config, LINUX)
    assert (findings, planned.findings) == ((), ())
    told: list[object] = []

    def make_tree(initrd: AddressRange | None) -> bytes:
        told.append(initrd)
        return TREE

    return read_images(planned.plan, make_tree), told


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("text_offset", [0, 0x80000])
def test_it_starts_above_2_mib_with_its_tree_in_x0(tmp_path, pack, text_offset):
    started, told = images(tmp_path, pack(image(text_offset)))
    assert started.entry == 0x80200000 + text_offset
    assert dict(started.writes)[started.entry] == image(text_offset)
    assert dict(started.writes)[started.tree] == TREE
    assert started.tree >= started.entry + 3 * MIB
    assert started.tree % 8 == 0
    assert told == [None]


def test_the_ram_disk_goes_behind_and_the_tree_tells_where(tmp_path):
    started, (place,) = images(tmp_path, image(), f"initrd load {tmp_path}/initrd")
    assert isinstance(place, AddressRange)
    assert dict(started.writes)[place.start] == b"initrd"
    for taken in (AddressRange(started.entry, 3 * MIB), AddressRange(started.tree, 2 * MIB)):
        assert not taken.overlaps(place)


def test_a_ram_disk_with_an_address_is_left_there(tmp_path):
    started, told = images(tmp_path, image(), f"initrd load 0x80200000,{tmp_path}/initrd")
    assert told == [AddressRange(0x80200000, 6)]
    assert started.entry == 0x80400000


def test_an_image_without_a_size_is_as_large_as_its_file(tmp_path):
    assert images(tmp_path, image(size=0))[0].entry == 0x80280000


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (image()[:60], "needs 64 bytes"),
        (image(flags=1), "big-endian"),
        (image(size=1 << 62), "impossible place"),
        (image(text_offset=1 << 30), "impossible place"),
        (image(size=64 * MIB), "64m of RAM"),
        (gzip.compress(image())[:40], "ends too early"),
        (b"\x1f\x8b\x08" + bytes(40), "damaged gzip"),
        (gzip.compress(bytes(128 * MIB)), "of RAM in one piece"),
    ],
)
def test_what_cannot_start_is_told(tmp_path, content, words):
    with pytest.raises(ImageError, match=words):
        images(tmp_path, content)
