# SPDX-License-Identifier: Apache-2.0
"""Memory of the host that the guest has and must not allocate from.

Source: bindings/reserved-memory/reserved-memory.yaml.
"""

from passthru.addresses import AddressRange
from passthru.board.tree_memory import read_tree_memory
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.growing_tree import GrowingTree
from passthru.guest_tree.host_tree import HostTree
from passthru.guest_tree.passed_nodes import PassedNode
from passthru.guest_tree.values import cells
from passthru.language.model import BlobType, MemoryLocation, Pass, VmConfig
from passthru.lean import Iterator, Mapping

__all__ = ["blob_regions", "host_ram", "reserve_memory", "reserved_folder"]

_FOLDER = "reserved-memory"


def reserved_folder(tree: GrowingTree) -> TreeNode:
    """The node of reserved memory, made if it is not there."""
    found = tree.root.child(_FOLDER)
    if found is not None:
        return found
    folder = tree.add(_FOLDER)
    folder.properties["#address-cells"] = cells(tree.root.address_cells)
    folder.properties["#size-cells"] = cells(tree.root.size_cells)
    folder.properties["ranges"] = b""
    return folder


def host_ram(host: HostTree) -> tuple[AddressRange, ...]:
    """All RAM of the host (HPA), also what is reserved there."""
    memory = read_tree_memory(host.root, host.tree.reservations, host.buses)
    return tuple(region.range for region in (*memory.ram, *memory.reserved))


def reserve_memory(
    tree: GrowingTree,
    config: VmConfig,
    ram: tuple[AddressRange, ...],
    passed: Mapping[str, PassedNode],
) -> None:
    """Make a node for each passed piece of the host's ``ram`` that is no RAM to the guest.

    What one of the ``passed`` nodes is about has that node.
    """
    described = [each.location for each in passed.values()]
    for context, location in _locations(config):
        is_memory = context.blob is not None or any(location.host.overlaps(each) for each in ram)
        if not is_memory or location in described:
            continue
        kind = context.blob.value if context.blob else "passed"
        node = tree.add(f"{kind}@{location.guest.start:x}", reserved_folder(tree))
        tree.set_registers(node, [location.guest])
        # The kernel reads its RAM disk through its own mapping.
        if context.blob is not BlobType.INITRD:
            node.properties["no-map"] = b""


def blob_regions(config: VmConfig, blob: BlobType) -> Iterator[AddressRange]:
    """Where the guest has memory of that type (GPA)."""
    for context, location in _locations(config):
        if context.blob is blob:
            yield location.guest


def _locations(config: VmConfig) -> Iterator[tuple[Pass, MemoryLocation]]:
    for passed in config.passes:
        for location in passed.locations:
            if isinstance(location, MemoryLocation) and not location.access.system_memory:
                yield passed, location
