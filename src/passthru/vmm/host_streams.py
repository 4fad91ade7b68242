# SPDX-License-Identifier: Apache-2.0
"""The host side of serial ports: ``hostdev`` in qvm's notation.

Output never holds the guest up: a port leaves it in a buffer, and a thread for each file of the
host carries it from there. Writing in the vCPU's own thread would be simpler, but a pipe that
nothing reads, a full disk or a stopped terminal would then stop the guest, under the machine's
lock all of its processors, and its power button.
"""

import errno
import os
import select
import stat

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import Callable, NamedTuple, Sequence
from passthru.vmm.machine import Input, Machine
from passthru.vmm.vcpu_thread import End, Thread, allocate_lock

__all__ = ["HostOutput", "HostSide", "HostStreamFailed", "HostStreams"]

_LIMIT = 1 << 20
"""Bytes that wait for a reader; what does not fit is dropped."""
_CHUNK = 4096
"""Bytes of one write: a pipe that can be written takes so many without making anyone wait."""
_LOOK_AGAIN = 200
"""Milliseconds between two looks whether writing still makes sense."""
_RETRY = 1.0
"""Seconds until a file that has refused output is tried again."""
_PATIENCE = 2.0
"""Seconds that the end of a machine waits for a reader of what is left."""

_UNSEEN = End(
    ExitStatus.POWER_CUT, "nothing reads the standard output any more: the guest is ended"
)


class HostStreamFailed(PassthruError):
    """A ``hostdev`` cannot be opened."""

    def __init__(self, device: str, error: OSError) -> None:
        super().__init__(f"hostdev {device}: {error.strerror}")


class HostOutput:
    """Characters on their way to one file of the host.

    ``send`` may be called by any thread and never waits. ``reader_gone`` is called when nothing
    can ever read the file again; without it, writing is tried until there is a reader.
    """

    def __init__(
        self,
        device: str,
        file: int,
        say: Callable[[str], None],
        reader_gone: Callable[[], None] | None,
    ) -> None:
        self.file = file
        self._device = device
        self._say = say
        self._reader_gone = reader_gone
        self._writable = select.poll()
        self._writable.register(file, select.POLLOUT)
        # Under the guard: the buffer, what is dropped, and whether the thread sleeps or shall end.
        self._guard = allocate_lock()
        self._buffer = bytearray()
        self._dropped = 0
        self._asleep = False
        self._closing = False
        self._given_up = False
        self._wake, self._ends = allocate_lock(), allocate_lock()
        self._wake.acquire()
        self._ends.acquire()
        # Of the thread alone: what has been told of the trouble that there is now.
        self._refusal = 0
        self._told_of_drops = False
        self._thread = Thread(self._carry)

    def start(self) -> None:
        """Begin to write. Raises ThreadRefused."""
        self._thread.start()

    def send(self, data: bytes) -> None:
        """Leave characters to be written; what finds no room is dropped, and that is told."""
        with self._guard:
            if self._given_up:
                return
            if len(self._buffer) + len(data) > _LIMIT:
                self._dropped += len(data)
                return
            self._buffer += data
            asleep, self._asleep = self._asleep, False
        if asleep:
            self._wake.release()

    def close(self) -> bool:
        """Wait a moment until all is written; whether the file is no longer in use then."""
        with self._guard:
            self._closing = True
            asleep, self._asleep = self._asleep, False
        if asleep:
            self._wake.release()
        self._ends.release()
        ended = self._thread.wait(_PATIENCE)
        with self._guard:
            self._given_up = True
            self._dropped += len(self._buffer)
            self._buffer.clear()
        self._tell_how_many_were_dropped()
        return ended

    def _carry(self) -> None:
        while data := self._next():
            written = self._write(data)
            with self._guard:
                del self._buffer[:written]
                empty = not self._buffer
            if empty:
                self._tell_how_many_were_dropped()

    def _next(self) -> bytes:
        """What to write next, which stays in the buffer; nothing at the end."""
        while True:
            with self._guard:
                if self._given_up:
                    return b""
                if self._buffer:
                    return bytes(self._buffer[:_CHUNK])
                if self._closing:
                    return b""
                self._asleep = True
            self._wake.acquire()

    def _write(self, data: bytes) -> int:
        """How many of the bytes the file has taken; none if it cannot at the moment."""
        if not self._writable.poll(_LOOK_AGAIN):
            self._tell_of_drops("its reader does not keep up")
            return 0
        try:
            written = os.write(self.file, data)
        except BlockingIOError:
            # Another program writes there, too, or it can be written again only in a while.
            self._sleep(_LOOK_AGAIN / 1000)
            return 0
        except OSError as error:
            self._refused(error)
            return 0
        self._refusal = 0
        return written

    def _refused(self, error: OSError) -> None:
        if self._reader_gone is not None and self._is_for_good(error.errno):
            with self._guard:
                self._given_up = True
                self._buffer.clear()
            self._reader_gone()
            return
        if error.errno != self._refusal:
            self._refusal = error.errno or 0
            self._say(f"hostdev {self._device}: {error.strerror}; the output waits")
        self._tell_of_drops("it takes nothing")
        if self._closing:
            with self._guard:
                self._given_up = True
        else:
            self._sleep(_RETRY)

    def _is_for_good(self, number: int | None) -> bool:
        hung_up = number == errno.EIO and os.isatty(self.file)
        return hung_up or number in (errno.EPIPE, errno.ECONNRESET)

    def _sleep(self, seconds: float) -> None:
        """Until then, or until the machine ends."""
        self._ends.acquire(timeout=seconds)

    def _tell_of_drops(self, why: str) -> None:
        if self._dropped and not self._told_of_drops:
            self._told_of_drops = True
            self._say(f"hostdev {self._device}: output is dropped, because {why}")

    def _tell_how_many_were_dropped(self) -> None:
        with self._guard:
            count, self._dropped = self._dropped, 0
        self._told_of_drops = False
        if count:
            self._say(f"hostdev {self._device}: {count} bytes of output were dropped")


