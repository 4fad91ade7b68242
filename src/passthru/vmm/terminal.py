# SPDX-License-Identifier: Apache-2.0
"""The terminal whose keys are the guest's: every key but one goes to it, Ctrl-C, too.

The one is Ctrl-A, as in QEMU and kvmtool: the key after it is for the machine.
"""

import os
import termios
import time

from passthru.lean import TYPE_CHECKING
from passthru.vmm.machine import Input, Machine
from passthru.vmm.vcpu_thread import signal

if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

    from passthru.vmm.machine import SignalHandlers

    Mode = list[Any]
    """What termios.tcgetattr answers."""

__all__ = ["Terminal"]

_ESCAPE = 0x01
_DEAF = 2.0
"""Seconds without room in the guest's port after which keys are read all the same."""


class Terminal:
    """A terminal in raw mode while the guest runs and this process is in the foreground.

    Output is still processed by the terminal: what `run` itself says needs no carriage returns.
    """

    def __init__(self, file: int, machine: Machine) -> None:
        self._file = file
        self._machine = machine
        self._before = termios.tcgetattr(file)
        self._taken = False
        self._escaped = False
        self._full_since: float | None = None

    def take(self) -> "SignalHandlers":
        """Take the keys; answers the handlers of signals that this has replaced.

        Whatever signal ends or stops the process, give_back is called before.
        """
        button = ", Ctrl-A p is its power button" if self._machine.press_power_button else ""
        self._machine.say(
            f"the keyboard is the guest's: Ctrl-A x ends the guest{button}, Ctrl-A a is Ctrl-A"
        )
        replaced: SignalHandlers = {
            signal.SIGTSTP: signal.signal(signal.SIGTSTP, self._stop),
            signal.SIGCONT: signal.signal(signal.SIGCONT, self._continue),
        }
        self._look_whose_it_is()
        return replaced

    def give_back(self) -> None:
        """Leave the terminal as it was found."""
        if self._taken:
            self._taken = False
            self._set(self._before)

    def input(self, port: Input) -> Input:
        """What the machine listens to in place of ``port``."""

        def receive(data: bytes) -> None:
            port.receive(self._keys(data))

        return Input(port.file, receive, lambda: self._room(port.room()))

    def _room(self, room: int) -> int:
        """How many keys to read, if the port takes so many.

        A guest that reads nothing must not keep its person from Ctrl-A x.
        """
        if not self._look_whose_it_is():
            return 0
        if room:
            self._full_since = None
            return room
        now = time.monotonic()
        if self._full_since is None:
            self._full_since = now
        return 1 if now - self._full_since > _DEAF else 0

    def _keys(self, data: bytes) -> bytes:
        """Those for the guest; the others are obeyed. The machine's lock is held."""
        kept = bytearray()
        for key in data:
            if self._escaped:
                self._escaped = False
                kept += self._obey(chr(key).lower())
            elif key == _ESCAPE:
                self._escaped = True
            else:
                kept.append(key)
        return bytes(kept)

    def _obey(self, key: str) -> bytes:
        button = self._machine.press_power_button
        if key == "x":
            self._machine.cut_power()
        elif key == "p" and button is not None:
            button()
            self._machine.say("power button pressed")
        elif key in ("a", chr(_ESCAPE)):
            return bytes((_ESCAPE,))
        return b""

    def _look_whose_it_is(self) -> bool:
        """Whether this process may read keys; takes the terminal when it has come to that.

        Reading or changing a terminal from the background would stop the process.
        """
        try:
            if os.tcgetpgrp(self._file) != os.getpgrp():
                self._taken = False
                return False
        except OSError:
            return True  # it has gone, as reading will show
        if not self._taken:
            self._taken = True
            self._set(_raw(self._before))
        return True

    def _set(self, mode: "Mode") -> None:
        try:
            # Now: waiting for the output would be for ever where it has been stopped.
            termios.tcsetattr(self._file, termios.TCSANOW, mode)
        except termios.error:
            return  # it has gone: there is nothing to give back

    def _stop(self, number: int, frame: "FrameType | None") -> None:
        self.give_back()
        os.kill(os.getpid(), signal.SIGSTOP)

    def _continue(self, number: int, frame: "FrameType | None") -> None:
        # After SIGSTOP, which cannot be caught, the shell has set its own mode.
        self._taken = False
        self._look_whose_it_is()


def _raw(mode: "Mode") -> "Mode":
    """``mode`` with every key passed on as it is, at once and without an echo."""
    input_, output, control, local, *speeds, characters = mode
    input_ &= ~(termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP)
    input_ &= ~(termios.INLCR | termios.IGNCR | termios.ICRNL | termios.IXON)
    local &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN | termios.ISIG)
    characters = list(characters)
    characters[termios.VMIN], characters[termios.VTIME] = 1, 0
    return [input_, output, control, local, *speeds, characters]
