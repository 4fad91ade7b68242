# SPDX-License-Identifier: Apache-2.0
"""The device tree that a guest needs, from its configuration and its host's tree."""

from passthru.addresses import AddressRange
from passthru.board.flattened_tree import FlattenedTree
from passthru.diagnostics.source import Span
from passthru.guest_tree.cutting import Cutting
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.growing_tree import GrowingTree, phandles_of
from passthru.guest_tree.host_tree import HostTree, host_tree
from passthru.guest_tree.interrupt_controller import GuestGic, add_gic, guest_gic
from passthru.guest_tree.loaded_tree import (
    LoadedTree,
    copy_of,
    described_starts,
    refuse_overlay,
    refuse_references_to_nobody,
    take_placeholders,
    tell_unsound_references,
)
from passthru.guest_tree.machine_nodes import (
    add_processors,
    add_psci,
    add_timer,
    memory_of,
    new_root,
    set_chosen,
    set_memory,
)
from passthru.guest_tree.passed_lines import PassedLines
from passthru.guest_tree.passed_nodes import PassedNode, find_passed_nodes
from passthru.guest_tree.problems import GuestTreeRefusedError, GuestTreeTooLargeError
from passthru.guest_tree.reserved_memory import (
    blob_regions,
    host_ram,
    reserve_memory,
    reserved_folder,
)
from passthru.guest_tree.virtual_devices import VirtualDevices
from passthru.language.model import BlobType, MemoryLocation, VmConfig
from passthru.lean import Mapping, NamedTuple, Sequence
from passthru.plan.aarch64 import ArmPciBus
from passthru.plan.architecture import guest_architecture
from passthru.plan.support import passes_functions
from passthru.plan.users import uses_of

__all__ = ["LARGEST_TREE", "GuestTree", "guest_tree", "make_guest_tree"]

LARGEST_TREE = 2 << 20
"""Bytes of the largest blob that Linux takes on arm64 (Documentation/arch/arm64/booting.rst)."""


_X86 = "x86"


class GuestTree(NamedTuple):
    """A guest's tree, and sentences about what the host's has and it has not."""

    tree: FlattenedTree
    remarks: tuple[str, ...]


def guest_tree(
    config: VmConfig,
    board_tree: FlattenedTree | None,
    loaded: Sequence[LoadedTree] = (),
    *,
    initrd: AddressRange | None = None,
    bus: ArmPciBus | None = None,
    space: int = LARGEST_TREE,
) -> bytes:
    """The blob of make_guest_tree, of at most ``space`` bytes.

    Raises GuestTreeRefusedError and GuestTreeTooLargeError.
    """
    made = make_guest_tree(config, board_tree, loaded, initrd=initrd, bus=bus)
    blob = write_flattened_tree(made.tree)
    if len(blob) > space:
        raise GuestTreeTooLargeError(len(blob), space)
    return blob


def make_guest_tree(
    config: VmConfig,
    board_tree: FlattenedTree | None,
    loaded: Sequence[LoadedTree] = (),
    *,
    initrd: AddressRange | None = None,
    bus: ArmPciBus | None = None,
) -> GuestTree:
    """The device tree of the guest that ``config`` makes on a host with ``board_tree``.

    Without a tree of the host the guest's has no nodes of passed devices. Into a tree that is
    ``loaded`` all is merged: what it has stays, but for memory, processors, interrupt
    controller, PSCI and ``/chosen``, which the VM decides. ``initrd`` is where the RAM disk is
    (GPA), if not in passed memory. ``bus`` is where the guest has its PCI bus, if it passes
    functions; without it, where `run` puts it if no host makes a difference.

    Raises GuestTreeRefusedError with everything that the tree could not honestly say.
    """
    host = None if board_tree is None else host_tree(board_tree)
    making = _Making(config, host, loaded)
    making.add_machine(initrd)
    making.add_virtual_devices()
    making.add_functions(bus)
    making.add_passed_devices()
    return making.result()


