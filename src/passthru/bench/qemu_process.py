# SPDX-License-Identifier: Apache-2.0
"""A QEMU process and its channels: sockets that it inherits, so nothing is left behind."""

import os
import selectors
import socket
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from passthru.bench.machine import ChannelNumbers
from passthru.bench.qmp import read_registers
from passthru.bench.tools import find_tool

__all__ = ["QemuProcess"]

_CHUNK = 1 << 16
_KEPT_LINES = 100

_EXPECTED_WARNING = "TCG doesn't support requested feature"
"""QEMU says so of several features of each processor model that it emulates."""


class QemuProcess:
    """Runs the command that ``command(channel numbers)`` makes; it dies with this process.

    QEMU gets no terminal: its input is /dev/null and it is in a session of its own, so
    that Ctrl-C is not for it. ``terminal`` is the virtual host's terminal, for whoever
    takes it; the other channels are read by ``events``.
    """

    def __init__(self, command: Callable[[ChannelNumbers], list[str]]) -> None:
        self._last = deque[str](maxlen=_KEPT_LINES)
        self._partial = b""
        self._closed = False
        self._selector = selectors.DefaultSelector()
        pairs = {name: socket.socketpair() for name in ChannelNumbers._fields}
        numbers = ChannelNumbers(**{name: pair[1].fileno() for name, pair in pairs.items()})
        ours = {name: pair[0] for name, pair in pairs.items()}
        self._control, self._qmp, self.terminal = ours["control"], ours["qmp"], ours["terminal"]
        self._sockets = list(ours.values())
        errors, their_errors = os.pipe()
        self._errors = errors
        try:
            self._process = _start(command(numbers), numbers, their_errors)
        finally:
            os.close(their_errors)
            for _, theirs in pairs.values():
                theirs.close()
        for name in ("console", "control", "output"):
            self._selector.register(ours[name], selectors.EVENT_READ, name)
        self._selector.register(errors, selectors.EVENT_READ, "errors")

    def events(self, seconds: float) -> Iterator[tuple[str, bytes]]:
        """What arrives within ``seconds``: pairs of channel name and data.

        Empty data means that QEMU has closed the channel, which it does by ending.
        ``console`` and ``errors`` are kept for ``last_lines`` as well.
        """
        for key, _ in self._selector.select(seconds):
            data = _read(key.fd)
            if not data:
                self._selector.unregister(key.fileobj)
            if key.data in ("console", "errors"):
                self._remember(data)
            yield key.data, data

    def watch(self, name: str, file: socket.socket | int) -> None:
        """Let ``events`` tell of ``file`` too, under ``name``."""
        self._selector.register(file, selectors.EVENT_READ, name)

    def unwatch(self, file: socket.socket | int) -> None:
        """Undo ``watch``; a file that was closed meanwhile is forgotten already."""
        if file in self._selector.get_map():
            self._selector.unregister(file)

    def send(self, line: str) -> None:
        """Send a line to the agent. Raises OSError when QEMU is gone."""
        self._control.sendall(line.encode() + b"\n")

    @property
    def ended(self) -> bool:
        """Whether QEMU has ended by itself."""
        return self._process.poll() is not None

    @property
    def last_lines(self) -> Sequence[str]:
        """The last lines of the virtual host's console and of QEMU's own errors."""
        lines = [*self._last, self._partial.decode(errors="replace")]
        return [line.rstrip() for line in lines if line.strip()]

    def registers(self) -> str:
        """The state of all processors, or empty. Can be asked for once."""
        return "" if self.ended else read_registers(self._qmp)

    def kill(self) -> None:
        """End QEMU, if it still runs, and close the channels."""
        if self._closed:
            return
        self._closed = True
        self._process.kill()
        self._process.wait()
        self._selector.close()
        os.close(self._errors)
        for channel in self._sockets:
            channel.close()

    def _remember(self, data: bytes) -> None:
        *lines, self._partial = (self._partial + data).split(b"\n")
        self._partial = self._partial[-_CHUNK:]
        texts = (line.decode(errors="replace") for line in lines)
        self._last.extend(text for text in texts if _EXPECTED_WARNING not in text)


def _start(
    command: Sequence[str], numbers: ChannelNumbers, errors: int
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [find_tool("setpriv"), "--pdeathsig", "KILL", "--", *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        start_new_session=True,
        pass_fds=numbers,
    )


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, _CHUNK)
    except ConnectionResetError:
        return b""
