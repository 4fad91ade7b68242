# SPDX-License-Identifier: Apache-2.0
"""Writes device tree blobs: the flattened format, version 17.

Source: Devicetree Specification, release 0.4, chapter 5.
"""

from passthru.addresses import AddressRange
from passthru.board.flattened_tree import MAGIC, FlattenedTree
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.values import cells, number_in_cells
from passthru.lean import Iterable

__all__ = ["write_flattened_tree"]

_BEGIN_NODE = 1
_END_NODE = 2
_PROPERTY = 3
_END = 9

_HEADER_SIZE = 40
_VERSION = 17
_LAST_COMPATIBLE_VERSION = 16
_BOOT_PROCESSOR = 0


def write_flattened_tree(tree: FlattenedTree) -> bytes:
    """The blob of a tree; what is read of it again is the same tree."""
    reservations = _reservation_block(tree.reservations)
    writer = _StructureWriter()
    writer.write(tree.root)
    structure, names = writer.structure, writer.names
    structure_start = _HEADER_SIZE + len(reservations)
    names_start = structure_start + len(structure)
    header = MAGIC + cells(
        names_start + len(names),
        structure_start,
        names_start,
        _HEADER_SIZE,
        _VERSION,
        _LAST_COMPATIBLE_VERSION,
        _BOOT_PROCESSOR,
        len(names),
        len(structure),
    )
    return b"".join((header, reservations, structure, names))


def _reservation_block(reservations: Iterable[AddressRange]) -> bytes:
    entries = [*reservations, AddressRange(0, 0)]
    return b"".join(number_in_cells(n, 2) for each in entries for n in (each.start, each.size))


class _StructureWriter:
    """Makes the structure block and the names that its properties share."""

    def __init__(self) -> None:
        self.structure = bytearray()
        self.names = bytearray()
        self._places: dict[str, int] = {}

    def write(self, root: TreeNode) -> None:
        self._node(root)
        self.structure += cells(_END)

    def _node(self, node: TreeNode) -> None:
        self.structure += cells(_BEGIN_NODE)
        self._padded(node.name.encode() + b"\0")
        for name, value in node.properties.items():
            self.structure += cells(_PROPERTY, len(value), self._place(name))
            self._padded(value)
        for child in node.children:
            self._node(child)
        self.structure += cells(_END_NODE)

    def _padded(self, data: bytes) -> None:
        self.structure += data + bytes(-len(data) % 4)

    def _place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self.names)
            self.names += name.encode() + b"\0"
        return self._places[name]
