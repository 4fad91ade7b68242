# SPDX-License-Identifier: Apache-2.0
"""Hosts that were recorded on machines of their own, by ``scripts/record-boards``.

What they should come out as lies in ``golden``; ``PASSTHRU_REGENERATE=1`` writes that anew.
"""

import os
from itertools import pairwise
from pathlib import Path

import pytest

from expected_inventory import check_inventory
from passthru.addresses import AddressRange, PciAddress
from passthru.bench.boards import load_board
from passthru.board.capture import capture_board
from passthru.board.host_files import HostFiles
from passthru.board.model import (
    Board,
    CpuCluster,
    HostRegion,
    InterruptLine,
    PciCapabilities,
    PlatformDevice,
    Trigger,
)
from passthru.board.recording import RecordingFiles
from passthru.board.snapshot import read_snapshot, write_board
from recorded_hosts import recorded, write_host

GOLDEN = Path(__file__).parent / "golden"
NAMES = ("bench-x86-64", "virt-arm64")
MSI_WINDOW = HostRegion(AddressRange(0x8000000, 0x100000), "msi")


def replayed(name: str, root: Path) -> Board:
    return capture_board(HostFiles(write_host(root, recorded(name))))


@pytest.fixture
def arm64(tmp_path: Path) -> Board:
    return replayed("virt-arm64", tmp_path)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_gives_its_snapshot_each_time(tmp_path: Path, name: str) -> None:
    written = write_board(replayed(name, tmp_path / "first"))
    golden = GOLDEN / f"{name}.board.json"
    if os.environ.get("PASSTHRU_REGENERATE"):
        golden.write_bytes(written)
    assert written.decode() == golden.read_text()
    assert write_board(replayed(name, tmp_path / "second")) == written
    assert write_board(read_snapshot(written, name)) == written


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_has_nothing_that_is_not_read(tmp_path: Path, name: str) -> None:
    files = RecordingFiles(write_host(tmp_path / "host", recorded(name)))
    capture_board(files)
    files.save(str(tmp_path / "read"))
    kept = {str(path.relative_to(tmp_path / "read")) for path in (tmp_path / "read").rglob("*")}
    assert recorded(name).keys() <= kept


def test_the_bench_has_what_its_board_promises(tmp_path: Path) -> None:
    check_inventory(replayed("bench-x86-64", tmp_path), load_board("x86-64"))


def device(board: Board, name: str) -> PlatformDevice:
    return next(each for each in board.devices if each.name == name)


@pytest.mark.parametrize(
    ("name", "start", "vectors", "driver"),
    [
        # hw/arm/virt.c in QEMU: where each device is, and its SPI, which is 32 less.
        ("/pl011@9000000", 0x9000000, (32 + 1,), "uart-pl011"),
        ("/pl031@9010000", 0x9010000, (32 + 2,), "rtc-pl031"),
        ("/pl061@9030000", 0x9030000, (32 + 7,), "pl061_gpio"),
        ("/smmuv3@9050000", 0x9050000, tuple(range(32 + 74, 32 + 78)), "arm-smmu-v3"),
        ("/virtio_mmio@a000000", 0xA000000, (32 + 16,), None),
    ],
)
def test_devices_of_the_arm64_host(
    arm64: Board, name: str, start: int, vectors: tuple[int, ...], driver: str | None
) -> None:
    found = device(arm64, name)
    assert found.registers[0].start == start
    assert found.interrupts == vectors
    assert found.driver == driver


@pytest.mark.parametrize(
    ("vector", "trigger", "owner"),
    [
        (33, Trigger.LEVEL, "uart-pl011"),
        (34, Trigger.LEVEL, "rtc-pl031"),
        (39, Trigger.LEVEL, "a driver that gives no name"),
        # Nobody asked the kernel for these; the tree has the trigger.
        (26, Trigger.LEVEL, None),
        (48, Trigger.EDGE, None),
        # INTA of the PCI host bridge.
        (35, Trigger.LEVEL, None),
    ],
)
def test_interrupts_of_the_arm64_host(
    arm64: Board, vector: int, trigger: Trigger, owner: str | None
) -> None:
    lines = [line for line in arm64.interrupts if line.vector == vector]
    assert lines == [InterruptLine("gic", vector, trigger, owner)]


def test_memory_of_the_arm64_host(arm64: Board) -> None:
    assert arm64.reserved == (
        HostRegion(AddressRange(0x68000000, 0x100000), "log@68000000"),
        HostRegion(AddressRange(0x70000000, 0x4000000), "guest@70000000"),
    )
    ram = AddressRange(0x40000000, 1 << 30)
    pieces = sorted([*arm64.allocated, *(region.range for region in arm64.reserved)])
    assert (pieces[0].start, pieces[-1].end) == (ram.start, ram.end)
    assert all(one.end == other.start for one, other in pairwise(pieces))


def test_processors_and_abilities_of_the_arm64_host(arm64: Board) -> None:
    assert (arm64.architecture, arm64.cpu_count) == ("aarch64", 4)
    assert arm64.clusters == (CpuCluster("cluster0", (0, 1)), CpuCluster("cluster1", (2, 3)))
    assert arm64.abilities.hardware_virtualization
    assert arm64.ports == ()
    assert arm64.unseen == ()
    states = {feature.name: feature.state for feature in arm64.features}
    assert [states[name] for name in ("kvm", "vfio-pci", "vfio-platform", "uio_pdrv_genirq")] == [
        "built-in",
        "module",
        "missing",
        "missing",
    ]


def test_pci_functions_and_groups_behind_the_smmu(arm64: Board) -> None:
    assert arm64.iommu_kind == "smmuv3"
    assert all(group.reserved == (MSI_WINDOW,) for group in arm64.iommu_groups)
    disk, port, card, unbound = (
        arm64.pci_function(PciAddress(0, *place))
        for place in ((0, 3, 0), (0, 6, 0), (1, 0, 0), (0, 5, 0))
    )
    assert disk is not None
    assert port is not None
    assert card is not None
    assert unbound is not None
    assert (disk.driver, disk.reset_methods) == ("nvme", ("flr",))
    assert disk.capabilities == PciCapabilities((0x11, 0x10, 0x01), (), 0, 65)
    assert port.is_bridge
    assert port.capabilities is not None
    assert port.capabilities.extended == (0x01, 0x0D)  # error reporting, access control
    # QEMU's virtio cards have no access control of their own, so they go with their port.
    group = arm64.iommu_group(card.iommu_group or 0)
    assert group is not None
    assert group.members == (port.address, card.address)
    assert (unbound.driver, unbound.iommu_group) == (None, None)


def test_without_privilege_the_tree_tells_of_memory(tmp_path: Path, arm64: Board) -> None:
    files = recorded("virt-arm64")
    for path, content in files.items():
        if path.endswith("/config"):
            files[path] = content[:64]
    files["proc/iomem"] = "00000000-00000000 : System RAM\n"
    board = capture_board(HostFiles(write_host(tmp_path / "less", files)))
    assert board.reserved == arm64.reserved
    assert board.allocated == arm64.allocated
    assert [sentence.partition(":")[0] for sentence in board.unseen] == [
        "the memory map",
        "capabilities of 0000",
    ]
