# SPDX-License-Identifier: Apache-2.0
"""The IOAPIC at another address than KVM's (``vdev ioapic loc 0xf8000000``).

KVM's own cannot be moved. Its registers are written rarely, so accesses at the wanted
address are trapped and carried over; interrupts stay in the kernel.
"""

from passthru.lean import Callable
from passthru.vmm import kvm_abi as abi
from passthru.vmm.kvm import Vm

__all__ = ["MovedIoapic"]

# Register offsets (Intel 82093AA, 3.0).
_SELECT, _WINDOW = 0x00, 0x10
_ID, _VERSION, _ARBITRATION, _FIRST_ENTRY = 0x00, 0x01, 0x02, 0x10
_VERSION_VALUE = 0x11 | (abi.KVM_IOAPIC_NUM_PINS - 1) << 16
_CHIP = 8  # of struct kvm_irqchip
_TABLE = _CHIP + abi.IOAPIC_STATE.size
_ID_PLACE = _CHIP + 12
# Delivery status and remote IRR belong to the chip.
_READ_ONLY = 1 << 12 | 1 << 14
_LOW = 0xFFFFFFFF


class MovedIoapic:
    """A handler for the page at the wanted address.

    KVM takes the chip's state only as a whole. A line that rises while it is read, changed
    and written back would be forgotten, so ``resample`` makes pending lines fire again.
    """

    def __init__(self, vm: Vm, resample: Callable[[], None]) -> None:
        self._vm = vm
        self._resample = resample
        self._selected = 0

    def read(self, offset: int, size: int) -> int:
        """The selection, or the selected register."""
        if offset == _SELECT:
            return self._selected
        if offset != _WINDOW:
            return 0
        if self._selected == _VERSION:
            return _VERSION_VALUE
        state = self._vm.ioapic_state()
        if self._selected in (_ID, _ARBITRATION):
            return int.from_bytes(state[_ID_PLACE : _ID_PLACE + 4], "little") << 24
        place = self._entry_place()
        if place is None:
            return 0
        entry = int(abi.IOAPIC_ENTRY.unpack_from(state, place)[0])
        return entry >> 32 if self._selected & 1 else entry & _LOW

    def write(self, offset: int, size: int, value: int) -> None:
        """Select a register, or write the selected one."""
        if offset == _SELECT:
            self._selected = value & 0xFF
        elif offset == _WINDOW and self._selected == _ID:
            state = self._vm.ioapic_state()
            state[_ID_PLACE : _ID_PLACE + 4] = (value >> 24 & 0xF).to_bytes(4, "little")
            self._vm.set_ioapic_state(state)
        elif offset == _WINDOW and (place := self._entry_place()) is not None:
            self._write_entry(place, value & _LOW)

    def _entry_place(self) -> int | None:
        pin = (self._selected - _FIRST_ENTRY) >> 1
        if 0 <= pin < abi.KVM_IOAPIC_NUM_PINS:
            return _TABLE + pin * abi.IOAPIC_ENTRY.size
        return None

    def _write_entry(self, place: int, value: int) -> None:
        state = self._vm.ioapic_state()
        (entry,) = abi.IOAPIC_ENTRY.unpack_from(state, place)
        if self._selected & 1:
            entry = entry & _LOW | value << 32
        else:
            kept = entry & (_LOW << 32 | _READ_ONLY)
            entry = kept | value & ~_READ_ONLY
        abi.IOAPIC_ENTRY.pack_into(state, place, entry)
        self._vm.set_ioapic_state(state)
        self._resample()