class HostSide(NamedTuple):
    """Where one port's characters go and come from (a file descriptor each)."""

    outputs: Sequence[HostOutput]
    sources: Sequence[int]
    machine: Machine

    def send(self, data: bytes) -> None:
        """Write characters out."""
        for output in self.outputs:
            output.send(data)

    def inputs(self, receive: Callable[[bytes], None], room: Callable[[], int]) -> list[Input]:
        """What the machine shall listen to for this port; a terminal is taken for the guest."""
        inputs = []
        for source in self.sources:
            listener = Input(source, receive, room)
            if source == 0 and os.isatty(source):
                from passthru.vmm.terminal import Terminal

                self.machine.terminal = Terminal(source, self.machine)
                listener = self.machine.terminal.input(listener)
            inputs.append(listener)
        return inputs


class HostStreams:
    """The files of the host that a machine's ports use; output to one name goes one way."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._outputs: dict[str, HostOutput] = {}
        self._owned: list[int] = []

    def open(self, devices: Sequence[str]) -> HostSide:
        """For ``>-`` (standard output), ``<-``, ``-``, ``>FILE``, ``<FILE``, ``FILE``.

        Raises HostStreamFailed or ThreadRefused.
        """
        outputs: list[HostOutput] = []
        sources: list[int] = []
        for device in devices:
            direction, name = _parts(device)
            if direction == ">" and name in self._outputs:
                outputs.append(self._outputs[name])
                continue
            writing, reading = (1, 0) if name == "-" else (self._open_file(device),) * 2
            if direction != "<":
                outputs.append(self._output(device, name, writing))
            if direction != ">":
                sources.append(reading)
        return HostSide(outputs, sources, self._machine)

    def close(self) -> None:
        """Write what is left, for a moment, and close what was opened here."""
        in_use = [output.file for output in self._outputs.values() if not output.close()]
        for file in self._owned:
            if file not in in_use:
                os.close(file)

    def _output(self, device: str, name: str, file: int) -> HostOutput:
        made = self._outputs.get(name)
        if made is None:
            gone = (lambda: self._machine.end(_UNSEEN)) if name == "-" else None
            made = HostOutput(device, file, self._machine.say, gone)
            self._outputs[name] = made
            made.start()
        return made

    def _open_file(self, device: str) -> int:
        direction, name = _parts(device)
        flags = {"<": os.O_RDONLY, ">": os.O_WRONLY | os.O_CREAT, "": os.O_RDWR}[direction]
        try:
            file = os.open(name, flags | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK, 0o644)
            self._owned.append(file)
            if direction == ">" and stat.S_ISREG(os.fstat(file).st_mode):
                os.ftruncate(file, 0)
        except OSError as error:
            raise HostStreamFailed(device, error) from error
        return file


def _parts(device: str) -> tuple[str, str]:
    """``<``, ``>`` or nothing, and the name after it."""
    return (device[0], device[1:]) if device[:1] in ("<", ">") else ("", device)
