# SPDX-License-Identifier: Apache-2.0
"""Passed interrupts: a thread for each, from the host's UIO device to the guest's line.

The kernel has no path from the one to the other, so a thread has to be woken.
"""

from time import monotonic_ns

from passthru.diagnostics.errors import PassthruError
from passthru.host.kernel import Kernel, new_eventfd
from passthru.host.uio import UioFile
from passthru.host.undo import UndoStack
from passthru.lean import Callable
from passthru.plan.model import PassedInterrupt, RealtimePolicy
from passthru.vmm.kvm import Vm
from passthru.vmm.vcpu_thread import Thread, allocate_lock

__all__ = ["InterruptNotDelivered", "InterruptService"]

_JUST_NOW = 10_000_000
"""Nanoseconds; rewriting the registers of an interrupt controller takes less."""

Fail = Callable[[BaseException], None]


class InterruptNotDelivered(PassthruError):
    """A plan was run in which no UIO device has the interrupt; the rules refuse it before."""

    def __init__(self, interrupt: PassedInterrupt) -> None:
        super().__init__(f"[{interrupt.span}] no UIO device delivers interrupt {interrupt.vector}")


class InterruptService:
    """One passed interrupt while the machine runs.

    The host masks it when it comes. It is unmasked when the guest has ended it, which KVM
    tells by an eventfd, or at once where the configuration says so. ``fail`` takes what ends
    the thread early.
    """

    def __init__(self, kernel: Kernel, vm: Vm, interrupt: PassedInterrupt, fail: Fail) -> None:
        self.interrupt = interrupt
        self.taken = 0
        """Interrupts that were handed to the guest."""
        self.lost = 0
        """Interrupts that the driver counted before the thread had taken the one before."""
        self._kernel = kernel
        self._vm = vm
        self._fail = fail
        self._delays = _Delays()
        self._uio: UioFile | None = None
        self._trigger = self._guest_ended = self._stop = -1
        self._came = 0
        self._is_open = False
        self._began = allocate_lock()
        self._refused: OSError | None = None
        self._thread = Thread(self._run)
        self._undo: UndoStack | None = None

    def start(self) -> None:
        """Open the device, connect the guest's line, and let interrupts come.

        Raises InterruptNotDelivered, UioRefused, UioBusy, UioCannotUnmask, RealtimeRefused,
        ThreadRefused or KernelCallFailed.
        """
        if self.interrupt.uio is None:
            raise InterruptNotDelivered(self.interrupt)
        with UndoStack() as undo:
            self._uio = UioFile(self._kernel, self.interrupt.uio)
            undo.callback(self._uio.close)
            self._trigger = self._eventfd(undo)
            self._stop = self._eventfd(undo)
            gsi = self.interrupt.gsi
            if self.interrupt.immediate_unmask:
                self._vm.assign_irqfd(self._trigger, gsi)
            else:
                self._guest_ended = self._eventfd(undo)
                self._vm.assign_irqfd(self._trigger, gsi, self._guest_ended)
            undo.callback(self._vm.deassign_irqfd, self._trigger, gsi)
            self._end_interrupt(self._uio)
            self._start_thread()
            undo.callback(self._end_thread, self._uio)
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """End the thread and give everything back; the interrupt is left as it was found."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo.close()

    def resample(self) -> None:
        """Make an interrupt that is pending, or that may just have gone astray, fire again."""
        if not self.interrupt.immediate_unmask:
            self._kernel.signal(self._guest_ended)
        elif self.taken and monotonic_ns() - self._came < _JUST_NOW:
            # An edge does not come again by itself; one too many is better than one too few.
            self._kernel.signal(self._trigger)

    def __str__(self) -> str:
        return (
            f"vector {self.interrupt.vector} (intr {self.interrupt.span.text}): {self.taken} "
            f"taken, {self.lost} lost{self._delays}"
        )

    def _eventfd(self, undo: UndoStack) -> int:
        eventfd = new_eventfd(self._kernel)
        undo.callback(self._kernel.close, eventfd)
        return eventfd

    def _start_thread(self) -> None:
        self._began.acquire()
        self._thread.start()
        # Until the thread has its priority, or not.
        self._began.acquire()
        if self._refused is not None:
            raise self._no_priority(self._refused) from self._refused

    def _no_priority(self, error: OSError) -> PassthruError:
        from passthru.vmm.errors import RealtimeRefused

        interrupt = self.interrupt
        policy, priority = RealtimePolicy.FIFO.value, interrupt.priority or 0
        whose = f"interrupt {interrupt.vector}"
        return RealtimeRefused(whose, policy, priority, interrupt.span, error)

    def _end_thread(self, uio: UioFile) -> None:
        self._kernel.signal(self._stop)
        while not self._thread.wait(1.0):
            pass
        if self._is_open:
            # Nobody will end it any more; a device that still asks is masked by its driver.
            uio.unmask()

    def _run(self) -> None:
        try:
            if self.interrupt.priority is not None:
                self._kernel.become_realtime(self.interrupt.priority)
        except OSError as error:
            self._refused = error
            return
        finally:
            self._began.release()
        try:
            self._serve()
        except BaseException as failure:  # noqa: BLE001 (the main thread raises it)
            self._is_open = False
            self._fail(failure)

    def _serve(self) -> None:
        kernel, uio = self._kernel, self._uio
        if uio is None:
            return
        files = [self._stop, uio.file]
        if self._guest_ended >= 0:
            files.append(self._guest_ended)
        while True:
            ready = kernel.wait(files)
            if self._stop in ready:
                return
            if self._guest_ended in ready:
                kernel.clear(self._guest_ended)
                self._end_interrupt(uio)
            if uio.file in ready:
                self._take(uio)

    def _take(self, uio: UioFile) -> None:
        self._came = monotonic_ns()
        self.lost += max(0, uio.take() - 1)
        self._raise()
        if self.interrupt.immediate_unmask:
            self._end_interrupt(uio)

    def _raise(self) -> None:
        self._is_open = True
        # First: who asks when the guest has it must find it counted.
        self.taken += 1
        self._kernel.signal(self._trigger)

    def _end_interrupt(self, uio: UioFile) -> None:
        if self._is_open:
            self._is_open = False
            self._delays.add(monotonic_ns() - self._came)
        if self.interrupt.immediate_unmask:
            uio.unmask()
        elif uio.unmask_unless_pending():
            self._came = monotonic_ns()
            self._raise()


class _Delays:
    """Times from the thread's wake-up until the interrupt was unmasked, in nanoseconds."""

    def __init__(self) -> None:
        self._number = self._sum = self._least = self._most = 0

    def add(self, time: int) -> None:
        self._least = min(self._least, time) if self._number else time
        self._most = max(self._most, time)
        self._sum += time
        self._number += 1

    def __str__(self) -> str:
        if not self._number:
            return ""
        times = (self._least, self._sum // self._number, self._most)
        least, mean, most = (f"{time / 1000:.1f}" for time in times)
        return f"; unmasked after {least} µs at least, {mean} on average, {most} at most"
