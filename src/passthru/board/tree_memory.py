# SPDX-License-Identifier: Apache-2.0
"""RAM in a device tree, and who keeps parts of it from the host's allocator.

Source: Devicetree Specification, release 0.4, sections 3.4 (``/memory``), 3.5
(``/reserved-memory``) and 5.3 (memory reservation block).
"""

from passthru.addresses import AddressRange
from passthru.board.infrastructure import FIRMWARE
from passthru.board.model import HostRegion
from passthru.board.tree_nodes import TreeNode
from passthru.board.tree_ranges import without
from passthru.board.tree_registers import Buses
from passthru.lean import Iterator, NamedTuple, Sequence

__all__ = ["TreeMemory", "firmware_memory", "is_memory", "read_tree_memory"]

_RESERVATION = "/memreserve/"

_FIRMWARE_WORDS = frozenset(
    ("atf", "bl31", "bl32", "hyp", "optee", "psci", "secmon", "tee", "tfa", "trustzone", "tz")
)
"""Words in the names of areas that the secure world and hypervisors below Linux live in."""


class TreeMemory(NamedTuple):
    """Host-physical memory, sorted.

    ``ram`` is all of it by the memory nodes' names, ``allocated`` what is not reserved.
    ``unplaced`` are nodes whose place the kernel chooses as it starts.
    """

    ram: tuple[HostRegion, ...]
    allocated: tuple[AddressRange, ...]
    reserved: tuple[HostRegion, ...]
    unplaced: tuple[str, ...]


def read_tree_memory(
    root: TreeNode, reservations: Sequence[AddressRange], buses: Buses
) -> TreeMemory:
    """The memory of a tree with its ``/memreserve/`` entries.

    A ``reusable`` area counts as allocated from, not as reserved: the kernel puts its own
    pages there until the driver wants the place (``linux,cma``).
    """
    ram = [
        HostRegion(each, node.name)
        for node in root.children
        if is_memory(node) and node.is_available
        for each in buses.registers(node)
    ]
    reserved = [HostRegion(each, _RESERVATION) for each in reservations]
    unplaced = []
    for node in _reserved_nodes(root):
        places = buses.registers(node)
        if not places:
            unplaced.append(node.name)
        elif "reusable" not in node.properties or "no-map" in node.properties:
            reserved.extend(HostRegion(each, node.name) for each in places)
    kept = [region.range for region in reserved]
    allocated = without((region.range for region in ram), kept)
    return TreeMemory(
        tuple(sorted(ram)), tuple(allocated), tuple(sorted(reserved)), tuple(unplaced)
    )


def firmware_memory(reserved: Sequence[HostRegion]) -> Iterator[HostRegion]:
    """The reserved areas that are the firmware's own, by the words of their names."""
    for region in reserved:
        name = region.name.partition("@")[0].lower()
        words = name.replace("-", " ").replace("_", " ").replace(",", " ").split()
        if not _FIRMWARE_WORDS.isdisjoint(words):
            yield HostRegion(region.range, f"{FIRMWARE} {region.name}")


def is_memory(node: TreeNode) -> bool:
    """Whether the node is one of RAM."""
    return node.strings("device_type")[:1] == ("memory",)


def _reserved_nodes(root: TreeNode) -> Iterator[TreeNode]:
    folder = root.child("reserved-memory")
    for node in folder.children if folder is not None else ():
        if node.is_available:
            yield node
