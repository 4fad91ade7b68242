# SPDX-License-Identifier: Apache-2.0
"""Passed PCI functions on arm64: the bus in the holes of the guest's map, BARs and lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from arm_board import LINUX
from passthru.addresses import AddressRange
from passthru.board.model import BarKind, Board, HostRegion, IommuGroup, PciFunction
from passthru.diagnostics.source import Source
from passthru.language.model import VmConfig
from passthru.language.reader import read
from passthru.plan.aarch64 import ArmPciBus
from passthru.plan.arm_pci import bus_without_board
from passthru.plan.arm_planner import ArmPlanned, plan_arm_vm
from passthru.plan.model import RegionKind
from passthru.rules.check import check
from sample_board import bar, function

MSI_WINDOW = AddressRange(0x8000000, 0x100000)
DISK = function(
    "0000:00:03.0", (0x1B36, 0x10), bar(0, BarKind.MEMORY64, 0x8000000000, 0x4000), group=3
)
EDU = function(
    "0000:00:05.0", (0x1234, 0x11E8), bar(0, BarKind.MEMORY32, 0x10000000, 1 << 20), group=5
)
CARD = function(
    "0000:01:00.0",
    (0x8086, 0x10D3),
    bar(0, BarKind.MEMORY64, 0x8001000000, 1 << 24, prefetchable=True),
    bar(4, BarKind.PORTS, 0x1000, 32),
    pin=2,
    group=7,
)
WITHOUT_PIN = function("0000:01:00.1", (0x8086, 0x10D4), pin=0, group=8)


def host(*functions: PciFunction, kept: AddressRange = MSI_WINDOW) -> Board:
    groups = tuple(
        IommuGroup(each.iommu_group or 0, (each.address,), (HostRegion(kept, "msi"),))
        for each in functions
    )
    return LINUX._replace(pci=functions, iommu_groups=groups)


HOST = host(DISK, EDU, CARD, WITHOUT_PIN)
RAM = "ram 0x80000000,64m"
PASS = "pass loc pci:0:3.0"


def config_of(text: str) -> VmConfig:
    config, findings = read([Source("guest.qvmconf", f"{text} load kernel\n")], environment={})
    assert findings == ()
    return config


def planned(text: str, board: Board = HOST) -> ArmPlanned:
    return plan_arm_vm(config_of(text), board)


def bus_of(text: str, board: Board = HOST) -> ArmPciBus:
    plan, findings = planned(text, board)
    assert findings == ()
    assert plan.bus is not None
    return plan.bus


def between(start: int, end: int) -> AddressRange:
    return AddressRange.between(start, end)


G = 1 << 30


@pytest.mark.parametrize(
    ("text", "its", "ports", "ecam", "memory32", "memory64"),
    [
        (RAM, 0x2F020000, 0xFFFF0000, 0xFFE00000, (G, 2 * G), (64 * G, 128 * G)),
        ("ram 0,1g", 0x40000000, 0xFFFF0000, 0xFFE00000, (2 * G, 3 * G), (64 * G, 128 * G)),
        ("ram 0,3g ram 4g,65g", 0xC0000000, 0xFFFF0000, 0xFFE00000, None, (128 * G, 192 * G)),
        (RAM + " vdev gic gicd 0x8000000 gicr 0x80a0000", 0x8100000, None, None, None, None),
        (RAM + " vdev gic version 2", None, 0xFFFF0000, 0xFFE00000, (G, 2 * G), None),
        (RAM + " reserve loc 0xfff00000,0x100000", None, 0xFFEF0000, 0xFFD00000, None, None),
    ],
)  # fmt: skip
def test_the_bus_is_where_nothing_else_of_the_guest_is(
    text: str,
    its: int | None,
    ports: int | None,
    ecam: int | None,
    memory32: tuple[int, int] | None,
    memory64: tuple[int, int] | None,
) -> None:
    bus = bus_of(f"{text} {PASS}")
    if its is not None:
        assert bus.its == AddressRange(its, 0x20000)
    if ports is not None:
        assert bus.port_memory == AddressRange(ports, 0x10000)
    if ecam is not None:
        assert bus.windows.ecam == AddressRange(ecam, 1 << 20)
    if memory32 is not None:
        assert bus.windows.memory32 == between(*memory32)
    if memory64 is not None:
        assert bus.windows.memory64 == between(*memory64)


def test_without_functions_there_is_no_bus() -> None:
    plan, findings = planned(RAM)
    assert findings == ()
    assert (plan.bus, plan.pci, plan.functions, plan.locked_memory) == (None, None, (), 0)


def test_functions_have_places_bars_and_lines() -> None:
    text = f"{RAM} {PASS} loc pci:0:4.0=pci:0:5.0 loc pci:0:7.0=pci:1:0.0"
    plan, findings = planned(text)
    assert findings == ()
    assert plan.bus is not None
    lines = plan.bus.lines
    assert lines == (988, 989, 990, 991)
    disk, edu, card = plan.functions
    assert [str(each.guest) for each in plan.functions] == ["pci:0:3.0", "pci:0:4.0", "pci:0:7.0"]
    # INTA of device 3, INTA of device 4, INTB of device 7.
    assert [each.gsi for each in plan.functions] == [lines[each] - 32 for each in (3, 0, 0)]
    assert disk.bars[0].guest_start == G + (1 << 20)
    assert edu.bars[0].guest_start == G
    assert [each.guest_start for each in card.bars] == [64 * G, 0x1000]
    assert {each.resource for each in plan.claims} == {"pci:0:3.0", "pci:0:5.0", "pci:1:0.0"}
    assert plan.locked_memory == 64 << 20


def test_lines_of_the_configuration_are_not_the_bus_s() -> None:
    uart = "vdev pl011 loc 0x1c090000 intr gic:990"
    assert bus_of(f"{RAM} {PASS} {uart} reserve intr gic:988").lines == (986, 987, 989, 991)


def test_what_the_iommu_keeps_back_is_kept_free() -> None:
    """Wherever that is: neither memory nor a window of the bus may lie there."""
    for kept in (AddressRange(0xFFE00000, 0x200000), AddressRange(64 * G, 0x1000)):
        bus = bus_of(f"{RAM} {PASS}", host(DISK, kept=kept))
        places = (*bus.windows[:3], bus.port_memory, bus.its)
        assert not any(place is not None and place.overlaps(kept) for place in places)


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        (f"ram 0x8000000,1m {PASS}", {"iova-reserved"}),
        (f"ram 0x7f00000,1m {PASS}", set()),
        (f"ram 0x8100000,1m {PASS}", set()),
        ("ram 0x8000000,1m", set()),
    ],
)
def test_memory_in_the_smmu_s_window_is_refused_if_a_function_is_passed(
    text: str, rules: set[str]
) -> None:
    config = config_of(text)
    plan, findings = plan_arm_vm(config, HOST)
    assert findings == ()
    assert {each.id for each in check(config, plan, HOST)} == rules


@pytest.mark.shows("pci-placeholder", case="pci-dummy")
@pytest.mark.shows("sched-example-pci", case="sched")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("vdev pci-dummy loc pci:0:9.0", "run has no `vdev pci-dummy` on arm64"),
        ("pass sched 44 loc pci:0:3.0", "`sched 44` of a pass without `intr`"),
        ("pass loc pci:0:3.0 intr gic:40", "`intr gic:40` of a passed PCI function"),
    ],
    ids=["pci-dummy", "sched", "intr"],
)
def test_what_a_function_cannot_have_is_refused(text: str, says: str) -> None:
    (finding,) = planned(f"{RAM} {text}").findings
    assert finding.id == "not-supported-by-run"
    assert says in finding.message


def test_an_address_map_without_a_hole_has_no_room_for_a_bus() -> None:
    text = "ram 0,0x2f000000 ram 0x2f200000,0xd0e00000"
    assert planned(text).findings == ()
    (finding,) = planned(f"{text} {PASS}").findings
    assert finding.id == "no-room-for-pci"
    assert "leave a hole below 4 GiB" in (finding.fix or "")


def test_with_gicv2_functions_have_their_wired_interrupt_only() -> None:
    bus = bus_of(f"{RAM} vdev gic version 2 {PASS}")
    assert bus.its is None
    text = f"{RAM} {PASS} pass loc pci:0:4.0=pci:1:0.1"
    assert planned(text).findings == ()
    (finding,) = planned(f"{text} vdev gic version 2").findings
    assert "messages do not reach a guest with a GIC of version 2" in finding.message
    assert (finding.span.text, finding.fix) == ("pci:0:4.0=pci:1:0.1", "vdev gic version 3")


@pytest.mark.parametrize(
    "more", ["", "vdev gic version 2", "vdev pl011 loc 0xffe00000 intr gic:991"]
)
def test_a_tree_without_a_host_tells_of_the_same_bus(more: str) -> None:
    text = f"{RAM} {PASS} {more}"
    assert bus_without_board(config_of(text)) == bus_of(text)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 1 << 22), st.integers(1, 1 << 20)), min_size=1, max_size=5),
    st.integers(1, 8),
)
def test_no_two_parts_of_the_machine_meet(memory: list[tuple[int, int]], count: int) -> None:
    """Pages of RAM anywhere below 16 GiB: where the plan has a bus, it is beside everything."""
    text = "cpu " * count + "".join(f"ram {at * 4096:#x},{size * 4096:#x} " for at, size in memory)
    plan = planned(f"{text} {PASS}").plan
    if plan.bus is None:
        return
    bus = plan.bus
    parts = [*bus.windows[:3], bus.port_memory, *([bus.its] if bus.its else [])]
    others = [each.range for each in plan.regions if each.range not in parts]
    for number, part in enumerate(parts):
        for other in (*others, *parts[number + 1 :]):
            assert not part.overlaps(other)
        assert part.start % part.size == 0
    kinds = {each.range: each.kind for each in plan.regions}
    assert kinds[bus.windows.ecam] is RegionKind.PCI_CONFIG
