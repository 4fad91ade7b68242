# SPDX-License-Identifier: Apache-2.0
"""The guest's PCI bus 0, and the two ways to its configuration space.

The modules in here are for the host functions that are passed to it.
"""

from passthru.lean import Protocol
from passthru.vmm.address_space import Handler

__all__ = ["ConfigPorts", "ConfigSpace", "EcamWindow", "HostBridge", "PciBus"]

_ENABLE = 1 << 31
_NOBODY = 0xFFFFFFFF
_RESET_OFFSET = 1  # port 0xcf9


class ConfigSpace(Protocol):
    """One function's configuration registers; offset and size come from the guest."""

    def read(self, offset: int, size: int) -> int:
        """Little-endian value of 1, 2 or 4 bytes."""

    def write(self, offset: int, size: int, value: int) -> None:
        """Store a value of 1, 2 or 4 bytes."""


class PciBus:
    """Bus 0: functions by device and function number."""

    def __init__(self) -> None:
        self._functions: dict[tuple[int, int], ConfigSpace] = {}

    def add(self, device: int, function: int, space: ConfigSpace) -> None:
        """Put a function in its place; the plan has seen to it that it is free."""
        self._functions[device, function] = space

    def read(self, device: int, function: int, offset: int, size: int) -> int:
        """All ones where no function is."""
        space = self._functions.get((device, function))
        if space is None or offset % size or size > 4:
            return _NOBODY
        return space.read(offset, size)

    def write(self, device: int, function: int, offset: int, size: int, value: int) -> None:
        """Nothing happens where no function is, or on an access that PCI does not have."""
        space = self._functions.get((device, function))
        if space is not None and offset % size == 0 and size <= 4:
            space.write(offset, size, value & ((1 << (8 * size)) - 1))


class ConfigPorts:
    """Configuration mechanism 1 at ports 0xcf8 to 0xcff, with the reset register inside it."""

    def __init__(self, bus: PciBus, reset: Handler) -> None:
        self._bus = bus
        self._reset = reset
        self._address = 0

    def read(self, offset: int, size: int) -> int:
        """The address register, or the configuration register that it names."""
        if offset == _RESET_OFFSET and size == 1:
            return self._reset.read(0, 1)
        if offset < 4:
            return self._address >> (8 * offset)
        if not self._selected():
            return _NOBODY
        return self._bus.read(*self._place(offset), size)

    def write(self, offset: int, size: int, value: int) -> None:
        """As read; only a whole dword sets the address."""
        if offset == _RESET_OFFSET and size == 1:
            self._reset.write(0, 1, value)
        elif offset == 0 and size == 4:
            self._address = value
        elif offset >= 4 and self._selected():
            self._bus.write(*self._place(offset), size, value)

    def _selected(self) -> bool:
        return bool(self._address & _ENABLE) and self._address >> 16 & 0xFF == 0

    def _place(self, offset: int) -> tuple[int, int, int]:
        address = self._address
        return address >> 11 & 0x1F, address >> 8 & 7, (address & 0xFC) + (offset - 4)


class EcamWindow:
    """Memory-mapped configuration space of bus 0 (PCI Express 7.2.2): 4 KiB a function."""

    def __init__(self, bus: PciBus) -> None:
        self._bus = bus

    def read(self, offset: int, size: int) -> int:
        """A configuration register; eight bytes are read as two registers."""
        if size == 8:
            return self.read(offset, 4) | self.read(offset + 4, 4) << 32
        return self._bus.read(offset >> 15 & 0x1F, offset >> 12 & 7, offset & 0xFFF, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """A configuration register."""
        if size == 8:
            self.write(offset, 4, value & 0xFFFFFFFF)
            self.write(offset + 4, 4, value >> 32)
        else:
            self._bus.write(offset >> 15 & 0x1F, offset >> 12 & 7, offset & 0xFFF, size, value)


class HostBridge:
    """Function 0:0.0: ids and class only."""

    def __init__(self) -> None:
        registers = bytearray(256)
        registers[0x00:0x04] = bytes.fromhex("8680570d")  # 8086:0d57, a bridge without registers
        registers[0x08:0x0C] = bytes.fromhex("00000006")  # class 060000, host bridge
        self._registers = bytes(registers)

    def read(self, offset: int, size: int) -> int:
        """Constant; the extended space is empty."""
        return int.from_bytes(self._registers[offset : offset + size], "little")

    def write(self, offset: int, size: int, value: int) -> None:
        """Nothing can be written."""
