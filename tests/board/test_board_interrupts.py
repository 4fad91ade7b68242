# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.interrupts import controller_name, read_interrupts
from passthru.board.model import HostRegion, InterruptLine, Trigger
from passthru.board.ports import parse_ioports
from recorded_hosts import write_host


def line(chip: str, vector: str, kind: str = "level", actions: str = "") -> dict[str, str | bytes]:
    files = {"chip_name": chip, "hwirq": vector, "type": kind, "actions": actions}
    return {f"sys/kernel/irq/7/{name}": f"{text}\n" for name, text in files.items()}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (line("GICv3", "34"), InterruptLine("gic", 34, Trigger.LEVEL, None)),
        (line("GIC-0", "34", "edge", "a"), InterruptLine("gic", 34, Trigger.EDGE, "a")),
        # What the kernel says of a line that nobody asked for.
        (line("GIC-0", "34", "edge"), InterruptLine("gic", 34, Trigger.UNKNOWN, None)),
        (
            line("GICv3", "39", "level", "(null)"),
            InterruptLine("gic", 39, Trigger.LEVEL, "a driver that gives no name"),
        ),
        (
            line("IR-IO-APIC", "16", "level", "a,b"),
            InterruptLine("ioapic", 16, Trigger.LEVEL, "a,b"),
        ),
        (line("pl061", "3", "odd"), InterruptLine("pl061", 3, Trigger.UNKNOWN, None)),
        (line("", "3"), None),
        (line("GICv3", ""), None),
        (line("GICv3", "-1"), None),
        (line("GICv3", "9" * 5000), None),
        (line("PCI-MSIX-0000:00:01.0", "0"), None),
        (line("ITS-MSI", "8192"), None),
    ],
)
def test_lines_are_those_of_controllers(
    tmp_path: Path, files: dict[str, str | bytes], expected: InterruptLine | None
) -> None:
    found = read_interrupts(HostFiles(write_host(tmp_path, files)))
    assert found == ({7: expected} if expected else {})


@pytest.mark.parametrize(
    ("chip", "name"),
    [("GICv2", "gic"), ("IO-APIC", "ioapic"), ("XT-PIC", "XT-PIC"), ("mt-eint", "mt-eint")],
)
def test_controllers_have_one_name_on_every_kernel(chip: str, name: str) -> None:
    assert controller_name(chip) == name


def test_ports_are_listed_once_and_without_their_bus() -> None:
    text = (
        "0000-0cf7 : PCI Bus 0000:00\n  0060-0060 : keyboard\n  0060-0060 : keyboard\n"
        "c000-cfff : PCI Bus 0000:01\n  c040-c05f : 0000:01:00.0\n    c040-c05f : ahci\nodd\n"
    )
    assert parse_ioports(text) == (
        HostRegion(AddressRange(0x60, 1), "keyboard"),
        HostRegion(AddressRange(0xC040, 32), "0000:01:00.0"),
        HostRegion(AddressRange(0xC040, 32), "ahci"),
    )
