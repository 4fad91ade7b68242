# SPDX-License-Identifier: Apache-2.0
"""References from one node of a device tree to others: a phandle and its arguments.

Source: Devicetree Specification, release 0.4, section 2.3.3, and the bindings of clocks,
resets, power domains and IOMMUs, which share one form: ``clocks = <&provider 3>``, where
the provider's ``#clock-cells`` says how many numbers follow.
"""

from passthru.board.tree_nodes import TreeNode
from passthru.lean import Iterator, NamedTuple

__all__ = ["Reference", "References", "stream_names"]

_MOST_ARGUMENTS = 16


class Reference(NamedTuple):
    """The node that is meant, and what the reference says to it."""

    provider: TreeNode
    arguments: tuple[int, ...]


class References:
    """Finds the nodes of a tree by their phandles."""

    __slots__ = ("_nodes",)

    def __init__(self, root: TreeNode) -> None:
        self._nodes: dict[int, TreeNode] = {}
        waiting = [root]
        while waiting:
            node = waiting.pop()
            waiting.extend(node.children)
            for name in ("phandle", "linux,phandle"):
                phandle = node.cell(name)
                if phandle is not None:
                    self._nodes.setdefault(phandle, node)

    def node(self, phandle: int | None) -> TreeNode | None:
        """The node with that phandle."""
        return self._nodes.get(phandle) if phandle is not None else None

    def listed(self, node: TreeNode, name: str, cells_name: str) -> Iterator[Reference]:
        """The references in a property, up to the first that leads nowhere.

        After that one nobody can tell where the next begins. A phandle of zero is a
        place left free.
        """
        cells = node.cells(name)
        place = 0
        while place < len(cells):
            phandle, place = cells[place], place + 1
            if phandle == 0:
                continue
            provider = self.node(phandle)
            width = provider.cell(cells_name) if provider is not None else None
            if provider is None or width is None or width > _MOST_ARGUMENTS:
                return
            if place + width > len(cells):
                return
            yield Reference(provider, cells[place : place + width])
            place += width


def stream_names(node: TreeNode, references: References) -> tuple[str, ...]:
    """The node's streams at its IOMMU: ``smmu@9050000:0x100``.

    A second number of the IOMMU's is a mask (bindings/iommu/arm,smmu.yaml) and stands behind
    a slash. A PCI host bridge has ranges of streams, ``smmu@9050000:0x0..0x10000``, one
    for each requester ID (bindings/pci/pci-iommu.txt).
    """
    found = [
        _stream_name(reference) for reference in references.listed(node, "iommus", "#iommu-cells")
    ]
    cells = node.cells("iommu-map")
    for place in range(0, len(cells) - 3, 4):
        _, phandle, start, size = cells[place : place + 4]
        provider = references.node(phandle)
        if provider is not None:
            found.append(f"{provider.name}:{start:#x}..{start + size:#x}")
    return tuple(found)


def _stream_name(reference: Reference) -> str:
    numbers = "/".join(f"{number:#x}" for number in reference.arguments)
    return f"{reference.provider.name}:{numbers}" if numbers else reference.provider.name
