# SPDX-License-Identifier: Apache-2.0
"""The MC146818 real-time clock with its CMOS memory, showing the host's UTC time."""

import time

from passthru.lean import Callable

__all__ = ["CmosClock"]

_INDEX_MASK = 0x7F
_STATUS_A, _STATUS_B, _STATUS_C, _STATUS_D = 0x0A, 0x0B, 0x0C, 0x0D
_CENTURY = 0x32
_DIVIDER_RUNNING = 0x26
_HOURS_24, _BINARY = 0x02, 0x04
_BATTERY_GOOD = 0x80
_AFTERNOON = 0x80


class CmosClock:
    """Index port and data port. The time is read-only to the guest: the host keeps it."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._index = 0
        self._memory = bytearray(128)
        self._memory[_STATUS_A] = _DIVIDER_RUNNING
        self._memory[_STATUS_B] = _HOURS_24

    def read(self, offset: int, size: int) -> int:
        """The selected register; the index port itself cannot be read."""
        if offset != 1:
            return 0xFF
        if self._index in _CLOCK_FIELDS:
            return self._clock_field(self._index)
        if self._index == _STATUS_C:
            return 0
        if self._index == _STATUS_D:
            return _BATTERY_GOOD
        return self._memory[self._index]

    def write(self, offset: int, size: int, value: int) -> None:
        """Select a register, or store in it."""
        if offset == 0:
            self._index = value & _INDEX_MASK
        elif self._index not in _CLOCK_FIELDS and self._index not in (_STATUS_C, _STATUS_D):
            self._memory[self._index] = value & 0xFF

    def _clock_field(self, register: int) -> int:
        value = _CLOCK_FIELDS[register](time.gmtime(self._now()))
        mode = self._memory[_STATUS_B]
        afternoon = 0
        if register == 4 and not mode & _HOURS_24:
            afternoon = _AFTERNOON if value >= 12 else 0
            value = (value - 1) % 12 + 1
        return (value if mode & _BINARY else value // 10 << 4 | value % 10) | afternoon


_CLOCK_FIELDS: dict[int, Callable[[time.struct_time], int]] = {
    0: lambda t: t.tm_sec,
    2: lambda t: t.tm_min,
    4: lambda t: t.tm_hour,
    6: lambda t: (t.tm_wday + 1) % 7 + 1,  # Sunday is 1
    7: lambda t: t.tm_mday,
    8: lambda t: t.tm_mon,
    9: lambda t: t.tm_year % 100,
    _CENTURY: lambda t: t.tm_year // 100,
}
