# SPDX-License-Identifier: Apache-2.0
"""Interrupts of a device tree's nodes, by the numbers that the GIC itself uses.

Source: Devicetree Specification, release 0.4, section 2.4;
bindings/interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml.
"""

from passthru.board import gic
from passthru.board.model import InterruptLine, Trigger
from passthru.board.tree_nodes import TreeNode
from passthru.board.tree_references import Reference, References
from passthru.lean import Iterator, NamedTuple

__all__ = [
    "GIC",
    "PPI",
    "SPI",
    "NodeInterrupts",
    "gic_line",
    "interrupt_specifiers",
    "is_gic",
    "mapped_lines",
    "node_interrupts",
]

GIC = "gic"
"""The controller's name in an InterruptLine; the version is in its node's ``compatible``."""

SPI = 0
"""First cell of an interrupt that any processor may take."""

PPI = 1
"""First cell of an interrupt that each processor has for itself."""

_FIRST_VECTORS = {
    SPI: gic.SHARED,
    PPI: gic.PRIVATE,
    2: gic.EXTENDED_SHARED,
    3: gic.EXTENDED_PRIVATE,
}
"""By the first cell: SPI, PPI, extended SPI, extended PPI."""

_TRIGGERS = {1: Trigger.EDGE, 2: Trigger.EDGE, 3: Trigger.EDGE, 4: Trigger.LEVEL, 8: Trigger.LEVEL}
"""By the low four bits of the third cell: rising, falling, both, high, low."""

_MOST_CELLS = 16
_DEEPEST = 64


class NodeInterrupts(NamedTuple):
    """The GIC's lines of a node, and the controllers of those interrupts that are others'."""

    lines: tuple[InterruptLine, ...]
    other_controllers: tuple[str, ...]


def is_gic(node: TreeNode) -> bool:
    """Whether the node is a GIC that the processors are at."""
    return not gic.COMPATIBLE.isdisjoint(node.strings("compatible"))


def node_interrupts(node: TreeNode, references: References) -> NodeInterrupts:
    """All interrupts of the node, in its order."""
    lines, others = [], []
    for controller, cells in interrupt_specifiers(node, references):
        line = gic_line(cells) if is_gic(controller) else None
        if line is not None:
            lines.append(line)
        else:
            others.append(controller.path)
    return NodeInterrupts(tuple(lines), tuple(others))


def mapped_lines(node: TreeNode, references: References) -> Iterator[InterruptLine]:
    """The GIC's lines that a bus leads its children's interrupts to.

    They are the INTA to INTD of a PCI host bridge (section 2.4.3, ``interrupt-map``). An entry
    that leads nowhere ends the reading: nobody can tell where the next begins.
    """
    cells = node.cells("interrupt-map")
    child_width = node.address_cells + (node.cell("#interrupt-cells") or 0)
    place = 0
    while place + child_width < len(cells):
        controller = references.node(cells[place + child_width])
        width = controller.cell("#interrupt-cells") if controller is not None else None
        if controller is None or width is None or width > _MOST_CELLS:
            return
        # Here a controller without the property has none, not two.
        address_width = controller.cell("#address-cells") or 0
        start = place + child_width + 1 + min(address_width, _MOST_CELLS)
        place = start + width
        line = gic_line(cells[start:place]) if is_gic(controller) else None
        if line is not None and place <= len(cells):
            yield line


def interrupt_specifiers(node: TreeNode, references: References) -> Iterator[Reference]:
    """The node's interrupts: each with its controller, and the cells that name it there."""
    if "interrupts-extended" in node.properties:
        yield from references.listed(node, "interrupts-extended", "#interrupt-cells")
        return
    cells = node.cells("interrupts")
    controller = _interrupt_parent(node, references) if cells else None
    width = controller.cell("#interrupt-cells") if controller is not None else None
    if controller is None or not width or width > _MOST_CELLS or len(cells) % width:
        return
    for place in range(0, len(cells), width):
        yield Reference(controller, cells[place : place + width])


def _interrupt_parent(node: TreeNode, references: References) -> TreeNode | None:
    """The nearest node up the interrupt tree that says how long its specifiers are."""
    found: TreeNode | None = node
    for _ in range(_DEEPEST):
        if found is None:
            return None
        if "interrupt-parent" in found.properties:
            found = references.node(found.cell("interrupt-parent"))
        else:
            found = found.parent
        if found is not None and "#interrupt-cells" in found.properties:
            return found
    return None  # a ring


def gic_line(cells: tuple[int, ...]) -> InterruptLine | None:
    """The interrupt that a GIC's cells name; None where there is none of that number."""
    if len(cells) < 3:
        return None
    kind, number, flags = cells[:3]
    vectors = _FIRST_VECTORS.get(kind, range(0))
    if number >= len(vectors):
        return None
    return InterruptLine(GIC, vectors[number], _TRIGGERS.get(flags & 0xF, Trigger.UNKNOWN), None)
