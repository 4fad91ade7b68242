# SPDX-License-Identifier: Apache-2.0
"""The output of a command, up to the mark that the agent prints after it."""

from collections.abc import Callable

__all__ = ["CommandOutput"]

_KEPT = 1 << 24
"""Bytes of output that are kept; a console that runs for days must not fill memory."""


class CommandOutput:
    """Collects data until ``mark id``; hands what belongs to the command to ``sink``."""

    def __init__(self, mark: str, number: int, sink: Callable[[bytes], None] | None) -> None:
        self._end = f"\036{mark} {number}\n".encode()
        self._sink = sink
        self._held = b""
        self._kept = bytearray()
        self.ended = False

    def feed(self, data: bytes) -> None:
        """Take what arrived; data after the mark is not the command's and is dropped."""
        if self.ended:
            return
        data = self._held + data
        position = data.find(self._end)
        self.ended = position >= 0
        if not self.ended:
            position = self._start_of_partial_mark(data)
        self._held = data[position:]
        self._deliver(data[:position])

    def _start_of_partial_mark(self, data: bytes) -> int:
        for position in range(max(0, len(data) - len(self._end) + 1), len(data)):
            if self._end.startswith(data[position:]):
                return position
        return len(data)

    def _deliver(self, data: bytes) -> None:
        self._kept += data
        if len(self._kept) > _KEPT:
            del self._kept[: len(self._kept) - _KEPT]
        if data and self._sink:
            self._sink(data)

    @property
    def content(self) -> bytes:
        """What the command has printed so far (the last 16 MiB of it)."""
        return bytes(self._kept)
