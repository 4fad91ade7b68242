# SPDX-License-Identifier: Apache-2.0
"""Addresses of a device tree's nodes as the processors see them.

Source: Devicetree Specification, release 0.4, sections 2.3.6 (``reg``) and 2.3.8
(``ranges``); IEEE 1275 PCI Bus Binding, section 2.2.1.1, for the addresses of PCI.
"""

from passthru.addresses import AddressRange
from passthru.board.tree_nodes import TreeNode
from passthru.lean import Iterator, NamedTuple, Sequence

__all__ = ["Buses"]

_ADDRESS_LIMIT = 1 << 64

_MOST_WINDOWS = 1024
"""A bus that has more is none of any hardware, and would take hours; it counts as closed."""


class _Window(NamedTuple):
    """A range of a bus, and where its parent's bus has it."""

    child: int
    parent: int
    size: int

    def goes_on_with(self, other: "_Window") -> bool:
        """Whether the other one begins, on both buses, where this one ends."""
        return (self.child + self.size, self.parent + self.size) == (other.child, other.parent)


class Buses:
    """Translates addresses through the buses of one tree."""

    __slots__ = ("_windows",)

    def __init__(self) -> None:
        self._windows: dict[TreeNode, tuple[_Window, ...]] = {}

    def registers(self, node: TreeNode) -> tuple[AddressRange, ...]:
        """Host-physical ranges of the node's ``reg``, in its order.

        Left out are empty ones, and those that no processor can address: a bus above the
        node has no ``ranges`` for them (an I2C bus, say), or the bus is PCI, in whose ``reg``
        the top cell names a space of its own.
        """
        bus = node.parent
        # A bus without sizes numbers its devices; they have no addresses.
        if bus is None or not bus.size_cells:
            return ()
        entries = _entries(node.cells("reg"), (bus.address_cells, bus.size_cells))
        return self._all_translated((AddressRange(start, size) for start, size in entries), bus)

    def windows(self, bus: TreeNode) -> tuple[AddressRange, ...]:
        """Host-physical ranges in which the bus has its devices: those of ``ranges``.

        Empty for a bus whose addresses are its parent's own. Of a PCI host bridge these are
        the memory windows and the place where ports appear as memory.
        """
        if bus.parent is None:
            return ()
        found = (AddressRange(window.parent, window.size) for window in _read_windows(bus))
        return self._all_translated(found, bus.parent)

    def _all_translated(
        self, ranges: Iterator[AddressRange], bus: TreeNode
    ) -> tuple[AddressRange, ...]:
        translated = (self._translated(each, bus) for each in ranges)
        return tuple(each for each in translated if each is not None)

    def _translated(self, found: AddressRange, bus: TreeNode) -> AddressRange | None:
        """The range of ``bus`` as the processors see it; None where they do not."""
        while bus.parent is not None:
            if "ranges" not in bus.properties:
                return None
            # An empty value says that the addresses are the parent's own.
            if bus.properties["ranges"]:
                outer = self._through_windows(found, bus)
                if outer is None:
                    return None
                found = outer
            bus = bus.parent
        return found if found.size and found.end <= _ADDRESS_LIMIT else None

    def _through_windows(self, found: AddressRange, bus: TreeNode) -> AddressRange | None:
        for window in self._windows_of(bus):
            start = found.start - window.child
            if start >= 0 and start + found.size <= window.size:
                return AddressRange(start + window.parent, found.size)
        return None

    def _windows_of(self, bus: TreeNode) -> tuple[_Window, ...]:
        if bus not in self._windows:
            windows = tuple(_joined_windows(bus))
            self._windows[bus] = windows if len(windows) <= _MOST_WINDOWS else ()
        return self._windows[bus]


def _joined_windows(bus: TreeNode) -> Iterator[_Window]:
    """The windows of the bus; one that goes on where the last one ended is one with it."""
    last: _Window | None = None
    for window in _read_windows(bus):
        if last is not None and last.goes_on_with(window):
            last = last._replace(size=last.size + window.size)
        else:
            if last is not None:
                yield last
            last = window
    if last is not None:
        yield last


def _read_windows(bus: TreeNode) -> Iterator[_Window]:
    if bus.parent is None:
        return
    # The top cell of a PCI address tells the space; it is no part of the number.
    space_cells = 1 if bus.is_pci_bus and bus.address_cells else 0
    shape = (
        space_cells,
        bus.address_cells - space_cells,
        bus.parent.address_cells,
        bus.size_cells,
    )
    for _, child, parent, size in _entries(bus.cells("ranges"), shape):
        yield _Window(child, parent, size)


def _entries(cells: tuple[int, ...], shape: Sequence[int]) -> Iterator[list[int]]:
    """Numbers of so many cells each, again and again; nothing where that does not come out."""
    length = sum(shape)
    if not length or len(cells) % length:
        return
    for place in range(0, len(cells), length):
        entry = []
        for width in shape:
            entry.append(_joined(cells[place : place + width]))
            place += width
        yield entry


def _joined(cells: Sequence[int]) -> int:
    value = 0
    for cell in cells:
        value = value << 32 | cell
    return value
