# SPDX-License-Identifier: Apache-2.0
"""MSI-X of a passed function (PCI 3.0, 6.8.2): its table is trapped and kept here."""

from struct import Struct

from passthru.addresses import AddressRange
from passthru.lean import Iterable
from passthru.vmm.pci.capabilities import Capability
from passthru.vmm.pci.config_registers import ConfigRegisters
from passthru.vmm.pci.vectors import Message, MessageVectors

__all__ = ["MsixCapability", "MsixLayout"]

_ENTRY = Struct("<QII")  # address, data, vector control
_ENABLE, _FUNCTION_MASK = 0x8000, 0x4000
_SIZE_MASK = 0x7FF
_MASKED = 1


class MsixLayout:
    """Where table and pending bits lie: BAR numbers and ranges within them."""

    def __init__(self, control: int, table: int, pending: int) -> None:
        self.count = (control & _SIZE_MASK) + 1
        self.table_bar, self.pending_bar = table & 7, pending & 7
        self.table = AddressRange(table & ~7, self.count * _ENTRY.size)
        self.pending = AddressRange(pending & ~7, (self.count + 63) // 64 * 8)

    def trapped(self, bar: int) -> tuple[AddressRange, ...]:
        """The ranges of ``bar`` that the guest must not reach directly."""
        places = ((self.table_bar, self.table), (self.pending_bar, self.pending))
        return tuple(range_ for number, range_ in places if number == bar)


class MsixCapability:
    """The guest's table and control bits, and the irqfds that follow from them."""

    def __init__(
        self,
        registers: ConfigRegisters,
        capability: Capability,
        control: int,
        layout: MsixLayout,
        vectors: MessageVectors,
    ) -> None:
        self._registers = registers
        self._control_offset = capability.offset + 2
        self._offset, self._size = capability.offset, capability.size
        self._vectors = vectors
        self.layout = layout
        # After reset every vector is masked.
        self._table = bytearray(_ENTRY.pack(0, 0, _MASKED) * layout.count)
        registers.shadow(
            self._control_offset, 2, control & _SIZE_MASK, writable=_ENABLE | _FUNCTION_MASK
        )

    @property
    def enabled(self) -> bool:
        """Whether the guest has turned MSI-X on."""
        return bool(self._control & _ENABLE)

    @property
    def _control(self) -> int:
        return self._registers.value(self._control_offset, 2)

    def covers(self, offset: int, size: int) -> bool:
        """Whether a write to configuration space touches this capability."""
        return offset < self._offset + self._size and self._offset < offset + size

    def stop(self) -> None:
        """Disable every vector, whatever the registers say."""
        self._vectors.stop()

    def apply(self) -> None:
        """Make the kernel follow the control bits. Raises KernelCallFailed."""
        if not self.enabled:
            self._vectors.stop()
            return
        messages = self._messages(range(self.layout.count))
        if not self._vectors.count:
            highest = max((n for n, message in messages.items() if message), default=0)
            self._vectors.start(self.layout.count, highest + 1)
        self._vectors.update(messages)

    def read_table(self, offset: int, size: int) -> int:
        """Bytes of the table; the offset is within it."""
        return int.from_bytes(self._table[offset : offset + size], "little")

    def write_table(self, offset: int, size: int, value: int) -> None:
        """The guest's write to the table, cut at its end."""
        data = (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
        data = data[: len(self._table) - offset]
        self._table[offset : offset + len(data)] = data
        if self._vectors.count:
            first, last = offset // _ENTRY.size, (offset + len(data) - 1) // _ENTRY.size
            self._vectors.update(self._messages(range(first, last + 1)))

    def read_pending(self, offset: int, size: int) -> int:
        """Bytes of the pending bit array; the offset is within it.

        Vectors that the guest has never unmasked are not in it: the device has their bits.
        """
        bits = range(8 * offset, min(8 * (offset + size), self.layout.count))
        return sum(1 << (n - 8 * offset) for n in bits if self._vectors.pending(n))

    def _messages(self, vectors: Iterable[int]) -> dict[int, Message | None]:
        """What each of these vectors delivers now; None where it is masked."""
        return {vector: self._message(vector) for vector in vectors}

    def _message(self, vector: int) -> Message | None:
        address, data, control = _ENTRY.unpack_from(self._table, vector * _ENTRY.size)
        if control & _MASKED or self._control & _FUNCTION_MASK:
            return None
        return Message(address, data)
