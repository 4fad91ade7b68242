# SPDX-License-Identifier: Apache-2.0
"""Configuration space as three masks over a shadow: policy as data.

Every bit of a function's configuration space is one of these:

- *device*: the guest reads the device's own bit (the default);
- *shadow*: the guest reads a bit kept here, and may change it if it is writable;
- *forwarded*: a write by the guest goes to the device. The default is: it does not.
"""

__all__ = ["CONFIG_SIZE", "ConfigRegisters"]

CONFIG_SIZE = 4096
_CONVENTIONAL = 256


class ConfigRegisters:
    """Shadow values and the masks that decide over each bit, addressed by byte offset."""

    def __init__(self) -> None:
        self._shadow = bytearray(CONFIG_SIZE)
        self._shadowed = bytearray(_CONVENTIONAL) + b"\xff" * (CONFIG_SIZE - _CONVENTIONAL)
        self._writable = bytearray(CONFIG_SIZE)
        self._forwarded = bytearray(CONFIG_SIZE)

    def shadow(self, offset: int, size: int, value: int, *, writable: int = 0) -> None:
        """Show ``value`` instead of the device's; the guest may change ``writable`` bits."""
        _put(self._shadow, offset, size, value)
        _put(self._shadowed, offset, size, (1 << (8 * size)) - 1)
        _put(self._writable, offset, size, writable)

    def forward(self, offset: int, size: int, mask: int) -> None:
        """Let the guest's writes to the bits of ``mask`` reach the device."""
        _put(self._forwarded, offset, size, mask)

    def unshadow(self, offset: int, size: int) -> None:
        """Show the device's own bits again."""
        _put(self._shadowed, offset, size, 0)

    def shadow_bits(self, offset: int, size: int, mask: int, value: int) -> None:
        """Show only the bits of ``mask`` from here, and leave the rest to the device."""
        shadowed = _get(self._shadowed, offset, size)
        kept = _get(self._shadow, offset, size) & ~mask
        _put(self._shadowed, offset, size, shadowed | mask)
        _put(self._shadow, offset, size, kept | value & mask)

    def value(self, offset: int, size: int) -> int:
        """What the shadow holds."""
        return _get(self._shadow, offset, size)

    def shadowed(self, offset: int, size: int) -> int:
        """Mask of the bits that the guest reads from the shadow."""
        return _get(self._shadowed, offset, size)

    def forwarded(self, offset: int, size: int) -> int:
        """Mask of the bits that go to the device when the guest writes."""
        return _get(self._forwarded, offset, size)

    def store(self, offset: int, size: int, value: int) -> None:
        """The guest's write, as far as the shadow takes it."""
        writable = _get(self._writable, offset, size)
        kept = _get(self._shadow, offset, size) & ~writable
        _put(self._shadow, offset, size, kept | value & writable)


def _get(table: bytearray, offset: int, size: int) -> int:
    return int.from_bytes(table[offset : offset + size], "little")


def _put(table: bytearray, offset: int, size: int, value: int) -> None:
    table[offset : offset + size] = (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
