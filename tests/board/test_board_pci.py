# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange, PciAddress
from passthru.board.host_files import HostFiles
from passthru.board.model import Bar, BarKind, HostRegion
from passthru.board.pci import (
    parse_bars,
    parse_reserved_regions,
    read_iommu_groups,
    read_pci_functions,
)

RESOURCE = """\
0x00000000feb80000 0x00000000feb9ffff 0x0000000000040200
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x000000000000c040 0x000000000000c05f 0x0000000000040101
0x0000000800000000 0x000000080fffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x00000000feb00000 0x00000000feb3ffff 0x0000000000046200
"""


def test_bars_with_their_kinds_and_without_the_rom() -> None:
    assert parse_bars(RESOURCE) == (
        Bar(0, BarKind.MEMORY32, False, AddressRange(0xFEB80000, 0x20000)),
        Bar(2, BarKind.PORTS, False, AddressRange(0xC040, 32)),
        Bar(3, BarKind.MEMORY64, True, AddressRange(0x800000000, 0x10000000)),
    )


@pytest.mark.parametrize(
    "line",
    [
        "0x1000 0x1fff",
        "one two three",
        "0x2000 0x1fff 0x200",
        "0x0 0x2fff 0x200",
        "0x1000 0x1fff 0x0",
        "",
    ],
)
def test_lines_that_are_no_bar_are_left_out(line: str) -> None:
    assert parse_bars(line) == ()


@given(st.text(alphabet="0123456789abcdefx \n-", max_size=300))
def test_bars_are_always_powers_of_two(text: str) -> None:
    assert all(b.range.size & (b.range.size - 1) == 0 for b in parse_bars(text))


def test_reserved_windows() -> None:
    text = (
        "0x00000000000a0000 0x00000000000bffff direct-relaxable\n"
        "0x00000000fee00000 0x00000000feefffff msi\nbroken\n0x5 0x1 msi\n"
    )
    assert parse_reserved_regions(text) == (
        HostRegion(AddressRange(0xA0000, 0x20000), "direct-relaxable"),
        HostRegion(AddressRange(0xFEE00000, 0x100000), "msi"),
    )


def make_function(root: Path, name: str, *, driver: str | None, group: str | None) -> None:
    folder = root / "sys/bus/pci/devices" / name
    folder.mkdir(parents=True)
    (folder / "vendor").write_text("0x8086\n")
    (folder / "device").write_text("0x10d3\n")
    (folder / "class").write_text("0x020000\n")
    (folder / "resource").write_text(RESOURCE)
    config = bytearray(64)
    config[0x0E], config[0x3D] = 0x81, 2
    (folder / "config").write_bytes(config)
    if driver:
        (folder / "driver").symlink_to(f"../../../../bus/pci/drivers/{driver}")
    if group:
        (folder / "iommu_group").symlink_to(f"../../../kernel/iommu_groups/{group}")


def test_functions_from_a_recorded_tree(tmp_path: Path) -> None:
    make_function(tmp_path, "0000:00:1f.2", driver=None, group=None)
    make_function(tmp_path, "0000:00:05.0", driver="e1000e", group="12")
    (tmp_path / "sys/bus/pci/devices/0000:00:05.0/reset_method").write_text("flr bus\n")
    bad = tmp_path / "sys/bus/pci/devices/0000:00:06.0"
    bad.mkdir()
    (bad / "vendor").write_text("nonsense")
    first, second = read_pci_functions(HostFiles(str(tmp_path)))
    assert first.address == PciAddress(0, 0, 5, 0)
    assert (first.vendor, first.device, first.class_code) == (0x8086, 0x10D3, 0x20000)
    assert (first.driver, first.iommu_group) == ("e1000e", 12)
    assert first.reset_methods == ("flr", "bus")
    assert first.interrupt_pin == 2
    assert first.is_bridge
    assert (second.driver, second.iommu_group, second.reset_methods) == (None, None, ())


def test_groups_that_isolate_nothing_are_left_out(tmp_path: Path) -> None:
    groups = tmp_path / "sys/kernel/iommu_groups"
    for name, members in (("10", ["0000:00:05.0"]), ("2", ["0000:00:1f.2", "soc:dma"]), ("3", [])):
        (groups / name / "devices").mkdir(parents=True)
        for member in members:
            (groups / name / "devices" / member).touch()
    (groups / "3/name").write_text("vfio-noiommu\n")
    found = read_iommu_groups(HostFiles(str(tmp_path)))
    assert [(g.number, g.members) for g in found] == [
        (2, (PciAddress(0, 0, 31, 2),)),
        (10, (PciAddress(0, 0, 5, 0),)),
    ]
