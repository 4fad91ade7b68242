# SPDX-License-Identifier: Apache-2.0
"""What a running host's device tree adds to that which its kernel tells."""

from passthru.board.host_files import HostFiles
from passthru.board.infrastructure import distinct
from passthru.board.live_tree import with_drivers
from passthru.board.model import Board, HostRegion, InterruptLine, Trigger
from passthru.board.tree_devices import read_tree_devices
from passthru.board.tree_memory import TreeMemory, firmware_memory, read_tree_memory
from passthru.board.tree_nodes import TreeNode
from passthru.board.tree_ranges import layered_map, without
from passthru.board.tree_references import References
from passthru.board.tree_registers import Buses
from passthru.lean import Iterable, Iterator

__all__ = ["sorted_lines", "with_tree"]


def sorted_lines(lines: Iterable[InterruptLine]) -> tuple[InterruptLine, ...]:
    """Each line once, in the order that snapshots have."""
    return tuple(sorted(set(lines), key=lambda e: (e.controller, e.vector, e.owner or "")))


def with_tree(board: Board, tree: TreeNode, files: HostFiles) -> Board:
    """The board with what its device tree knows and the kernel does not tell."""
    buses = Buses()
    found = read_tree_devices(tree, References(tree), buses)
    memory = read_tree_memory(tree, (), buses)
    infrastructure = (
        *board.infrastructure,
        *found.infrastructure,
        *firmware_memory(memory.reserved),
    )
    return _with_tree_memory(board, memory)._replace(
        interrupts=sorted_lines(_with_triggers(board.interrupts, found.interrupts)),
        devices=(*with_drivers(found.devices, files), *board.devices),
        infrastructure=distinct(infrastructure),
    )


def _with_triggers(
    told: Iterable[InterruptLine], written: Iterable[InterruptLine]
) -> Iterator[InterruptLine]:
    """The kernel's lines, with the tree's trigger where it knows none, and the tree's others."""
    free = {(line.controller, line.vector): line for line in written}
    for line in told:
        own = free.pop((line.controller, line.vector), line)
        yield line._replace(trigger=own.trigger) if line.trigger is Trigger.UNKNOWN else line
    yield from free.values()


def _with_tree_memory(board: Board, memory: TreeMemory) -> Board:
    """The memory map with the names of the reserved areas; the tree's own if there is no other.

    The kernel calls them all "reserved", and lists those without ``no-map`` inside the RAM
    that it allocates from.
    """
    if not board.memory_known:
        return board._replace(
            memory=layered_map((*memory.reserved, *memory.ram), ()),
            allocated=memory.allocated,
            reserved=memory.reserved,
        )
    named = [region.range for region in memory.reserved]
    others = (
        HostRegion(piece, region.name)
        for region in board.reserved
        for piece in without([region.range], named)
    )
    return board._replace(
        allocated=tuple(without(board.allocated, named)),
        reserved=tuple(sorted((*memory.reserved, *others))),
    )
