# SPDX-License-Identifier: Apache-2.0
"""The running machine: its threads, its end, and the outside world's input."""

import os
import select
import time

from passthru.diagnostics.errors import ExitStatus
from passthru.lean import TYPE_CHECKING, Callable, Iterable, NamedTuple, Protocol, Sequence
from passthru.vmm.address_space import Bus
from passthru.vmm.kvm import Vcpu
from passthru.vmm.vcpu_thread import (
    POWER_OFF,
    RESET,
    End,
    Thread,
    VcpuLoop,
    allocate_lock,
    get_ident,
    signal,
)

if TYPE_CHECKING:
    from types import FrameType

    SignalHandlers = dict[
        signal.Signals, Callable[[int, FrameType | None], object] | int | signal.Handlers | None
    ]

__all__ = ["Input", "Keyboard", "Machine"]

_KICK = signal.SIGRTMIN
_INPUT_SIZE = 256
_LOOK_AGAIN = 20
"""Milliseconds after which an input is looked at whose taker had no room."""
_QUIET = 5.0
"""Seconds without work after which it is looked whether the guest sleeps for ever."""
_ANSWERS = 100
"""How often a vCPU is told to look; one that does not answer then is busy."""
_IDLE = 0.02
"""Seconds of processor time, of all threads in ``_QUIET``, that are no work."""
_MOMENT = 0.0005
"""Seconds that a vCPU is given to leave the guest before it is told again."""

_POWER_CUT = End(ExitStatus.POWER_CUT, "the guest was ended from outside")
_FAILED = End(ExitStatus.FATAL_AFTER_START, "the machine failed")


class Input(NamedTuple):
    """A file descriptor to read from, who takes what comes, and how many bytes it takes now."""

    file: int
    receive: Callable[[bytes], None]
    room: Callable[[], int]


class Keyboard(Protocol):
    """Whose keys the guest gets while it runs: a terminal, which must be left as it was found."""

    def take(self) -> "SignalHandlers":
        """Take the keys; answers the handlers of signals that this has replaced."""

    def give_back(self) -> None:
        """Leave it as it was found."""


