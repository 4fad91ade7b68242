# SPDX-License-Identifier: Apache-2.0
"""An 8250-family UART (16550A: with a FIFO), as ``vdev ser8250`` asks for it."""

from passthru.lean import Callable

__all__ = ["Serial8250"]

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
