# SPDX-License-Identifier: Apache-2.0
"""Threads and signals without the modules ``threading`` and ``signal``, whose imports take
a tenth of a guest's start. Both stand on the two used here."""

from _thread import allocate_lock, get_ident, start_new_thread

from passthru.diagnostics.errors import PassthruError
from passthru.lean import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    import signal
else:
    import _signal as signal

__all__ = ["Thread", "ThreadRefused", "allocate_lock", "get_ident", "signal"]


class ThreadRefused(PassthruError):
    """The host lets this process have no more threads."""

    fix = "raise the limit on processes and threads (ulimit -u, or TasksMax= of the service)"

    def __init__(self) -> None:
        super().__init__("a thread for a vCPU could not be started")


class Thread:
    """Runs ``work(*arguments)`` beside the caller; the process does not wait for it."""

    def __init__(self, work: Callable[..., None], *arguments: object) -> None:
        self._work = work
        self._arguments = arguments
        self._ended = allocate_lock()
        self.identity = 0
        """What ``signal.pthread_kill`` takes; valid while the thread runs."""

    def start(self) -> None:
        """Start; returns when the thread's identity is known. Raises ThreadRefused."""
        started = allocate_lock()
        started.acquire()
        self._ended.acquire()

        def run() -> None:
            self.identity = get_ident()
            started.release()
            try:
                self._work(*self._arguments)
            finally:
                self._ended.release()

        try:
            start_new_thread(run, ())
        except RuntimeError as error:
            self._ended.release()
            raise ThreadRefused from error
        started.acquire()

    def wait(self, seconds: float) -> bool:
        """Wait for the end for so long; whether it has come."""
        ended = self._ended.acquire(timeout=seconds)
        if ended:
            self._ended.release()
        return ended
