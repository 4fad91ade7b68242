# SPDX-License-Identifier: Apache-2.0
"""What each board's host needs to live: every address of each recorded board, by a table."""

from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.infrastructure import distinct, kind_of_device, kind_of_name
from passthru.board.linux import read_board
from passthru.board.load import import_qnx_texts, load_board
from passthru.board.model import Board, HostRegion
from passthru.board.snapshot import read_snapshot, write_board
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.on_board import check_on_board
from recorded_hosts import recorded, write_host

BOARDS = Path(__file__).parents[1] / "boards"

X86_FIXED = {
    "interrupt controller I/O APIC": (0xFEC00000, 0x1000),
    "interrupt controller local APIC": (0xFEE00000, 0x100000),
    "firmware at the reset vector": (0xFFFF0000, 0x10000),
}
TABLE = {
    "bench-x86-64": {
        **X86_FIXED,
        "firmware System ROM": (0xF0000, 0x10000),
        "PCI configuration space PCI MMCONFIG 0000 [bus 00-ff]": (0xB0000000, 0x10000000),
        "timer HPET 0": (0xFED00000, 0x400),
        "IOMMU dmar0": (0xFED90000, 0x1000),
    },
    "virt-arm64": {
        "firmware /flash@0": (0, 0x8000000),
        "interrupt controller GICD": (0x8000000, 0x10000),
        "interrupt controller /intc@8000000/its@8080000": (0x8080000, 0x20000),
        "interrupt controller GICR": (0x80A0000, 0xF60000),
        "firmware /fw-cfg@9020000": (0x9020000, 0x18),
        "IOMMU /smmuv3@9050000": (0x9050000, 0x20000),
        "PCI configuration space PCI ECAM": (0x4010000000, 0x10000000),
    },
    "pi4-like.dts": {
        "PCI configuration space /scb/pcie@7d500000": (0xFD500000, 0x9310),
        "interrupt controller /soc/interrupt-controller@40041000": (0xFF841000, 0x7000),
    },
    "virt-reduced.dts": {
        "interrupt controller /intc@8000000": (0x8000000, 0x10000),
        "interrupt controller /intc@8000000/its@8080000": (0x8080000, 0x20000),
        "IOMMU /iommu@9050000": (0x9050000, 0x20000),
        "PCI configuration space /pcie@10000000": (0x4010000000, 0x10000000),
    },
    "qnx-x86.txt": X86_FIXED,
    "qnx-arm-asinfo.txt": {
        "interrupt controller gicd": (0x8000000, 0x1000),
        "interrupt controller gicc": (0x8010000, 0x1000),
    },
}
"""By board: what is there, and all of its addresses as start and size."""

FREE = {
    "bench-x86-64": (0x20000000, 0x28000000, 0xFEB00000, 0xFED01000, 0xFED91000, 0xFED8F000),
    "virt-arm64": (0x9000000, 0x9010000, 0x9030000, 0x70000000, 0x68000000, 0x9021000, 0xA000000),
    "pi4-like.dts": (0xFE201000, 0xFE215000, 0xFD50A000),
    "virt-reduced.dts": (0x9000000, 0x9010000, 0x9070000),
    "qnx-x86.txt": (0xFEB00000,),
    "qnx-arm-asinfo.txt": (0x8011000, 0x9000000),
}
"""Pages of devices, of kept RAM, and right beside infrastructure: others' business."""


def board(name: str, folder: Path) -> Board:
    if name.endswith(".txt"):
        return import_qnx_texts([str(BOARDS / name)])
    if name.endswith(".dts"):
        return load_board(str(BOARDS / name))
    return load_board(write_host(folder, recorded(name)))


def told(each: Board, start: int, size: int, hypervisor: Hypervisor) -> list[str]:
    text = f"system a\nram 0x140000000,64M\npass loc mem:{start:#x},{size:#x},rwn\n"
    config = read([Source("a.qvmconf", text)], environment={}).config
    found = check_on_board(config, hypervisor, each)
    return [finding.message for finding in found if finding.id == "host-infrastructure"]


