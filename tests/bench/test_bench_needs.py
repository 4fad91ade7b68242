# SPDX-License-Identifier: Apache-2.0
"""What a configuration needs of the virtual host: functions to bind, RAM to reserve."""

from pathlib import Path

import pytest

from passthru.addresses import AddressRange, PciAddress
from passthru.bench.boards import PlacedFile, load_board
from passthru.bench.errors import PlacementError
from passthru.bench.needs import functions_to_bind, memory_to_reserve, parse_placed_file
from passthru.diagnostics.source import Source
from passthru.language.model import VmConfig
from passthru.language.reader import read

BOARD = load_board("x86-64")
EDU, EDU_IN_GROUP = PciAddress(0, 0, 5, 0), PciAddress(0, 0, 8, 1)


def config(text: str) -> VmConfig:
    return read([Source("test.qvmconf", text)], environment={}).config


@pytest.mark.parametrize(
    ("text", "functions"),
    [
        ("ram 64M", []),
        ("pass loc pci:0:3.0", [PciAddress(0, 0, 3, 0)]),
        (
            "pass loc pci:0:14.0 loc pci:0:1.0=pci:0:3.0",
            [PciAddress(0, 0, 14, 0), PciAddress(0, 0, 3, 0)],
        ),
        ("pass loc pci:0:3.0 pass loc pci:0:4.0=pci:0:3.0", [PciAddress(0, 0, 3, 0)]),
        ("pass loc pci:0x1234/0x11e8", [EDU, EDU_IN_GROUP]),
        ("pass loc pci:0x1234/0x11e8/1", [EDU_IN_GROUP]),
        ("pass loc pci:0x1234/0x11e8/2", []),
        ("pass loc pci:0:29.0", []),
    ],
)
def test_functions(text: str, functions: list[PciAddress]) -> None:
    assert functions_to_bind(config(text), BOARD) == functions


@pytest.mark.parametrize(
    ("text", "ranges"),
    [
        ("pass loc mem:0xd0000000,0x1000,rn=0x30000000", [(0x30000000, 0x1000)]),
        ("pass loc mem:0xd0000000,0x800,rn=0x30000400", [(0x30000000, 0x1000)]),
        ("pass loc mem:0xd0000000,0x1000,rn=0x20000000", []),
        ("pass loc mem:0xd0000000,0x1000,rn=0xfed00000", []),
        ("pass loc mem:0xd0000000,0x1000,rn=0xf0000", []),
        (
            "pass loc mem:0xd0000000,0x2000,rn=0x30001000 loc mem:0xe0000000,0x2000,rn=0x30000000",
            [(0x30000000, 0x3000)],
        ),
    ],
    ids=["ram", "part of a page", "reserved anyway", "registers", "bios", "overlapping"],
)
def test_memory(text: str, ranges: list[tuple[int, int]]) -> None:
    expected = [AddressRange(*pair) for pair in ranges]

    assert memory_to_reserve(config(text), BOARD, []) == expected


def test_memory_of_a_board_whose_ram_begins_higher() -> None:
    board = load_board("arm64-virt")

    def needed(address: str) -> list[AddressRange]:
        text = f"pass loc mem:0xd0000000,0x1000,rn={address}"
        return memory_to_reserve(config(text), board, [])

    assert needed("0x20000000") == []
    assert needed("0x90000000") == [AddressRange(0x90000000, 0x1000)]
    with pytest.raises(PlacementError, match="itself needs memory there") as caught:
        needed("0x48000000")
    assert caught.value.fix == "pass host memory between 0x60000000 and 0xbc000000"


@pytest.mark.parametrize("address", ["0x1000000", "0x7fff0000"])
def test_memory_that_the_virtual_host_needs_itself(address: str) -> None:
    text = f"pass loc mem:0xd0000000,0x1000,rn={address}"

    with pytest.raises(PlacementError, match="itself needs memory there") as caught:
        memory_to_reserve(config(text), BOARD, [])

    assert caught.value.fix == "pass host memory between 0x8000000 and 0x7c000000"


def test_a_placed_file_is_kept_from_the_allocator(tmp_path: Path) -> None:
    file = tmp_path / "image@1"
    file.write_bytes(bytes(5000))

    placed = parse_placed_file(f"{file}@0x30000000")

    assert placed == PlacedFile(str(file), 0x30000000)
    assert memory_to_reserve(None, BOARD, [placed]) == [AddressRange(0x30000000, 0x2000)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("image", "is not FILE@ADDRESS"),
        ("@0x1000", "is not FILE@ADDRESS"),
        ("image@here", "here is no address"),
        ("nosuchfile@0x30000000", "no such file"),
    ],
)
def test_what_is_no_placed_file(text: str, error: str) -> None:
    with pytest.raises(PlacementError, match=error):
        parse_placed_file(text)


@pytest.mark.parametrize(
    ("address", "error"),
    [
        (0x30000800, "is not the start of a 4 KiB page"),
        (0x7FFFF000, "is not in the board's RAM"),
        (0xFED00000, "is not in the board's RAM"),
        (0x1000000, "itself needs memory there"),
    ],
)
def test_places_where_no_file_can_be(address: int, error: str, tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(bytes(5000))

    with pytest.raises(PlacementError, match=error):
        memory_to_reserve(None, BOARD, [PlacedFile(str(file), address)])
