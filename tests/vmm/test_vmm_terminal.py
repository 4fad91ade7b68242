# SPDX-License-Identifier: Apache-2.0
"""`hostdev -` on a terminal, a pseudo-terminal with this test at its other end."""

import os
import pty
import select
import signal
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flat_guests import Guest

pytestmark = pytest.mark.skipif(
    not os.access("/dev/kvm", os.R_OK | os.W_OK), reason="no /dev/kvm here"
)

# Prints what it reads, until a full stop; an Ctrl-A as `A`.
ECHO = """
        2: mov $0x3fd, %dx
        in %dx, %al
        test $1, %al
        jz 2b
        mov $0x3f8, %dx
        in %dx, %al
        cmp $'.', %al
        je 3f
        cmp $1, %al
        jne 4f
        mov $'A', %al
        4: out %al, %dx
        jmp 2b
        3: reset
"""
DEAF = "print $'W'\n2: jmp 2b"
BUTTON = """
        print $'W'
        mov $0x600, %dx
        2: in %dx, %ax
        test $1, %ah
        jz 2b
        power_off
"""
CRASH = """
        2: mov $0x3fd, %dx
        in %dx, %al
        test $1, %al
        jz 2b
        cli
        mov %cs, %ax
        mov %ax, %ds
        lidt empty
        mov %cr0, %eax
        or $1, %al
        mov %eax, %cr0
        xor %bx, %bx
        div %bx
        empty: .word 0, 0, 0
"""
READY = b"Ctrl-A a is Ctrl-A\r\n"


