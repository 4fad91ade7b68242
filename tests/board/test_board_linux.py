# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from passthru.board.host_files import HostFiles
from passthru.board.linux import read_board

CPUINFO = (
    "processor\t: 0\nmodel name\t: X svm\nflags\t\t: fpu {flag} lm\n\n"
    "processor\t: 1\nflags\t: fpu\n"
)
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max locked memory         {limit}              8388608              bytes
Max file locks            unlimited            unlimited            locks
"""


def record(root: Path, files: dict[str, str]) -> HostFiles:
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return HostFiles(str(root))


@pytest.mark.parametrize(("flag", "expected"), [("vmx", True), ("svm", True), ("sse", False)])
def test_hardware_virtualization_is_a_flag_and_not_a_name(
    tmp_path: Path, flag: str, expected: bool
) -> None:
    board = read_board(record(tmp_path, {"proc/cpuinfo": CPUINFO.format(flag=flag)}))
    assert board.abilities.hardware_virtualization is expected
    assert board.cpu_count == 2


@pytest.mark.parametrize(
    ("capabilities", "limit", "expected"),
    [
        ("0000000000000000", "8388608", 8388608),
        ("0000000000004000", "8388608", None),
        ("0000000000000000", "unlimited", None),
        ("garbage", "65536", 65536),
    ],
)
def test_locked_memory_limit(
    tmp_path: Path, capabilities: str, limit: str, expected: int | None
) -> None:
    files = {
        "proc/self/limits": LIMITS.format(limit=limit),
        "proc/self/status": f"Name:\tx\nCapEff:\t{capabilities}\n",
    }
    board = read_board(record(tmp_path, files))
    assert board.abilities.locked_memory_limit == expected


def test_an_empty_tree_is_a_board_that_knows_nothing(tmp_path: Path) -> None:
    board = read_board(HostFiles(str(tmp_path)))
    assert not board.memory_known
    assert board.pci == ()
    assert not board.abilities.iommu
    assert not board.abilities.vfio_pci
    assert board.cpu_count == 1


def test_what_the_tree_says(tmp_path: Path) -> None:
    files = {
        "proc/iomem": "00100000-1fffffff : System RAM\n",
        "proc/sys/kernel/hostname": "desk\n",
        "proc/sys/kernel/arch": "aarch64\n",
        "sys/bus/pci/drivers/vfio-pci/bind": "",
        "sys/kernel/iommu_groups/0/reserved_regions": "",
    }
    board = read_board(record(tmp_path, files))
    assert (board.name, board.architecture) == ("desk", "aarch64")
    assert board.memory_known
    assert board.abilities.vfio_pci
    assert board.abilities.iommu


def test_a_host_that_nobody_named_is_called_host(tmp_path: Path) -> None:
    board = read_board(record(tmp_path, {"proc/sys/kernel/hostname": "(none)\n"}))
    assert board.name == "host"


def test_this_host_can_be_read() -> None:
    board = read_board(HostFiles())
    assert board.cpu_count >= 1
    assert board.architecture


@pytest.mark.parametrize(
    ("line", "bits"),
    [
        ("address sizes\t: 46 bits physical, 48 bits virtual", 46),
        ("address sizes\t: 39 bits physical, 48 bits virtual", 39),
        ("address sizes\t:", 36),
        ("address sizes\t: many", 36),
        ("address sizes\t: 99999", 36),
        ("", 36),
    ],
)
def test_the_width_of_addresses_is_told_or_the_least(tmp_path, line: str, bits: int) -> None:
    board = read_board(record(tmp_path, {"proc/cpuinfo": f"processor\t: 0\n{line}\n"}))
    assert board.abilities.address_bits == bits


@pytest.mark.parametrize(
    ("meminfo", "total"),
    [
        ("MemTotal:       16314552 kB\nMemFree:  1 kB\n", 16314552 << 10),
        ("MemTotal:       0 kB\n", 0),
        ("MemTotal:\n", None),
        ("MemTotal: many kB\n", None),
        ("MemTotal: " + "9" * 5000, None),
        ("", None),
    ],
)
def test_all_ram_that_linux_counts_as_its_own(tmp_path, meminfo: str, total: int | None) -> None:
    board = read_board(record(tmp_path, {"proc/meminfo": meminfo}))
    assert board.total_ram == total
    assert board.ram_to_allocate == total


def test_what_a_tree_has_instead_of_a_file_does_not_stop_the_reader(tmp_path):
    (tmp_path / "proc").mkdir()
    os.mkfifo(tmp_path / "proc/cpuinfo")
    (tmp_path / "proc/iomem").symlink_to("/dev/zero")
    files = HostFiles(str(tmp_path))
    assert files.data("/proc/cpuinfo") == b""
    assert len(files.data("/proc/iomem")) == 16 << 20
    assert not read_board(files).memory_known
