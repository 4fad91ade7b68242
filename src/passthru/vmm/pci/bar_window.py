# SPDX-License-Identifier: Apache-2.0
"""A BAR of a passed function in the guest: memory slots where possible, traps elsewhere."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.host.kernel import Kernel, Mapping
from passthru.host.vfio import Region, VfioFunction
from passthru.lean import Sequence
from passthru.vmm.address_space import Bus, GuestMemory, Slot
from passthru.vmm.pci.msix import MsixCapability

__all__ = ["BarWindow"]


class BarWindow:
    """One BAR. ``show`` puts it at a guest address (or port), ``hide`` takes it away.

    Pages that hold the MSI-X table or pending bits are never mapped.
    """

    def __init__(
        self,
        kernel: Kernel,
        function: VfioFunction,
        region: Region,
        msix: MsixCapability | None,
        *,
        memory: GuestMemory,
        bus: Bus,
        windows: Sequence[AddressRange],
    ) -> None:
        self._kernel = kernel
        self._function = function
        self._region = region
        self._msix = msix
        self._memory = memory
        self._bus = bus
        self._windows = windows
        self._mapped: list[tuple[AddressRange, Mapping]] = []
        self._slots: list[Slot] = []
        self._shown: AddressRange | None = None

    @property
    def number(self) -> int:
        """Which BAR, 0 to 5."""
        return self._region.number

    def map(self) -> None:
        """Map what may be reached without an exit. Raises KernelCallFailed."""
        trapped = self._msix.layout.trapped(self.number) if self._msix else ()
        for piece in direct_pieces(self._region.mappable, trapped):
            self._mapped.append((piece, self._function.map_region(self._region, piece)))

    def close(self) -> None:
        """Hide and unmap. Raises KernelCallFailed, but does all it can."""
        try:
            self.hide()
        finally:
            while self._mapped:
                self._kernel.unmap(self._mapped.pop()[1])

    def show(self, start: int) -> None:
        """Answer at ``start`` (GPA, or guest port). Outside the host bridge's windows nothing
        is decoded, so that a guest cannot lay a BAR over its memory."""
        place = AddressRange(start, self._region.size)
        if self._shown == place:
            return
        self.hide()
        if not any(window.contains(place) for window in self._windows):
            return
        try:
            self._bus.attach(place, self)
        except ValueError:
            # Another BAR of the guest's making is there: the first one answers.
            return
        self._shown = place
        for piece, mapping in self._mapped:
            guest = AddressRange(start + piece.start, piece.size)
            self._slots.append(self._memory.add_slot(guest, mapping, readonly=False))

    def hide_unless_at(self, start: int) -> None:
        """Answer nowhere, but for a BAR that is shown at ``start`` already."""
        if self._shown is not None and self._shown.start != start:
            self.hide()

    def hide(self) -> None:
        """Answer nowhere."""
        if self._shown is None:
            return
        while self._slots:
            self._memory.remove_slot(self._slots.pop())
        self._bus.detach(self._shown)
        self._shown = None

    def read(self, offset: int, size: int) -> int:
        """A trapped read: the MSI-X structures, or the device itself."""
        msix = self._msix
        if msix is not None:
            layout = msix.layout
            if self.number == layout.table_bar and _inside(layout.table, offset):
                return msix.read_table(offset - layout.table.start, size)
            if self.number == layout.pending_bar and _inside(layout.pending, offset):
                held_back = self._function.read(self._region, offset, size)
                return held_back | msix.read_pending(offset - layout.pending.start, size)
        return self._function.read(self._region, offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """A trapped write; pending bits cannot be written."""
        msix = self._msix
        if msix is not None:
            layout = msix.layout
            if self.number == layout.table_bar and _inside(layout.table, offset):
                msix.write_table(offset - layout.table.start, size, value)
                return
            if self.number == layout.pending_bar and _inside(layout.pending, offset):
                return
        self._function.write(self._region, offset, size, value)


def _inside(range_: AddressRange, offset: int) -> bool:
    return range_.start <= offset < range_.end


def direct_pieces(
    mappable: tuple[AddressRange, ...], trapped: tuple[AddressRange, ...]
) -> list[AddressRange]:
    """The whole pages of ``mappable`` that hold nothing of ``trapped`` (offsets in a BAR)."""
    pieces = []
    for area in mappable:
        start = (area.start + PAGE_SIZE - 1) & -PAGE_SIZE
        end = area.end & -PAGE_SIZE
        for hole in sorted(range_.page_aligned() for range_ in trapped):
            if start < hole.start < end:
                pieces.append(AddressRange.between(start, hole.start))
            if hole.start < end and hole.end > start:
                start = hole.end
        if start < end:
            pieces.append(AddressRange.between(start, end))
    return pieces
