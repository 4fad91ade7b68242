# SPDX-License-Identifier: Apache-2.0
"""The thread of a passed interrupt: on the kernel's own eventfds and poll, with a pipe as UIO."""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fake_kernel import FakeKernel, FakeUio
from passthru.diagnostics.source import Source, Span
from passthru.host.kernel import KernelCallFailed, LinuxKernel
from passthru.host.undo import UndoStack
from passthru.plan.model import PassedInterrupt
from passthru.vmm.errors import RealtimeRefused
from passthru.vmm.interrupt_service import InterruptService
from passthru.vmm.kvm import Kvm
from passthru.vmm.passed_interrupts import PassedInterrupts

SPAN = Span(Source("guest.qvmconf", "pass intr gic:34"), 10, 16)
LEVEL = PassedInterrupt(5, 34, "uio0", False, None, SPAN)
EDGE = LEVEL._replace(immediate_unmask=True)


class PipeKernel(LinuxKernel):
    """The running kernel, but for a UIO device that is a pipe of event counts."""

    def __init__(self) -> None:
        self.source, self.device = os.pipe()
        self.events = 0
        self.unmasked = 0
        self.gone = False

    def open(self, path: str, flags: int) -> int:
        return os.dup(self.source) if path == "/dev/uio0" else super().open("/dev/null", flags)

    def lock(self, file: int) -> None:
        pass

    def read(self, file: int, size: int, offset: int) -> bytes:
        if size != 4:
            return b"0\n"
        if self.gone:
            raise OSError(errno.EIO, "unplugged")
        return os.read(file, size)

    def write(self, file: int, data: bytes, offset: int) -> int:
        self.unmasked += 1
        return len(data)

    def interrupt(self, new: int = 1) -> None:
        """The device raises its interrupt; the driver has counted so many new ones."""
        self.events += new
        os.write(self.device, self.events.to_bytes(4, "little"))

    def close_pipe(self) -> None:
        os.close(self.source)
        os.close(self.device)


class FakeVm:
    """Keeps the eventfds that KVM would have."""

    def __init__(self) -> None:
        self.trigger = self.resample = -1

    def assign_irqfd(self, eventfd: int, gsi: int, resamplefd: int | None = None) -> None:
        assert gsi == 5
        self.trigger, self.resample = eventfd, -1 if resamplefd is None else resamplefd

    def deassign_irqfd(self, eventfd: int, gsi: int) -> None:
        assert (eventfd, gsi) == (self.trigger, 5)
        self.trigger = -1

    def raised(self) -> int:
        """How often the line was raised since the last call."""
        try:
            return os.eventfd_read(self.trigger)
        except BlockingIOError:
            return 0

    def end_of_interrupt(self) -> None:
        os.eventfd_write(self.resample, 1)


class Bench:
    """A service with its two sides."""

    def __init__(self, interrupt: PassedInterrupt) -> None:
        self.kernel = PipeKernel()
        self.vm = FakeVm()
        self.failures: list[BaseException] = []
        self.service = InterruptService(self.kernel, self.vm, interrupt, self.failures.append)

    def start(self) -> "Bench":
        self.service.start()
        assert self.kernel.unmasked == 1, "what was left masked would never come"
        return self


@pytest.fixture
def start() -> Iterator[Callable[[PassedInterrupt], Bench]]:
    made: list[Bench] = []

    def started(interrupt: PassedInterrupt) -> Bench:
        made.append(Bench(interrupt))
        return made[-1].start()

    yield started
    for bench in made:
        bench.service.stop()
        bench.kernel.close_pipe()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.001)


@pytest.mark.shows("intr-passed", "intr-service-thread")
def test_the_line_rises_and_is_unmasked_when_the_guest_has_ended_it(start) -> None:
    bench = start(LEVEL)
    for turn in range(1, 6):
        bench.kernel.interrupt()
        until(lambda: bench.vm.raised() == 1)
        assert bench.kernel.unmasked == turn, "unmasked before the guest's end of it"
        bench.vm.end_of_interrupt()
        until(lambda turn=turn: bench.kernel.unmasked == turn + 1)
    assert (bench.service.taken, bench.service.lost) == (5, 0)


def test_a_pci_function_that_asks_again_is_raised_again_and_stays_masked() -> None:
    kernel = FakeKernel()
    kernel.uio = FakeUio(pci=True)
    kernel.uio.config[5:7] = bytes((4, 8))
    service = InterruptService(kernel, Kvm(kernel, {}).create_vm(), LEVEL, print)
    service.start()
    (trigger,) = kernel.irqfds
    assert (service.taken, kernel.uio.unmasked) == (1, 0), "it was pending before the start"
    kernel.signal(kernel.resamplers[5])
    until(lambda: service.taken == 2)
    assert kernel.signalled.count(trigger) == 2
    kernel.uio.config[6] = 0
    kernel.signal(kernel.resamplers[5])
    until(lambda: kernel.uio.unmasked == 1)
    assert (service.taken, service.lost) == (2, 0)
    service.stop()


