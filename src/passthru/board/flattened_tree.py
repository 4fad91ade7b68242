# SPDX-License-Identifier: Apache-2.0
"""Device tree blobs (``.dtb``): the flattened format, versions 16 and 17.

The blob may come from anywhere, so nothing in it is trusted: each offset and length is
checked before use, and the depth and the length of names are bounded. The binding to libfdt
for Python is not used because damaged blobs crash the interpreter there.

Source: Devicetree Specification, release 0.4, chapter 5.
"""

from passthru.addresses import AddressRange
from passthru.board.tree_nodes import TreeNode
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import NamedTuple

__all__ = ["MAGIC", "DamagedTreeError", "FlattenedTree", "parse_flattened_tree"]

MAGIC = b"\xd0\x0d\xfe\xed"
"""The first bytes of every blob."""

_BEGIN_NODE = 1
_END_NODE = 2
_PROPERTY = 3
_NOP = 4
_END = 9

_HEADER_SIZE = 40
_OLDEST_VERSION = 16
_NEWEST_VERSION = 17
_RESERVATION_SIZE = 16
_DEEPEST = 64
_LONGEST_NAME = 255
_ADDRESS_LIMIT = 1 << 64


class DamagedTreeError(PassthruError):
    """A device tree blob that breaks the rules of its format."""

    exit_status = ExitStatus.CONFIGURATION

    def __init__(self, name: str, problem: str, offset: int) -> None:
        super().__init__(name, problem, offset)
        self.name = name
        self.problem = problem
        self.offset = offset

    def __str__(self) -> str:
        return f"{self.name} is no sound device tree blob: {self.problem} (at byte {self.offset})"


class FlattenedTree(NamedTuple):
    """A tree and its ``/memreserve/`` entries (host-physical)."""

    root: TreeNode
    reservations: tuple[AddressRange, ...]


def parse_flattened_tree(data: bytes, name: str) -> FlattenedTree:
    """Read a blob; ``name`` is what messages call it.

    Raises DamagedTreeError.
    """
    header = _Header(data, name)
    reservations = _read_reservations(header)
    return FlattenedTree(_StructureReader(header).read(), reservations)


class _Header:
    """The places of the blob's parts, and reads that cannot leave it."""

    def __init__(self, data: bytes, name: str) -> None:
        self.data = data
        self.name = name
        self.end = len(data)
        if data[: len(MAGIC)] != MAGIC:
            raise self.damaged("it does not begin with d00dfeed", 0)
        self.end = self.number(4)
        if not _HEADER_SIZE <= self.end <= len(data):
            raise self.damaged(f"it is {len(data)} bytes and says {self.end}", 4)
        self.structure = self.number(8)
        self.strings = self.number(12)
        self.reservations = self.number(16)
        if self.number(20) < _OLDEST_VERSION or self.number(24) > _NEWEST_VERSION:
            raise self.damaged("its version is neither 16 nor 17", 20)
        self.strings_end = min(self.end, self.strings + self.number(32))

    def number(self, offset: int) -> int:
        if offset + 4 > self.end:
            raise self.damaged("it ends too early", offset)
        return int.from_bytes(self.data[offset : offset + 4], "big")

    def text(self, offset: int, end: int) -> str:
        """The string at ``offset``, whose ending zero is before ``end``."""
        last = self.data.find(b"\0", offset, min(end, offset + _LONGEST_NAME + 1))
        if last < 0:
            raise self.damaged("a name does not end", offset)
        return self.data[offset:last].decode(errors="replace")

    def damaged(self, problem: str, offset: int) -> DamagedTreeError:
        return DamagedTreeError(self.name, problem, offset)


def _read_reservations(header: _Header) -> tuple[AddressRange, ...]:
    found: list[AddressRange] = []
    offset = header.reservations
    while True:
        high, low, size_high, size_low = (header.number(offset + 4 * n) for n in range(4))
        start, size = high << 32 | low, size_high << 32 | size_low
        if start == size == 0:
            return tuple(found)
        if size and start + size <= _ADDRESS_LIMIT:
            found.append(AddressRange(start, size))
        offset += _RESERVATION_SIZE


class _StructureReader:
    """Makes nodes of the structure block."""

    def __init__(self, header: _Header) -> None:
        self._header = header
        self._offset = header.structure
        self._names: dict[int, str] = {}

    def read(self) -> TreeNode:
        root, node, depth = None, None, 0
        while True:
            start = self._offset
            token = self._number()
            if token == _BEGIN_NODE and not (root is not None and node is None):
                node = self._begin_node(node)
                root = root or node
                depth += 1
                if depth > _DEEPEST:
                    raise self._header.damaged(f"nodes are nested over {_DEEPEST} deep", start)
            elif token == _END_NODE and node is not None:
                node = node.parent
                depth -= 1
            elif token == _PROPERTY and node is not None:
                self._property(node)
            elif token == _END and root is not None and node is None:
                return root
            elif token != _NOP:
                raise self._header.damaged(f"token {token:#x} makes no sense there", start)

    def _begin_node(self, parent: TreeNode | None) -> TreeNode:
        name = self._header.text(self._offset, self._header.end)
        self._offset = self._header.data.index(b"\0", self._offset) + 1
        self._align()
        node = TreeNode(name, parent)
        if parent is not None:
            parent.children.append(node)
        return node

    def _property(self, node: TreeNode) -> None:
        size, name_offset = self._number(), self._number()
        start = self._offset
        if start + size > self._header.end:
            raise self._header.damaged("a property's value ends outside", start)
        self._offset += size
        self._align()
        # Of two with one name, libfdt's users see the first.
        node.properties.setdefault(self._name(name_offset), self._header.data[start : start + size])

    def _name(self, offset: int) -> str:
        if offset not in self._names:
            header = self._header
            self._names[offset] = header.text(header.strings + offset, header.strings_end)
        return self._names[offset]

    def _number(self) -> int:
        value = self._header.number(self._offset)
        self._offset += 4
        return value

    def _align(self) -> None:
        self._offset = (self._offset + 3) & ~3
