# SPDX-License-Identifier: Apache-2.0
"""A vCPU's thread: it runs the guest, and answers what KVM cannot.

Threads and signals go without the modules ``threading`` and ``signal``, whose imports take a
tenth of a guest's start. Both stand on the two used here.
"""

import errno
from _struct import Struct  # struct only hands it on, from a file more
from _thread import LockType as Lock
from _thread import allocate_lock, get_ident, start_new_thread

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.host.kernel import KernelCallFailed
from passthru.lean import TYPE_CHECKING, Callable, NamedTuple
from passthru.vmm import kvm_abi as abi
from passthru.vmm.address_space import AccessRefused, Bus
from passthru.vmm.kvm import Vcpu

if TYPE_CHECKING:
    import signal

    from passthru.vmm.errors import GuestCrash
else:
    import _signal as signal

__all__ = [
    "POWER_OFF",
    "RESET",
    "End",
    "Thread",
    "ThreadRefused",
    "VcpuLoop",
    "allocate_lock",
    "get_ident",
    "signal",
]


class End(NamedTuple):
    """How a machine came to its end, if not by an error: the status, and the word for people."""

    status: ExitStatus
    word: str


POWER_OFF = End(ExitStatus.OK, "the guest switched itself off")
RESET = End(ExitStatus.OK, "the guest reset itself, which ends it")


class ThreadRefused(PassthruError):
    """The host lets this process have no more threads."""

    fix = "raise the limit on processes and threads (ulimit -u, or TasksMax= of the service)"

    def __init__(self) -> None:
        super().__init__("a thread of the virtual machine could not be started")


class Thread:
    """Runs ``work(*arguments)`` beside the caller; the process does not wait for it."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        self._work = work
        self._arguments = arguments
        self._ended = allocate_lock()
        self.identity = 0
        """What ``signal.pthread_kill`` takes; valid while the thread runs."""

    def start(self) -> None:
        """Start; the thread's identity is known then. Raises ThreadRefused."""
        self._ended.acquire()

        # Set on both sides, because either may need it before the other goes on. Waiting for
        # the thread instead would cost the start two switches.
        def run() -> None:
            self.identity = get_ident()
            try:
                self._work(*self._arguments)
            finally:
                self._ended.release()

        try:
            self.identity = start_new_thread(run, ())
        except RuntimeError as error:
            self._ended.release()
            raise ThreadRefused from error

    def wait(self, seconds: float) -> bool:
        """Wait for the end for so long; whether it has come."""
        ended = self._ended.acquire(timeout=seconds)
        if ended:
            self._ended.release()
        return ended


_EVENT = Struct("<I")
_ENDS = {abi.KVM_SYSTEM_EVENT_SHUTDOWN: POWER_OFF, abi.KVM_SYSTEM_EVENT_RESET: RESET}
_NOT_TAKEN_APART = "an access to a device by an instruction that KVM cannot take apart"