@pytest.mark.shows("intr-immediate-unmask")
def test_with_u_it_is_unmasked_at_once(start) -> None:
    bench = start(EDGE)
    for turn in range(1, 4):
        bench.kernel.interrupt()
        until(lambda turn=turn: bench.kernel.unmasked == turn + 1)
        assert bench.vm.raised() == 1
    assert bench.vm.resample == -1
    assert bench.service.taken == 3


def test_what_the_driver_counted_and_nobody_took_is_lost(start) -> None:
    bench = start(EDGE)
    for new in (1, 3, 1, 2):
        bench.kernel.interrupt(new)
    until(lambda: bench.service.taken == 4)
    assert bench.service.lost == 3
    assert "4 taken, 3 lost; unmasked after" in str(bench.service)
    assert str(bench.service).startswith("vector 34 (intr gic:34): ")


def test_the_time_until_unmasking_is_the_guest_s(start) -> None:
    bench = start(LEVEL)
    assert "unmasked after" not in str(bench.service)
    bench.kernel.interrupt()
    until(lambda: bench.vm.raised() == 1)
    time.sleep(0.02)
    bench.vm.end_of_interrupt()
    until(lambda: bench.kernel.unmasked == 2)
    least = float(str(bench.service).partition("after ")[2].partition(" µs")[0])
    assert 20_000 <= least < 10_000_000


def test_a_guest_that_ends_amid_an_interrupt_leaves_none_masked(start) -> None:
    bench = start(LEVEL)
    bench.kernel.interrupt()
    until(lambda: bench.vm.raised() == 1)
    bench.service.stop()
    assert bench.kernel.unmasked == 2
    assert bench.vm.trigger == -1


def test_after_the_stop_no_thread_and_no_file_is_left() -> None:
    files, threads = sorted(Path("/proc/self/fd").iterdir()), threading.active_count()
    bench = Bench(LEVEL).start()
    bench.service.stop()
    bench.service.stop()
    bench.kernel.close_pipe()
    assert sorted(Path("/proc/self/fd").iterdir()) == files
    assert threading.active_count() == threads
    assert bench.kernel.unmasked == 1


def test_a_device_that_goes_is_told_to_the_machine(start) -> None:
    bench = start(LEVEL)
    bench.kernel.gone = True
    bench.kernel.interrupt()
    until(lambda: bool(bench.failures))
    assert isinstance(bench.failures[0], KernelCallFailed)
    assert "/dev/uio0: read" in str(bench.failures[0])


def test_a_rewritten_controller_makes_a_level_unmask_and_a_late_edge_come_again(start) -> None:
    level, edge = start(LEVEL), start(EDGE)
    level.service.resample()
    until(lambda: level.kernel.unmasked == 2)
    edge.service.resample()
    assert edge.vm.raised() == 0, "an edge that never came"
    edge.kernel.interrupt()
    until(lambda: edge.kernel.unmasked == 2)
    edge.service.resample()
    assert edge.vm.raised() == 2
    time.sleep(0.02)
    edge.service.resample()
    assert edge.vm.raised() == 0


def test_a_priority_that_the_host_refuses_is_an_error_with_its_limit() -> None:
    kernel = FakeKernel()
    kernel.priority_error = errno.EPERM
    vm = Kvm(kernel, {}).create_vm()
    files = dict(kernel.files)
    service = InterruptService(kernel, vm, LEVEL._replace(priority=67), print)
    with pytest.raises(RealtimeRefused, match=r"guest.qvmconf:1.*priority 67.*34") as raised:
        service.start()
    assert "ulimit -r 67" in str(raised.value.fix)
    assert (kernel.files, kernel.irqfds) == (files, {})


@pytest.mark.shows("sched-priority", "sched-example-intr")
def test_the_thread_has_the_priority_when_start_returns() -> None:
    kernel = FakeKernel()
    service = InterruptService(
        kernel, Kvm(kernel, {}).create_vm(), LEVEL._replace(priority=67), print
    )
    service.start()
    assert kernel.priorities == [67]
    service.stop()


TWO = (LEVEL, EDGE._replace(gsi=6, vector=40, uio="uio1"))


def test_the_report_tells_of_each_interrupt() -> None:
    kernel = FakeKernel()
    vm = Kvm(kernel, {}).create_vm()
    files = dict(kernel.files)
    with UndoStack() as undo:
        interrupts = PassedInterrupts(kernel, vm, undo, print, print)
        interrupts.start(TWO)
        told = interrupts.report()
    assert [line.partition(":")[0] for line in told] == [
        "vector 34 (intr gic",
        "vector 40 (intr gic",
    ]
    assert all("0 taken, 0 lost" in line for line in told)
    assert (kernel.files, kernel.irqfds) == (files, {})


def test_lost_interrupts_are_told_at_the_end_even_if_nobody_asks() -> None:
    kernel = FakeKernel()
    vm = Kvm(kernel, {}).create_vm()
    said: list[str] = []
    with UndoStack() as undo:
        PassedInterrupts(kernel, vm, undo, said.append, print).start(TWO)
        kernel.uio.events = 3
        for file in [file for file, name in kernel.files.items() if name == "/dev/uio1"]:
            kernel.make_ready(file)
        until(lambda: kernel.signalled != [])
        time.sleep(0.05)
    assert [line for line in said if "1 taken, 2 lost" in line] == said
    assert len(said) == 1
