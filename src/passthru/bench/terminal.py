# SPDX-License-Identifier: Apache-2.0
"""The user's terminal, when a virtual host has it, and Ctrl-C, when it has not."""

import os
import shutil
import signal
import sys
import termios
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from passthru.bench.architectures import X86_64, Architecture

__all__ = ["forwarded_interrupts", "raw_keyboard", "shell_command", "write_screen"]

_FORWARDED = 2
"""The power button, and the end at once; one more is for this process."""


@contextmanager
def forwarded_interrupts(forward: Callable[[], None]) -> Iterator[None]:
    """While open, the first two Ctrl-C call ``forward``; the third is a KeyboardInterrupt."""
    count = 0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal count
        count += 1
        if count > _FORWARDED:
            raise KeyboardInterrupt
        forward()

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
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)


def shell_command(architecture: Architecture) -> list[str]:
    """A shell that knows how large the user's terminal is."""
    size = shutil.get_terminal_size()
    own = shutil.which("bash") if architecture is X86_64 else None
    shell = own or "/bin/sh"
    start = f"stty rows {size.lines} cols {size.columns}; exec {shell} -i"
    return ["/bin/sh", "-c", start]


def write_screen(data: bytes) -> None:
    """Show what the virtual host printed, at once and unchanged."""
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
