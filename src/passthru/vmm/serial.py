# SPDX-License-Identifier: Apache-2.0
"""An 8250-family UART (16550A: with a FIFO), as ``vdev ser8250`` asks for it, and the host
side of it: ``hostdev`` in qvm's notation.
"""

import os
import select
import stat

from passthru.diagnostics.errors import PassthruError
from passthru.lean import Callable, Sequence

__all__ = ["HostStream", "HostStreamFailed", "Serial8250", "open_host_streams"]

_RECEIVE_ENABLE, _TRANSMIT_ENABLE = 1, 2  # interrupt enable register
_NOTHING_PENDING, _TRANSMIT_EMPTY, _DATA_AVAILABLE = 1, 2, 4  # interrupt identification
_FIFO_ENABLED = 0xC0
_DIVISOR_LATCH = 0x80  # line control
_LOOPBACK = 0x10  # modem control
_DATA_READY, _OVERRUN, _TRANSMITTER_IDLE = 1, 2, 0x60  # line status
_CARRIER_AND_READY = 0xB0  # modem status: DCD, DSR, CTS
_INPUT_LIMIT = 4096


class Serial8250:
    """Eight registers. Output goes to ``send``, the interrupt line to ``set_line``.

    Not thread-safe by itself: the machine's lock is held around every call.
    """

    def __init__(self, send: Callable[[bytes], None], set_line: Callable[[bool], None]) -> None:
        self._send = send
        self._set_line = set_line
        self._line = False
        self._input = bytearray()
        self._interrupt_enable = 0
        self._transmit_interrupt = False
        self._fifo = False
        self._line_control = 3
        self._modem_control = 0
        self._scratch = 0
        self._divisor = 12
        self._overrun = False
        self._readers = (
            self._read_data,
            self._read_interrupt_enable,
            self._identify_interrupt,
            self._read_line_control,
            self._read_modem_control,
            self._read_line_status,
            self._modem_status,
            self._read_scratch,
        )
        self._writers = (
            self._write_data,
            self._write_interrupt_enable,
            self._control_fifo,
            self._write_line_control,
            self._write_modem_control,
            self._ignore,
            self._ignore,
            self._write_scratch,
        )

    def room(self) -> int:
        """How many characters can be received now."""
        return _INPUT_LIMIT - len(self._input)

    def receive(self, data: bytes) -> None:
        """Characters from the outside; what does not fit is lost, and the guest told so."""
        room = self.room()
        self._input.extend(data[:room])
        self._overrun = self._overrun or len(data) > room
        self._update_line()

    def read(self, offset: int, size: int) -> int:
        """A register (only single bytes are decoded, as on the chip)."""
        return self._readers[offset]()

    def write(self, offset: int, size: int, value: int) -> None:
        """A register."""
        self._writers[offset](value & 0xFF)

    def _read_data(self) -> int:
        if self._line_control & _DIVISOR_LATCH:
            return self._divisor & 0xFF
        value = self._input.pop(0) if self._input else 0
        self._update_line()
        return value

    def _write_data(self, value: int) -> None:
        if self._line_control & _DIVISOR_LATCH:
            self._divisor = self._divisor & 0xFF00 | value
        else:
            self._transmit(value)

    def _read_interrupt_enable(self) -> int:
        if self._line_control & _DIVISOR_LATCH:
            return self._divisor >> 8
        return self._interrupt_enable

    def _write_interrupt_enable(self, value: int) -> None:
        if self._line_control & _DIVISOR_LATCH:
            self._divisor = self._divisor & 0xFF | value << 8
            return
        # Enabling the transmit interrupt raises it at once: the transmitter is idle.
        self._transmit_interrupt = bool(value & _TRANSMIT_ENABLE)
        self._interrupt_enable = value & 0x0F
        self._update_line()

    def _read_line_control(self) -> int:
        return self._line_control

    def _write_line_control(self, value: int) -> None:
        self._line_control = value

    def _read_modem_control(self) -> int:
        return self._modem_control

    def _write_modem_control(self, value: int) -> None:
        self._modem_control = value & 0x1F

    def _read_line_status(self) -> int:
        status = _TRANSMITTER_IDLE | (_DATA_READY if self._input else 0)
        if self._overrun:
            status |= _OVERRUN
            self._overrun = False
        return status

    def _read_scratch(self) -> int:
        return self._scratch

    def _write_scratch(self, value: int) -> None:
        self._scratch = value

    def _ignore(self, value: int) -> None:
        """The status registers cannot be written."""

    def _transmit(self, value: int) -> None:
        if self._modem_control & _LOOPBACK:
            self.receive(bytes([value]))
        else:
            self._send(bytes([value]))
        if self._interrupt_enable & _TRANSMIT_ENABLE:
            self._transmit_interrupt = True
            self._update_line()

    def _identify_interrupt(self) -> int:
        fifo = _FIFO_ENABLED if self._fifo else 0
        if self._interrupt_enable & _RECEIVE_ENABLE and self._input:
            return fifo | _DATA_AVAILABLE
        if self._transmit_interrupt:
            # Reading the identification ends this interrupt.
            self._transmit_interrupt = False
            self._update_line()
            return fifo | _TRANSMIT_EMPTY
        return fifo | _NOTHING_PENDING

    def _control_fifo(self, value: int) -> None:
        self._fifo = bool(value & 1)
        if value & 2:
            self._input.clear()
            self._update_line()

    def _modem_status(self) -> int:
        if not self._modem_control & _LOOPBACK:
            return _CARRIER_AND_READY
        # In loopback the four outputs come back as the four inputs, two of them swapped.
        outputs = self._modem_control
        return (
            (outputs & 0x02) << 3
            | (outputs & 0x01) << 5
            | (outputs & 0x04) << 4
            | (outputs & 0x08) << 4
        )

    def _update_line(self) -> None:
        line = self._transmit_interrupt or bool(
            self._interrupt_enable & _RECEIVE_ENABLE and self._input
        )
        if line != self._line:
            self._line = line
            self._set_line(line)


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