class Machine:
    """vCPUs over two buses, run until one of them, a device or a person ends it.

    ``lock`` is held around every call into a device.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.ports = Bus()
        self.mmio = Bus()
        self.lock = allocate_lock()
        self.press_power_button: Callable[[], None] | None = None
        self.terminal: Keyboard | None = None
        self.report: Callable[[], Iterable[str]] = tuple
        """What SIGUSR1 prints, beside that the guest runs."""
        self.prepare_vcpu: Callable[[int], None] = _nothing_to_prepare
        """What the thread of a vCPU does first, with the vCPU's number."""
        self.say = say
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._end: End | None = None
        self._failure: BaseException | None = None
        self._interrupts = 0
        self._running: list[tuple[VcpuLoop, Thread]] = []

    def close(self) -> None:
        """Release what the machine itself holds."""
        os.close(self._ended)

    def power_off(self) -> None:
        """The guest switches itself off. Any thread may call this."""
        self.end(POWER_OFF)

    def reset(self) -> None:
        """The guest resets itself, which ends it. Any thread may call this."""
        self.end(RESET)

    def end(self, end: End) -> None:
        """End the machine; the first reason counts. Any thread may call this.

        The vCPU whose access ends the machine runs no guest code after it.
        """
        if self._end is None:
            self._end = end
            for loop, _ in self._running:
                loop.request_stop()
            os.eventfd_write(self._ended, 1)

    def cut_power(self) -> None:
        """A person or a program ends the machine from outside. Any thread may call this."""
        self.end(_POWER_CUT)

    def fail(self, failure: BaseException) -> None:
        """End the machine because of ``failure``, which run() raises. Any thread may call this."""
        self._failure = self._failure or failure
        self.end(_FAILED)

    def run(self, vcpus: Sequence[Vcpu], inputs: Sequence[Input]) -> End:
        """Run until the end and answer how it came.

        SIGINT and SIGTERM are the power button; a second one ends the machine at once, and so
        does the first where there is no button. SIGQUIT always cuts the power, and SIGHUP, which
        says that the terminal is gone, if it is not ignored (``nohup``). SIGUSR1 asks how the
        machine fares; SIGUSR2, which would end this process, is answered only.
        Raises what a vCPU thread raised, GuestCrash above all.
        """
        loops = [VcpuLoop(vcpu, self.ports, self.mmio, self.lock) for vcpu in vcpus]
        threads = [Thread(self._run_vcpu, loop) for loop in loops]
        self._running = list(zip(loops, threads, strict=True))
        # Python's handlers run between two steps of the main thread. One whose signal comes just
        # before that thread goes to sleep would wait for the next event, but for this pipe.
        woken, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        handlers: SignalHandlers = {
            number: signal.signal(number, self._interrupted) for number in _END_SIGNALS
        }
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
            handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, self._interrupted)
        handlers[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, self._asked)
        handlers[signal.SIGUSR2] = signal.signal(signal.SIGUSR2, self._asked_for_dump)
        kick = signal.signal(_KICK, lambda _number, _frame: None)
        waker = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            if self.terminal is not None:
                handlers.update(self.terminal.take())
            for thread in threads:
                thread.start()
            self._wait(inputs, woken)
        finally:
            self._stop(loops, threads)
            if self.terminal is not None:
                self.terminal.give_back()
            signal.set_wakeup_fd(waker)
            os.close(woken)
            os.close(writer)
            signal.signal(_KICK, kick)
            for number, handler in handlers.items():
                signal.signal(number, handler)
        if self._failure is not None:
            raise self._failure
        return self._end or _POWER_CUT

    def _run_vcpu(self, loop: VcpuLoop) -> None:
        try:
            self.prepare_vcpu(loop.vcpu_number)
            self.end(loop.run() or _POWER_CUT)
        except BaseException as failure:  # noqa: BLE001 (run() raises it, in the main thread)
            self.fail(failure)

    def _wait(self, inputs: Sequence[Input], woken: int) -> None:
        """Until the end, hand on what comes in, as fast as it is taken.

        ``woken`` can be read when a signal has come.
        """
        sources = list(inputs)
        watch = _Watch(self._sleeps_for_ever)
        while True:
            poll = select.poll()
            poll.register(self._ended, select.POLLIN)
            poll.register(woken, select.POLLIN)
            ready = {source.file: source for source in sources if source.room() > 0}
            for file in ready:
                poll.register(file, select.POLLIN)
            patience = watch.patience if len(ready) == len(sources) else _LOOK_AGAIN
            events = poll.poll(patience)
            watch.look()
            for file, _ in events:
                if file == self._ended:
                    return
                if file == woken:
                    _read(woken, _INPUT_SIZE)
                    continue
                data = _read(file, min(_INPUT_SIZE, ready[file].room()))
                if data:
                    with self.lock:
                        ready[file].receive(data)
                else:
                    sources.remove(ready[file])

    def _sleeps_for_ever(self) -> bool:
        """Tell, if it is so, that nothing in the guest will ever run again."""
        with self.lock:
            for loop, _ in self._running:
                loop.ask()
            for loop, thread in self._running:
                for _ in range(_ANSWERS):
                    if loop.has_answered:
                        break
                    if loop.is_in_guest:
                        signal.pthread_kill(thread.identity, _KICK)
                    thread.wait(_MOMENT)
            answers = [loop.take_answer() for loop, _ in self._running]
        told = [f"vCPU {number} {why}" for number, why in enumerate(answers) if why]
        if len(told) < len(answers):
            return False
        self.say(f"the guest sleeps for ever: {'; '.join(told)}")
        return True

    def while_held(self, action: Callable[[], None]) -> None:
        """Do ``action`` while no vCPU runs guest code; for a vCPU's thread, under the lock."""
        held = [(loop, thread, loop.hold()) for loop, thread in self._running]
        for loop, thread, seen in held:
            while thread.identity != get_ident() and not loop.left_since(seen):
                signal.pthread_kill(thread.identity, _KICK)
                thread.wait(_MOMENT)
        action()
        for loop, _, _ in held:
            loop.let_go()

    def _stop(self, loops: Sequence[VcpuLoop], threads: Sequence[Thread]) -> None:
        for loop in loops:
            loop.request_stop()
        for loop, thread in zip(loops, threads, strict=True):
            # Repeated: a signal that comes before KVM_RUN is lost, the flag is not.
            while not thread.wait(0):
                if loop.is_in_guest:
                    signal.pthread_kill(thread.identity, _KICK)
                thread.wait(0.05)

    def _interrupted(self, number: int, frame: "FrameType | None") -> None:
        self._interrupts += 1
        button = self.press_power_button
        if button is None or self._interrupts > 1 or number in (signal.SIGQUIT, signal.SIGHUP):
            self.cut_power()
        else:
            # Not under the lock: this runs in the main thread, which may hold it.
            Thread(self._press, button).start()
            self.say("power button pressed; once more ends the machine at once")

    def _asked(self, number: int, frame: "FrameType | None") -> None:
        count = len(self._running)
        self.say(f"the guest runs, with {count} virtual processor{'s' if count > 1 else ''}")
        for line in self.report():
            self.say(line)

    def _asked_for_dump(self, number: int, frame: "FrameType | None") -> None:
        self.say("no dump is written: `run` has none")

    def _press(self, button: Callable[[], None]) -> None:
        with self.lock:
            button()


class _Watch:
    """Asks once in a while, if there was nothing to do for the host, whether the guest sleeps
    for ever. KVM keeps a vCPU that halts: no exit tells of it, so this costs none."""

    def __init__(self, sleeps_for_ever: Callable[[], bool]) -> None:
        self._sleeps_for_ever = sleeps_for_ever
        self._told = False
        self._since = time.monotonic()
        self._worked = time.process_time()

    @property
    def patience(self) -> float | None:
        """Milliseconds to wait for an event; None for as long as it takes."""
        return None if self._told else _QUIET * 1000

    def look(self) -> None:
        """Ask, when it is time to."""
        now = time.monotonic()
        if self._told or now - self._since < _QUIET:
            return
        worked = time.process_time()
        if worked - self._worked < _IDLE:
            self._told = self._sleeps_for_ever()
            worked = time.process_time()
        self._since, self._worked = now, worked


_END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)


def _nothing_to_prepare(vcpu: int) -> None:
    """The host's scheduler has a free hand."""


def _read(file: int, size: int) -> bytes:
    """What has come; nothing at the end, or when the other side has gone (a hung-up line)."""
    try:
        return os.read(file, size)
    except OSError:
        return b""
