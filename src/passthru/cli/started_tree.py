# SPDX-License-Identifier: Apache-2.0
"""The device tree of a guest that is started on this host."""

from passthru.addresses import AddressRange
from passthru.board.flattened_tree import MAGIC, FlattenedTree
from passthru.board.model import Board
from passthru.board.tree_nodes import TreeNode
from passthru.cli.tree_files import (
    UnusableTreeError,
    parse_loaded_tree,
    read_tree_file,
    write_tree_file,
)
from passthru.guest_tree.assembly import LARGEST_TREE, make_guest_tree
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.loaded_tree import LoadedTree
from passthru.guest_tree.problems import GuestTreeTooLargeError
from passthru.host.kernel import Kernel
from passthru.host.physical_memory import read_physical_memory
from passthru.language.model import BlobType, MemoryLocation, VmConfig
from passthru.lean import Callable, Iterator
from passthru.plan.aarch64 import ArmPciBus
from passthru.plan.support import TREE_DUMP
from passthru.plan.variables import find_variable

__all__ = ["started_tree"]

_HEADER_SIZE = 8


def started_tree(
    config: VmConfig,
    host: TreeNode | None,
    board: Board,
    kernel: Kernel,
    initrd: AddressRange | None,
    space: int,
    say: Callable[[str], None],
    *,
    bus: ArmPciBus | None = None,
) -> bytes:
    """The blob for the guest of ``config`` on a host with the tree ``host``, if it has one.

    ``initrd`` is where the RAM disk is (GPA), ``bus`` the guest's PCI bus if there is one. What the
    tree leaves out goes to ``say``; the blob goes to the file that ``set fdt-dump-file`` names,
    too. Raises GuestTreeRefusedError, GuestTreeTooLargeError for more than ``space`` bytes,
    UnreadableTreeError, UnusableTreeError, DamagedTreeError, UnwritableTreeError,
    HostInfrastructureRefused and PhysicalMemoryRefused.
    """
    loaded = (*_loaded(config), *_passed(config, board, kernel))
    tree = None if host is None else FlattenedTree(host, ())
    made = make_guest_tree(config, tree, loaded, initrd=initrd, bus=bus)
    blob = write_flattened_tree(made.tree)
    if len(blob) > space:
        raise GuestTreeTooLargeError(len(blob), space)
    for remark in made.remarks:
        say(remark)
    if host is None and not loaded and _passes_devices(config):
        say("this host has no device tree: that of the guest does not tell of passed devices")
    dump = find_variable(config, TREE_DUMP)
    if dump is not None:
        write_tree_file(dump.value, blob)
        say(f"FDT saved to '{dump.value}'")
    return blob


def _loaded(config: VmConfig) -> Iterator[LoadedTree]:
    for load in config.loads:
        if load.blob is BlobType.FDT:
            yield read_tree_file(load, load.path)


def _passed(config: VmConfig, board: Board, kernel: Kernel) -> Iterator[LoadedTree]:
    """The trees that a boot loader has left in the host's memory."""
    for passed in config.passes:
        for location in passed.locations if passed.blob is BlobType.FDT else ():
            if isinstance(location, MemoryLocation):
                data = _blob_at(location, board, kernel)
                yield parse_loaded_tree(data, location.span, location.span.text)


def _blob_at(location: MemoryLocation, board: Board, kernel: Kernel) -> bytes:
    """As much of the memory as the blob says that it has; some of it if there is none."""
    place = location.host
    head = read_physical_memory(
        kernel, board, AddressRange(place.start, min(_HEADER_SIZE, place.size))
    )
    size = int.from_bytes(head[len(MAGIC) :], "big")
    if not head.startswith(MAGIC) or size < _HEADER_SIZE:
        return head
    if size > place.size:
        raise UnusableTreeError(
            str(location.span),
            location.span.text,
            f"it says that it has {size:#x} bytes, and {place.size:#x} are passed",
            f"a `loc` of {size:#x} bytes or more, if the tree is a sound one",
        )
    return read_physical_memory(
        kernel, board, AddressRange(place.start, min(size, LARGEST_TREE + 1))
    )


def _passes_devices(config: VmConfig) -> bool:
    return any(
        isinstance(location, MemoryLocation) and not location.access.system_memory
        for passed in config.passes
        for location in (passed.locations if passed.blob is None else ())
    )
