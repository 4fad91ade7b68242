# SPDX-License-Identifier: Apache-2.0
"""vCPUs' threads on the host's processors: bound before the guest starts, or no guest starts."""

import errno
import os
import threading
from pathlib import Path

import pytest

from fake_kernel import FakeKernel
from passthru.addresses import AddressRange
from passthru.board.model import Abilities, Board
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Source, Span
from passthru.host.kernel import KernelCallFailed, LinuxKernel
from passthru.language.model import Text
from passthru.plan.model import (
    Binding,
    Blob,
    BlobRole,
    GuestRegion,
    PciWindows,
    Realtime,
    RealtimePolicy,
    RegionKind,
    VcpuThread,
    VmPlan,
)
from passthru.vmm import kvm_abi
from passthru.vmm.build import run_machine
from passthru.vmm.errors import GuestCrash, ProcessorsRefused, RealtimeRefused
from passthru.vmm.vcpu_scheduling import VcpuScheduling

SOURCE = Source("guest.qvmconf", "cpu runmask 1,3 sched 20f\ncpu sched 8")
MASK = Text("1,3", Span(SOURCE, 12, 15))
FIRST, SECOND = Text("20f", Span(SOURCE, 22, 25)), Text("8", Span(SOURCE, 36, 37))
BOUND = VcpuThread(0, Binding((1, 3), MASK), Realtime(RealtimePolicy.FIFO, 20, FIRST))
ROUND = VcpuThread(1, None, Realtime(RealtimePolicy.ROUND_ROBIN, 8, SECOND))
BOARD = Board("fake", "x86_64", 4, (), (), (), (), (), Abilities(False, True, True, None))


def plan(folder: Path) -> VmPlan:
    image = folder / "flat.bin"
    image.write_bytes(b"\xf4")
    whole = (SOURCE, 0, 3)
    return VmPlan(
        name="guest",
        cpu_count=2,
        regions=(
            GuestRegion(AddressRange(0, 0xA0000), RegionKind.RAM, "ram", Span(*whole)),
            GuestRegion(AddressRange(0xE0000, 0x20000), RegionKind.FIRMWARE, "tables", None),
        ),
        blobs=(Blob(BlobRole.BOOT_IMAGE, str(image), None, None, Span(*whole)),),
        command_line="",
        functions=(),
        pci=PciWindows(
            AddressRange(0xE0000000, 1 << 20),
            AddressRange(0xC0000000, 1 << 28),
            AddressRange(1 << 36, 1 << 36),
            AddressRange(0xC000, 0x4000),
        ),
        serial_ports=(),
        ioapic_address=0xFEC00000,
        locked_memory=0,
        claims=(),
        threads=(BOUND, ROUND),
    )


def run(folder: Path, kernel: FakeKernel, *, dry: bool = False) -> ExitStatus:
    return run_machine(plan(folder), BOARD, kernel, lambda remark: None, dry=dry)


def test_each_vcpu_runs_in_a_thread_that_has_what_it_asks_for(tmp_path):
    kernel = FakeKernel()
    entered: dict[int, int] = {}

    def enter(page: memoryview) -> None:
        # Whoever enters first ends the machine, so all wait for all.
        entered[threading.get_native_id()] = len(kernel.bound)
        both.wait(10)
        page[kvm_abi.RUN_EXIT_REASON] = kvm_abi.KVM_EXIT_SHUTDOWN

    both = threading.Barrier(2)
    kernel.exits = [enter]
    with pytest.raises(GuestCrash):
        run(tmp_path, kernel)
    assert len(entered) == 2
    in_guest = [each for each in kernel.scheduled if each[0] in entered]
    assert sorted(each[1:] for each in in_guest) == [(8, True), (20, False)]
    (first,) = (thread for thread, priority, _ in in_guest if priority == 20)
    assert [where for thread, where in kernel.bound if thread == first] == [(1, 3)]
    assert not any(thread not in (first,) and thread in entered for thread, _ in kernel.bound)
    assert (kernel.files, kernel.mappings) == ({}, {})


