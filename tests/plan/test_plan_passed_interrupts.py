# SPDX-License-Identifier: Apache-2.0
"""Passed interrupts of a plan: the guest's line, the host's vector, and who delivers it."""

import pytest

from passthru.addresses import AddressRange
from passthru.board.model import Board, InterruptLine, Trigger, UioDevice
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.description import describe_vm
from passthru.plan.model import PassedInterrupt
from passthru.plan.passed_interrupts import plan_interrupts
from passthru.plan.planner import plan_vm
from sample_board import BASE, BOARD

IOAPIC = BASE + "vdev ioapic loc 0xf8000000 intr apic name pins\n"
FIRST, SECOND = AddressRange(0xFE000000, 0x1000), AddressRange(0xFE100000, 0x1000)
UIO = BOARD._replace(
    interrupts=tuple(
        InterruptLine("ioapic", vector, Trigger.LEVEL, "uio_pci_generic") for vector in (5, 21, 22)
    ),
    uio=(
        UioDevice("uio0", "0000:00:05.0", "uio_pci_generic", (21,), (FIRST,)),
        UioDevice("uio1", "0000:00:06.0", "uio_pci_generic", (22,), (SECOND,)),
        UioDevice("uio2", "0000:00:07.0", "uio_pci_generic", (22, 5), ()),
    ),
)


def planned(text: str, board: Board = UIO, base: str = IOAPIC) -> list[tuple]:
    config = read([Source("test", base + text)], environment={}).config
    return [each[:5] for each in plan_interrupts(config, board).interrupts]


@pytest.mark.parametrize(
    ("text", "interrupts"),
    [
        ("", []),
        ("pass intr pins:7=21", [(7, 21, "uio0", False, None)]),
        ("pass intr pins:7,u=21", [(7, 21, "uio0", True, None)]),
        ("pass intr pins:5", [(5, 5, "uio2", False, None)]),
        ("pass intr pins:6", [(6, 6, None, False, None)]),
        (
            "pass sched 67 intr pins:7=21 intr pins:10=5 pass intr pins:11=6",
            [
                (7, 21, "uio0", False, 67),
                (10, 5, "uio2", False, 67),
                (11, 6, None, False, None),
            ],
        ),
        ("pass intr pins:7=21 sched 99", [(7, 21, "uio0", False, 99)]),
        (
            "pass loc mem:0xd0000,0x1000,rwn=0xfe100000 intr pins:7=22",
            [(7, 22, "uio1", False, None)],
        ),
        ("pass loc mem:0xd0000,0x1000,rwn=0xfe101000 intr pins:7=22", [(7, 22, None, False, None)]),
        ("pass loc pci:0:3.0 intr pins:7=21", []),
    ],
)
def test_each_interrupt_has_its_line_its_vector_and_its_device(text, interrupts) -> None:
    assert planned(text) == interrupts


def test_hostvector_of_the_controller_counts() -> None:
    base = BASE + "vdev ioapic hostvector 16 intr apic name pins\n"
    assert planned("pass intr pins:5", base=base) == [(5, 21, "uio0", False, None)]


def test_kvm_counts_the_shared_lines_of_a_gic_from_zero() -> None:
    arm = UIO._replace(architecture="aarch64", uio=(UioDevice("uio0", "", "", (34,), ()),))
    base = "ram 64m load kernel\n"
    assert planned("pass intr gic:34", arm, base) == [(2, 34, "uio0", False, None)]
    assert planned("pass intr gic:40=34", arm, base) == [(8, 34, "uio0", False, None)]


ARM_LINES = (
    InterruptLine("gic", 79, Trigger.EDGE, "virtio_mmio"),
    InterruptLine("pl061", 34, Trigger.EDGE, "gpio-keys"),
    InterruptLine("gic", 34, Trigger.LEVEL, "pl031"),
)


@pytest.mark.parametrize(
    ("architecture", "text", "at_once"),
    [
        ("aarch64", "pass intr gic:79", True),
        ("aarch64", "pass intr gic:79,u", True),
        ("aarch64", "pass intr gic:34", False),
        ("aarch64", "pass intr gic:79=34", False),
        ("aarch64", "pass intr gic:80", False),
        ("x86_64", "pass intr gic:79", False),
    ],
)
def test_an_edge_whose_end_kvm_does_not_tell_is_unmasked_at_once(
    architecture: str, text: str, at_once: bool
) -> None:
    board = BOARD._replace(architecture=architecture, interrupts=ARM_LINES)
    ((_, _, _, unmasked_at_once, _),) = planned(text, board, "ram 64m load kernel\n")
    assert unmasked_at_once is at_once


def test_devices_that_nothing_tells_apart_are_named_with_the_fix() -> None:
    config = read([Source("test", IOAPIC + "pass intr pins:7=22")], environment={}).config
    (finding,) = plan_vm(config, UIO).findings
    assert "uio1 (0000:00:06.0) and uio2 (0000:00:07.0)" in finding.message
    assert "by `loc`" in str(finding.fix)


def test_the_plan_claims_the_vector_and_tells_the_steps() -> None:
    text = IOAPIC + "pass intr pins:7=21 intr pins:10,u=6"
    config = read([Source("test", text)], environment={}).config
    vm = describe_vm(config, UIO, kvm=True)
    assert [claim.resource for claim in vm.claims] == ["vector 21", "vector 6"]
    steps = [step for step in vm.steps if "thread" in step]
    assert steps == [
        "open /dev/uio0 for vector 21 and start a thread that raises pins:7 and unmasks it when "
        "the guest ended it",
        "open the UIO device that delivers vector 6 and start a thread that raises pins:10 and "
        "unmasks it at once",
    ]
    assert vm.plan is not None
    assert [type(each) for each in vm.plan.interrupts] == [PassedInterrupt] * 2
    without = describe_vm(config, None, kvm=True)
    assert [claim.resource for claim in without.claims] == ["vector 21", "vector 6"]
