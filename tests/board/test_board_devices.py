# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.board.capture import capture_board
from passthru.board.firmware_devices import read_acpi_devices, read_pnp_devices
from passthru.board.host_files import HostFiles
from passthru.board.live_tree import read_live_tree
from passthru.board.model import InterruptLine, PlatformDevice, Trigger
from recorded_hosts import ARM64, cells, write_host

LINES = {
    4: InterruptLine("ioapic", 4, Trigger.EDGE, "ttyS0"),
    26: InterruptLine("ioapic", 9, Trigger.LEVEL, "acpi,ABCD0001:00"),
}
ACPI = "sys/bus/platform/devices/ABCD0001:00"
PNP = "sys/bus/pnp/devices/00:03"


def pnp_device(root: Path, resources: str) -> PlatformDevice:
    files = {f"{PNP}/id": "PNP0501\n", f"{PNP}/resources": resources}
    (device,) = read_pnp_devices(HostFiles(write_host(root, files)), LINES)
    return device


@pytest.mark.parametrize(
    ("resources", "registers", "interrupts"),
    [
        ("state = active\nirq 26\nio 0x3f8-0x3ff\n", (), (9,)),
        ("irq 5\n", (), ()),
        ("irq 4\nirq 26\nirq 4\n", (), (4, 9)),
        ("mem 0xfed00000-0xfed003ff\n", (AddressRange(0xFED00000, 0x400),), ()),
        ("mem 0xb0000000-0xb0000fff window\n", (AddressRange(0xB0000000, 0x1000),), ()),
        ("mem 0x2000-0x1fff\nmem disabled\nirq disabled\nirq " + "9" * 5000, (), ()),
    ],
)
def test_pnp_resources(
    tmp_path: Path,
    resources: str,
    registers: tuple[AddressRange, ...],
    interrupts: tuple[int, ...],
) -> None:
    device = pnp_device(tmp_path, resources)
    assert (device.registers, device.interrupts) == (registers, interrupts)


@pytest.mark.parametrize(
    ("iomem", "registers"),
    [
        ("fd000000-fd000fff : ABCD0001:00\n", (AddressRange(0xFD000000, 0x1000),)),
        ("80000000-8fffffff : PCI\n  fd000000-fd000fff : ABCD0001:00 x\n", None),
        ("fd000000-fd000fff : ABCD0001:001\n", ()),
        ("00000000-00000000 : ABCD0001:00\n", ()),
    ],
)
def test_acpi_devices_are_found_by_their_names(
    tmp_path: Path, iomem: str, registers: tuple[AddressRange, ...] | None
) -> None:
    files = {
        f"{ACPI}/modalias": "acpi:ABCD0001:PNP0C02:\n",
        "sys/bus/platform/devices/pcspkr/modalias": "platform:pcspkr\n",
        "proc/iomem": iomem,
    }
    (device,) = read_acpi_devices(HostFiles(write_host(tmp_path, files)), LINES)
    assert device.compatible == ("ABCD0001", "PNP0C02")
    assert device.interrupts == (9,)
    if registers is None:
        registers = (AddressRange(0xFD000000, 0x1000),)
    assert device.registers == registers


def test_no_device_tree_is_no_tree(tmp_path: Path) -> None:
    assert read_live_tree(HostFiles(str(tmp_path))) is None


def test_the_running_tree_has_its_nodes_and_values(tmp_path: Path) -> None:
    root = read_live_tree(HostFiles(write_host(tmp_path, ARM64)))
    assert root is not None
    soc = root.child("soc")
    assert soc is not None
    dma = soc.child("dma@1000")
    assert dma is not None
    assert dma.path == "/soc/dma@1000"
    assert dma.properties["interrupts"] == cells(0, 9, 1)
    assert dma.parent is soc


def test_a_tree_that_leads_into_itself_ends(tmp_path: Path) -> None:
    files = {"sys/firmware/devicetree/base/soc/name": "soc", "proc/iomem": ""}
    write_host(tmp_path, files | {"sys/firmware/devicetree/base/soc/loop": "->../soc"})
    assert capture_board(HostFiles(str(tmp_path))).devices == ()


def test_a_driver_is_known_by_the_path_of_its_node(tmp_path: Path) -> None:
    board = capture_board(HostFiles(write_host(tmp_path, ARM64)))
    drivers = {device.name: (device.driver, device.iommu_group) for device in board.devices}
    assert drivers["/pl011@9000000"] == ("uart-pl011", None)
    assert drivers["/soc/dma@1000"] == (None, 4)
    assert drivers["/soc/timer@1400"] == (None, None)
