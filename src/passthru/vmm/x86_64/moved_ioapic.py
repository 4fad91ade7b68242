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
# Two bits of an entry belong to the chip.
_DELIVERY_STATUS, _REMOTE_IRR, _LEVEL_TRIGGERED = 1 << 12, 1 << 14, 1 << 15
_LOW = 0xFFFFFFFF


class MovedIoapic:
    """A handler for the page at the wanted address.

    KVM takes the chip's state only as a whole. What happens while it is read, changed and
    written back would be undone: so ``while_held`` keeps every vCPU from ending an interrupt
    meanwhile, and ``resample`` makes lines that rose fire again.
    """

    def __init__(
        self,
        vm: Vm,
        while_held: Callable[[Callable[[], None]], None],
        resample: Callable[[], None],
    ) -> None:
        self._vm = vm
        self._while_held = while_held
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
            self._while_held(lambda: self._write_id(value >> 24 & 0xF))
        elif offset == _WINDOW and (place := self._entry_place()) is not None:
            self._while_held(lambda: self._write_entry(place, value & _LOW))
            self._resample()

    def _write_id(self, value: int) -> None:
        state = self._vm.ioapic_state()
        state[_ID_PLACE : _ID_PLACE + 4] = value.to_bytes(4, "little")
        self._vm.set_ioapic_state(state)

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
            # An edge-triggered pin has no remote IRR; drivers clear one by switching over.
            chip_s = _DELIVERY_STATUS | (_REMOTE_IRR if value & _LEVEL_TRIGGERED else 0)
            entry = entry & (_LOW << 32 | chip_s) | value & ~(_DELIVERY_STATUS | _REMOTE_IRR)
        abi.IOAPIC_ENTRY.pack_into(state, place, entry)
        self._vm.set_ioapic_state(state)
