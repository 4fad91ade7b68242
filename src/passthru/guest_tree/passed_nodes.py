# SPDX-License-Identifier: Apache-2.0
"""The host's nodes whose registers a configuration passes."""

from passthru.addresses import AddressRange
from passthru.board.tree_interrupts import is_gic
from passthru.board.tree_memory import is_memory
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.growing_tree import GrowingTree, all_nodes
from passthru.guest_tree.host_tree import HostTree, register_count
from passthru.language.model import MemoryLocation, VmConfig
from passthru.lean import Iterator, NamedTuple

__all__ = ["PassedNode", "find_passed_nodes", "is_reserved_memory"]

_APART = ("aliases", "chosen", "cpus")
"""Nodes below the root that hold no devices."""


def is_reserved_memory(node: TreeNode) -> bool:
    """Whether the node is one of memory that the host keeps from its allocator."""
    return node.parent is not None and node.parent.path == "/reserved-memory"


class PassedNode(NamedTuple):
    """A node of the host, where the guest has its registers (GPA), and what passes them."""

    node: TreeNode
    registers: tuple[AddressRange, ...]
    location: MemoryLocation


class _Overlap(NamedTuple):
    """A register block (HPA) and a passed location that has something of it."""

    registers: AddressRange
    location: MemoryLocation

    @property
    def is_whole(self) -> bool:
        return self.location.host.contains(self.registers)

    @property
    def begins_there(self) -> bool:
        return self.location.host.start == self.registers.start

    @property
    def guest(self) -> AddressRange:
        """What of it the guest has, at the guest's addresses."""
        end = min(self.registers.end, self.location.host.end)
        moved = self.registers.start - self.location.host.start + self.location.guest.start
        return AddressRange(moved, end - self.registers.start)


def find_passed_nodes(config: VmConfig, host: HostTree, tree: GrowingTree) -> dict[str, PassedNode]:
    """The nodes by their paths, in the host's order.

    A node is passed if all its registers are. One that the host has switched off is passed only
    where a location begins at its registers: then it was switched off to be passed. ``tree``
    gets a problem for a device of which some registers are missing, and remarks on what is
    left out.
    """
    search = _Search(host, tuple(_device_locations(config)), tree)
    found: dict[str, PassedNode] = {}
    for node, is_available in _candidates(host.root):
        passed = search.passed(node, is_available)
        if passed is not None:
            found[node.path] = passed
    return found


def _device_locations(config: VmConfig) -> Iterator[MemoryLocation]:
    """Passed memory, without what the guest has as its RAM."""
    for passed in config.passes:
        for location in passed.locations:
            if isinstance(location, MemoryLocation) and not location.access.system_memory:
                yield location


def _candidates(root: TreeNode) -> Iterator[tuple[TreeNode, bool]]:
    """Nodes that may have registers, each with whether the host may use it."""
    usable: dict[TreeNode, bool] = {}
    for child in root.children:
        if child.name in _APART or is_memory(child):
            continue
        for node in all_nodes(child):
            usable[node] = node.is_available and usable.get(node.parent or root, True)
            if node.properties.get("reg") and not is_gic(node):
                yield node, usable[node]


class _Search:
    """Looks at nodes of one host, one after the other."""

    def __init__(
        self, host: HostTree, locations: tuple[MemoryLocation, ...], tree: GrowingTree
    ) -> None:
        self._host = host
        self._locations = locations
        self._tree = tree

    def passed(self, node: TreeNode, is_available: bool) -> PassedNode | None:
        """The node if it is passed; else None, and what there is to tell of it is told."""
        registers = self._host.buses.registers(node)
        overlaps = [each for each in map(self._overlap, registers) if each is not None]
        meant = [each for each in overlaps if each.is_whole or each.begins_there]
        if not overlaps or not self._is_for_guests(node, is_available, overlaps, meant):
            return None
        if len(meant) < register_count(node):
            self._refuse_rest(node, registers, meant)
            return None
        for each in meant:
            if not each.is_whole:
                self._tree.remark(
                    f"[{each.location.span}] the guest has {each.guest.size:#x} of the "
                    f"{each.registers.size:#x} bytes at {each.registers.start:#x} of {node.path}"
                )
        return PassedNode(node, tuple(each.guest for each in meant), meant[0].location)

    def _is_for_guests(
        self,
        node: TreeNode,
        is_available: bool,
        overlaps: list[_Overlap],
        meant: list[_Overlap],
    ) -> bool:
        if is_reserved_memory(node):
            # What is passed of a part is memory of its own.
            whole = [each for each in overlaps if each.is_whole]
            return len(whole) == register_count(node)
        if not is_available and not any(each.begins_there for each in overlaps):
            self._tree.remark(
                f"{node.path} is switched off on the host; it is left out of what is passed"
            )
            return False
        span = overlaps[0].location.span
        if not meant:
            self._tree.remark(f"[{span}] a part of {node.path} lies in `{span.text}`; left out")
            return False
        if node.is_pci_bus:
            self._tree.refuse(
                f"{node.path} is a PCI host bridge, which stays with the host",
                span,
                "pass loc pci:BUS:DEVICE.FUNCTION for each function",
            )
            return False
        return True

    def _overlap(self, registers: AddressRange) -> _Overlap | None:
        """What passes a register block, the best if there are several."""
        locations = self._locations
        found = [_Overlap(registers, each) for each in locations if each.host.overlaps(registers)]
        return min(found, key=lambda each: (not each.is_whole, not each.begins_there), default=None)

    def _refuse_rest(
        self, node: TreeNode, registers: tuple[AddressRange, ...], meant: list[_Overlap]
    ) -> None:
        has = {each.registers for each in meant}
        missing = [each for each in registers if each not in has]
        location = meant[0].location
        if missing:
            what = ", ".join(map(str, missing))
            fix = f"loc mem:{missing[0].start:#x},{missing[0].size:#x},{location.access}"
        else:
            what = "an entry that no bus above it leads to"
            fix = "a device whose registers a processor cannot reach stays with the host"
        text = f"{node.path} has registers that are not passed: {what}"
        self._tree.refuse(text, location.span, fix)
