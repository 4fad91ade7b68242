# SPDX-License-Identifier: Apache-2.0
"""A tree that the configuration loads for the guest, before the VM's nodes are merged in.

Source of ``qvm,vdev``: the hypervisor's documentation of trees of one's own; a node with that
property stands for the virtual device of that name and is replaced by its node.
"""

from itertools import islice

from passthru.board.flattened_tree import FlattenedTree
from passthru.board.tree_nodes import TreeNode, available_nodes
from passthru.board.tree_references import References
from passthru.board.tree_registers import Buses
from passthru.diagnostics.source import Span
from passthru.guest_tree.growing_tree import GrowingTree, all_nodes, phandle_of
from passthru.guest_tree.references import (
    ReferenceKind,
    kind_of,
    phandle_of_nobody,
    read_references,
)
from passthru.language.model import VmConfig
from passthru.lean import Iterator, NamedTuple

__all__ = [
    "LoadedTree",
    "copy_of",
    "described_starts",
    "refuse_overlay",
    "refuse_references_to_nobody",
    "take_placeholders",
    "tell_unsound_references",
]

_PLACEHOLDER = "qvm,vdev"
_GIC = "gic"
_TO_CONTROLLERS = {
    "interrupt-parent": ReferenceKind("the controller", None),
    "interrupts-extended": ReferenceKind("the controller", "#interrupt-cells"),
}
_MOST_TOLD = 16


class LoadedTree(NamedTuple):
    """What ``fdt load`` or ``fdt pass`` brings, and where the configuration says so."""

    tree: FlattenedTree
    span: Span | None


def copy_of(root: TreeNode) -> TreeNode:
    """The same tree anew, so that nothing that is made of it changes it."""
    copies = {root: TreeNode(root.name, None)}
    for node in all_nodes(root):
        copy = copies[node]
        copy.properties.update(node.properties)
        for child in node.children:
            copies[child] = TreeNode(child.name, copy)
            copy.children.append(copies[child])
    return copies[root]


def refuse_overlay(tree: GrowingTree, span: Span | None) -> None:
    """Refuse a tree that is only a change to another one."""
    for node in tree.root.children:
        if node.child("__overlay__") is not None:
            tree.refuse(
                f"the tree that is loaded is an overlay ({node.path}), no tree of its own",
                span,
                "fdtoverlay -i BASE.dtb -o WHOLE.dtb OVERLAY.dtb",
            )
            return


def take_placeholders(
    tree: GrowingTree, config: VmConfig, span: Span | None
) -> dict[str, int | None]:
    """Take out the nodes that stand for virtual devices: their phandles by the device's name.

    Refused is one that stands for a device which the VM does not have, unless that is left out:
    then the tree goes without.
    """
    left_out = {vdev.name.value for vdev in config.left_out if vdev.name}
    names = {vdev.name.value for vdev in config.vdevs if vdev.name}
    if not any(vdev.type == _GIC and vdev.name for vdev in config.vdevs):
        names.add(_GIC)
    found: dict[str, int | None] = {}
    for node in [each for each in all_nodes(tree.root) if _PLACEHOLDER in each.properties]:
        name = "".join(node.strings(_PLACEHOLDER)[:1])
        if name in left_out and name not in names:
            tree.remark(
                f"{node.path} of the loaded tree stands for the virtual device `{name}`, which is "
                "left out, and so is the node"
            )
        elif name not in names:
            tree.refuse(
                f"{node.path} of the loaded tree stands for the virtual device `{name}`, and no "
                "`vdev` has that name",
                span,
                f"`name {name}` at the vdev, or remove the node",
            )
        found[name] = phandle_of(node)
        tree.remove(node)
    return found


def refuse_references_to_nobody(tree: GrowingTree, span: Span | None) -> None:
    """Refuse a tree that names nodes which it does not have, before anything is changed.

    Nodes that are switched off do not count.
    """
    for node, name, phandle in islice(_to_nobody(tree.root), _MOST_TOLD):
        tree.refuse(
            f"{name} of {node.path} in the loaded tree names a node by the phandle {phandle:#x}, "
            "and none has that",
            span,
            f"the node with that phandle (of a device of the VM: one with `{_PLACEHOLDER} = "
            f'"NAME"`), or no `{name}`',
        )


def _to_nobody(root: TreeNode) -> Iterator[tuple[TreeNode, str, int]]:
    references = References(root)
    for node in available_nodes(root):
        for name in node.properties:
            kind = _TO_CONTROLLERS.get(name) or kind_of(node, name)
            phandle = kind and phandle_of_nobody(node, name, kind, references)
            if phandle:
                yield node, name, phandle


def tell_unsound_references(tree: GrowingTree) -> None:
    """Remark on references that lead nowhere, be it for what the VM has set or from the start."""
    references = References(tree.root)
    for node in all_nodes(tree.root):
        for name in node.properties:
            kind = kind_of(node, name)
            if kind is not None and read_references(node, name, kind, references) is None:
                tree.remark(f"{name} of {node.path} leads to a node that is not in the tree")


def described_starts(root: TreeNode) -> frozenset[int]:
    """Every address (GPA) at which a device of the tree has its first registers."""
    buses = Buses()
    registers = (buses.registers(node) for node in available_nodes(root))
    return frozenset(each[0].start for each in registers if each)
