# SPDX-License-Identifier: Apache-2.0
"""The MSI capability of a passed function (PCI 3.0, 6.8.1), kept wholly in the shadow."""

from passthru.lean import Callable
from passthru.vmm.pci.capabilities import Capability
from passthru.vmm.pci.config_registers import ConfigRegisters
from passthru.vmm.pci.vectors import Message, MessageVectors

__all__ = ["MsiCapability"]

_ENABLE = 1
_WIDE = 0x80
_MASKABLE = 0x100


class MsiCapability:
    """Turns the guest's settings into routes and irqfds."""

    def __init__(
        self,
        registers: ConfigRegisters,
        capability: Capability,
        control: int,
        vectors: MessageVectors,
    ) -> None:
        self._registers = registers
        self._offset = capability.offset
        self._size = capability.size
        self._vectors = vectors
        self._capacity = 1 << min(control >> 1 & 7, 5)
        self._wide = bool(control & _WIDE)
        self._data_offset = self._offset + (12 if self._wide else 8)
        self._mask_offset = self._offset + (16 if self._wide else 12)
        self._maskable = bool(control & _MASKABLE)
        self._lay_out(control)

    def _lay_out(self, control: int) -> None:
        registers = self._registers
        for offset in range(self._offset + 2, self._offset + self._size):
            registers.shadow(offset, 1, 0)
        # Enabled, and with all vectors, only when the guest says so: bits 0 and 6:4.
        registers.shadow(self._offset + 2, 2, control & ~0x71, writable=0x71)
        registers.shadow(self._offset + 4, 4, 0, writable=0xFFFFFFFC)
        if self._wide:
            registers.shadow(self._offset + 8, 4, 0, writable=0xFFFFFFFF)
        registers.shadow(self._data_offset, 2, 0, writable=0xFFFF)
        if self._maskable:
            all_vectors = (1 << self._capacity) - 1
            registers.shadow(self._mask_offset, 4, 0, writable=all_vectors)

    @property
    def enabled(self) -> bool:
        """Whether the guest has turned MSI on."""
        return bool(self._registers.value(self._offset + 2, 2) & _ENABLE)

    def covers(self, offset: int, size: int) -> bool:
        """Whether a write touches this capability."""
        return offset < self._offset + self._size and self._offset < offset + size

    def refresh_pending(self, read: Callable[[int, int], int]) -> None:
        """Bring the pending bits up to date before the guest reads them.

        ``read(offset, size)`` reads the device, which holds back vectors never unmasked.
        """
        if self._maskable:
            pending = read(self._mask_offset + 4, 4) | sum(
                1 << vector
                for vector in range(self._vectors.count)
                if self._vectors.pending(vector)
            )
            self._registers.shadow(self._mask_offset + 4, 4, pending)

    def stop(self) -> None:
        """Disable every vector, whatever the registers say."""
        self._vectors.stop()

    def apply(self) -> None:
        """Make the kernel follow the registers. Raises KernelCallFailed."""
        if not self.enabled:
            self._vectors.stop()
            return
        if not self._vectors.count:
            wanted = 1 << (self._registers.value(self._offset + 2, 2) >> 4 & 7)
            count = min(wanted, self._capacity)
            # All at once: the device cannot tell the guest's number from a smaller one.
            self._vectors.start(count, count)
        address = self._registers.value(self._offset + 4, 4)
        if self._wide:
            address |= self._registers.value(self._offset + 8, 4) << 32
        data = self._registers.value(self._data_offset, 2)
        masked = self._registers.value(self._mask_offset, 4) if self._maskable else 0
        # Vector n is told by the low bits of the data (PCI 3.0, 6.8.3.4).
        base = data & ~(self._vectors.count - 1)
        self._vectors.update(
            {
                vector: None if masked >> vector & 1 else Message(address, base | vector)
                for vector in range(self._vectors.count)
            }
        )
