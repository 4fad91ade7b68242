# SPDX-License-Identifier: Apache-2.0
"""The board files: what ships is sound, and mistakes are named."""

import pytest

from passthru.addresses import AddressRange, PciAddress
from passthru.bench.board_values import parse_size
from passthru.bench.boards import BenchBoard, board_names, load_board, parse_board
from passthru.bench.errors import BenchBoardError, UnknownBoardError

GOOD = """\
description = "a board"
architecture = "x86-64"
processors = 2
processor = "EPYC"
memory = "1G"
machine = "q35"
devices = ["edu,addr=0x5"]
kernel_arguments = ["quiet"]
modules = ["vfio-pci"]

[[reserved]]
name = "images"
start = 0x20000000
size = "64M"

[[pattern]]
id = "data"
address = 0x20001000
size = "4K"

[[disk]]
id = "pattern"
size = "4M"
device = "nvme"

[[function]]
address = "0000:00:05.0"
id = "1234:11e8"
description = "edu"
"""


def board(text: str) -> BenchBoard:
    return parse_board("test", text, "test.toml")


def test_a_board_is_read() -> None:
    read = board(GOOD)

    assert read.ram == AddressRange(0, 1 << 30)
    assert read.reserved[0].range == AddressRange(0x20000000, 64 << 20)
    assert read.patterns[0].range == AddressRange(0x20001000, 4096)
    assert read.disks[0].size == 4 << 20
    assert read.functions[0].address == PciAddress(0, 0, 5, 0)
    assert (read.functions[0].vendor, read.functions[0].device) == (0x1234, 0x11E8)
    assert read.functions[0].driver is None


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('"a board"', "3", "test.toml: description: must be a string"),
        ('description = "a board"\n', "", "description: is missing"),
        ('"x86-64"', '"sparc"', "architecture: must be one of x86-64, aarch64"),
        ("processors = 2", "processors = 0", "processors: must be an integer from 1 to 64"),
        ("processors = 2", "processors = true", "processors: must be an integer"),
        ('"1G"', '"1 gibibyte"', "memory: 1 gibibyte is no size like 64M"),
        ('"1G"', '"100"', "memory: must be whole pages, not 100 bytes"),
        ('["quiet"]', '["quiet", 5]', "kernel_arguments: must be a list of strings"),
        ('["vfio-pci"]', '"vfio-pci"', "modules: must be a list of strings"),
        ("machine =", "machin =", "machine: is missing"),
        ("[[disk]]", "[[disc]]", "disc: is not known here"),
        ('device = "nvme"', 'device = "nvme"\nspeed = 5', "disk 1: speed: is not known here"),
        ("0x20000000", "0x20000800", "reserved 1: start: must begin and end on a page"),
        ("0x20000000", "0x3f000000", "reserved images: lies outside the memory"),
        ("0x20001000", "0x30000000", "pattern data: lies outside the reserved memory"),
        ('"0000:00:05.0"', '"5.0"', "function 1: address: 5.0 is no PCI address"),
        ('"1234:11e8"', '"1234"', "function 1: id: must be vendor:device"),
        ("[[reserved]]", "[reserved]", r"reserved: must be tables, each headed \[\[reserved\]\]"),
        ("processors = 2", "processors 2", "test.toml: syntax: "),
    ],
)
def test_mistakes_are_named_with_their_key(old: str, new: str, error: str) -> None:
    assert old in GOOD

    with pytest.raises(BenchBoardError, match=error):
        board(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    ("text", "size"), [("4096", 4096), ("64K", 65536), ("2G", 2 << 30), ("1M", 1 << 20)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1M", "1T", "M", "1.5G", "0x10", "1 M"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize("name", board_names())
def test_every_board_that_ships_is_sound(name: str) -> None:
    shipped = load_board(name)

    devices = " ".join((*shipped.devices, *(disk.device for disk in shipped.disks)))
    for function in shipped.functions:
        place = f"addr={function.address.device:#x}"
        assert place in devices
        for mate in function.group_with:
            assert mate in [other.address for other in shipped.functions]


def test_ram_begins_where_the_architecture_has_it() -> None:
    arm = GOOD.replace('"x86-64"', '"aarch64"').replace("0x20", "0x60")

    assert board(arm).ram == AddressRange(0x40000000, 1 << 30)
    with pytest.raises(BenchBoardError, match="reserved images: lies outside the memory"):
        board(GOOD.replace('"x86-64"', '"aarch64"'))


def test_an_unknown_board_is_answered_with_the_known_ones() -> None:
    with pytest.raises(UnknownBoardError, match=r"called nosuch \(known: .*x86-64"):
        load_board("nosuch")
