# SPDX-License-Identifier: Apache-2.0
"""What the vCPUs' threads ask of the host's scheduler, as the plans of both machines have it."""

import pytest

from arm_board import LINUX as ARM
from passthru.board.model import CpuCluster
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.arm_planner import plan_arm_vm
from passthru.plan.description import describe_vm
from passthru.plan.model import RealtimePolicy
from passthru.plan.planner import plan_vm
from sample_board import BASE, BOARD

FIFO, ROUND_ROBIN = RealtimePolicy.FIFO, RealtimePolicy.ROUND_ROBIN
CLUSTERS = (CpuCluster("package0", (0, 1)), CpuCluster("package1", (2, 3)))
X86_BOARD = BOARD._replace(cpu_count=4, clusters=CLUSTERS)
ARM_BOARD = ARM._replace(cpu_count=4, clusters=CLUSTERS)
ARM_BASE = "ram 0x80000000,64m guest load kernel\n"


def configured(text: str, base: str = BASE):
    return read([Source("test", base + text)], environment={}).config


def threads_of(plan) -> list[tuple]:
    return [
        (
            thread.vcpu,
            thread.binding and thread.binding.processors,
            thread.realtime and thread.realtime[:2],
        )
        for thread in plan.threads
    ]


TEXTS = [
    ("cpu cpu", []),
    ("cpu cluster _all", []),
    ("cpu runmask 1", [(0, (1,), None)]),
    ("cpu cpu runmask 3,1", [(1, (1, 3), None)]),
    ("cpu cluster _cpu-2 cpu cluster package1", [(0, (2,), None), (1, (2, 3), None)]),
    ("cpu sched 20", [(0, None, (ROUND_ROBIN, 20))]),
    ("cpu sched 20r", [(0, None, (ROUND_ROBIN, 20))]),
    ("cpu runmask 1 sched 99f", [(0, (1,), (FIFO, 99))]),
    ("cpu sched 20o cpu sched 30,8,10,100000000,20000000s cpu partition p", []),
]


@pytest.mark.parametrize(("text", "threads"), TEXTS)
def test_each_thread_has_its_processors_and_its_priority(text, threads) -> None:
    on_x86 = plan_vm(configured(text), X86_BOARD).plan
    on_arm = plan_arm_vm(configured(text, ARM_BASE), ARM_BOARD).plan
    assert threads_of(on_x86) == threads_of(on_arm) == threads


def test_a_plan_tells_it_among_its_steps() -> None:
    text = "cpu runmask 1,3 sched 20f cpu cluster package1 cpu sched 8"
    expected = (
        "for the thread of virtual processor 0: keep it on the host's processors 1,3 and schedule "
        "it by SCHED_FIFO, priority 20",
        "for the thread of virtual processor 1: keep it on the host's processors 2,3",
        "for the thread of virtual processor 2: schedule it by SCHED_RR, priority 8",
    )
    on_arm = describe_vm(configured(text, ARM_BASE), ARM_BOARD, kvm=True)
    on_x86 = describe_vm(configured(text), X86_BOARD, kvm=True)
    assert [step for step in on_arm.steps if "thread of" in step] == [*expected]
    assert [step for step in on_x86.steps if "thread of" in step] == [*expected]
    at = on_x86.steps.index(expected[0])
    assert on_x86.steps[at - 1] == "create 3 virtual processors"
    assert on_x86.steps[-1] == "let the guest run"


def test_without_a_board_a_cluster_keeps_its_name() -> None:
    steps = describe_vm(configured("cpu cluster big cpu runmask 2"), None, kvm=True).steps
    told = [step for step in steps if "thread of" in step]
    assert [step.partition("keep it on ")[2] for step in told] == [
        "the processors of the host's cluster big",
        "the host's processor 2",
    ]
