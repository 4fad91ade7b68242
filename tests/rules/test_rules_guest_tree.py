# SPDX-License-Identifier: Apache-2.0
"""A loaded device tree against the configuration that loads it."""
# ruff: noqa: E501 - a table of cases is read by rows

import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.rules.guest_tree import guest_tree_disagrees

BOARDS = Path(__file__).parent.parent / "boards"

BASE = "system guest ram 0x80000000,512M load 0x80080000,Image fdt load guest.dtb "
MEMORY = 'memory@80000000 { device_type = "memory"; reg = <0 0x80000000 0 0x20000000>; };'
GIC = (
    'gic: gic@2f000000 { compatible = "arm,gic-v3"; #interrupt-cells = <3>; interrupt-controller; '
    "reg = <0 0x2f000000 0 0x10000>, <0 0x2f100000 0 0x200000>; };"
)
UART = 'serial@fe201000 { compatible = "arm,pl011"; reg = <0 0xfe201000 0 0x1000>; interrupts = <0 121 4>; };'
VIRTIO = 'virtio@1c0b0000 { compatible = "virtio,mmio"; reg = <0 0x1c0b0000 0 0x200>; interrupts = <0 7 4>; };'

PASS = "pass loc mem:0xfe201000,0x1000,rwn "
NET = "vdev virtio-net loc 0x1c0b0000 intr gic:39 "


@cache
def compiled(nodes: str) -> bytes:
    source = f"/dts-v1/; / {{ #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>; {nodes} }};"
    command = ["dtc", "-q", "-f", "-I", "dts", "-O", "dtb"]
    return subprocess.run(command, input=source.encode(), capture_output=True, check=True).stdout


def compare(text: str, data: bytes) -> tuple[Finding, ...]:
    result = read([Source("guest.qvmconf", text)], environment={})
    (load,) = (load for load in result.config.loads if load.path == "guest.dtb")
    return guest_tree_disagrees(result.config, load, data)


class Case(NamedTuple):
    """A tree and a configuration that disagree as ``says`` has it; with ``near`` they agree."""

    nodes: str
    text: str
    says: str
    near: str
    near_nodes: str | None = None
    base: str = BASE


# fmt: off
CASES = (
    Case(MEMORY.replace("20000000>", "30000000>"), "", "memory@80000000 of `guest.dtb` has memory at 0xa0000000..0xb0000000, where the guest has none", "ram 0xa0000000,256M"),
    Case(MEMORY.replace("20000000>", "30000000>"), "", "0xa0000000..0xb0000000", "pass loc mem:0xa0000000,256M,m=0x40000000"),
    Case(MEMORY.replace("20000000>", "30000000>"), "pass loc mem:0xa0000000,256M,rwn=0x40000000", "0xa0000000..0xb0000000", "ram 256M"),
    Case(MEMORY.replace("0 0x20000000>", "0 0x10000000>"), "", "0x90000000..0xa0000000 is left out", "", MEMORY),
    Case(MEMORY.replace("0x80000000", "0x40000000"), "", "0x40000000..0x60000000", "ram 0x40000000,512M"),
    Case(GIC.replace("gic-v3", "gic-400"), "", "version 2, and the guest has one of version 3", "vdev gic version 2"),
    Case(GIC, "vdev gic version 2", "version 3, and the guest has one of version 2", "vdev gic version 3"),
    Case(GIC.replace("0x2f000000", "0x8000000"), "", "its gicd at 0x8000000, and the guest's is at 0x2f000000", "vdev gic gicd 0x8000000"),
    Case(GIC.replace("0x2f100000", "0x80a0000"), "", "its gicr at 0x80a0000, and the guest's is at 0x2f100000", "vdev gic gicr 80a0000"),
    Case(GIC.replace("gic-v3", "gic-400"), "vdev gic version 2 gicc 0x2c000000", "its gicc at 0x2f100000, and the guest's is at 0x2c000000", "vdev gic version 2 gicc 0x2f100000"),
    Case(GIC + UART, f"{PASS} intr gic:152", "interrupt gic:153 (<0 121 …>), and the device at its registers has gic:152", f"{PASS} intr gic:153"),
    Case(GIC + UART, f"{PASS} intr gic:152 intr gic:154=3", "has gic:152, gic:154", f"{PASS} intr gic:152 intr gic:153"),
    Case(GIC + UART, PASS, "has none", f"{PASS} pass intr gic:153"),
    Case(GIC + UART, f"{PASS} intr mine:153", "has none", f"{PASS} intr mine:153 vdev gic name mine"),
    Case(GIC + UART.replace("<0 121 4>", "<0 120 4>, <0 121 4>"), f"{PASS} intr gic:152", "gic:153", f"{PASS} intr gic:152 intr gic:153"),
    Case(GIC + UART.replace("<0 121 4>", "<1 9 4>"), f"{PASS} intr gic:152", "has interrupt gic:25, and", f"{PASS} intr gic:25"),
    Case(GIC + UART, "vdev pl011 loc 0xfe201000 intr gic:37", "gic:153", "vdev pl011 loc 0xfe201000"),
    Case(GIC + VIRTIO, NET.replace("39", "40"), "gic:39", NET),
    Case(GIC + VIRTIO, "", "is a virtio device at 0x1c0b0000", NET),
    Case(GIC + VIRTIO, NET.replace("b0000", "c0000"), "is a virtio device at 0x1c0b0000", "pass loc mem:0x1c0b0000,0x1000,rwn intr gic:39"),
    Case(GIC + VIRTIO, "", "is a virtio device", "", GIC + VIRTIO.replace("reg", 'status = "disabled"; reg')),
    Case(GIC + VIRTIO, "", "is a virtio device", "", GIC + VIRTIO.replace("reg", 'qvm,vdev = "net0"; reg')),
)
# fmt: on

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.says[-50:])