class Session:
    """A process with a terminal of its own, in the foreground there."""

    def __init__(self, command: list[str]) -> None:
        self.seen = b""
        self.process, self.terminal = pty.fork()
        if self.process == 0:
            # Its parent's other side is this process's terminal; nothing but exec from here.
            os.execv(command[0], command)
        self.before = self.mode()

    def mode(self) -> list[object]:
        return termios.tcgetattr(self.terminal)

    @property
    def is_raw(self) -> bool:
        return not self.mode()[3] & termios.ICANON

    def type(self, keys: bytes) -> None:
        os.write(self.terminal, keys)

    def read_until(self, wanted: bytes) -> None:
        self.wait_for(lambda: wanted in self._read())

    def wait_for(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline, self.seen
            time.sleep(0.01)

    def _read(self) -> bytes:
        while select.select([self.terminal], [], [], 0)[0]:
            try:
                data = os.read(self.terminal, 4096)
            except OSError:
                break
            if not data:
                break
            self.seen += data
        return self.seen

    def send(self, number: int) -> None:
        os.kill(self.process, number)

    def stopped(self) -> bool:
        return Path(f"/proc/{self.process}/stat").read_text().rsplit(") ", 1)[1][0] == "T"

    def end(self) -> int:
        """The exit status; negative for a signal."""
        deadline = time.monotonic() + 20
        while True:
            self._read()
            ended, status = os.waitpid(self.process, os.WNOHANG)
            if ended:
                self.process = 0
                return os.waitstatus_to_exitcode(status)
            assert time.monotonic() < deadline, self.seen
            time.sleep(0.01)

    def close(self) -> None:
        if self.process:
            self.send(signal.SIGKILL)
            os.waitpid(self.process, 0)
        os.close(self.terminal)


Start = Callable[[str], Session]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    sessions: list[Session] = []

    def start(assembly: str) -> Session:
        sessions.append(Session(Guest(tmp_path).command(assembly, console="-")))
        return sessions[-1]

    yield start
    for session in sessions:
        session.close()


def test_every_key_is_the_guests_and_ctrl_a_x_ends_it(start: Start) -> None:
    session = start(ECHO)
    session.read_until(READY)
    assert b"Ctrl-A x ends the guest, Ctrl-A p is its power button" in session.seen
    session.type(b"a\x03\x1a\x11\rb")  # Ctrl-C, Ctrl-Z, Ctrl-Q, Return
    session.read_until(READY + b"a\x03\x1a\x11\rb")
    session.type(b"\x01a\x01\x01\x01?c")
    session.read_until(b"bAAc")
    session.type(b"\x01x")
    assert session.end() == 3
    assert session.mode() == session.before


def test_ctrl_a_p_is_the_power_button(start: Start) -> None:
    session = start(BUTTON)
    session.read_until(b"W")
    session.type(b"\x01p")
    assert session.end() == 0
    assert b"power button pressed\r\n" in session.seen
    assert session.mode() == session.before


@pytest.mark.parametrize(
    ("assembly", "keys", "status"), [(ECHO, b".", 0), (CRASH, b"!", 96)], ids=["reset", "crash"]
)
def test_the_terminal_is_given_back_at_the_guests_end(
    start: Start, assembly: str, keys: bytes, status: int
) -> None:
    session = start(assembly)
    session.read_until(READY)
    session.wait_for(lambda: session.is_raw)
    session.type(keys)
    assert session.end() == status
    assert session.mode() == session.before


@pytest.mark.parametrize("numbers", [["SIGTERM"] * 2, ["SIGINT"] * 2, ["SIGQUIT"], ["SIGHUP"]])
def test_the_terminal_is_given_back_when_a_signal_ends_the_guest(
    start: Start, numbers: list[str]
) -> None:
    session = start(DEAF)
    session.read_until(b"W")
    session.wait_for(lambda: session.is_raw)
    for number in numbers:
        session.send(signal.Signals[number])
        time.sleep(0.2)
    assert session.end() == 3
    assert session.mode() == session.before


def test_the_terminal_is_given_back_while_the_guest_is_stopped(start: Start) -> None:
    session = start(ECHO)
    session.read_until(READY)
    session.wait_for(lambda: session.is_raw)
    session.send(signal.SIGTSTP)
    session.wait_for(session.stopped)
    assert session.mode() == session.before
    session.send(signal.SIGCONT)
    session.wait_for(lambda: session.is_raw)
    session.type(b"\x1ab.")
    assert session.end() == 0
    assert b"\x1ab" in session.seen
    assert session.mode() == session.before


def test_after_a_stop_that_cannot_be_caught_the_terminal_is_taken_again(start: Start) -> None:
    session = start(ECHO)
    session.wait_for(lambda: session.is_raw)
    session.send(signal.SIGSTOP)
    session.wait_for(session.stopped)
    # As a shell does for its own prompt.
    termios.tcsetattr(session.terminal, termios.TCSANOW, session.before)
    session.send(signal.SIGCONT)
    session.wait_for(lambda: session.is_raw)
    session.type(b".")
    assert session.end() == 0
    assert session.mode() == session.before


def test_a_guest_that_reads_nothing_can_be_ended_by_keys(start: Start) -> None:
    session = start(DEAF)
    session.read_until(b"W")
    for _ in range(20):
        session.type(b"k" * 256)
        time.sleep(0.02)
    session.type(b"\x01x")
    assert session.end() == 3


def test_a_terminal_that_hangs_up_ends_the_guest(start: Start) -> None:
    session = start(DEAF)
    session.read_until(b"W")
    os.close(session.terminal)
    session.terminal = os.open("/dev/null", os.O_RDWR)
    assert session.end() == 3


def test_in_the_background_the_terminal_is_left_alone(tmp_path: Path) -> None:
    command = Guest(tmp_path).command(ECHO, console="-")
    # The shell keeps the terminal; `fg` gives it to the guest.
    script = tmp_path / "script"
    script.write_text(f"set -m\n{' '.join(command)} &\nread line\necho got $line\nfg\n")
    session = Session(["/bin/bash", str(script)])
    try:
        session.read_until(READY)
        time.sleep(0.3)
        assert not session.is_raw
        session.type(b"for the shell\n")
        session.read_until(b"got for the shell")
        session.wait_for(lambda: session.is_raw)
        session.type(b"\x1az.")
        assert session.end() == 0
        assert b"\x1az" in session.seen
    finally:
        session.close()
