# SPDX-License-Identifier: Apache-2.0
"""When to give a virtual host up: pure bookkeeping of its signs of life."""

import time
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Limits", "Watchdog"]


class Limits(NamedTuple):
    """Seconds without a sign that are still borne.

    ``boot`` is for one step of the boot, ``heartbeat`` for a host that is up. Emulated
    processors under load may pause for long; these are no measure of speed.
    """

    boot: float = 45.0
    heartbeat: float = 40.0


class Watchdog:
    """Tells what has stayed away for too long.

    ``boot_step``, ``heartbeat`` and ``output`` are called when they happen; ``verdict``
    says in words what is wrong, or None.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._booting = True
        self._silence: float | None = None
        self._last_life = clock()
        self._last_output = clock()

    def boot_step(self) -> None:
        """The boot has come one step further."""
        self._last_life = self._clock()

    def up(self) -> None:
        """The boot is over; from now on heartbeats count."""
        self._booting = False
        self._last_life = self._clock()

    def heartbeat(self) -> None:
        """The agent says that it lives. No progress while booting: it beats early."""
        if not self._booting:
            self._last_life = self._clock()

    def output(self) -> None:
        """A command has printed something."""
        self._last_output = self._clock()

    def watch(self, silence: float | None) -> None:
        """Begin to wait, for a command that may be silent for ``silence`` seconds (or ever).

        What happened while nobody was looking does not count.
        """
        self._silence = silence
        self._last_life = self._last_output = self._clock()

    def verdict(self) -> str | None:
        """What has been missing for longer than allowed, or None."""
        quiet = self._clock() - self._last_life
        if self._booting:
            late = quiet > self._limits.boot
            return f"made no progress in its boot for {quiet:.0f} s" if late else None
        if quiet > self._limits.heartbeat:
            return f"gave no heartbeat for {quiet:.0f} s"
        silent = self._clock() - self._last_output
        if self._silence is not None and silent > self._silence:
            return f"printed nothing for {silent:.0f} s"
        return None
