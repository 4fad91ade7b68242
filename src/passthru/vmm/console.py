# SPDX-License-Identifier: Apache-2.0
"""The host side of a serial port: ``hostdev`` in qvm's notation."""

import os
import stat

from passthru.diagnostics.errors import PassthruError
from passthru.lean import Sequence

__all__ = ["HostStream", "HostStreamFailed", "open_host_streams"]


class HostStreamFailed(PassthruError):
    """A ``hostdev`` cannot be opened."""

    def __init__(self, device: str, error: OSError) -> None:
        super().__init__(f"hostdev {device}: {error.strerror}")


class HostStream:
    """Where a port's characters go and come from; file descriptors or None."""

    def __init__(self, output: int | None, source: int | None, *, owned: bool) -> None:
        self._output = output
        self.source = source
        self._owned = owned

    def send(self, data: bytes) -> None:
        """Write characters out. A UART does not wait: a full pipe loses them."""
        if self._output is None:
            return
        try:
            os.write(self._output, data)
        except BlockingIOError:
            return
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


def open_host_streams(devices: Sequence[str]) -> list[HostStream]:
    """Streams for ``>-`` (standard output), ``<-``, ``-``, ``>FILE``, ``<FILE``, ``FILE``.

    Raises HostStreamFailed.
    """
    return [_open(device) for device in devices]


def _open(device: str) -> HostStream:
    direction, name = (device[0], device[1:]) if device[:1] in "<>" else ("", device)
    if name == "-":
        return HostStream(
            None if direction == "<" else 1, None if direction == ">" else 0, owned=False
        )
    flags = {"<": os.O_RDONLY, ">": os.O_WRONLY | os.O_CREAT, "": os.O_RDWR}[direction]
    try:
        file = os.open(name, flags | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK, 0o644)
        if direction == ">" and stat.S_ISREG(os.fstat(file).st_mode):
            os.ftruncate(file, 0)
    except OSError as error:
        raise HostStreamFailed(device, error) from error
    return HostStream(
        None if direction == "<" else file, None if direction == ">" else file, owned=True
    )
