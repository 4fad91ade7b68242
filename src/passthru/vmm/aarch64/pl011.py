# SPDX-License-Identifier: Apache-2.0
"""A PL011 UART, as ``vdev pl011`` asks for it (Arm DDI 0183, chapter 3)."""

from passthru.lean import Callable

__all__ = ["Pl011"]

_DATA, _RECEIVE_STATUS, _FLAGS = 0x00, 0x04, 0x18
_LINE_CONTROL, _CONTROL, _LEVELS, _MASK = 0x2C, 0x30, 0x34, 0x38
_RAW, _MASKED, _CLEAR = 0x3C, 0x40, 0x44
_KEPT = {0x20: 0xFF, 0x24: 0xFFFF, 0x28: 0x3F, _LINE_CONTROL: 0xFF, _CONTROL: 0xFFFF, _LEVELS: 0x3F}
"""Registers that only keep what is written, with the bits that they have."""
_AFTER_RESET = {_CONTROL: 0x300, _LEVELS: 0x12}
_IDENTITY = dict(
    zip(range(0xFE0, 0x1000, 4), (0x11, 0x10, 0x34, 0x00, 0x0D, 0xF0, 0x05, 0xB1), strict=True)
)
"""Peripheral and cell identification: a PL011 of revision r1p5."""

_TRANSMIT_EMPTY, _RECEIVE_FULL, _RECEIVE_EMPTY = 0x80, 0x40, 0x10  # flags
_FIFOS_ENABLED = 0x10  # line control
_LOOPBACK = 0x80  # control
_RECEIVED, _TRANSMITTED, _TIMED_OUT, _OVERRUN = 0x10, 0x20, 0x40, 0x400  # interrupts
_ALL_INTERRUPTS = 0x7FF
_OVERRUN_STATUS = 0x08
_FIFO_SIZE = 32
_INPUT_LIMIT = 4096


class Pl011:
    """Its registers, 32 bits each. Output goes to ``send``, the interrupt to ``set_line``.

    Not thread-safe by itself: the machine's lock is held around every call.
    """

    def __init__(self, send: Callable[[bytes], None], set_line: Callable[[bool], None]) -> None:
        self._send = send
        self._set_line = set_line
        self._line = False
        self._input = bytearray()
        self._kept = {register: _AFTER_RESET.get(register, 0) for register in _KEPT}
        self._mask = 0
        self._raised = 0
        self._overrun = False

    def room(self) -> int:
        """How many characters can be received now."""
        return _INPUT_LIMIT - len(self._input)

    def receive(self, data: bytes) -> None:
        """Characters from the outside; what does not fit is lost, and the guest told so."""
        room = self.room()
        self._input.extend(data[:room])
        if len(data) > room:
            self._overrun = True
            self._raised |= _OVERRUN
        self._update_line()

    def read(self, offset: int, size: int) -> int:
        """A register, or the bytes of it that were asked for; reserved ones read as zero."""
        return self._read(offset & ~3) >> 8 * (offset & 3)

    def write(self, offset: int, size: int, value: int) -> None:
        """A register; what is written beside a register's start is lost."""
        if offset == _DATA:
            self._transmit(value & 0xFF)
        elif offset in _KEPT:
            self._kept[offset] = value & _KEPT[offset]
        elif offset == _MASK:
            self._mask = value & _ALL_INTERRUPTS
        elif offset == _CLEAR:
            self._raised &= ~value
        elif offset == _RECEIVE_STATUS:
            self._overrun = False
        self._update_line()

    def _read(self, register: int) -> int:
        if register == _DATA:
            return self._take()
        if register == _RECEIVE_STATUS:
            return _OVERRUN_STATUS if self._overrun else 0
        if register == _FLAGS:
            return self._flags()
        if register == _MASK:
            return self._mask
        if register == _RAW:
            return self._pending()
        if register == _MASKED:
            return self._pending() & self._mask
        return self._kept.get(register, _IDENTITY.get(register, 0))

    def _take(self) -> int:
        value = self._input.pop(0) if self._input else 0
        self._update_line()
        return value

    def _flags(self) -> int:
        if not self._input:
            return _TRANSMIT_EMPTY | _RECEIVE_EMPTY
        size = _FIFO_SIZE if self._kept[_LINE_CONTROL] & _FIFOS_ENABLED else 1
        return _TRANSMIT_EMPTY | (_RECEIVE_FULL if len(self._input) >= size else 0)

    def _transmit(self, value: int) -> None:
        if self._kept[_CONTROL] & _LOOPBACK:
            self.receive(bytes([value]))
        else:
            self._send(bytes([value]))
        # It is gone at once: the transmitter is idle again.
        self._raised |= _TRANSMITTED

    def _pending(self) -> int:
        # A real one raises these when a character comes. Drivers clear all interrupts before
        # they begin, and would then wait for another one with characters left unread.
        return self._raised | (_RECEIVED | _TIMED_OUT if self._input else 0)

    def _update_line(self) -> None:
        line = bool(self._pending() & self._mask)
        if line != self._line:
            self._line = line
            self._set_line(line)
