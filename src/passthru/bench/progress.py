# SPDX-License-Identifier: Apache-2.0
"""What the bench is doing, for people who wait: one line that changes, or plain lines."""

import sys
import time
from collections.abc import Callable
from typing import TextIO

__all__ = ["Progress", "ProgressLine", "announce", "silent"]

Progress = Callable[[str], None]
"""Called with what begins now; an empty text ends the display."""


def silent(text: str) -> None:
    """Tell nobody."""


def announce(text: str) -> None:
    """Tell the user something that must stay to be read."""
    print(f"bench: {text}", file=sys.stderr, flush=True)


class ProgressLine:
    """Progress on a stream: a line that is overwritten on a terminal, else a line each."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._started = time.monotonic()
        self._terminal = self._stream.isatty()
        self._shown = False

    def __call__(self, text: str) -> None:
        """Show ``text`` with the seconds since the start; an empty one clears the line."""
        if self._terminal:
            self._overwrite(text)
        elif text:
            print(self._stamped(text), file=self._stream, flush=True)

    def _overwrite(self, text: str) -> None:
        if not text and not self._shown:
            return
        self._shown = bool(text)
        self._stream.write("\r\x1b[K" + (self._stamped(text) if text else ""))
        self._stream.flush()

    def _stamped(self, text: str) -> str:
        return f"bench: {time.monotonic() - self._started:5.1f} s  {text}"