@pytest.mark.parametrize("hypervisor", list(Hypervisor))
@pytest.mark.parametrize("name", TABLE)
def test_every_address_is_refused(name: str, hypervisor: Hypervisor, tmp_path: Path) -> None:
    host = board(name, tmp_path)
    for what, (start, size) in TABLE[name].items():
        for place in (start, start + size // 2, start + size - 1):
            (message,) = told(host, place & -4096, 4096, hypervisor)
            assert what in message
        assert len(told(host, start, size, hypervisor)) == 1
    for place in FREE[name]:
        assert told(host, place, 4096, hypervisor) == [], hex(place)


@pytest.mark.parametrize("name", ["bench-x86-64", "virt-arm64"])
def test_the_table_has_all_of_it(name: str, tmp_path: Path) -> None:
    found = {each.name for each in board(name, tmp_path).infrastructure}
    assert found == set(TABLE[name])


@pytest.mark.parametrize("name", TABLE)
def test_an_older_snapshot_shows_the_same(name: str, tmp_path: Path) -> None:
    host = board(name, tmp_path)
    written = write_board(host)
    document, _, _ = written.partition(b',\n "infrastructure"')
    older = read_snapshot(document.replace(b'"version": 4', b'"version": 3') + b"\n}\n", name)
    # What only the deeper levels of the memory map show is lost with an older file.
    lost = {"firmware System ROM"}
    covered = [each.range for each in older.infrastructure]
    for region in host.infrastructure:
        assert region.name in lost or any(each.contains(region.range) for each in covered)


def test_an_unprivileged_capture_knows_what_is_fixed(tmp_path: Path) -> None:
    host = read_board(HostFiles(write_host(tmp_path, {"proc/sys/kernel/arch": "x86_64\n"})))
    assert {each.name for each in host.infrastructure} == set(X86_FIXED)


def test_the_motherboard_is_refused_and_its_ram_is_not(tmp_path: Path) -> None:
    files = {
        "proc/sys/kernel/arch": "x86_64\n",
        "proc/iomem": "00100000-1fffffff : System RAM\n20000000-23ffffff : Reserved\n",
        "sys/bus/pnp/devices/00:01/id": "PNP0c02\n",
        "sys/bus/pnp/devices/00:01/resources": "state = active\nmem 0x100000-0x24ffffff\n"
        "mem 0xfed1c000-0xfed1ffff\n",
    }
    host = read_board(HostFiles(write_host(tmp_path, files)))
    found = [each.range for each in host.infrastructure if each.name.startswith("motherboard")]
    assert found == [AddressRange(0x24000000, 0x1000000), AddressRange(0xFED1C000, 0x4000)]


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("arm,cortex-a15-gic",), "interrupt controller"),
        (("arm,cortex-a72",), None),
        (("arm,gic-v3-its",), "interrupt controller"),
        (("arm,gic-v2m-frame",), "interrupt controller"),
        (("arm,pl061", "arm,primecell"), None),
        (("vendor,smmu", "arm,smmu-v2"), "IOMMU"),
        (("arm,mmu-500",), "IOMMU"),
        (("arm,pl031", "arm,primecell"), None),
        (("pci-host-ecam-generic",), "PCI configuration space"),
        (("PNP0c02",), "motherboard registers"),
        (("PNP0501",), None),
        ((), None),
    ],
)
def test_devices_by_their_ids(words: tuple[str, ...], kind: str | None) -> None:
    assert kind_of_device(words) == kind


def test_names_of_the_memory_map() -> None:
    assert kind_of_name("IOAPIC 0") == "interrupt controller"
    assert kind_of_name("amd_iommu") == "IOMMU"
    assert kind_of_name("ACPI Tables") == "firmware"
    for name in ("Reserved", "System RAM", "PCI Bus 0000:00", "0000:00:03.0", "Video ROM", ""):
        assert kind_of_name(name) is None


NODES = """
/dts-v1/;
/ { #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;
 gic: gic@1000 { compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>;
  reg = <0x1000 0x1000>; };
 gpio@2000 { compatible = "v,gpio"; gpio-controller; #gpio-cells = <2>; interrupt-controller;
  #interrupt-cells = <2>; reg = <0x2000 0x1000>; };
 mux@3000 { compatible = "v,mux"; interrupt-controller; #interrupt-cells = <1>;
  interrupts = <0 4 4>; reg = <0x3000 0x1000>; };
 first@4000 { compatible = "v,intc"; interrupt-controller; #interrupt-cells = <1>;
  reg = <0x4000 0x1000>; };
 mmu@5000 { compatible = "v,mmu"; #iommu-cells = <1>; reg = <0x5000 0x1000>; };
 off@6000 { compatible = "arm,smmu-v3"; status = "disabled"; #iommu-cells = <1>;
  reg = <0x6000 0x1000>; };
 memory@80000000 { device_type = "memory"; reg = <0x80000000 0x10000000>; };
 reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges;
  optee-core@81000000 { reg = <0x81000000 0x1000>; no-map; };
  tz_mem@82000000 { reg = <0x82000000 0x1000>; no-map; };
  guest@83000000 { reg = <0x83000000 0x1000>; no-map; };
 };
};
"""


def test_nodes_are_told_by_what_they_have(tmp_path: Path) -> None:
    source = tmp_path / "board.dts"
    source.write_text(NODES)
    found = {each.name: each.range.start for each in load_board(str(source)).infrastructure}
    assert found == {
        "interrupt controller /gic@1000": 0x1000,
        "interrupt controller /first@4000": 0x4000,
        "IOMMU /mmu@5000": 0x5000,
        "firmware optee-core@81000000": 0x81000000,
        "firmware tz_mem@82000000": 0x82000000,
    }


def test_what_lies_inside_another_is_told_once() -> None:
    outer, inner = AddressRange(0x1000, 0x3000), AddressRange(0x2000, 0x1000)
    beside = AddressRange(0x3000, 0x2000)
    regions = (HostRegion(inner, "b"), HostRegion(outer, "a"), HostRegion(beside, "c"))
    assert [each.name for each in distinct(regions)] == ["a", "c"]