class _Making:
    """One tree being made."""

    def __init__(
        self, config: VmConfig, host: HostTree | None, loaded: Sequence[LoadedTree]
    ) -> None:
        self._config = config
        self._host = host
        self._base = loaded[0] if loaded else None
        root = copy_of(self._base.tree.root) if self._base else new_root(config.name)
        self._tree = GrowingTree(root, () if host is None else phandles_of(host.root))
        self._gic = guest_gic(config)
        self._placeholders: dict[str, int | None] = {}
        self._described: frozenset[int] = frozenset()
        if self._base is not None:
            refuse_overlay(self._tree, self._base.span)
            refuse_references_to_nobody(self._tree, self._base.span)
            self._placeholders = take_placeholders(self._tree, config, self._base.span)
        sign = guest_architecture(config, uses_of(config))
        if sign is not None and sign.architecture == _X86:
            self._tree.refuse(
                f"an x86 guest gets ACPI tables and no device tree ({sign.name} shows that it is "
                "one)",
                sign.span,
                "a configuration of an arm64 guest",
            )
        for more in loaded[1:]:
            self._tree.refuse(
                "a second device tree: a guest has one", more.span, "load one tree that has all"
            )

    def add_machine(self, initrd: AddressRange | None) -> None:
        """Everything that the guest has without any device."""
        tree, config = self._tree, self._config
        count = max(1, len(config.cpus))
        memory = memory_of(config)
        _refuse_covered_gic(tree, memory, self._gic, config.span)
        add_gic(tree, self._gic, self._placeholders.get(self._gic.name))
        initrd = initrd or next(blob_regions(config, BlobType.INITRD), None)
        set_chosen(tree, config, initrd)
        set_memory(tree, memory)
        add_processors(tree, count)
        add_psci(tree)
        add_timer(tree, self._gic, count)
        self._described = described_starts(tree.root)

    def add_virtual_devices(self) -> None:
        """A node for each virtual device that the loaded tree has none for."""
        phandles = {name: each for name, each in self._placeholders.items() if each is not None}
        devices = VirtualDevices(self._tree, self._gic, phandles)
        for vdev in self._config.vdevs:
            starts = [e.guest.start for e in vdev.locations if isinstance(e, MemoryLocation)]
            if self._described.isdisjoint(starts[:1]):
                devices.add(vdev)

    def add_functions(self, bus: ArmPciBus | None) -> None:
        """The host bridge at which the guest finds its PCI functions."""
        if not passes_functions(self._config):
            return
        from passthru.guest_tree.host_bridge import add_host_bridge

        bus = bus or self._bus()
        if bus is not None and bus.windows.ecam.start not in self._described:
            add_host_bridge(self._tree, bus)

    def _bus(self) -> ArmPciBus | None:
        from passthru.plan.arm_pci import bus_without_board

        bus = bus_without_board(self._config)
        if bus is None:
            self._tree.refuse(
                "the guest's address map has no room for its PCI bus",
                self._config.span,
                "less memory below 4 GiB",
            )
        return bus

    def add_passed_devices(self) -> None:
        """The nodes that are cut from the host's tree, and passed memory."""
        host, tree = self._host, self._tree
        passed: dict[str, PassedNode] = {}
        ram: tuple[AddressRange, ...] = ()
        if host is not None:
            found = find_passed_nodes(self._config, host, tree)
            passed = {path: each for path, each in found.items() if self._is_missing(each)}
            ram = host_ram(host)
            lines = PassedLines(self._config, self._gic, tree)
            Cutting(host, passed, lines, tree).cut(lambda: reserved_folder(tree))
            if len(passed) == len(found):
                lines.tell_unused()
            self._tell_nodeless(found, ram)
        reserve_memory(tree, self._config, ram, passed)
        self._tell_messages()

    def result(self) -> GuestTree:
        """The tree; raises GuestTreeRefusedError."""
        if self._base is not None:
            tell_unsound_references(self._tree)
        if self._tree.problems:
            raise GuestTreeRefusedError(tuple(self._tree.problems))
        kept = self._base.tree.reservations if self._base else ()
        return GuestTree(FlattenedTree(self._tree.root, kept), tuple(self._tree.remarks))

    def _is_missing(self, passed: PassedNode) -> bool:
        """Whether the loaded tree has no device where this one is."""
        return passed.registers[0].start not in self._described

    def _tell_nodeless(self, found: Mapping[str, PassedNode], ram: Sequence[AddressRange]) -> None:
        """Remark on every passed place that no node of the host is about."""
        described = {each.location for each in found.values()}
        for context in self._config.passes:
            for location in context.locations:
                if not isinstance(location, MemoryLocation) or location.access.system_memory:
                    continue
                is_memory = context.blob or any(location.host.overlaps(each) for each in ram)
                has_node = location in described or any(
                    location.host.overlaps(registers)
                    for each in found.values()
                    for registers in self._registers(each)
                )
                if not (is_memory or has_node):
                    self._tree.remark(
                        f"[{location.span}] no node of the host's tree has its registers in "
                        f"{location.host}; the guest's tree does not tell of it"
                    )

    def _registers(self, passed: PassedNode) -> tuple[AddressRange, ...]:
        return () if self._host is None else self._host.buses.registers(passed.node)

    def _tell_messages(self) -> None:
        for vdev in self._config.vdevs:
            for option in vdev.options if vdev.type == "gic" else ():
                if option.name == "msi":
                    self._tree.remark(
                        f"[{option.span}] `msi` of vdev gic has no node; the guest has no "
                        "message-signalled interrupts by this tree"
                    )


def _refuse_covered_gic(
    tree: GrowingTree, memory: Sequence[AddressRange], gic: GuestGic, span: Span
) -> None:
    for place in memory:
        for registers in gic.registers:
            if place.overlaps(registers):
                tree.refuse(
                    f"memory of the guest at {place} is where its GIC has registers, {registers}",
                    gic.span or span,
                    "another place for the memory, or `vdev gic` with other addresses",
                )
