# SPDX-License-Identifier: Apache-2.0
"""Nodes of the guest's virtual devices.

Sources: bindings/serial/pl011.yaml, bindings/virtio/mmio.yaml, bindings/watchdog/arm,sp805.yaml,
bindings/clock/fixed-clock.yaml.
"""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.gic import SHARED
from passthru.board.tree_interrupts import SPI
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.growing_tree import GrowingTree
from passthru.guest_tree.interrupt_controller import GuestGic
from passthru.guest_tree.machine_nodes import LEVEL_HIGH
from passthru.guest_tree.values import cells, strings
from passthru.language.model import MemoryLocation, Vdev
from passthru.lean import Mapping

__all__ = ["VirtualDevices"]

"""The GIC's lines that devices use: shared peripheral interrupts, by the GIC's own numbers."""

_GIC = "gic"
_PL011 = "pl011"
_SP805 = "wdt-sp805"
_VIRTIO = "virtio-"
_VIRTIO_SIZE = 0x200
_CLOCK_FREQUENCY = 24_000_000
"""Hertz; the drivers divide it for a line that has no speed."""


class VirtualDevices:
    """Makes the nodes of virtual devices in one tree."""

    def __init__(self, tree: GrowingTree, gic: GuestGic, phandles: Mapping[str, int]) -> None:
        """``phandles`` are those of placeholders, by the name of the device that they stand for."""
        self._tree = tree
        self._gic = gic
        self._phandles = phandles
        self._clock: int | None = None

    def add(self, vdev: Vdev) -> None:
        """Make the node of a device; tell which have none."""
        if vdev.type == _GIC:
            return
        place = next((each for each in vdev.locations if isinstance(each, MemoryLocation)), None)
        if place is None:
            self._tree.remark(f"[{vdev.span}] vdev {vdev.type} has no place in memory, and no node")
            return
        node = self._node(vdev, place.guest.start)
        if node is None:
            self._tree.remark(
                f"[{vdev.span}] vdev {vdev.type} has no node: no binding of such a device is known"
            )
            return
        self._interrupts(node, vdev)
        name = vdev.name.value if vdev.name else ""
        if name in self._phandles:
            node.properties["phandle"] = cells(self._phandles[name])

    def _node(self, vdev: Vdev, start: int) -> TreeNode | None:
        if vdev.type == _PL011:
            node = self._primecell("serial", "arm,pl011", "uartclk", start)
            self._tell_console(node)
            return node
        if vdev.type == _SP805:
            return self._primecell("watchdog", "arm,sp805", "wdog_clk", start)
        if vdev.type.startswith(_VIRTIO):
            node = self._tree.add(f"virtio@{start:x}")
            node.properties["compatible"] = strings("virtio,mmio")
            self._tree.set_registers(node, [AddressRange(start, _VIRTIO_SIZE)])
            node.properties["dma-coherent"] = b""
            return node
        return None

    def _primecell(self, name: str, compatible: str, clock_name: str, start: int) -> TreeNode:
        node = self._tree.add(f"{name}@{start:x}")
        node.properties["compatible"] = strings(compatible, "arm,primecell")
        self._tree.set_registers(node, [AddressRange(start, PAGE_SIZE)])
        node.properties["clocks"] = cells(self._clock_phandle(), self._clock_phandle())
        node.properties["clock-names"] = strings(clock_name, "apb_pclk")
        return node

    def _clock_phandle(self) -> int:
        """The clock of all virtual devices, made for the first that needs it."""
        if self._clock is None:
            node = self._tree.add(f"clock-{_CLOCK_FREQUENCY}")
            node.properties["compatible"] = strings("fixed-clock")
            node.properties["#clock-cells"] = cells(0)
            node.properties["clock-frequency"] = cells(_CLOCK_FREQUENCY)
            self._clock = self._tree.give_phandle(node)
        return self._clock

    def _tell_console(self, node: TreeNode) -> None:
        chosen = self._tree.root.child("chosen") or self._tree.add("chosen")
        chosen.properties.setdefault("stdout-path", strings(node.path))

    def _interrupts(self, node: TreeNode, vdev: Vdev) -> None:
        lines = [each for each in vdev.interrupts if each.controller == self._gic.name]
        specifiers = []
        for each in lines:
            if each.line not in SHARED:
                self._tree.refuse(
                    f"`intr {each.controller}:{each.line}` of vdev {vdev.type} is no line for a "
                    f"device; those are {SHARED[0]} to {SHARED[-1]}",
                    each.span,
                    f"intr {each.controller}:{SHARED[0] + (each.line or 0) % 32}",
                )
            elif each.line is not None:
                specifiers.append((SPI, each.line - SHARED[0], LEVEL_HIGH))
        if specifiers:
            self._tree.set_interrupts(node, specifiers)
