# SPDX-License-Identifier: Apache-2.0
"""The host side of a serial port: ``hostdev`` in qvm's notation."""

import os
import select
import stat

from passthru.diagnostics.errors import PassthruError
from passthru.lean import Callable, Sequence

__all__ = ["HostStream", "HostStreamFailed", "open_host_streams"]


_LOOK_AGAIN = 50
"""Milliseconds between two looks whether waiting for a reader still makes sense."""


class HostStreamFailed(PassthruError):
    """A ``hostdev`` cannot be opened."""

    def __init__(self, device: str, error: OSError) -> None:
        super().__init__(f"hostdev {device}: {error.strerror}")


class HostStream:
    """Where a port's characters go and come from; file descriptors or None.

    A reader that does not read holds the guest's output up, until ``given_up`` says that
    nobody waits for it any more.
    """

    def __init__(
        self,
        output: int | None,
        source: int | None,
        *,
        owned: bool,
        given_up: Callable[[], bool],
    ) -> None:
        self._output = output
        self.source = source
        self._owned = owned
        self._given_up = given_up
        self._writable = select.poll()
        if output is not None:
            self._writable.register(output, select.POLLOUT)

    def send(self, data: bytes) -> None:
        """Write characters out, when there is room."""
        if self._output is None:
            return
        while not self._writable.poll(_LOOK_AGAIN):
            if self._given_up():
                return
        try:
            os.write(self._output, data)
        except OSError:
            # The reader is gone for good (a closed pipe, a hung-up terminal).
            self._output = None

    def close(self) -> None:
        """Close what was opened here."""
        if not self._owned:
            return
        file = self.source if self._output is None else self._output
        if file is not None:
            os.close(file)
        self._output = self.source = None


def open_host_streams(devices: Sequence[str], given_up: Callable[[], bool]) -> list[HostStream]:
    """Streams for ``>-`` (standard output), ``<-``, ``-``, ``>FILE``, ``<FILE``, ``FILE``.

    ``given_up`` is asked while output has to wait. Raises HostStreamFailed.
    """
    return [_open(device, given_up) for device in devices]


def _open(device: str, given_up: Callable[[], bool]) -> HostStream:
    direction, name = (device[0], device[1:]) if device[:1] in ("<", ">") else ("", device)
    owned = name != "-"
    writing, reading = (_open_file(device, direction, name),) * 2 if owned else (1, 0)
    return HostStream(
        None if direction == "<" else writing,
        None if direction == ">" else reading,
        owned=owned,
        given_up=given_up,
    )


def _open_file(device: str, direction: str, name: str) -> int:
    flags = {"<": os.O_RDONLY, ">": os.O_WRONLY | os.O_CREAT, "": os.O_RDWR}[direction]
    try:
        file = os.open(name, flags | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK, 0o644)
        if direction == ">" and stat.S_ISREG(os.fstat(file).st_mode):
            os.ftruncate(file, 0)
    except OSError as error:
        raise HostStreamFailed(device, error) from error
    return file