class VcpuLoop:
    """Runs one vCPU until the guest resets or ``stopping`` is set from outside."""

    def __init__(self, vcpu: Vcpu, ports: Bus, mmio: Bus, lock: Lock) -> None:
        self._vcpu = vcpu
        self._page = vcpu.run_page.view
        self._ports = ports
        self._mmio = mmio
        self._lock = lock
        self._stopping = False
        self._in_guest = False
        self._interruptions = 0
        self._asked = False
        self._sleep: str | None = None

    def request_stop(self) -> None:
        """Leave the guest as soon as possible; the thread may need a signal besides."""
        self._stopping = True
        self.hold()

    def hold(self) -> int:
        """Keep the vCPU from running guest code until let_go; left_since tells from when."""
        seen = self._interruptions
        self._page[abi.RUN_IMMEDIATE_EXIT] = 1
        return seen

    @property
    def vcpu_number(self) -> int:
        """Of the vCPU that it runs, counted from 0."""
        return self._vcpu.number

    @property
    def is_in_guest(self) -> bool:
        """Whether only a signal can get it out of the guest, or soon could."""
        return self._in_guest

    def left_since(self, seen: int) -> bool:
        """Whether it runs no guest code any more, with what hold answered."""
        return not self._in_guest or self._interruptions != seen

    def let_go(self) -> None:
        """Undo hold."""
        if not self._stopping:
            self._page[abi.RUN_IMMEDIATE_EXIT] = 0

    def ask(self) -> None:
        """Have the vCPU's thread look whether the vCPU sleeps for ever; it may need a signal
        besides. To be called under the lock: nothing else holds the vCPU then."""
        self._sleep = None
        self._asked = True
        self.hold()

    def take_answer(self) -> str | None:
        """Why the vCPU sleeps for ever; None if it does not, or the thread has not looked yet."""
        if self._asked:
            self._asked = False
            self.let_go()
        return self._sleep

    @property
    def has_answered(self) -> bool:
        """Whether the thread has looked."""
        return not self._asked

    def _answer(self) -> None:
        try:
            self._sleep = self._vcpu.sleep_for_ever()
        except KernelCallFailed:
            self._sleep = None  # not certain; that it cannot be known is no fault of the guest
        self._asked = False
        self.let_go()

    def run(self) -> End | None:
        """Return how the guest has ended itself, or None when a stop was requested.

        Raises GuestCrash when this vCPU cannot go on.
        """
        enter, page = self._vcpu.enter, self._page
        # Read whatever the reason is: most exits are port accesses, and speed counts.
        unpack = abi.RUN_IO.unpack_from
        while not self._stopping:
            self._in_guest = True
            try:
                enter()
            except (InterruptedError, BlockingIOError):
                # A stop or hold; or an application processor was woken for the first time.
                self._in_guest = False
                self._interruptions += 1
                if self._asked:
                    self._answer()
                continue
            except OSError as error:
                raise self._run_failed(error) from error
            self._in_guest = False
            reason, direction, size, port, count, place = unpack(page, abi.RUN_EXIT_REASON)
            if reason == abi.KVM_EXIT_IO:
                self._port_access(direction, port, size, place, count)
            elif reason == abi.KVM_EXIT_MMIO:
                self._memory_access()
            elif reason == abi.KVM_EXIT_SHUTDOWN:
                # A real machine is reset by it, too. No guest means to do that.
                raise self._crash("the guest crashed by a triple fault")
            elif reason == abi.KVM_EXIT_SYSTEM_EVENT:
                return self._system_event()
            elif reason == abi.KVM_EXIT_ARM_NISV:
                self._refused_access()
            elif reason not in (abi.KVM_EXIT_INTR, abi.KVM_EXIT_HLT):
                raise self._stuck()
        return None

    def _port_access(self, direction: int, port: int, size: int, place: int, count: int) -> None:
        """``count`` accesses of one string instruction; data from ``place`` in the run page."""
        page = self._page
        with self._lock:
            for start in range(place, place + count * size, size):
                if direction == abi.KVM_EXIT_IO_OUT:
                    value = page[start] if size == 1 else _value(page[start : start + size])
                    self._ports.write(port, size, value)
                else:
                    value = self._ports.read(port, size)
                    page[start : start + size] = value.to_bytes(size, "little")

    def _memory_access(self) -> None:
        page = self._page
        gpa, data, size, is_write = abi.RUN_MMIO.unpack_from(page, abi.RUN_EXIT_UNION)
        with self._lock:
            try:
                if is_write:
                    self._mmio.write(gpa, size, _value(data[:size]))
                else:
                    value = self._mmio.read(gpa, size)
                    start = abi.RUN_MMIO_DATA
                    page[start : start + size] = value.to_bytes(size, "little")
            except AccessRefused:
                self._abort_access()

    def _refused_access(self) -> None:
        """An access of which only address and direction are known: enough to refuse it."""
        from passthru.vmm.passed_memory import GuardedMemory

        syndrome, gpa = abi.RUN_NISV.unpack_from(self._page, abi.RUN_EXIT_UNION)
        is_write = bool(syndrome & abi.NISV_WRITE)
        with self._lock:
            handler = self._mmio.handler_at(gpa)
            if not (isinstance(handler, GuardedMemory) and handler.refuses(is_write=is_write)):
                raise self._unsupported(f"{_NOT_TAKEN_APART}, to {gpa:#x}")
            self._abort_access()

    def _abort_access(self) -> None:
        """Under the lock, so that nobody who holds the vCPUs is between."""
        self._vcpu.abort_access()
        self.let_go()

    def _system_event(self) -> End:
        """The guest's firmware interface has ended the machine (PSCI on arm64)."""
        (event,) = _EVENT.unpack_from(self._page, abi.RUN_EXIT_UNION)
        if event in _ENDS:
            return _ENDS[event]
        if event == abi.KVM_SYSTEM_EVENT_CRASH:
            raise self._crash("the guest reports that it has crashed")
        raise self._crash(f"KVM ended the guest by an unknown event ({event})")

    def _run_failed(self, error: OSError) -> "GuestCrash":
        if error.errno == errno.ENOSYS:
            return self._unsupported(_NOT_TAKEN_APART)
        if error.errno == errno.EFAULT:
            from passthru.vmm.exits import where_memory_failed

            place = where_memory_failed(self._page)
            return self._crash(f"the guest touched memory that the host cannot provide{place}")
        return self._crash(f"KVM_RUN: {error.strerror}")

    def _stuck(self) -> "GuestCrash":
        from passthru.vmm.exits import is_unsupported, what_stopped

        told = what_stopped(self._page)
        return self._unsupported(told) if is_unsupported(self._page) else self._crash(told)

    def _crash(self, what: str) -> "GuestCrash":
        from passthru.vmm.errors import GuestCrash

        return GuestCrash(self._vcpu.number, f"{what}{self._where()}")

    def _unsupported(self, what: str) -> "GuestCrash":
        from passthru.vmm.errors import UnsupportedOperation

        return UnsupportedOperation(self._vcpu.number, f"{what}{self._where()}")

    def _where(self) -> str:
        return f", at instruction {self._vcpu.instruction_pointer():#x}"


def _value(data: bytes | memoryview) -> int:
    return int.from_bytes(data, "little")
