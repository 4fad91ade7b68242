# SPDX-License-Identifier: Apache-2.0
"""The user's terminal, when a virtual host has it, and Ctrl-C, when it has not; and the signals
that end the command.
"""

import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from passthru.bench.architectures import X86_64, Architecture
from passthru.bench.errors import ScreenGoneError

__all__ = [
    "EndedBySignalError",
    "ending_signals",
    "forwarded_interrupts",
    "raw_keyboard",
    "shell_command",
    "uninterrupted",
    "write_screen",
]

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_FORWARDED = 2
"""The power button, and the end at once; one more is for this process."""


class EndedBySignalError(BaseException):
    """A signal ends this process: nothing is to catch it but what cleans up."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


@contextmanager
def ending_signals() -> Iterator[None]:
    """While open, a signal that would end this process raises EndedBySignalError, once.

    The next ones change nothing: what was begun is cleaned up. What the caller ignores
    (``nohup``) stays ignored.
    """

    def handle(number: int, frame: FrameType | None) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise EndedBySignalError(number)

    heeded = [each for each in _ENDING if signal.getsignal(each) is not signal.SIG_IGN]
    before = {each: signal.getsignal(each) for each in heeded}
    for each in heeded:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """While open, signals that end this process wait."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def forwarded_interrupts(forward: Callable[[], None]) -> Iterator[None]:
    """While open, the first two Ctrl-C call ``forward``; the third is what one was before."""
    count = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count <= _FORWARDED:
            forward()
        elif callable(before):
            before(number, frame)

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def raw_keyboard(descriptor: int) -> Iterator[None]:
    """Pass every key on, Ctrl-C too, if ``descriptor`` is a terminal; restored at the end."""
    if not os.isatty(descriptor):
        yield
        return
    before = termios.tcgetattr(descriptor)
    try:
        tty.setraw(descriptor)
        yield
    finally:
        # Now, for output that was stopped would be waited for without an end; and a terminal that
        # has hung up takes nothing back.
        with suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, before)


def shell_command(architecture: Architecture) -> list[str]:
    """A shell that knows how large the user's terminal is."""
    size = shutil.get_terminal_size()
    own = shutil.which("bash") if architecture is X86_64 else None
    shell = own or "/bin/sh"
    start = f"stty rows {size.lines} cols {size.columns}; exec {shell} -i"
    return ["/bin/sh", "-c", start]


def write_screen(data: bytes) -> None:
    """Show what the virtual host printed, at once and unchanged. Raises ScreenGoneError."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        raise ScreenGoneError(error) from error
