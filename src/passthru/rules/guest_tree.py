# SPDX-License-Identifier: Apache-2.0
"""A device tree that is loaded for the guest, against the guest that the configuration makes.

Sources: Devicetree Specification, release 0.4; bindings/interrupt-controller/arm,gic-v3.yaml
and arm,gic.yaml (order of the register blocks); bindings/virtio/mmio.yaml.
"""

from bisect import bisect_right
from itertools import islice

from passthru.addresses import AddressRange
from passthru.board.flattened_tree import DamagedTreeError, parse_flattened_tree
from passthru.board.gic import FIRST_SHARED
from passthru.board.tree_interrupts import is_gic, node_interrupts
from passthru.board.tree_memory import is_memory
from passthru.board.tree_nodes import TreeNode, available_nodes
from passthru.board.tree_ranges import without
from passthru.board.tree_references import References
from passthru.board.tree_registers import Buses
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import Load, MemoryLocation, Pass, Vdev, VmConfig
from passthru.language.numbers import BadNumber, Notation, parse_number
from passthru.lean import Iterable, Iterator, NamedTuple
from passthru.plan.memory import pass_regions
from passthru.plan.model import GuestRegion, RegionKind
from passthru.plan.qvm_map import placed_memory
from passthru.rules.shared_parties import vm_name

__all__ = ["GUEST_TREE_DISAGREES", "guest_tree_disagrees"]

GUEST_TREE_DISAGREES = Rule(
    "guest-tree-disagrees",
    Severity.WARNING,
    "The device tree that a file brings says something else than the configuration.",
    "The guest believes its tree. Memory that is not there, another interrupt controller, or a "
    "line that nobody drives stop it at its start, or leave it waiting.",
)

_GIC = "gic"
_GICV3 = "arm,gic-v3"
_VIRTIO = "virtio,mmio"
_MOST_TOLD = 16
_MOST_PLACES = 4

_PLACEHOLDER = "qvm,vdev"
"""The property of a node that qvm replaces by its own."""

_DEFAULT_GIC_VERSION = 3
_DEFAULT_FRAMES = {("gicd", 3): 0x2F000000, ("gicr", 3): 0x2F100000}
"""Where the guest's GIC is without an option, by frame and version, as far as that is known."""


def guest_tree_disagrees(config: VmConfig, load: Load, data: bytes) -> tuple[Finding, ...]:
    """``guest-tree-disagrees`` of one ``fdt load``; ``data`` is what the file holds.

    ``config`` is all of the VM: of one that is not complete nothing is certain. Nodes that are
    not available, and those that qvm replaces, do not count. Of a hopeless tree a few things
    are told. Pure; nothing in ``data`` is trusted.
    """
    try:
        tree = parse_flattened_tree(data, f"`{load.path}`")
    except DamagedTreeError as error:
        damaged = GUEST_TREE_DISAGREES.finding(str(error), load.span, resource=load.path)
        return (damaged._replace(vm=vm_name(config)),)
    found = islice(_Comparison(config, load, tree.root).findings(), _MOST_TOLD)
    return tuple(finding._replace(vm=vm_name(config)) for finding in found)


class _Occupied(NamedTuple):
    """Guest addresses, and whose they are."""

    start: int
    end: int
    user: Pass | Vdev


