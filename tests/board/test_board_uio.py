# SPDX-License-Identifier: Apache-2.0
"""UIO devices of a host, and the interrupts they deliver."""

from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.interrupts import read_interrupts
from passthru.board.uio import read_uio_devices, with_interrupts
from sample_board import BOARD

NVME = BOARD.pci[0]


class Host:
    """A tree of pseudo files."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def interrupt(self, number: int, chip: str, vector: int, owner: str) -> None:
        folder = f"sys/kernel/irq/{number}"
        self.put(f"{folder}/chip_name", f"{chip}\n")
        self.put(f"{folder}/hwirq", f"{vector}\n")
        self.put(f"{folder}/type", "level\n")
        self.put(f"{folder}/actions", f"{owner}\n")

    def uio(self, number: int, driver: str, device: str, irq: str | None = None) -> None:
        self.put(f"sys/class/uio/uio{number}/name", f"{driver}\n")
        self.put(f"sys/devices/{device}/present", "")
        if irq is not None:
            self.put(f"sys/devices/{device}/irq", f"{irq}\n")
        (self.root / f"sys/class/uio/uio{number}/device").symlink_to(f"../../../devices/{device}")

    def map(self, number: int, name: str, start: str, size: str) -> None:
        folder = f"sys/class/uio/uio{number}/maps/{name}"
        self.put(f"{folder}/addr", f"{start}\n")
        self.put(f"{folder}/size", f"{size}\n")

    def devices(self):
        files = HostFiles(str(self.root))
        return read_uio_devices(files, read_interrupts(files), BOARD.pci)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_pci_function_has_the_line_of_its_pin_and_its_bars(host: Host) -> None:
    name = NVME.address.sysfs_name
    host.interrupt(9, "IR-IO-APIC", 9, "acpi")
    host.interrupt(40, "IR-IO-APIC", 21, "ahci,uio_pci_generic")
    host.interrupt(41, "IR-IO-APIC", 22, "uio_pci_generic")
    host.uio(0, "uio_pci_generic", name, "40")
    (device,) = host.devices()
    assert (device.name, device.device, device.driver) == ("uio0", name, "uio_pci_generic")
    assert device.vectors == (21,)
    assert device.registers == tuple(bar.range for bar in NVME.bars)


@pytest.mark.parametrize("irq", ["0", "9", "77", "", "x", "9" * 30])
def test_a_function_without_a_line_of_its_own_delivers_nothing(host: Host, irq: str) -> None:
    host.interrupt(0, "IO-APIC", 2, "timer")
    host.interrupt(9, "IO-APIC", 9, "acpi")
    host.uio(0, "uio_pci_generic", NVME.address.sysfs_name, irq)
    (device,) = host.devices()
    assert device.vectors == ()


def test_a_platform_device_is_found_by_the_name_under_which_it_has_its_line(host: Host) -> None:
    host.interrupt(30, "GICv3", 34, "rtc")
    host.interrupt(31, "GICv3", 33, "uart-pl011")
    host.interrupt(32, "pl061", 3, "rtc")
    host.uio(0, "rtc", "platform/9010000.pl031")
    host.map(0, "map0", "0x0000000009010000", "0x1000")
    host.map(0, "map1", "nonsense", "0x1000")
    host.map(0, "map2", "0xffffffffffffffff", "0x1000")
    (device,) = host.devices()
    assert (device.device, device.vectors) == ("9010000.pl031", (34,))
    assert device.registers == (AddressRange(0x9010000, 0x1000),)


def test_devices_of_one_name_may_each_deliver_the_lines_of_all(host: Host) -> None:
    host.interrupt(30, "GICv3", 34, "timer")
    host.interrupt(31, "GICv3", 35, "timer")
    host.uio(0, "timer", "platform/9010000.timer")
    host.uio(1, "timer", "platform/9020000.timer")
    assert [device.vectors for device in host.devices()] == [(34, 35), (34, 35)]


def test_the_kernel_s_abilities_are_looked_at_where_no_device_is_there(host: Host) -> None:
    without = with_interrupts(BOARD, HostFiles(str(host.root)))
    assert without.uio == ()
    assert any(each.name == "uio_pci_generic" for each in without.features)
    host.interrupt(30, "GICv3", 34, "rtc")
    host.uio(0, "rtc", "platform/9010000.pl031")
    board = with_interrupts(BOARD, HostFiles(str(host.root)))
    assert board.uio is not None
    assert [each.vectors for each in board.uio] == [(34,)]
    assert [each.vector for each in board.interrupts] == [34]
    assert board.features == ()
