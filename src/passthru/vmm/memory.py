# SPDX-License-Identifier: Apache-2.0
"""Guest memory: slots of KVM over this process's mappings."""

from passthru.addresses import HUGEPAGE_SIZE, AddressRange
from passthru.diagnostics.errors import PassthruError
from passthru.host.kernel import Kernel, Mapping
from passthru.lean import NamedTuple
from passthru.vmm.kvm import Vm

__all__ = ["GuestMemory", "MemoryExhausted", "Slot"]


class MemoryExhausted(PassthruError):
    """The host cannot give the guest's RAM."""

    fix = "ask for less ram, or free memory on the host"

    def __init__(self, size: int, error: OSError) -> None:
        super().__init__(f"{size >> 20} MiB of guest RAM: {error.strerror}")


class Slot(NamedTuple):
    """One memory slot: guest-physical range, and the mapping behind it from its start."""

    number: int
    guest: AddressRange
    mapping: Mapping
    readonly: bool


class GuestMemory:
    """All memory slots of one machine, and access to their bytes by GPA."""

    def __init__(self, kernel: Kernel, vm: Vm) -> None:
        self._kernel = kernel
        self._vm = vm
        self._slots: dict[int, Slot] = {}
        self._owned: list[Mapping] = []

    def close(self) -> None:
        """Unmap the RAM made here; the machine must not run any more."""
        while self._owned:
            self._kernel.unmap(self._owned.pop())

    def add_ram(self, guest: AddressRange, *, readonly: bool, hugepages: bool) -> Slot:
        """Fresh zeroed memory at ``guest``. Raises MemoryExhausted or HugepagesMissing."""
        try:
            file = self._kernel.memfd("passthru-guest-ram", guest.size, hugepages=hugepages)
            try:
                mapping = self._kernel.map(file, guest.size, 0, writable=True)
            finally:
                self._kernel.close(file)
        except OSError as error:
            if hugepages:
                from passthru.host.errors import HugepagesMissing

                raise HugepagesMissing(guest.size, error) from error
            raise MemoryExhausted(guest.size, error) from error
        self._owned.append(mapping)
        return self.add_slot(guest, mapping, readonly=readonly)

    @staticmethod
    def fits_hugepages(guest: AddressRange) -> bool:
        """Whether the range begins and ends with a huge page."""
        return guest.start % HUGEPAGE_SIZE == 0 and guest.size % HUGEPAGE_SIZE == 0

    def add_slot(self, guest: AddressRange, mapping: Mapping, *, readonly: bool) -> Slot:
        """Show ``mapping`` to the guest at ``guest``, without an exit on access."""
        number = next(n for n in range(len(self._slots) + 1) if n not in self._slots)
        self._vm.set_memory_slot(
            number, guest.start, guest.size, mapping.address, readonly=readonly
        )
        slot = Slot(number, guest, mapping, readonly)
        self._slots[number] = slot
        return slot

    def remove_slot(self, slot: Slot) -> None:
        """Take a slot away from the guest; its mapping stays."""
        self._vm.set_memory_slot(
            slot.number, slot.guest.start, 0, slot.mapping.address, readonly=slot.readonly
        )
        del self._slots[slot.number]

    def _mapping_at(self, gpa: int, size: int) -> tuple[Mapping, int]:
        for slot in self._slots.values():
            if slot.guest.contains(AddressRange(gpa, size)):
                return slot.mapping, gpa - slot.guest.start
        raise IndexError(f"{gpa:#x}+{size:#x} is in no memory slot")

    def user_address(self, guest: AddressRange) -> int:
        """Where a guest range lies in this process; raises IndexError as write does."""
        mapping, offset = self._mapping_at(guest.start, guest.size)
        return mapping.address + offset

    def write(self, gpa: int, data: bytes | bytearray | memoryview) -> None:
        """Store bytes at a GPA; raises IndexError where one slot does not hold them all."""
        mapping, offset = self._mapping_at(gpa, len(data))
        mapping.write(offset, data)
