# SPDX-License-Identifier: Apache-2.0
"""The host's device tree, with what it takes to read addresses and references in it."""

from passthru.board.flattened_tree import FlattenedTree
from passthru.board.tree_nodes import TreeNode
from passthru.board.tree_references import References
from passthru.board.tree_registers import Buses
from passthru.lean import NamedTuple

__all__ = ["HostTree", "host_tree", "register_count"]


class HostTree(NamedTuple):
    """A tree that is read by the host's addresses."""

    tree: FlattenedTree
    references: References
    buses: Buses

    @property
    def root(self) -> TreeNode:
        """The host's root node."""
        return self.tree.root


def host_tree(tree: FlattenedTree) -> HostTree:
    """The tree of a host, made ready to be asked."""
    return HostTree(tree, References(tree.root), Buses())


def register_count(node: TreeNode) -> int:
    """How many entries the node's ``reg`` has, whether processors can address them or not."""
    bus = node.parent
    width = 0 if bus is None else bus.address_cells + bus.size_cells
    return len(node.cells("reg")) // width if width else 0