@every_case
def test_one_thing_is_told_where_they_disagree(case: Case) -> None:
    (finding,) = compare(case.base + case.text, compiled(case.nodes))
    assert finding.id == "guest-tree-disagrees"
    assert finding.severity is Severity.WARNING
    assert case.says in finding.message
    assert finding.vm == "guest"
    assert finding.span is not None
    assert finding.span.text == "fdt load guest.dtb"
    assert finding.fix


@every_case
def test_nothing_is_told_where_they_agree(case: Case) -> None:
    nodes = case.nodes if case.near_nodes is None else case.near_nodes
    assert [each.message for each in compare(case.base + case.near, compiled(nodes))] == []


def test_the_other_place_is_named() -> None:
    (finding,) = compare(f"{BASE} {PASS} intr gic:152", compiled(GIC + UART))
    assert [place.span and place.span.text for place in finding.others] == [PASS.split()[0]]
    assert finding.resource == "/serial@fe201000"


def test_a_whole_tree_that_fits() -> None:
    text = f"{BASE} {PASS} intr gic:153=90 {NET}"
    assert compare(text, compiled(MEMORY + GIC + UART + VIRTIO)) == ()


def test_ram_that_the_tree_does_not_name_at_all_may_be_kept_from_it() -> None:
    text = f"{BASE} ram 0xc0000000,16M"
    assert compare(text, compiled(MEMORY)) == ()


def test_memory_whose_place_is_not_certain_is_not_compared() -> None:
    text = "system guest pass loc 0x90000000,512M,m ram 0x80000000,64M ram 64M fdt load guest.dtb"
    assert compare(text, compiled(MEMORY)) == ()


def test_a_tree_without_memory_leaves_it_to_the_loader() -> None:
    assert compare(BASE, compiled(GIC)) == ()


def test_a_bus_is_translated() -> None:
    bus = (
        "soc { #address-cells = <1>; #size-cells = <1>; ranges = <0x7e000000 0 0xfe000000 0x1800000>; "
        "serial@7e201000 { reg = <0x7e201000 0x1000>; interrupts = <0 121 4>; }; };"
    )
    (finding,) = compare(f"{BASE} {PASS} intr gic:152", compiled(GIC + bus))
    assert finding.resource == "/soc/serial@7e201000"


def test_an_x86_guest_has_no_gic_to_compare() -> None:
    text = "system guest ram 0x80000000,512M vdev ioapic name x fdt load guest.dtb"
    assert compare(text, compiled(MEMORY + GIC.replace("gic-v3", "gic-400"))) == ()


@pytest.mark.parametrize(
    "data", [b"", b"/dts-v1/; / { };", b"\xd0\x0d\xfe\xed", compiled(GIC)[:-8]]
)
def test_a_file_that_is_no_tree_is_one_finding(data: bytes) -> None:
    (finding,) = compare(BASE, data)
    assert "`guest.dtb` is no sound device tree blob" in finding.message


def test_a_hopeless_tree_is_not_told_without_end() -> None:
    nodes = "".join(
        f'v@{n:x} {{ compatible = "virtio,mmio"; reg = <0 {n:#x} 0 0x200>; }};'
        for n in range(0x10000000, 0x10000000 + 0x1000 * 200, 0x1000)
    )
    assert len(compare(BASE, compiled(nodes))) == 16


SOURCES = [compiled(MEMORY + GIC + UART + VIRTIO)]
TEXT = f"{BASE} {PASS} intr gic:153 {NET} vdev gic version 3"


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.integers(0, len(SOURCES[0]) - 1), st.integers(0, 255)), max_size=12))
def test_no_bytes_break_the_comparison(changes: list[tuple[int, int]]) -> None:
    data = bytearray(SOURCES[0])
    for place, value in changes:
        data[place] = value
    for finding in compare(TEXT, bytes(data)):
        assert finding.id == "guest-tree-disagrees"


@pytest.mark.parametrize("path", sorted(BOARDS.glob("*.dts")), ids=lambda path: path.name)
def test_the_trees_of_whole_boards_are_read(path: Path) -> None:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb", str(path)]
    data = subprocess.run(command, capture_output=True, check=True).stdout
    # A board's own tree is no guest's: its memory and its GIC are elsewhere.
    assert compare(BASE, data)
