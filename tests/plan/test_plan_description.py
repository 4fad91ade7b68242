# SPDX-License-Identifier: Apache-2.0
"""A VM as people look at it: on every kind of board, and without one."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm_board import LINUX as ARM_LINUX
from passthru.addresses import AddressRange, PciAddress
from passthru.board.load import load_board
from passthru.board.model import Board, BoardOrigin, HostRegion, InterruptLine, Trigger, UioDevice
from passthru.board.qnx import board_from_qnx
from passthru.plan.arm_planner import plan_arm_vm
from passthru.plan.described_functions import planned_functions
from passthru.plan.description import describe_vm, why_not_for_run
from passthru.plan.host_places import claimed_things, host_place
from passthru.plan.model import BlobRole, GuestFunction, RegionKind
from passthru.plan.planner import plan_vm
from passthru.plan.vm_description import VmDescription
from sample_board import BOARD, check_text

BOARDS = Path(__file__).parents[1] / "boards"
PI = load_board(str(BOARDS / "pi4-like.dts"))
OLD_ARM = PI._replace(architecture="armv7l")
QNX = BOARD._replace(origin=BoardOrigin.QNX, asinfo=(HostRegion(AddressRange(0, 1), "ram"),))
QNX_FUNCTIONS = board_from_qnx(
    {"pci.txt": (BOARDS / "qnx-x86.txt").read_text().partition("\n\n")[2]}
)
ARM = "ram 0x80000000,1m load 0x80000000,a "


def described(text: str, board: Board | None = None, *, kvm: bool = True) -> VmDescription:
    return describe_vm(check_text(text, base="").config, board, kvm=kvm)


@pytest.mark.parametrize(
    ("text", "board", "kvm", "reason"),
    [
        ("ram 1m load a", BOARD, True, None),
        ("ram 1m load a", None, True, None),
        ("ram 1m load a vdev ioapic", None, True, None),
        ("ram 1m load a vdev pl011", BOARD, True, None),  # what is wrong is the device
        ("ram 1m load a vdev pl011", None, True, None),
        ("ram 1m load a pass intr gic:40", None, True, None),
        ("ram 1m load a", PI, True, None),
        ("ram 1m load a", OLD_ARM, True, "`run` has no machine for armv7l hosts"),
        ("ram 1m load a", PI, False, "for QNX's hypervisor"),
        ("ram 1m load a", QNX, True, "the board runs QNX"),
        ("ram 1m load a", QNX_FUNCTIONS, True, "the board runs QNX"),
        ("ram 1m load a", BOARD, False, "for QNX's hypervisor"),
        ("ram 1m load a", None, False, "for QNX's hypervisor"),
        ("ram 0,4g load a", BOARD, True, "no room for its PCI bus"),
    ],
)
def test_run_has_a_machine_or_it_is_said_why_not(text, board, kvm, reason) -> None:
    vm = described(text, board, kvm=kvm)
    if reason is None:
        assert vm.not_run_because is None
        assert vm.steps
        assert (vm.plan is None) is (board is None)
    else:
        assert reason in str(vm.not_run_because)
        assert vm.steps == ()
        assert vm.plan is None


def test_where_run_has_a_machine_it_is_that_one() -> None:
    text = (
        "system a cpu cpu ram 0,640k ram 1m,63m load a pass loc pci:0:3.0 "
        "loc 0x40000000,1m,rwcnst=0x20000000 vdev ioapic name chip"
    )
    vm = described(text, BOARD)
    plan = plan_vm(vm.config, BOARD).plan
    assert plan is not None
    assert (vm.regions, vm.blobs, vm.claims) == (plan.regions, plan.blobs, plan.claims)
    assert (vm.locked_memory, vm.cpu_count) == (plan.locked_memory, 2)
    assert vm.locked_memory == sum(window.size for window in vm.dma_windows) > 64 << 20
    (function,) = vm.functions
    assert (function.guest, function.gsi, function.bars) == (
        PciAddress(0, 0, 3, 0),
        plan.functions[0].gsi,
        plan.functions[0].bars,
    )
    (wire,) = vm.interrupts
    assert (wire.controller, wire.line, wire.user) == ("chip", function.gsi, "pass pci:0:3.0")


def test_without_a_board_the_verdicts_are_those_of_every_host() -> None:
    text = "ram 1m load a pass loc 0x40000000,1m,rwcn=0x20000000"
    without, on_board = described(text), described(text, BOARD)
    one, other = (
        next(each for each in vm.regions if each.host is not None) for vm in (without, on_board)
    )
    kinds = [(each.letter, each.enforcement) for each in one.verdicts]
    assert kinds == [(each.letter, each.enforcement) for each in other.verdicts]
    assert "KVM decides by the host's memory map" in str(one.verdicts)


ARM_GUEST = (
    "system a cpu cpu ram 0x80000000,1m load kernel vdev gic version 2 gicd 0x8000000 name pic "
    "vdev pl011 loc 0x1c090000 intr pic:37 pass loc 0x90000000,4k,rwn=0xfe202000 intr pic:60=155 "
)


def test_on_arm64_it_is_the_machine_of_run_as_well() -> None:
    uio = (UioDevice("uio3", "timer", "uio_pdrv_genirq", (155,), ()),)
    board = ARM_LINUX._replace(uio=uio)
    vm = described(ARM_GUEST, board)
    plan = plan_arm_vm(vm.config, board).plan
    assert vm.plan == plan
    assert (vm.regions, vm.blobs, vm.claims) == (plan.regions, plan.blobs, plan.claims)
    assert (vm.gic, vm.uarts, vm.cpu_count, vm.ports) == (plan.gic, plan.uarts, 2, ())
    assert [(each.line, each.vector, each.uio) for each in vm.interrupts] == [
        (37, None, None),
        (60, 155, "uio3"),
    ]
    assert [each.resource for each in vm.claims] == ["mem:0xfe202000,0x1000", "vector 155"]
    (verdict,) = [
        each.explanation for region in vm.regions for each in region.verdicts if each.letter == "c"
    ]
    assert "Device-nGnRE" in verdict


def test_wires_of_functions_have_the_lines_that_an_arm_guest_knows() -> None:
    config = check_text(ARM_GUEST + "pass loc pci:0:3.0", base="").config
    board = BOARD._replace(architecture="aarch64")
    location = config.passes[-1].locations[0]
    host = next(each for each in board.pci if each.address.device == 3)
    place = PciAddress(0, 0, 3, 0)
    function = GuestFunction(place, host, (), 3, location.span)
    (described_one,) = planned_functions(config, (function,), board, first_line=32)
    assert (described_one.guest, described_one.gsi) == (place, 35)


def test_without_a_board_an_arm_guest_has_the_same_address_map() -> None:
    config = check_text(ARM_GUEST, base="").config
    without, on_board = (describe_vm(config, board, kvm=True) for board in (None, ARM_LINUX))
    assert [each[:6] for each in without.regions] == [each[:6] for each in on_board.regions]
    assert (without.gic, without.uarts) == (on_board.gic, on_board.uarts)
    assert (without.blobs, without.claims) == (on_board.blobs, on_board.claims)
    assert "KVM decides by the host's memory map" in str(without.regions)
    assert without.plan is None
    kinds = [re.sub("0x[0-9a-f]+|uio[0-9]+", "", step) for step in without.steps]
    assert kinds == [re.sub("0x[0-9a-f]+|uio[0-9]+", "", step) for step in on_board.steps]


@pytest.mark.parametrize(
    ("text", "board", "reason"),
    [
        (ARM_GUEST, None, None),
        (ARM_GUEST, PI, None),
        (ARM_GUEST + "vdev virtio-blk vdev shmem", None, "no vdev shmem, virtio-blk"),
        (ARM_GUEST + "vdev virtio-blk vdev shmem", PI, "no vdev shmem, virtio-blk"),
        # Where the host is Linux, nobody else runs it.
        (ARM_GUEST + "vdev virtio-blk", ARM_LINUX, None),
        ("ram 1m load a vdev virtio-blk", BOARD, None),
        ("ram 1m load a vdev virtio-blk", None, None),
        ("ram 1m load a", QNX, "the board runs QNX"),
    ],
)
def test_whose_vm_it_is_where_nobody_says(text, board, reason) -> None:
    found = why_not_for_run(check_text(text, base="").config, board)
    assert found is None if reason is None else reason in str(found)


def test_a_function_without_a_place_is_there_all_the_same() -> None:
    text = "ram 1m load a pass loc pci:0:0.0=pci:0:3.0 loc pci:0:9.0 loc pci:0:4.0"
    functions = described(text, BOARD).functions
    assert [each.selector for each in functions] == ["pci:0:3.0", "pci:0:9.0", "pci:0:4.0"]
    assert [each.guest for each in functions] == [None, None, PciAddress(0, 0, 4, 0)]
    assert [each.host is None for each in functions] == [False, True, False]


def test_where_qvm_puts_a_function_by_its_ids_is_not_known() -> None:
    text = "pass loc pci:0x1b36/0x10 loc pci:0:7.0=pci:0x8086/0x2668"
    functions = described(text, BOARD, kvm=False).functions
    assert [each.guest for each in functions] == [None, PciAddress(0, 0, 7, 0)]
    assert [str(each.host) for each in functions] == [
        "pci:0:3.0 [1b36:0010]",
        "pci:0:4.0 [8086:2668]",
    ]
    # `run` decides it, whatever the board.
    assert described("pass loc pci:0x1b36/0x10").functions[0].guest == PciAddress(0, 0, 1, 0)


@pytest.mark.shows("intr-host-vector")
@pytest.mark.parametrize(
    ("text", "routes"),
    [
        ("pass loc 0x1000,4k,rn intr gic:40", [("gic", 40, 40, "pass mem:0x1000", True)]),
        ("pass loc 0x1000,4k,rn intr gic:40=150", [("gic", 40, 150, "pass mem:0x1000", True)]),
        ("pass loc pci:0:3.0 intr gic:40", [("gic", 40, 40, "pass pci:0:3.0", True)]),
        ("pass intr gic:40", [("gic", 40, 40, "pass", True)]),
        ("reserve intr gic:40", [("gic", 40, None, "reserve", False)]),
        ("vdev gic vdev pl011 intr gic:37", [("gic", 37, None, "vdev pl011", False)]),
        (
            "vdev ioapic name a intr apic vdev ioapic name b hostvector 100 intr apic "
            "pass loc io:0x60,2 intr b:3 pass intr apic",
            [("b", 3, 103, "pass io:0x60", True), ("apic", None, None, "pass", True)],
        ),
    ],
)
def test_interrupts_have_their_host_vectors(text, routes) -> None:
    found = [
        (each.controller, each.line, each.vector, each.user, each.is_passed)
        for each in described(ARM + text, kvm=False).interrupts
    ]
    assert found == routes


def test_the_owner_is_the_one_at_the_main_controller() -> None:
    lines = (
        InterruptLine("pl061", 40, Trigger.EDGE, "a button"),
        InterruptLine("gic", 41, Trigger.LEVEL, "uart"),
    )
    board = PI._replace(interrupts=lines)
    text = ARM + "pass intr gic:40 intr gic:41,u vdev pl011 intr gic:37=41"
    vm = described(text, board)
    assert {each.line: each.owner for each in vm.interrupts} == {40: None, 41: "uart", 37: None}
    assert [each.immediate_unmask for each in vm.interrupts if each.line == 41] == [True]


def test_on_other_boards_ports_and_interrupts_are_claims_too() -> None:
    text = "ram 1m load a vdev ioapic pass loc io:0x60,2,r loc pci:0:3.0 "
    text += "loc 0x1000,4k,rn intr ioapic:3"
    claims = described(text, QNX).claims
    assert [each.resource for each in claims] == [
        "mem:0x1000,0x1000",
        "pci:0:3.0",
        "io:0x60,2",
        "vector 3",
    ]
    # `run` passes neither.
    assert [each.resource for each in described(text, BOARD).claims] == [
        "mem:0x1000,0x1000",
        "pci:0:3.0",
    ]


def test_only_passed_devices_have_windows() -> None:
    memory = ARM + "pass loc 0x90000000,1m,rwcnst=0x20000000 "
    assert described(memory, PI, kvm=False).dma_windows == ()
    vm = described(memory + "pass loc 0xfe201000,4k,rwd", PI, kvm=False)
    assert [str(each) for each in vm.dma_windows] == [
        "0x80000000..0x80100000",
        "0x90000000..0x90100000",
    ]


def test_the_local_apic_is_there_where_text_or_board_show_x86() -> None:
    def has_apic(text: str, board: Board | None) -> bool:
        regions = described(text, board, kvm=False).regions
        return any(each.name == "local apic" for each in regions)

    assert has_apic("ram 1m load a", BOARD)
    assert has_apic("ram 1m load a vdev ioapic", None)
    assert not has_apic("ram 1m load a", None)
    assert not has_apic("ram 1m load a", PI)
    assert not has_apic("ram 1m load a vdev pl011", BOARD)


def test_data_that_run_does_not_know_is_told() -> None:
    text = "ram 0x80000000,1m fdt load 0x80010000,t load i initrd load 0x80020000,r acpi load x "
    text += "load 0x80030000,d initrd pass loc 0x90000000,1m,rn raw pass loc 0xa0000000,1m,rn"
    blobs = described(text, kvm=False).blobs
    assert [(each.role, each.path) for each in blobs] == [
        (BlobRole.FDT, "t"),
        (BlobRole.BOOT_IMAGE, "i"),
        (BlobRole.INITRD, "r"),
        (BlobRole.ACPI, "x"),
        (BlobRole.DATA, "d"),
        (BlobRole.INITRD, None),
    ]


def test_the_machine_s_own_ports_are_there_once() -> None:
    text = "ram 1m load a vdev timer8254 vdev ser8250 loc 0x3f8 intr p:4"
    names = [each.name for each in described(text).ports]
    assert len([name for name in names if "8254" in name]) == 1
    assert [each.range for each in described(text, kvm=False).ports] == [
        AddressRange(0x40, 4),
        AddressRange(0x3F8, 8),
    ]


RANGES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 12)).map(lambda pair: AddressRange(*pair)),
    max_size=8,
)


@given(RANGES)
def test_holes_and_regions_are_everything_up_to_the_end_and_no_hole_has_a_region(
    places: list[AddressRange],
) -> None:
    page = 0x1000
    text = "".join(f"reserve loc {each.start * page:#x},{each.size * page:#x} " for each in places)
    vm = described(f"{text} ", kvm=False)
    used = {n for each in places for n in range(each.start, each.end)}
    holes = [n for hole in vm.holes for n in range(hole.start // page, hole.end // page)]
    assert len(holes) == len(set(holes))
    assert set(holes).isdisjoint(used)
    assert set(holes) | used == set(range(max((each.end for each in places), default=0)))
    assert list(vm.holes) == sorted(vm.holes)


def test_a_device_without_a_known_size_ends_no_hole_within_its_page() -> None:
    vm = described("ram 0,4k vdev virtio-blk loc 0x1010 vdev pl011 loc 0x4000", kvm=False)
    assert [str(each) for each in vm.holes] == ["0x1000..0x1010", "0x2000..0x4000"]


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [
        (0x20000000, 0x1000, "reserved RAM (Reserved)"),
        (0x1FFFF000, 0x2000, "reserved RAM (Reserved), RAM that the host uses"),
        (0x100000, 1, "RAM that the host uses"),
        (0xFEBD4FFF, 1, "BAR 0 of pci:0:3.0"),
        (0xFEBD4000 - 1, 1, "BAR 0 of pci:0:4.0"),
        (0xFEBC0000, 1, "PCI Bus 0000:00"),
        (0xA0000000000, 1, None),
    ],
)
def test_what_is_at_a_place_of_the_board(start, size, expected) -> None:
    assert host_place(AddressRange(start, size), BOARD) == expected


def test_many_things_at_a_place_are_counted() -> None:
    whole = AddressRange(0xFE900000, 0x700000)
    assert str(host_place(whole, BOARD)).endswith("and 4 more")


def test_what_is_claimed_is_looked_up_where_it_stands() -> None:
    board = PI._replace(
        interrupts=(InterruptLine("gic", 153, Trigger.LEVEL, "pl011"),),
        ports=(HostRegion(AddressRange(0, 0x100), "bus"), HostRegion(AddressRange(0x60, 1), "kbd")),
    )
    text = ARM + "pass loc 0xfe201000,0x200,rwn loc 0xd0000000000,4k,rwn loc io:0x60 intr gic:153"
    vm = described(text, board, kvm=False)
    now = claimed_things(vm, board)
    assert {each.resource: now.get(each.span) for each in vm.claims} == {
        "mem:0xfe201000,0x200": "/soc/serial@7e201000",
        "mem:0xd0000000000,0x1000": None,
        "io:0x60,1": "kbd",
        "vector 153": "pl011 has it",
    }


def test_a_description_of_a_region_keeps_the_names_that_rules_use() -> None:
    vm = described(
        ARM + "initrd pass loc 0x90000000,1m,rcn vdev pl011 loc 0x1c090000", PI, kvm=False
    )
    assert [(each.name, each.kind) for each in vm.regions] == [
        ("vdev pl011", RegionKind.DEVICE),
        ("ram", RegionKind.RAM),
        ("initrd pass mem:0x90000000", RegionKind.PASSED),
    ]
