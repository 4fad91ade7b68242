# SPDX-License-Identifier: Apache-2.0
"""The guest's tree while it is made: nodes, phandles, and what is told beside it."""

from passthru.addresses import AddressRange
from passthru.board.tree_nodes import TreeNode
from passthru.diagnostics.source import Span
from passthru.guest_tree.problems import TreeProblem
from passthru.guest_tree.values import cells, number_in_cells
from passthru.lean import Iterable, Iterator, Sequence

__all__ = ["GrowingTree", "all_nodes", "phandle_of", "phandles_of"]

_PHANDLES = ("phandle", "linux,phandle")
_PARENT = "interrupt-parent"


class GrowingTree:
    """A tree to which nodes are added.

    ``remarks`` are sentences about what was left out, in the order in which they were first told,
    ``problems`` what makes the tree untrue.
    Registers are written with the root's numbers of cells, at whatever depth.
    """

    def __init__(self, root: TreeNode, other_phandles: Iterable[int] = ()) -> None:
        """``other_phandles`` are those of another tree, which no new node gets."""
        self.root = root
        self.remarks: dict[str, None] = {}
        self.problems: list[TreeProblem] = []
        self._own = set(phandles_of(root))
        self._taken = self._own | set(other_phandles)
        self._next = 1
        self._controller: int | None = None

    def remark(self, text: str) -> None:
        """Tell something once."""
        self.remarks[text] = None

    def refuse(self, text: str, span: Span | None, fix: str) -> None:
        """Note why the tree cannot be made; the same is told once."""
        problem = TreeProblem(text, span, fix)
        if problem not in self.problems:
            self.problems.append(problem)

    def add(self, name: str, parent: TreeNode | None = None) -> TreeNode:
        """A new node below ``parent``, the root if nothing is said.

        Where there is one of that name, a number goes behind the name.
        """
        parent = parent or self.root
        base, at, unit = name.partition("@")
        number = 1
        while parent.child(name) is not None:
            number += 1
            name = f"{base}-{number}{at}{unit}"
        node = TreeNode(name, parent)
        parent.children.append(node)
        return node

    def remove(self, node: TreeNode) -> None:
        """Take a node and all below it out of the tree."""
        if node.parent is not None:
            node.parent.children.remove(node)

    def phandle(self, node: TreeNode) -> int:
        """The node's phandle; it gets one if it has none."""
        number = phandle_of(node)
        return number if number is not None else self.give_phandle(node)

    def give_phandle(self, node: TreeNode, wanted: int | None = None) -> int:
        """Give a node the phandle that is ``wanted``, or another where that is taken."""
        number = self.reserve_phandle(wanted)
        node.properties["phandle"] = cells(number)
        return number

    def reserve_phandle(self, wanted: int | None = None) -> int:
        """A phandle that no node of this tree has: ``wanted`` if possible, else a new one."""
        number = wanted
        if number is None or number in self._own:
            while self._next in self._taken:
                self._next += 1
            number = self._next
        self._own.add(number)
        self._taken.add(number)
        return number

    def set_registers(self, node: TreeNode, registers: Sequence[AddressRange]) -> None:
        """Write ``reg``; refuse what the root's numbers of cells cannot say."""
        try:
            node.properties["reg"] = self.encoded(registers)
        except OverflowError:
            self.refuse(
                f"{node.path}: the root has addresses of {self.root.address_cells} and sizes of "
                f"{self.root.size_cells} cells; {', '.join(map(str, registers))} has no place "
                "there",
                None,
                "#address-cells = <2> and #size-cells = <2> in the root of a tree that is loaded",
            )

    def encoded(self, registers: Iterable[AddressRange]) -> bytes:
        """Addresses and sizes in the root's cells; raises OverflowError."""
        address_cells, size_cells = self.root.address_cells, self.root.size_cells
        return b"".join(
            number_in_cells(each.start, address_cells) + number_in_cells(each.size, size_cells)
            for each in registers
        )

    def set_controller(self, controller: TreeNode) -> None:
        """Make an interrupt controller the one that the interrupts of new nodes go to."""
        self._controller = self.phandle(controller)
        self.root.properties.setdefault(_PARENT, cells(self._controller))

    @property
    def controller(self) -> int:
        """The phandle of that controller."""
        return self._controller or 0

    def set_interrupts(self, node: TreeNode, specifiers: Iterable[tuple[int, ...]]) -> None:
        """Write ``interrupts`` of the guest's controller."""
        node.properties["interrupts"] = cells(*(cell for each in specifiers for cell in each))
        # A node further down may have a controller above it, which would then be the parent.
        if node.parent is not self.root or self.root.cell(_PARENT) != self._controller:
            node.properties[_PARENT] = cells(self.controller)


def all_nodes(root: TreeNode) -> Iterator[TreeNode]:
    """The node and all below it, in the tree's order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(reversed(node.children))


def phandle_of(node: TreeNode) -> int | None:
    """The node's phandle, be it by the name that old compilers gave it; None if it has none."""
    numbers = (node.cell(name) for name in _PHANDLES)
    return next((number for number in numbers if number is not None), None)


def phandles_of(root: TreeNode) -> Iterator[int]:
    """Every phandle that a node of the tree has."""
    for node in all_nodes(root):
        for name in _PHANDLES:
            number = node.cell(name)
            if number is not None:
                yield number
