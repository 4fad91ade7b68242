# SPDX-License-Identifier: Apache-2.0
"""Writes to the standard streams: for people what a terminal may see, for programs every byte."""

import os
import sys

from passthru.diagnostics.errors import PassthruError
from passthru.lean import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TextIO

__all__ = [
    "UnwritableOutputError",
    "colours_on",
    "drop",
    "say",
    "show",
    "tell",
    "tell_problem",
    "write_exactly",
]

_LINES_AND_FILLS = str.maketrans("─│┊├┤┬┴┼╭╮╯╰▶█▓▒░≈", "-|:+++++++++>#%+.~")
"""What pictures are drawn with, as every encoding has it."""


class UnwritableOutputError(PassthruError):
    """A standard stream that takes no more; ``problem`` is the system's word for it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot write the output: {self.problem}"


def colours_on(stream: "TextIO") -> bool:
    """Whether ``stream`` is a terminal that shows colours (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(text: str, stream: "TextIO | None" = None) -> None:
    """Write lines that are plainly printable, to the standard output if nothing else is said.

    Where the terminal's encoding lacks some characters, lines and fills of pictures become
    what every encoding has, and others become ``?``. Raises UnwritableOutputError.
    """
    stream = stream or sys.stdout
    _write(stream, _encoded(text, stream.encoding or "utf-8"))


def _encoded(text: str, encoding: str) -> bytes:
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_LINES_AND_FILLS).encode(encoding, "replace")


def write_exactly(text: str) -> None:
    """Write configuration text as the bytes that it was read from, whatever the terminal is.

    Raises UnwritableOutputError.
    """
    _write(sys.stdout, text.encode("utf-8", "surrogateescape"))


def _write(stream: "TextIO", data: bytes) -> None:
    try:
        stream.flush()
        stream.buffer.write(data)
        stream.buffer.flush()
    except BrokenPipeError:
        drop(stream)
    except OSError as error:
        drop(stream)
        raise UnwritableOutputError(error.strerror or str(error)) from error


def tell(remark: str, stream: "TextIO | None" = None) -> None:
    """Say one line beside the output; characters that a terminal could obey are replaced."""
    say(f"passthru: {remark}", stream)


def tell_problem(problem: PassthruError) -> None:
    """Say what went wrong, what else is known of it, and the fix."""
    tell(str(problem))
    for note in getattr(problem, "__notes__", ()):
        say(f"  {note}")
    if problem.fix:
        say(f"  fix: {problem.fix}")


def say(text: str, stream: "TextIO | None" = None) -> None:
    """Write lines as tell does, to the error output by default, without the command's name."""
    from passthru.report.text import printable

    where = stream or sys.stderr
    try:
        for line in text.split("\n"):
            print(printable(line), file=where, flush=True)
    except OSError:  # the reader is gone, which changes no status
        drop(where)


def drop(stream: "TextIO") -> None:
    """Nobody can read on (``| head``, a full disk): what is left to be written goes nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
