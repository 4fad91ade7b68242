# SPDX-License-Identifier: Apache-2.0
"""The guest's PCI host bridge, at which it finds its functions, and the ITS for their messages.

Sources: bindings/pci/host-generic-pci.yaml; IEEE 1275 PCI Bus Binding, 2.2.1; Devicetree
Specification, release 0.4, section 2.4.3; bindings/pci/pci-msi.txt;
bindings/interrupt-controller/arm,gic-v3.yaml.
"""

from passthru.addresses import AddressRange
from passthru.board.tree_interrupts import SPI
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.growing_tree import GrowingTree, all_nodes, phandle_of
from passthru.guest_tree.machine_nodes import LEVEL_HIGH
from passthru.guest_tree.values import cells, number_in_cells, strings
from passthru.lean import Iterator
from passthru.plan.aarch64 import FIRST_LINE, ArmPciBus

__all__ = ["add_host_bridge"]

_PORTS, _MEMORY32, _MEMORY64 = 0x0100_0000, 0x0200_0000, 0x0300_0000
"""The first of an address's three cells, by the kind of space."""

_ADDRESS_CELLS, _SIZE_CELLS = 3, 2
_DEVICE_SHIFT = 11
_PINS = range(1, 5)
_REQUESTERS = 1 << 16
_ITS = "arm,gic-v3-its"


def add_host_bridge(tree: GrowingTree, bus: ArmPciBus) -> None:
    """Make the node of the bus, and that of the ITS if there is one."""
    gic = _controller(tree)
    its = None if bus.its is None else _add_its(tree, gic, bus.its)
    windows = bus.windows
    node = tree.add(f"pcie@{windows.ecam.start:x}")
    node.properties["compatible"] = strings("pci-host-ecam-generic")
    node.properties["device_type"] = strings("pci")
    tree.set_registers(node, [windows.ecam])
    node.properties["bus-range"] = cells(0, 0)
    node.properties["linux,pci-domain"] = cells(0)
    node.properties["#address-cells"] = cells(_ADDRESS_CELLS)
    node.properties["#size-cells"] = cells(_SIZE_CELLS)
    _set_ranges(tree, node, bus)
    # VFIO takes only functions whose DMA is coherent with the processors' caches
    # (drivers/vfio/vfio_main.c, IOMMU_CAP_CACHE_COHERENCY).
    node.properties["dma-coherent"] = b""
    node.properties["#interrupt-cells"] = cells(1)
    node.properties["interrupt-map-mask"] = cells((len(bus.lines) - 1) << _DEVICE_SHIFT, 0, 0, 7)
    node.properties["interrupt-map"] = b"".join(_wires(tree, gic, bus))
    if its is not None:
        # The message's sender is the requester id, as KVM is told it.
        node.properties["msi-map"] = cells(0, its, 0, _REQUESTERS)


def _controller(tree: GrowingTree) -> TreeNode:
    return next(node for node in all_nodes(tree.root) if phandle_of(node) == tree.controller)


def _set_ranges(tree: GrowingTree, node: TreeNode, bus: ArmPciBus) -> None:
    """The windows; refused is a root whose addresses have no room for them."""
    memory32, memory64 = bus.windows.memory32, bus.windows.memory64
    try:
        node.properties["ranges"] = b"".join(
            (
                _window(tree, _PORTS, 0, bus.port_memory),
                _window(tree, _MEMORY32, memory32.start, memory32),
                _window(tree, _MEMORY64, memory64.start, memory64),
            )
        )
    except OverflowError:
        tree.refuse(
            f"{node.path}: the root has addresses of {tree.root.address_cells} cells, in which "
            f"the window of PCI functions at {memory64} has no place",
            None,
            "#address-cells = <2> and #size-cells = <2> in the root of a tree that is loaded",
        )


def _window(tree: GrowingTree, space: int, start: int, place: AddressRange) -> bytes:
    """An entry of ``ranges``: an address on the bus, the guest's, and the size."""
    return (
        cells(space)
        + number_in_cells(start, 2)
        + number_in_cells(place.start, tree.root.address_cells)
        + number_in_cells(place.size, _SIZE_CELLS)
    )


def _wires(tree: GrowingTree, gic: TreeNode, bus: ArmPciBus) -> Iterator[bytes]:
    """The entries of ``interrupt-map``; those of further devices repeat them."""
    nowhere = [0] * gic.address_cells
    for device in range(len(bus.lines)):
        for pin in _PINS:
            line = bus.line(device, pin)
            yield cells(
                *(device << _DEVICE_SHIFT, 0, 0, pin, tree.controller, *nowhere),
                *(SPI, line - FIRST_LINE, LEVEL_HIGH),
            )


def _add_its(tree: GrowingTree, gic: TreeNode, place: AddressRange) -> int:
    """The phandle of the ITS, whose node is one of the GIC's."""
    root = tree.root
    phandle = None
    for old in [node for node in gic.children if _ITS in node.strings("compatible")]:
        phandle = phandle_of(old)
        tree.remove(old)
    is_new = gic.cell("#address-cells") != root.address_cells
    if is_new and (gic.children or _has_nexus(root)):
        tree.refuse(
            f"{gic.path} of the loaded tree has other #address-cells than its root; the messages "
            "of PCI functions need an ITS there",
            None,
            "the #address-cells and #size-cells of the root, and an empty ranges, there",
        )
    gic.properties["#address-cells"] = cells(root.address_cells)
    gic.properties["#size-cells"] = cells(root.size_cells)
    gic.properties["ranges"] = b""
    node = tree.add(f"msi-controller@{place.start:x}", gic)
    node.properties["compatible"] = strings(_ITS)
    tree.set_registers(node, [place])
    node.properties["msi-controller"] = b""
    node.properties["#msi-cells"] = cells(1)
    return tree.give_phandle(node) if phandle is None else _take_over(node, phandle)


def _take_over(node: TreeNode, phandle: int) -> int:
    node.properties["phandle"] = cells(phandle)
    return phandle


def _has_nexus(root: TreeNode) -> bool:
    """Whether a node leads interrupts on, with addresses in the cells of the GIC's node."""
    return any("interrupt-map" in node.properties for node in all_nodes(root))