@pytest.mark.parametrize("dry", [False, True])
def test_a_priority_that_is_not_permitted_is_told_before_the_guest_starts(tmp_path, dry):
    kernel = FakeKernel()
    kernel.priority_error = errno.EPERM
    with pytest.raises(RealtimeRefused, match=r"guest.qvmconf:1.* SCHED_FIFO with") as raised:
        run(tmp_path, kernel, dry=dry)
    error = raised.value
    assert "priority 20 for vCPU 0: Operation not permitted" in str(error)
    assert "CAP_SYS_NICE" in error.fix
    assert "RLIMIT_RTPRIO (ulimit -r 20" in error.fix
    assert error.exit_status is ExitStatus.FATAL_BEFORE_START
    assert "KVM_RUN" not in kernel.steps
    assert (kernel.files, kernel.mappings) == ({}, {})


def test_a_processor_that_the_process_may_not_use_is_refused_and_not_dropped(tmp_path):
    kernel = FakeKernel()
    kernel.allowed = frozenset((0, 1, 2, 8))  # the kernel would take {1, 3} and mean {1}
    with pytest.raises(ProcessorsRefused, match=r"guest.qvmconf:1.*vCPU 0") as raised:
        run(tmp_path, kernel)
    error = raised.value
    assert "processors 1,3: this process may run on 0-2,8 only" in str(error)
    assert "cpuset" in error.fix
    assert error.exit_status is ExitStatus.FATAL_BEFORE_START
    assert kernel.bound == []
    assert (kernel.files, kernel.mappings) == ({}, {})


def test_a_binding_that_the_kernel_refuses_is_an_error(tmp_path):
    kernel = FakeKernel()

    def stay_on(processors):
        raise OSError(errno.EINVAL, "fake")  # they have gone since

    kernel.stay_on = stay_on
    with pytest.raises(ProcessorsRefused):
        run(tmp_path, kernel)
    assert "KVM_RUN" not in kernel.steps
    assert (kernel.files, kernel.mappings) == ({}, {})


def test_failing_at_any_step_leaves_nothing_behind(tmp_path):
    rehearsal = FakeKernel()
    run(tmp_path, rehearsal, dry=True)
    assert {"sched_getaffinity", "sched_setaffinity", "sched_setscheduler"} < {*rehearsal.steps}
    for step, name in enumerate(rehearsal.steps):
        kernel = FakeKernel(fail_at=step)
        with pytest.raises(PassthruError):
            run(tmp_path, kernel, dry=True)
        assert (kernel.files, kernel.mappings) == ({}, {}), f"left after a failure at {name}"


def test_a_dry_run_tries_it_out_and_enters_no_guest(tmp_path):
    kernel = FakeKernel()
    assert run(tmp_path, kernel, dry=True) is ExitStatus.OK
    assert [priority for _, priority, _ in kernel.scheduled] == [20, 8]
    assert "KVM_RUN" not in kernel.steps


def test_what_is_refused_only_after_the_start_is_fatal_after_it(tmp_path):
    kernel = FakeKernel()
    tried = kernel.become_realtime

    def become_realtime(priority, *, round_robin=False):
        if len(kernel.scheduled) >= 2:  # the trial has had both
            raise OSError(errno.EPERM, "fake")
        tried(priority, round_robin=round_robin)

    kernel.become_realtime = become_realtime
    with pytest.raises(RealtimeRefused) as raised:
        run(tmp_path, kernel)
    assert raised.value.exit_status is ExitStatus.FATAL_AFTER_START
    assert (kernel.files, kernel.mappings) == ({}, {})


def test_a_kernel_that_does_not_tell_what_is_allowed_is_an_error():
    with pytest.raises(KernelCallFailed, match="sched_getaffinity"):
        VcpuScheduling(FakeKernel(fail_at=0), (BOUND,))


def test_the_running_kernel_binds_one_thread_and_leaves_the_others():
    allowed = os.sched_getaffinity(0)
    one = min(allowed)
    binding = Binding((one,), Text(str(one), MASK.span))
    scheduling = VcpuScheduling(LinuxKernel(), (VcpuThread(0, binding, None),))
    found: list[set[int]] = []

    def work() -> None:
        scheduling.apply(0)
        found.append(os.sched_getaffinity(0))

    scheduling.try_out()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [{one}]
    assert os.sched_getaffinity(0) == allowed


def test_the_running_kernel_knows_no_processor_of_that_number():
    far = max(os.sched_getaffinity(0)) + 1000
    binding = Binding((far,), Text(str(far), MASK.span))
    with pytest.raises(ProcessorsRefused, match=f"processors {far}: "):
        VcpuScheduling(LinuxKernel(), (VcpuThread(0, binding, None),)).try_out()
