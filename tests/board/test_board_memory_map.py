# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.memory_map import MemoryMap, parse_iomem, read_memory_map
from passthru.board.model import HostRegion

IOMEM = """\
00000000-00000fff : Reserved
00001000-0009fbff : System RAM
000f0000-000fffff : System ROM
00100000-1fffffff : System RAM
  01000000-01ffffff : Kernel code
  1e000000-1effffff : Reserved
20000000-23ffffff : Reserved
24000000-7ffdffff : System RAM
7ffe0000-7fffffff : Reserved
b0000000-bfffffff : PCI MMCONFIG 0000 [bus 00-ff]
c0000000-febfffff : PCI Bus 0000:00
  feb80000-feb9ffff : 0000:00:05.0
    feb80000-feb9ffff : e1000e
140000000-14fffffff : virtio0
  140000000-147ffffff : System RAM (virtio_mem)
"""


def test_top_level_allocated_and_reserved() -> None:
    found = parse_iomem(IOMEM)
    assert found.allocated == (
        AddressRange.between(0x1000, 0x9FC00),
        AddressRange.between(0x100000, 0x20000000),
        AddressRange.between(0x24000000, 0x7FFE0000),
        AddressRange.between(0x140000000, 0x148000000),
    )
    assert HostRegion(AddressRange(0x20000000, 0x4000000), "Reserved") in found.reserved
    assert AddressRange(0x1E000000, 0x1000000) not in [r.range for r in found.reserved]
    assert [r.name for r in found.regions][-2:] == ["PCI Bus 0000:00", "virtio0"]


def test_addresses_hidden_from_this_user_are_an_empty_map() -> None:
    hidden = "00000000-00000000 : Reserved\n00000000-00000000 : System RAM\n"
    assert parse_iomem(hidden) == MemoryMap()


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    found = parse_iomem(text)
    assert all(region.range.size > 0 for region in found.regions)


def test_reserved_is_only_what_the_firmware_calls_ram(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/iomem").write_text(IOMEM)
    ranges = (("0x0", "0x9fbff"), ("0x100000", "0x7ffdffff"), ("bad", "0x1"))
    for number, (start, end) in enumerate(ranges):
        entry = tmp_path / f"sys/firmware/memmap/{number}"
        entry.mkdir(parents=True)
        (entry / "start").write_text(start + "\n")
        (entry / "end").write_text(end + "\n")
        (entry / "type").write_text("System RAM\n")
    found = read_memory_map(HostFiles(str(tmp_path)))
    assert [r.range for r in found.reserved] == [
        AddressRange(0, 0x1000),
        AddressRange(0x20000000, 0x4000000),
    ]
    assert len(found.regions) == 10


def test_without_a_firmware_map_everything_reserved_counts(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/iomem").write_text(IOMEM)
    assert len(read_memory_map(HostFiles(str(tmp_path))).reserved) == 3
