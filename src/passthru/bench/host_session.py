# SPDX-License-Identifier: Apache-2.0
"""One boot of a virtual host: the talk with the agent in it (see ``agent/init.sh``)."""

import base64
import shlex
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, NoReturn

from passthru.bench.cache import cache_directory
from passthru.bench.command_output import CommandOutput
from passthru.bench.errors import CommandTimeoutError, HostHungError, SetupFailedError
from passthru.bench.progress import Progress
from passthru.bench.qemu_process import QemuProcess
from passthru.bench.watchdog import Limits, Watchdog

__all__ = ["Command", "Completed", "HostSession"]

_POLL = 0.5
_KILL_TIME = 15.0
_DRAIN_TIME = 0.2


class Completed(NamedTuple):
    """A command that has ended: its status as a shell counts it, and all that it printed."""

    status: int
    output: bytes

    @property
    def text(self) -> str:
        """The output as text."""
        return self.output.decode(errors="replace")


class Command(NamedTuple):
    """What to run inside, and how long to bear it (seconds; None: for ever).

    ``timeout`` is for the whole, ``silence`` between two pieces of output.
    """

    argv: Sequence[str]
    directory: str
    timeout: float | None = None
    silence: float | None = None
    on_output: Callable[[bytes], None] | None = None


class HostSession:
    """Owns a QEMU process from its start to its end."""

    def __init__(self, qemu: QemuProcess, mark: str, limits: Limits, progress: Progress) -> None:
        self._qemu = qemu
        self._mark = mark
        self._watchdog = Watchdog(limits)
        self._progress = progress
        self._step = "starting QEMU"
        self._ready = False
        self._partial = b""
        self._number = 0
        self._status: int | None = None
        self._output: CommandOutput | None = None
        self._handlers: Mapping[str, Callable[[bytes], None]] = {}

    def wait_until_up(self) -> None:
        """Return when the agent is ready. Raises HostHungError, SetupFailedError."""
        self._progress("booting the virtual host")
        while not self._ready:
            self._pump()
        self._watchdog.up()

    def run(self, command: Command) -> Completed:
        """Run a command inside with no standard input, and wait for its end.

        Raises CommandTimeoutError (the command is killed, the host lives on) and
        HostHungError (the host has been killed).
        """
        return self._run("run", command)

    def run_on_terminal(
        self, command: Command, keyboard: int, screen: Callable[[bytes], None]
    ) -> int:
        """Run a command on the virtual host's terminal; returns its status.

        What ``keyboard`` (a file descriptor) gives goes to the terminal, and what appears
        there to ``screen``. Raises HostHungError.
        """
        terminal = self._qemu.terminal
        self._handlers = {"keyboard": terminal.sendall, "terminal": screen}
        self._qemu.watch("keyboard", keyboard)
        self._qemu.watch("terminal", terminal)
        try:
            status = self._run("shell", command).status
            self._drain()
            return status
        finally:
            self._handlers = {}
            self._qemu.unwatch(keyboard)
            self._qemu.unwatch(terminal)

    def signal(self, name: str) -> None:
        """Send a signal (``INT``) to the running command and what it started."""
        self._qemu.send(f"signal {self._number} {name}")

    def close(self) -> None:
        """End the virtual host at once; it has nothing to lose."""
        self._qemu.kill()

    def _run(self, verb: str, command: Command) -> Completed:
        self._number += 1
        self._status = None
        output = self._output = CommandOutput(self._mark, self._number, command.on_output)
        self._step = f"running {command.argv[0]}"
        self._watchdog.watch(command.silence)
        self._send_words(verb, [command.directory, *command.argv])
        try:
            if not self._wait_for_end(output, command.timeout):
                self._kill_command(output)
                raise CommandTimeoutError(command.argv, command.timeout or 0, output.content)
        finally:
            self._watchdog.watch(None)
        return Completed(self._status or 0, output.content)

    def _send_words(self, verb: str, words: Sequence[str]) -> None:
        encoded = base64.b64encode(shlex.join(words).encode()).decode()
        try:
            self._qemu.send(f"{verb} {self._number} {encoded}")
        except OSError:
            self._give_up("has ended by itself")

    def _wait_for_end(self, output: CommandOutput, timeout: float | None) -> bool:
        deadline = None if timeout is None else time.monotonic() + timeout
        while self._status is None or not output.ended:
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._pump()
        return True

    def _kill_command(self, output: CommandOutput) -> None:
        self._watchdog.watch(None)
        self.signal("KILL")
        if not self._wait_for_end(output, _KILL_TIME):
            self._give_up("could not kill a command that took too long")

    def _drain(self) -> None:
        deadline = time.monotonic() + _DRAIN_TIME
        while time.monotonic() < deadline:
            self._take(self._qemu.events(_DRAIN_TIME / 4))

    def _pump(self) -> None:
        self._take(self._qemu.events(_POLL))
        if self._qemu.ended:
            self._take(self._qemu.events(0))  # its last words
            self._give_up("has ended by itself")
        verdict = self._watchdog.verdict()
        if verdict:
            self._give_up(verdict)

    def _take(self, events: Iterable[tuple[str, bytes]]) -> None:
        for channel, data in events:
            if channel == "control":
                self._take_messages(data)
            elif channel == "output" and self._output:
                self._watchdog.output()
                self._output.feed(data)
            elif channel in self._handlers and data:
                self._handlers[channel](data)

    def _take_messages(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        for line in lines:
            verb, _, rest = line.decode(errors="replace").partition(" ")
            self._take_message(verb, rest)

    def _take_message(self, verb: str, rest: str) -> None:
        match verb:
            case "alive":
                self._watchdog.heartbeat()
            case "step":
                self._step = rest
                self._watchdog.boot_step()
                self._progress(rest)
            case "ready":
                self._ready = True
            case "failed":
                raise SetupFailedError(rest, "\n".join(self._qemu.last_lines))
            case "exit":
                number, _, status = rest.partition(" ")
                if number == str(self._number) and status.isdigit():
                    self._status = int(status)

    def _give_up(self, what: str) -> NoReturn:
        self._progress("reading the state of its processors")
        registers = self._qemu.registers()
        lines = self._qemu.last_lines
        self.close()
        dump = _write_dump(what, self._step, lines, registers) if registers else None
        raise HostHungError(what, self._step, lines, registers, dump)


def _write_dump(what: str, step: str, lines: Sequence[str], registers: str) -> str | None:
    file = cache_directory() / "last-hang.txt"
    text = "\n".join([f"The virtual host {what}; last step: {step}", *lines, "", registers])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    except OSError:
        return None  # the summary in the error has to do
    return str(file)
