# SPDX-License-Identifier: Apache-2.0
"""Boards from the texts of QNX's tools. The captures are written by hand in the formats
that are public; addresses in them are made up."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import (
    Bar,
    BarKind,
    Board,
    HostRegion,
    InterruptLine,
    PciCapabilities,
    Trigger,
)
from passthru.board.qnx import NotQnxTextError, board_from_qnx
from passthru.board.snapshot import read_snapshot, write_board
from passthru.diagnostics.errors import PassthruError

BOARDS = Path(__file__).parent.parent / "boards"


def texts(*names: str) -> dict[str, str]:
    return {name: (BOARDS / name).read_text() for name in names}


@pytest.fixture
def arm() -> Board:
    return board_from_qnx(texts("qnx-arm-asinfo.txt", "qnx-arm-irqs.txt", "qnx-arm-info.txt"))


def span(start: int, end: int, name: str) -> HostRegion:
    return HostRegion(AddressRange.between(start, end), name)


def test_ends_are_inclusive_and_sysram_is_what_the_host_allocates_from(arm: Board) -> None:
    assert arm.allocated == (
        AddressRange.between(0x40000000, 0x4000C000),
        AddressRange.between(0x40010000, 0x40100000),
        AddressRange.between(0x40500000, 0x48000000),
        AddressRange.between(0x48100000, 0x70000000),
    )


def test_ram_that_is_not_sysram_is_typed_memory_by_its_closest_name(arm: Board) -> None:
    assert arm.reserved == (
        span(0x4000C000, 0x40010000, "ram"),
        # the rest of imagefs was given to the memory manager
        span(0x40100000, 0x40500000, "imagefs"),
        span(0x48000000, 0x48100000, "fdt"),
        span(0x70000000, 0x78000000, "guestmem1"),
        span(0x78000000, 0x7C000000, "guestmem1"),
        span(0x7C000000, 0x80000000, "ram"),
    )


def test_of_names_inside_each_other_the_inner_one_is_told() -> None:
    board = board_from_qnx(
        {
            "a": "0000) 1000-8fff o:0000 /memory/ram\n"
            "0018) 2000-5fff o:0000 /memory/ram/outer\n"
            "0030) 3000-3fff o:0000 /memory/ram/inner\n"
        }
    )
    assert board.reserved == (
        span(0x1000, 0x2000, "ram"),
        span(0x2000, 0x3000, "outer"),
        span(0x3000, 0x4000, "inner"),
        span(0x4000, 0x6000, "outer"),
        span(0x6000, 0x9000, "ram"),
    )


def test_an_owner_is_named_once_for_a_line() -> None:
    board = board_from_qnx({"a": " 7 1 proc/x\n\t\t0 0x21 0 T--\n\t\t1 0x21 0 T--\n"})
    assert [line.owner for line in board.interrupts] == ["proc/x"]


def test_an_address_space_that_can_be_no_bar_is_left_out() -> None:
    board = board_from_qnx(
        {
            "a": "B000:D01:F00 @ idx 0\n  vid/did: 1234/5678\n"
            "  [0] MEM, addr=1000, size=3000, align: 1000, attr: 32bit ENABLED\n"
            "  [1] MEM, addr=8000, size=1000, align: 1000, attr: 32bit ENABLED\n"
        }
    )
    assert [bar.number for bar in board.pci[0].bars] == [1]


def test_reserved_and_allocated_are_all_of_ram(arm: Board) -> None:
    pieces = sorted([*arm.allocated, *(region.range for region in arm.reserved)])
    assert pieces[0].start == 0x40000000
    assert [piece.end for piece in pieces] == [*(p.start for p in pieces[1:]), 0x80000000]


def test_leaf_names_are_all_kept_and_the_first_counts(arm: Board) -> None:
    named = [region.range.start for region in arm.asinfo if region.name == "guestmem1"]
    assert named == [0x70000000, 0x78000000]
    assert [region.name for region in arm.asinfo[:4]] == ["memory", "below4G", "ram", "fdt"]


def test_what_the_table_does_not_name_is_not_called_absent(arm: Board) -> None:
    assert span(0x8000000, 0x8001000, "gicd") in arm.memory
    assert span(0x40000000, 0x80000000, "ram") in arm.memory
    ends = [region.range.end for region in arm.memory]
    assert [region.range.start for region in arm.memory] == [0, *ends[:-1]]
    assert ends[-1] == 1 << 44


def test_interrupts_have_their_owners_and_the_kernels_own_are_left_out(arm: Board) -> None:
    def line(vector: int, owner: str) -> InterruptLine:
        return InterruptLine("gic", vector, Trigger.UNKNOWN, owner)

    assert arm.interrupts == (
        line(0, "proc/boot/devb-virtio"),
        line(0x1B, "proc/boot/procnto-smp-instr"),
        line(0x21, "proc/boot/devc-serpl011"),
        line(0x4F, "proc/boot/io-sock,proc/boot/devb-virtio"),
    )


def test_processors(arm: Board) -> None:
    assert (arm.architecture, arm.cpu_count) == ("aarch64", 2)


def test_what_is_missing_is_said(arm: Board) -> None:
    assert [line.partition(":")[0] for line in arm.unseen] == [
        "PCI functions",
        "qnx-arm-info.txt",
        "devices, IOMMU and the host's abilities",
    ]
    less = board_from_qnx(texts("qnx-arm-irqs.txt"))
    assert not less.memory_known
    assert "memory: no output of pidin syspage=asinfo is there" in less.unseen
    assert "processors: no output of pidin info is there; counted as one" in less.unseen


def test_one_file_may_hold_several_outputs() -> None:
    board = board_from_qnx(texts("qnx-x86.txt"))
    assert board.architecture == "x86_64"
    assert board.ports == (HostRegion(AddressRange(0x60, 0x10), "keyboard"),)
    assert board.allocated == (AddressRange.between(0x100000, 0x30000000),)
    assert board.reserved == (span(0x30000000, 0x40000000, "ram"),)
    assert [function.address for function in board.pci] == [
        PciAddress(0, 0, 0, 0),
        PciAddress(0, 0, 2, 0),
        PciAddress(0, 0, 28, 4),
        PciAddress(0, 1, 0, 0),
        PciAddress(0, 2, 2, 1),  # function 17 of an ARI device
    ]


def test_a_pci_function_has_ids_class_header_and_bars() -> None:
    board = board_from_qnx(texts("qnx-x86.txt"))
    display = board.pci_function(PciAddress(0, 0, 2, 0))
    bridge = board.pci_function(PciAddress(0, 0, 28, 4))
    assert display is not None
    assert (display.vendor, display.device, display.class_code) == (0x8086, 0x46D1, 0x030000)
    assert display.bars == (
        Bar(0, BarKind.MEMORY64, False, AddressRange(0x6000000000, 0x1000000)),
        Bar(2, BarKind.MEMORY64, True, AddressRange(0x4000000000, 0x10000000)),
        Bar(4, BarKind.PORTS, False, AddressRange(0x3000, 0x40)),
    )
    assert bridge is not None
    assert bridge.is_bridge
    assert not display.is_bridge


def test_capabilities_are_told_as_far_as_they_are_listed() -> None:
    board = board_from_qnx(texts("qnx-x86.txt"))
    display = board.pci_function(PciAddress(0, 0, 2, 0))
    assert display is not None
    assert display.capabilities == PciCapabilities((0x09, 0x10, 0x05, 0x01), None, None, 0)
    assert [function.capabilities for function in board.pci if function != display] == [None] * 4
    assert not [line for line in board.unseen if "no known output" in line]


@pytest.mark.parametrize(
    ("lines", "standard"),
    [
        ("  Capabilities list (0):\n\n", ()),
        ("  Capabilities list (1):\n      11 (MSI-X)\n", (0x11,)),
        ("  Capabilities list (2): 05 (MSI) --> 10 (PCIe)\n", (0x05, 0x10)),
        ("  Capabilities list (3):\n    05 (MSI) -->\n    10 (PCIe) --> 11 (MSI-X)\n", (5, 16, 17)),
        ("  Capabilities list (1):\n    some other words\n", ()),
    ],
)
def test_lists_of_capabilities(lines: str, standard: tuple[int, ...]) -> None:
    text = f"B000:D01:F00 @ idx 0\n  vid/did: 1234/5678\n{lines}  hdrType: 0\n"
    capabilities = board_from_qnx({"a": text}).pci[0].capabilities
    assert capabilities is not None
    assert capabilities.standard == standard


def test_unknown_lines_are_counted_for_each_file() -> None:
    asinfo = texts("qnx-arm-asinfo.txt")["qnx-arm-asinfo.txt"]
    board = board_from_qnx({"a": f"login: root\n{asinfo}# exit\n\n", "b": "no such utility\n"})
    assert "a: lines of no known output: 2" in board.unseen
    assert "b: lines of no known output: 1" in board.unseen
    assert len(board.asinfo) == 13


def test_a_file_with_windows_line_ends_reads_the_same(arm: Board) -> None:
    names = ("qnx-arm-asinfo.txt", "qnx-arm-irqs.txt", "qnx-arm-info.txt")
    dos = {name: text.replace("\n", "\r\n") for name, text in texts(*names).items()}
    assert board_from_qnx(dos) == arm


@pytest.mark.parametrize("text", ["", "hello\n", "0000) 00ff-0000 o:ffff /memory\n"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(NotQnxTextError, match=r"some\.txt.*pidin syspage=asinfo"):
        board_from_qnx({"some.txt": text})


LINES = st.sampled_from(
    [line for path in sorted(BOARDS.glob("qnx-*.txt")) for line in path.read_text().splitlines()]
)
DAMAGED = st.builds(
    lambda line, place, put: line[:place] + put + line[place + 1 :],
    LINES,
    st.integers(0, 60),
    st.text(alphabet="0f8 :/-)[]\t\r٣x", max_size=3),
)


@given(st.lists(LINES | DAMAGED | st.text(max_size=40), max_size=30))
def test_any_text_gives_a_board_that_can_be_kept_or_an_error(lines: list[str]) -> None:
    try:
        board = board_from_qnx({"capture": "\n".join(lines)})
    except PassthruError:
        return
    assert read_snapshot(write_board(board), "again") == board
