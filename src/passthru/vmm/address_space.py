# SPDX-License-Identifier: Apache-2.0
"""What answers a guest's accesses: memory slots of KVM over this process's mappings, without
an exit; and for what is trapped, x86 ports and guest-physical addresses, the devices there.
"""

from _bisect import bisect_right  # bisect only hands it on, from a file more

from passthru.addresses import HUGEPAGE_SIZE, AddressRange
from passthru.diagnostics.errors import PassthruError
from passthru.host.kernel import Kernel, Mapping
from passthru.lean import NamedTuple, Protocol
from passthru.vmm.kvm import Vm

__all__ = ["AccessRefused", "Bus", "GuestMemory", "Handler", "MemoryExhausted", "Slot"]


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

    def write_on_arm(self, gpa: int, data: bytes | bytearray | memoryview) -> None:
        """As write, but in aligned words where the memory is the host's: to arm64 that is a
        device's, and a fast copy to it may end this process."""
        mapping, offset = self._mapping_at(gpa, len(data))
        if mapping in self._owned:
            mapping.write(offset, data)
        else:
            mapping.store_words(offset, data)


class AccessRefused(Exception):
    """A handler's answer to an access that shall raise a bus error in the guest."""


class Handler(Protocol):
    """A device's side of a trapped access; it may raise AccessRefused on arm64.

    ``offset`` counts from the start of the range it was attached at and lies inside it;
    ``size`` is 1, 2, 4 or 8 bytes. Both come from the guest.
    """

    def read(self, offset: int, size: int) -> int:
        """The value the guest reads; bits beyond ``size`` are cut off."""

    def write(self, offset: int, size: int, value: int) -> None:
        """The guest wrote ``value``."""


class _Nobody:
    """Answers where nothing is."""

    def read(self, offset: int, size: int) -> int:
        return -1

    def write(self, offset: int, size: int, value: int) -> None:
        return


class _Entry(NamedTuple):
    range: AddressRange
    handler: Handler


_MASKS = {size: (1 << (8 * size)) - 1 for size in range(1, 9)}
_REMEMBERED = 4096


class Bus:
    """Ranges that trap, and who answers. Nobody there: reads give all ones, writes vanish.

    That is what an x86 bus does, and qvm's default (``unsupported reference ignore``).
    Not thread-safe by itself: the machine's lock is held around every access.
    """

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        # Where an address led last time, for the few addresses that guests use all the time:
        # handler, offset in its range, bytes from there to the end of the range.
        self._known: dict[int, tuple[Handler, int, int]] = {}

    def attach(self, range_: AddressRange, handler: Handler) -> None:
        """Let ``handler`` answer in ``range_``; raises ValueError if somebody does already."""
        position = bisect_right(self._entries, range_.start, key=_start)
        for neighbour in self._entries[max(position - 1, 0) : position + 1]:
            if neighbour.range.overlaps(range_):
                raise ValueError(f"{range_} overlaps {neighbour.range}")
        self._entries.insert(position, _Entry(range_, handler))
        self._known.clear()

    def detach(self, range_: AddressRange) -> None:
        """Let nobody answer there any more."""
        self._entries = [entry for entry in self._entries if entry.range != range_]
        self._known.clear()

    def read(self, address: int, size: int) -> int:
        """The value a guest's read of ``size`` bytes gives."""
        handler, offset, left = self._known.get(address) or self._look_up(address)
        return (handler.read(offset, size) if size <= left else -1) & _MASKS[size]

    def write(self, address: int, size: int, value: int) -> None:
        """Hand a guest's write on."""
        handler, offset, left = self._known.get(address) or self._look_up(address)
        if size <= left:
            handler.write(offset, size, value)

    def handler_at(self, address: int) -> Handler:
        """Who answers there; somebody does everywhere."""
        return self._look_up(address)[0]

    def _look_up(self, address: int) -> tuple[Handler, int, int]:
        if len(self._known) >= _REMEMBERED:
            # The guest chooses the addresses: it must not fill our memory with them.
            self._known.clear()
        found: tuple[Handler, int, int] = (_Nobody(), 0, 8)
        position = bisect_right(self._entries, address, key=_start) - 1
        if position >= 0:
            range_, handler = self._entries[position]
            if address < range_.end:
                found = (handler, address - range_.start, range_.end - address)
        self._known[address] = found
        return found


def _start(entry: _Entry) -> int:
    return entry.range.start
