# SPDX-License-Identifier: Apache-2.0
"""The guest's GIC: where ``vdev gic`` puts it, and its node.

Sources: bindings/interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml; the addresses without
an option are the Foundation Model's (Fixed Virtual Platforms Reference Guide, memory map; the
kernel's arch/arm64/boot/dts/arm/foundation-v8-gicv2.dtsi and -gicv3.dtsi).
"""

from passthru.addresses import AddressRange
from passthru.board.tree_interrupts import is_gic
from passthru.board.tree_nodes import TreeNode, available_nodes
from passthru.board.tree_registers import Buses
from passthru.diagnostics.source import Span
from passthru.guest_tree.growing_tree import GrowingTree
from passthru.guest_tree.values import cells, strings
from passthru.language.model import VmConfig
from passthru.language.numbers import BadNumber, Notation, parse_number
from passthru.lean import NamedTuple

__all__ = ["GuestGic", "add_gic", "guest_gic"]

_VDEV = "gic"
_NAMES = {2: "arm,cortex-a15-gic", 3: "arm,gic-v3"}
_CELLS = 3

_FRAMES = {2: ("gicd", "gicc"), 3: ("gicd", "gicr")}
"""The register blocks in the order of ``reg``, by version."""

_DEFAULTS = {
    (2, "gicd"): 0x2C001000,
    (2, "gicc"): 0x2C002000,
    (3, "gicd"): 0x2F000000,
    (3, "gicr"): 0x2F100000,
}

_SIZES = {(2, "gicd"): 0x1000, (2, "gicc"): 0x2000, (3, "gicd"): 0x10000}
_REDISTRIBUTOR_SIZE = 0x20000
"""Bytes of one processor's redistributor; they follow each other."""

_DEFAULT_VERSION = 3


class GuestGic(NamedTuple):
    """The guest's interrupt controller; registers are guest-physical, in the node's order.

    ``name`` is what ``intr`` calls it.
    """

    name: str
    version: int
    registers: tuple[AddressRange, ...]
    span: Span | None


def guest_gic(config: VmConfig) -> GuestGic:
    """The GIC of the guest; without ``vdev gic`` the one that qvm gives it."""
    found = [vdev for vdev in config.vdevs if vdev.type == _VDEV]
    vdev = found[-1] if found else None
    options = {} if vdev is None else {o.name: o.value for o in vdev.options if o.value is not None}
    version = _number(options.get("version"), Notation.PLAIN, _DEFAULT_VERSION)
    version = version if version in _FRAMES else _DEFAULT_VERSION
    processors = max(1, len(config.cpus))
    registers = tuple(
        AddressRange(
            _number(options.get(frame), Notation.ADDRESS, _DEFAULTS[version, frame]),
            _SIZES.get((version, frame), _REDISTRIBUTOR_SIZE * processors),
        )
        for frame in _FRAMES[version]
    )
    name = vdev.name.value if vdev is not None and vdev.name else _VDEV
    return GuestGic(name, version, registers, None if vdev is None else vdev.span)


def _number(text: str | None, notation: Notation, default: int) -> int:
    number = None if text is None else parse_number(text, notation)
    return default if number is None or isinstance(number, BadNumber) else number.value


def add_gic(tree: GrowingTree, gic: GuestGic, phandle: int | None) -> None:
    """Make the GIC's node, which interrupts of nodes that are added later go to.

    A GIC that the tree has stays if it is the guest's, and is replaced if it is not; whoever
    referred to it then refers to the new one. ``phandle`` is that of a placeholder.
    """
    old = _present_gic(tree.root)
    if old is not None:
        if _is_same(old, gic):
            tree.set_controller(old)
            return
        if old.cell("#interrupt-cells") != _CELLS:
            tree.refuse(
                f"{old.path} of the loaded tree has interrupts of {old.cell('#interrupt-cells')} "
                f"cells, and the guest's GIC of {_CELLS}",
                gic.span,
                f"#interrupt-cells = <{_CELLS}>, and as many in each `interrupts`",
            )
        phandle = old.cell("phandle")
        tree.remove(old)
        tree.remark(
            f"{old.path} of the loaded tree is not the guest's GIC of version {gic.version} at "
            f"{gic.registers[0].start:#x}; it is replaced"
        )
    tree.set_controller(_gic_node(tree, gic, phandle))


def _gic_node(tree: GrowingTree, gic: GuestGic, phandle: int | None) -> TreeNode:
    node = tree.add(f"interrupt-controller@{gic.registers[0].start:x}")
    node.properties["compatible"] = strings(_NAMES[gic.version])
    tree.set_registers(node, gic.registers)
    node.properties["interrupt-controller"] = b""
    node.properties["#interrupt-cells"] = cells(_CELLS)
    node.properties["#address-cells"] = cells(0)
    if phandle is None:
        tree.give_phandle(node)
    else:
        node.properties["phandle"] = cells(phandle)
    return node


def _present_gic(root: TreeNode) -> TreeNode | None:
    return next((node for node in available_nodes(root) if is_gic(node)), None)


def _is_same(node: TreeNode, gic: GuestGic) -> bool:
    registers = Buses().registers(node)
    starts = [each.start for each in registers[: len(gic.registers)]]
    version = 3 if _NAMES[3] in node.strings("compatible") else 2
    return (
        node.cell("#interrupt-cells") == _CELLS
        and version == gic.version
        and starts == [each.start for each in gic.registers]
        # A redistributor that is too short leaves processors out.
        and registers[len(gic.registers) - 1].size >= gic.registers[-1].size
    )
