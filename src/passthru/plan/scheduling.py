# SPDX-License-Identifier: Apache-2.0
"""What the threads of a VM ask of the host's scheduler: processors, policies and priorities.

A priority is handed to Linux as the number that it is. QNX has 1 to 255 and gives every thread
one; Linux has 1 to 99, all of them above every ordinary thread (sched(7)).
"""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place
from passthru.language.model import Cpu, Text, VmConfig
from passthru.language.processors import (
    EVERY_PROCESSOR,
    ONE_PROCESSOR,
    Policy,
    parse_runmask,
    parse_scheduling,
)
from passthru.lean import Iterator, NamedTuple
from passthru.plan.model import Binding, Realtime, RealtimePolicy, VcpuThread
from passthru.plan.support import unsupported

__all__ = [
    "PRIORITIES",
    "PlannedThreads",
    "cluster_processors",
    "plan_threads",
    "priority_out_of_range",
    "thread_priority",
]

PRIORITIES = range(1, 100)
"""Those of SCHED_FIFO and SCHED_RR (sched(7))."""

_POLICIES = {
    # Threads of QNX are scheduled by round robin if nothing else is said.
    Policy.UNNAMED: RealtimePolicy.ROUND_ROBIN,
    Policy.ROUND_ROBIN: RealtimePolicy.ROUND_ROBIN,
    Policy.FIFO: RealtimePolicy.FIFO,
}
"""The other policies have no effect (``plan.without_effect``)."""


class PlannedThreads(NamedTuple):
    """The vCPUs' threads that ask for something, and what they cannot have on any host."""

    threads: tuple[VcpuThread, ...]
    findings: tuple[Finding, ...]


def plan_threads(config: VmConfig, board: Board | None) -> PlannedThreads:
    """Where the vCPUs' threads run and how they are scheduled.

    Without a board the processors of a named cluster are not known.
    """
    threads = (
        VcpuThread(number, _binding(cpu, board), _realtime(cpu))
        for number, cpu in enumerate(config.cpus)
    )
    return PlannedThreads(
        tuple(thread for thread in threads if thread.binding or thread.realtime),
        tuple(each for cpu in config.cpus for each in _refused(cpu)),
    )


def priority_out_of_range(sched: Text, priority: int | None) -> Finding | None:
    """What is wrong with a priority; None for one that Linux has."""
    if priority in PRIORITIES:
        return None
    return unsupported(
        f"`sched {sched.value}`: Linux's real-time priorities are the numbers from "
        f"{PRIORITIES[0]} to {PRIORITIES[-1]}",
        sched.span,
    )


def cluster_processors(name: str, board: Board | None) -> tuple[int, ...] | None:
    """The processors of a cluster; None for the one of all, and for one that is not known."""
    if name.startswith(ONE_PROCESSOR):
        return parse_runmask(name.removeprefix(ONE_PROCESSOR))
    clusters = board.clusters if board is not None and name != EVERY_PROCESSOR else ()
    return next((cluster.cpus for cluster in clusters if cluster.name == name), None)


def _binding(cpu: Cpu, board: Board | None) -> Binding | None:
    if cpu.runmask is not None:
        return Binding(parse_runmask(cpu.runmask.value) or (), cpu.runmask)
    if cpu.cluster is None or cpu.cluster.value == EVERY_PROCESSOR:
        return None
    return Binding(cluster_processors(cpu.cluster.value, board) or (), cpu.cluster)


def _realtime(cpu: Cpu) -> Realtime | None:
    scheduling = parse_scheduling(cpu.sched.value) if cpu.sched else None
    policy = _POLICIES.get(scheduling.policy) if scheduling else None
    if cpu.sched is None or scheduling is None or policy is None:
        return None
    return Realtime(policy, scheduling.priority, cpu.sched)


def _refused(cpu: Cpu) -> Iterator[Finding]:
    if cpu.cluster and cpu.runmask:
        first, second = sorted((cpu.cluster, cpu.runmask), key=lambda text: text.span.start)
        yield unsupported(
            f"`{second.value}`: a `cpu` takes a `cluster` or a `runmask`, and this one has both",
            second.span,
            others=(Place("the other one", first.span),),
            fix="leave one of them out",
        )
    realtime = _realtime(cpu)
    if realtime is not None:
        finding = priority_out_of_range(realtime.asked, realtime.priority)
        if finding is not None:
            yield finding


def thread_priority(sched: Text) -> int | None:
    """The number that was meant, for SCHED_FIFO; None if it is none."""
    scheduling = parse_scheduling(sched.value)
    if scheduling is None or scheduling.policy is not Policy.UNNAMED:
        return None
    return scheduling.priority if scheduling.priority in PRIORITIES else None