class _Comparison:
    """One tree and one configuration."""

    def __init__(self, config: VmConfig, load: Load, root: TreeNode) -> None:
        self._config = config
        self._load = load
        self._root = root
        self._buses = Buses()
        self._references = References(root)
        self._occupied = sorted(_occupied(config), key=lambda each: each.start)
        self._starts = [each.start for each in self._occupied]
        gics = [vdev for vdev in config.vdevs if vdev.type == _GIC]
        self._gic = gics[-1] if gics else None
        self._gic_name = self._gic.name.value if self._gic and self._gic.name else _GIC

    def findings(self) -> Iterator[Finding]:
        yield from self._memory()
        for node in available_nodes(self._root):
            if _PLACEHOLDER in node.properties or is_memory(node):
                continue
            if is_gic(node):
                yield from self._interrupt_controller(node)
            elif node.properties.get("reg"):
                yield from self._device(node)

    def _memory(self) -> Iterator[Finding]:
        placed = placed_memory(self._config)
        if len(placed) < len(self._config.memory):
            return  # some memory has no certain place
        passed = pass_regions(self._config, None)
        system_memory = [each for each in passed if each.kind is RegionKind.PASSED_RAM]
        memory = [*placed, *system_memory]
        places = tuple(Place(f"{each.name} {each.range}", each.span) for each in memory)
        told: list[AddressRange] = []
        for node in self._root.children:
            if not (is_memory(node) and node.is_available):
                continue
            its_own = self._buses.registers(node)
            told.extend(its_own)
            holes = without(its_own, (region.range for region in memory))
            if holes:
                yield self._finding(
                    node,
                    f"has memory at {holes[0]}, where the guest has none",
                    places[:_MOST_PLACES],
                    "let the memory of the tree be that of `ram`",
                )
        for region in placed:
            if region.kind is RegionKind.RAM and any(map(region.range.overlaps, told)):
                yield from self._rest_of(region, told)

    def _rest_of(self, ram: GuestRegion, told: Iterable[AddressRange]) -> Iterator[Finding]:
        """RAM of which the tree has a part; all of it may be left out with intent."""
        holes = without([ram.range], told)
        if holes:
            yield GUEST_TREE_DISAGREES.finding(
                f"`{self._load.path}` tells the guest of a part of its RAM {ram.range}; "
                f"{holes[0]} is left out",
                self._load.span,
                resource=self._load.path,
                others=(Place(ram.name, ram.span),),
                fix="let the memory of the tree be that of `ram`",
            )

    def _interrupt_controller(self, node: TreeNode) -> Iterator[Finding]:
        if any(vdev.type == "ioapic" for vdev in self._config.vdevs):
            return  # an x86 guest heeds no tree's GIC
        its_version = 3 if _GICV3 in node.strings("compatible") else 2
        version = self._gic_option("version", Notation.PLAIN) or _DEFAULT_GIC_VERSION
        places = (Place("the guest's GIC", self._gic.span),) if self._gic else ()
        if its_version != version:
            yield self._finding(
                node,
                f"is a GIC of version {its_version}, and the guest has one of version {version}",
                places,
                f"`vdev gic version {its_version}`, or the tree of a version {version}",
            )
            return
        frames = ("gicd", "gicr" if version == 3 else "gicc")
        for frame, registers in zip(frames, self._buses.registers(node), strict=False):
            start = self._gic_option(frame, Notation.ADDRESS)
            if start is None:
                start = _DEFAULT_FRAMES.get((frame, version))
            if start is not None and start != registers.start:
                yield self._finding(
                    node,
                    f"has its {frame} at {registers.start:#x}, and the guest's is at {start:#x}",
                    places,
                    f"`vdev gic {frame} {registers.start:#x}`, or {start:#x} in the tree",
                )

    def _gic_option(self, name: str, notation: Notation) -> int | None:
        values = self._gic.values(name) if self._gic else ()
        number = parse_number(values[-1], notation) if values else None
        return None if number is None or isinstance(number, BadNumber) else number.value

    def _device(self, node: TreeNode) -> Iterator[Finding]:
        registers = self._buses.registers(node)
        users = [user for user in map(self._user_at, registers) if user is not None]
        if users:
            yield from self._interrupts(node, users)
        elif registers and _VIRTIO in node.strings("compatible"):
            yield self._finding(
                node,
                f"is a virtio device at {registers[0].start:#x}, where the guest has none",
                (),
                f"add `vdev virtio-… loc {registers[0].start:#x}`, or remove the node",
            )

    def _user_at(self, place: AddressRange) -> Pass | Vdev | None:
        number = bisect_right(self._starts, place.start) - 1
        if number < 0 or self._occupied[number].end <= place.start:
            return None
        return self._occupied[number].user

    def _interrupts(self, node: TreeNode, users: list[Pass | Vdev]) -> Iterator[Finding]:
        if any(isinstance(user, Vdev) and not user.interrupts for user in users):
            return  # it may have one of qvm's choice
        # A pass of interrupts alone may belong to any device.
        bare = [each for each in self._config.passes if not each.locations]
        interrupts = [each for user in (*users, *bare) for each in user.interrupts]
        lines = {each.line for each in interrupts if each.controller == self._gic_name}
        wanted = [line.vector for line in node_interrupts(node, self._references).lines]
        missing = next((line for line in wanted if line not in lines), None)
        if missing is None:
            return
        has = ", ".join(f"{self._gic_name}:{line}" for line in sorted(filter(None, lines)))
        yield self._finding(
            node,
            f"has interrupt {self._gic_name}:{missing}{_in_cells(missing)}, and the device at its "
            f"registers has {has or 'none'}",
            (Place("its registers", users[0].span),),
            f"`intr {self._gic_name}:{missing}`, or the number of the tree is wrong",
        )

    def _finding(
        self, node: TreeNode, problem: str, places: tuple[Place, ...], fix: str
    ) -> Finding:
        return GUEST_TREE_DISAGREES.finding(
            f"{node.path} of `{self._load.path}` {problem}",
            self._load.span,
            resource=node.path,
            others=places,
            fix=fix,
        )


def _occupied(config: VmConfig) -> Iterator[_Occupied]:
    users: tuple[Pass | Vdev, ...] = (*config.vdevs, *config.passes)
    for user in users:
        for location in user.locations:
            if isinstance(location, MemoryLocation):
                yield _Occupied(location.guest.start, location.guest.end, user)


def _in_cells(line: int) -> str:
    """How the tree writes a shared peripheral interrupt."""
    return f" (<0 {line - FIRST_SHARED} …>)" if line >= FIRST_SHARED else ""
