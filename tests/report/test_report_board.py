# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise
from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.board.capture import capture_board
from passthru.board.host_files import HostFiles
from passthru.board.load import load_board
from passthru.board.model import Board, HostRegion, KernelFeature, PciFunction, PlatformDevice
from passthru.report.board_memory import MemoryRow, MemoryUse, memory_rows
from passthru.report.board_passing import function_steps, memory_steps, pci_steps, platform_steps
from passthru.report.board_text import board_as_text
from recorded_hosts import HOSTS, write_host
from sample_board import BOARD, GRAPHICS, NET, NVME, UNBOUND

ROOT = Path(__file__).parents[2]
LINUX = BOARD._replace(features=(KernelFeature("vfio-pci", "module"),))
BIND_NET = [
    "echo vfio-pci > /sys/bus/pci/devices/0000:00:05.0/driver_override",
    "echo 0000:00:05.0 > /sys/bus/pci/devices/0000:00:05.0/driver/unbind",
    "echo 0000:00:05.0 > /sys/bus/pci/drivers_probe",
]


def host(root: Path, name: str) -> Board:
    return capture_board(HostFiles(write_host(root, HOSTS[name])))


def has_line(text: str, *parts: str) -> bool:
    """Whether these words stand in this order in a line of the text."""
    return any(" ".join(line.split()) == " ".join(parts) for line in text.splitlines())


def test_an_x86_board(tmp_path: Path) -> None:
    text = board_as_text(host(tmp_path, "x86_64"))
    for line in (
        "Board pc: x86_64, 2 processors",
        "IOMMU: vt-d",
        "memory that may be locked, which DMA needs: 64 KiB",
        "0x20000000..0x24000000 64 MiB reserved RAM Reserved",
        "0x100000..0x20000000 511 MiB host allocates",
        "0x9fc00..0x100000 385 KiB hole",
        "0x80000000..0xfec00000 ~2 GiB devices PCI Bus 0000:00",
        "0x3f8..0x400 serial",
        "ioapic:16 level ehci_hcd:usb1,ahci",
        "9: pci:0:31.0 (lpc_ich), pci:0:31.2 (vfio-pci)",
        "keeps DMA addresses 0xfee00000..0xfef00000 (msi)",
        "pci:0:5.0 [8086:10d3] (0000:00:05.0), network, e1000e, group 5, resets: flr, bus",
        "BAR 0 at 0xfebc0000: 128 KiB 32-bit memory",
        "stays with the host: it is a bridge",
        "pass loc pci:0:5.0",
        "pnp 00:01: PNP0501, PNP0500; serial",
        "echo 00:01 > /sys/bus/pnp/drivers/serial/unbind",
        "pass loc 0xfed40000,0x5000,rwn intr ioapic:4",
        "echo INT34C5:00 > /sys/bus/platform/drivers/tgl-pinctrl/unbind",
        "echo uio_pdrv_genirq > /sys/bus/platform/devices/INT34C5:00/driver_override",
        "vfio-pci module",
        "registers and interrupts of PNP0C0C:00: sysfs does not tell them for ACPI",
    ):
        assert has_line(text, line), line


def test_an_arm_board(tmp_path: Path) -> None:
    text = board_as_text(host(tmp_path, "arm64"))
    for line in (
        "cluster0: 0, 1",
        "0x50000000..0x54000000 64 MiB reserved RAM guest@50000000",
        "gic:41 edge nobody has it",
        "stays with the host: it is an interrupt controller",
        "4: /soc/dma@1000 (no driver)",
        "/pl011@9000000: arm,pl011, arm,primecell; uart-pl011",
        "echo 9000000.pl011 > /sys/bus/amba/drivers/uart-pl011/unbind",
        "no driver of Linux hands its interrupts on",
        "keep on what it takes from the host: clocks",
        "pass loc 0x9000000,0x1000,rwn intr gic:33",
        "streams: smmu@9050000:0x100",
        "the kernel has no vfio-platform: it needs CONFIG_VFIO_PLATFORM",
        "echo vfio-platform > /sys/bus/platform/devices/a001000.dma/driver_override",
        "echo a001000.dma > /sys/bus/platform/drivers_probe",
        "mind that its pages have registers of /soc/timer@1400, too",
        "pass loc 0xa001000,0x200,rwd intr gic:41",
    ):
        assert has_line(text, line), line


def test_memory_rows_leave_no_gap_and_do_not_overlap() -> None:
    rows = memory_rows(BOARD)
    for before, after in pairwise(rows):
        assert before.range.end == after.range.start
        assert before[1:] != after[1:]
    assert [row.use for row in rows if row.range.start == 0x20000000] == [MemoryUse.RESERVED]
    assert (
        MemoryRow(AddressRange.between(0xF0000, 0x100000), MemoryUse.FIRMWARE, "Reserved") in rows
    )


