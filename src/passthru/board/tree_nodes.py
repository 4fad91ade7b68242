# SPDX-License-Identifier: Apache-2.0
"""Nodes of a device tree, with the few shapes that property values have.

Source: Devicetree Specification, release 0.4, chapter 2.
"""

from passthru.lean import Iterator

__all__ = ["TreeNode", "available_nodes"]

_CELL_SIZE = 4
_DEFAULT_ADDRESS_CELLS = 2
_DEFAULT_SIZE_CELLS = 1
_MOST_CELLS = 4


class TreeNode:
    """A node; whoever reads or makes a tree fills it, and afterwards it is only read.

    ``path`` is the full name, ``/soc/serial@fe201000``; the root's is ``/``.
    ``properties`` are values as they are in the blob.
    """

    __slots__ = ("children", "name", "parent", "path", "properties")

    def __init__(self, name: str, parent: "TreeNode | None") -> None:
        self.name = name
        self.parent = parent
        self.path: str = f"{parent.path.rstrip('/')}/{name}" if parent is not None else "/"
        self.properties: dict[str, bytes] = {}
        self.children: list[TreeNode] = []

    def cells(self, name: str) -> tuple[int, ...]:
        """A property as 32-bit numbers; empty if it is missing or of another size."""
        return cells_of(self.properties.get(name, b""))

    def cell(self, name: str) -> int | None:
        """A property that is one 32-bit number; None otherwise."""
        values = self.cells(name)
        return values[0] if len(values) == 1 else None

    def strings(self, name: str) -> tuple[str, ...]:
        """A property as strings that a zero ends; empty if it is missing."""
        value = self.properties.get(name, b"")
        return tuple(text.decode(errors="replace") for text in value.split(b"\0") if text)

    def child(self, name: str) -> "TreeNode | None":
        """The first child of that full name."""
        return next((child for child in self.children if child.name == name), None)

    @property
    def address_cells(self) -> int:
        """How many cells an address of a child has (0 to 4; 2 where it does not say)."""
        return self._cell_count("#address-cells", _DEFAULT_ADDRESS_CELLS)

    @property
    def size_cells(self) -> int:
        """How many cells a size of a child has (0 to 4; 1 where it does not say)."""
        return self._cell_count("#size-cells", _DEFAULT_SIZE_CELLS)

    def _cell_count(self, name: str, default: int) -> int:
        if name not in self.properties:
            return default
        given = self.cell(name)
        return given if given is not None and given <= _MOST_CELLS else 0

    @property
    def is_available(self) -> bool:
        """Whether its own ``status`` lets it be used."""
        return self.strings("status")[:1] in ((), ("okay",), ("ok",))

    @property
    def is_pci_bus(self) -> bool:
        """Whether the addresses of its children are PCI's."""
        return self.strings("device_type")[:1] in (("pci",), ("pciex",))


def cells_of(value: bytes) -> tuple[int, ...]:
    """Big-endian 32-bit numbers; empty if the size is no multiple of theirs."""
    if len(value) % _CELL_SIZE:
        return ()
    places = range(0, len(value), _CELL_SIZE)
    return tuple(int.from_bytes(value[place : place + _CELL_SIZE], "big") for place in places)


def available_nodes(node: TreeNode) -> Iterator[TreeNode]:
    """``node`` and all below it, in the tree's order; without those that are not to be used.

    What is below a node that is not available is not there either.
    """
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if found.is_available:
            yield found
            waiting.extend(reversed(found.children))
