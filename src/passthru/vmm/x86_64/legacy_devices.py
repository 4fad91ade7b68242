# SPDX-License-Identifier: Apache-2.0
"""What a PC has beside its interrupt controllers: the clock with its CMOS memory, power
management as ACPI fixed hardware (ACPI 6.5, 4.8.3), and the ways to reset it.
"""

import time

from passthru.lean import Callable
from passthru.plan.x86_64 import RESET_VALUE, SLEEP_TYPE_S5

__all__ = [
    "CmosClock",
    "KeyboardReset",
    "PowerControl",
    "PowerEvents",
    "PowerTimer",
    "ResetRegister",
]

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


_POWER_BUTTON = 1 << 8  # PM1 status and enable
_SCI_ENABLED = 1  # PM1 control
_SLEEP_ENABLE = 1 << 13
_TIMER_HZ = 3579545
_RESET_BIT = 4
_PULSE_RESET = 0xFE


class PowerEvents:
    """PM1a status and enable registers; the SCI is high while an enabled event is pending."""

    def __init__(self, set_line: Callable[[bool], None]) -> None:
        self._set_line = set_line
        self._status = 0
        self._enable = 0

    def press_power_button(self) -> None:
        """What a person at the machine would do."""
        self._status |= _POWER_BUTTON
        self._update_line()

    def read(self, offset: int, size: int) -> int:
        """Status (2 bytes), then enable (2 bytes)."""
        return (self._status | self._enable << 16) >> (8 * offset)

    def write(self, offset: int, size: int, value: int) -> None:
        """Ones written to the status clear its bits."""
        written = (value & ((1 << (8 * size)) - 1)) << (8 * offset)
        mask = ((1 << (8 * size)) - 1) << (8 * offset)
        self._status &= ~(written & 0xFFFF)
        enable = self._enable << 16 & ~mask | written
        self._enable = enable >> 16 & 0xFFFF
        self._update_line()

    def _update_line(self) -> None:
        self._set_line(bool(self._status & self._enable))


class PowerControl:
    """PM1a control register: soft off ends the machine."""

    def __init__(self, power_off: Callable[[], None]) -> None:
        self._power_off = power_off

    def read(self, offset: int, size: int) -> int:
        """ACPI mode is always on: there is no firmware to hand back to."""
        return _SCI_ENABLED >> (8 * offset)

    def write(self, offset: int, size: int, value: int) -> None:
        """SLP_TYP for S5 with SLP_EN set is soft off; other sleep states do not exist."""
        value <<= 8 * offset
        if value & _SLEEP_ENABLE and value >> 10 & 7 == SLEEP_TYPE_S5:
            self._power_off()


class PowerTimer:
    """The ACPI timer: 24 bits at 3.579545 MHz."""

    def read(self, offset: int, size: int) -> int:
        """The count."""
        count = time.monotonic_ns() * _TIMER_HZ // 1_000_000_000
        return (count & 0xFFFFFF) >> (8 * offset)

    def write(self, offset: int, size: int, value: int) -> None:
        """The timer cannot be written."""


class ResetRegister:
    """The byte at port 0xcf9."""

    def __init__(self, reset: Callable[[], None]) -> None:
        self._reset = reset

    def read(self, offset: int, size: int) -> int:
        """Nothing pending."""
        return 0

    def write(self, offset: int, size: int, value: int) -> None:
        """The FADT's value resets the machine, as does any with the reset bit set."""
        if value & RESET_VALUE & _RESET_BIT:
            self._reset()


class KeyboardReset:
    """Port 0x64 of a keyboard controller that only knows how to pulse the reset line."""

    def __init__(self, reset: Callable[[], None]) -> None:
        self._reset = reset

    def read(self, offset: int, size: int) -> int:
        """No controller."""
        return 0xFF

    def write(self, offset: int, size: int, value: int) -> None:
        """Command 0xfe resets."""
        if value & 0xFF == _PULSE_RESET:
            self._reset()