def test_reserved_ram_inside_what_the_host_allocates_is_shown() -> None:
    inside = HostRegion(AddressRange(0x30000000, 0x1000), "log")
    rows = memory_rows(BOARD._replace(reserved=(*BOARD.reserved, inside)))
    assert MemoryRow(inside.range, MemoryUse.RESERVED, "log") in rows


@pytest.mark.parametrize(
    ("function", "steps"),
    [
        (NVME, ["pass loc pci:0:3.0"]),
        (NET, [*BIND_NET, "pass loc pci:0:5.0"]),
        # In the group of a root port, whose driver is no obstacle.
        (GRAPHICS, ["pass loc pci:1:0.0"]),
        (
            UNBOUND._replace(iommu_group=None),
            [
                "no IOMMU contains it: it is in no group",
                "echo vfio-pci > /sys/bus/pci/devices/0000:00:08.0/driver_override",
                "echo 0000:00:08.0 > /sys/bus/pci/drivers_probe",
                "pass loc pci:0:8.0",
            ],
        ),
        (
            NVME._replace(iommu_group=5),
            [
                "pci:0:5.0 [8086:10d3] is in the same group and has to leave e1000e:",
                *BIND_NET,
                "pass loc pci:0:3.0",
            ],
        ),
    ],
)
def test_what_it_takes_to_pass_a_function(function: PciFunction, steps: list[str]) -> None:
    assert list(function_steps(function, LINUX)) == steps


def test_of_a_host_without_linux_no_linux_commands_are_told() -> None:
    assert list(function_steps(NET, BOARD)) == ["pass loc pci:0:5.0"]
    assert list(pci_steps(BOARD._replace(iommu_groups=()))) == []
    serial = PlatformDevice("/s@0", ("x",), (AddressRange(0, 8),), (), (), (), (), (), "drv", None)
    assert list(platform_steps(serial, BOARD)) == ["pass loc 0x0,0x8,rwn"]
    assert list(memory_steps(BOARD._replace(reserved=()))) == []


@pytest.mark.parametrize(
    ("state", "step"),
    [
        ("module", "modprobe vfio-pci"),
        ("unknown", "modprobe vfio-pci"),
        ("missing", "the kernel has no vfio-pci: it needs CONFIG_VFIO_PCI"),
    ],
)
def test_what_the_kernel_lacks_is_told_once_for_all_functions(state: str, step: str) -> None:
    board = BOARD._replace(
        features=(KernelFeature("vfio-pci", state),),
        abilities=BOARD.abilities._replace(vfio_pci=False),
    )
    assert list(pci_steps(board)) == [step]
    assert board_as_text(board).count(step) == 1


def test_without_an_iommu_the_way_to_switch_it_on_is_told() -> None:
    assert any("intel_iommu=on" in step for step in pci_steps(LINUX._replace(iommu_groups=())))
    arm = LINUX._replace(iommu_groups=(), architecture="aarch64")
    assert not any("intel" in step for step in pci_steps(arm))


def test_where_ram_could_be_reserved() -> None:
    assert not list(memory_steps(LINUX))
    small = (HostRegion(AddressRange(0, 0x1000), "Reserved"),)
    steps = "\n".join(memory_steps(LINUX._replace(reserved=small)))
    assert "memmap=64M$0x7c000000" in steps
    tree = "\n".join(memory_steps(LINUX._replace(reserved=(), architecture="aarch64")))
    assert "/reserved-memory: 0x7c000000, 64 MiB" in tree


def test_a_device_with_nothing_to_pass_has_no_steps(tmp_path: Path) -> None:
    board = host(tmp_path, "x86_64")
    button = next(device for device in board.devices if device.name == "PNP0C0C:00")
    assert not list(platform_steps(button, board))


def test_a_terminal_obeys_nothing_of_a_board() -> None:
    hostile = BOARD._replace(
        name="a\x1b[2J",
        reserved=(HostRegion(AddressRange(0x20000000, 0x1000), "\x1b]0;x\x07"),),
        unseen=("x\n\x1b[1m",),
    )
    assert "\x1b" not in board_as_text(hostile)
    assert "\x07" not in board_as_text(hostile)


def test_nothing_is_said_of_drivers_that_a_device_tree_does_not_know() -> None:
    text = board_as_text(load_board(str(ROOT / "examples/gateway/board.dts")))
    assert has_line(text, "gic:106 edge not known")
    assert has_line(text, "/iommu@2b400000: arm,smmu-v3")
    assert "no driver" not in text
    assert "nobody" not in text


def test_nothing_is_said_of_what_the_texts_of_qnx_do_not_tell() -> None:
    text = board_as_text(load_board(str(ROOT / "tests/boards/qnx-x86.txt")))
    assert has_line(text, "IOMMU: not known, taken as present")
    assert has_line(text, "pci:1:0.0 [1d79:2263] (0000:01:00.0), storage")
