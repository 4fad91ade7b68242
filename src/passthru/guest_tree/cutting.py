# SPDX-License-Identifier: Apache-2.0
"""Cuts nodes of passed devices, with what they depend on, out of the host's tree.

Buses fall away: the guest's nodes are below the root, with the guest's own addresses. What is
not in the guest is never referred to.
"""

from passthru.addresses import AddressRange
from passthru.board.tree_nodes import TreeNode
from passthru.diagnostics.source import Span
from passthru.guest_tree.bound_to_uio import PRIMECELL, own_compatible, uio_words
from passthru.guest_tree.fixed_clocks import fixed_frequency, is_descriptive, is_fixed_clock
from passthru.guest_tree.growing_tree import GrowingTree
from passthru.guest_tree.host_tree import HostTree
from passthru.guest_tree.passed_lines import PassedLines
from passthru.guest_tree.passed_nodes import PassedNode, is_reserved_memory
from passthru.guest_tree.references import ReferenceKind, Referred, kind_of, read_references
from passthru.guest_tree.values import cells, strings
from passthru.lean import Callable, Iterator, Mapping, Sequence

__all__ = ["Cutting"]

_MADE_ANEW = frozenset(
    (
        "interrupt-names",
        "interrupt-parent",
        "interrupts",
        "interrupts-extended",
        "linux,phandle",
        "name",  # of a running host's tree: the node's own
        "phandle",
        "status",
    )
)
"""Properties that are not copied: what is right in them is written with the guest's numbers."""

_CHILDREN_CELLS = ("#address-cells", "#size-cells", "ranges")

_NO_GUEST_SENSE = {
    "dma-ranges": "its DMA goes through the guest's own addresses",
    "iommu-map": "a guest has no IOMMU of its own",
    "iommu-map-mask": "a guest has no IOMMU of its own",
    "linux,uio-name": "the device is no UIO device of the guest",
    "msi-map": "the guest has no such controller",
    "msi-map-mask": "the guest has no such controller",
}
"""Properties that are dropped, with the reason that is told."""

_OWN_TREE = "`fdt load` a tree of your own that has the device without it"

_BUS_NEEDS = ("clocks", "power-domains", "resets")
"""What a bus above a device may need for the device to answer."""


class Cutting:
    """Copies nodes of one host into one guest's tree."""

    def __init__(
        self,
        host: HostTree,
        passed: Mapping[str, PassedNode],
        lines: PassedLines,
        tree: GrowingTree,
    ) -> None:
        self._host = host
        self._passed = passed
        self._lines = lines
        self._tree = tree
        self._uio_words = uio_words(host.root)
        self._tops: list[PassedNode] = []
        self._kept: set[TreeNode] = set()
        self._phandles: dict[TreeNode, int] = {}
        self._described: set[TreeNode] = set()
        self._waiting: list[tuple[TreeNode, TreeNode, Span]] = []
        for each in passed.values():
            if each.node not in self._kept:
                self._tops.append(each)
                self._keep(each.node)

    def cut(self, reserved_memory: Callable[[], TreeNode]) -> None:
        """Add all passed nodes; ``reserved_memory`` gives the node for those of that kind."""
        for top in self._tops:
            is_reserved = is_reserved_memory(top.node)
            parent = reserved_memory() if is_reserved else self._tree.root
            guest_node = self._copy(top.node, parent, top.location.span)
            self._look_at_buses(top, guest_node)
        # One by one, as one may lead to the next, and on for as long as the host's tree likes.
        while self._waiting:
            self._copy_description(*self._waiting.pop(0))

    def _keep(self, node: TreeNode) -> None:
        self._kept.add(node)
        for child in node.children:
            if self._goes_along(child):
                self._keep(child)

    def _goes_along(self, child: TreeNode) -> bool:
        """Whether a child of a kept node is kept with it."""
        if child.path in self._passed:
            return True
        # Below a window onto the processors' addresses, registers have to be passed themselves.
        is_elsewhere = "reg" in child.properties and "ranges" in (child.parent or child).properties
        return child.is_available and not is_elsewhere

    def _copy(self, node: TreeNode, parent: TreeNode, span: Span) -> TreeNode:
        guest_node = self._tree.add(self._guest_name(node), parent)
        self._copy_properties(node, guest_node, span)
        self._lines.write(node, guest_node, self._host, span, self._kept_phandle)
        if node.properties.get("phandle") or node.properties.get("linux,phandle"):
            guest_node.properties["phandle"] = cells(self._phandle(node))
        if "status" in node.properties:
            guest_node.properties["status"] = strings("okay")
        self._copy_children(node, guest_node, span)
        return guest_node

    def _guest_name(self, node: TreeNode) -> str:
        passed = self._passed.get(node.path)
        if passed is None:
            return node.name
        return f"{node.name.partition('@')[0]}@{passed.registers[0].start:x}"

    def _copy_properties(self, node: TreeNode, guest_node: TreeNode, span: Span) -> None:
        companions = set(self._dropped_companions(node))
        for name, value in node.properties.items():
            kind = kind_of(node, name)
            if name in _MADE_ANEW or name in companions:
                continue
            if name in _NO_GUEST_SENSE:
                if value:
                    self._tree.remark(f"{name} of {node.path} is dropped: {_NO_GUEST_SENSE[name]}")
            elif name == "interrupt-map":
                self._tree.refuse(
                    f"{node.path} leads the interrupts of its children to others (interrupt-map)",
                    span,
                    _OWN_TREE,
                )
            elif kind is not None:
                self._copy_references(node, guest_node, name, kind, span)
            elif name == "compatible":
                self._copy_compatible(node, guest_node)
            elif name == "reg" and node.path in self._passed:
                self._tree.set_registers(guest_node, self._passed[node.path].registers)
            elif not (name in _CHILDREN_CELLS and "ranges" in node.properties):
                guest_node.properties[name] = value
                self._doubt(node, name)

    def _copy_compatible(self, node: TreeNode, guest_node: TreeNode) -> None:
        """What the device is; not the word that gives it to the host's UIO driver."""
        names, own = node.strings("compatible"), own_compatible(node, self._uio_words)
        if own == names:
            guest_node.properties["compatible"] = node.properties["compatible"]
            return
        dropped = " ".join(name for name in names if name not in own)
        added = f"; {PRIMECELL} is added" if PRIMECELL in own and PRIMECELL not in names else ""
        self._tree.remark(
            f"{dropped} of {node.path} is dropped: it gives the device to the host's UIO{added}"
        )
        if own:
            guest_node.properties["compatible"] = strings(*own)

    def _copy_children(self, node: TreeNode, guest_node: TreeNode, span: Span) -> None:
        for child in node.children:
            if child in self._kept:
                self._copy(child, guest_node, span)
            elif child.is_available:
                self._tree.remark(f"{child.path} is not passed; it is left out")
        if "ranges" in node.properties and any("reg" in c.properties for c in guest_node.children):
            root = self._tree.root
            guest_node.properties["#address-cells"] = cells(root.address_cells)
            guest_node.properties["#size-cells"] = cells(root.size_cells)
            guest_node.properties["ranges"] = b""
        if "interrupt-controller" in node.properties:
            # Without it, whoever leads interrupts there has to guess.
            guest_node.properties.setdefault("#address-cells", cells(0))

    def _dropped_companions(self, node: TreeNode) -> Iterator[str]:
        """Properties that say something of others which are dropped."""
        pins = False
        for name in node.properties:
            kind = kind_of(node, name)
            if kind is None or kind.dropped_because is None or self._is_held(node, name, kind):
                continue
            yield from kind.companions
            pins = pins or name.startswith("pinctrl-")
        if pins:
            yield "pinctrl-names"

    def _is_held(self, node: TreeNode, name: str, kind: ReferenceKind) -> bool:
        """Whether all that the property refers to is in the guest, too."""
        found = read_references(node, name, kind, self._host.references)
        return bool(found) and all(
            each.provider is None or each.provider in self._kept or is_descriptive(each.provider)
            for each in found or ()
        )

    def _copy_references(
        self, node: TreeNode, guest_node: TreeNode, name: str, kind: ReferenceKind, span: Span
    ) -> None:
        if kind.dropped_because is not None and not self._is_held(node, name, kind):
            self._tree.remark(f"{name} of {node.path} is dropped: {kind.dropped_because}")
            return
        found = read_references(node, name, kind, self._host.references)
        if found is None:
            self._tree.refuse(
                f"{name} of {node.path} leads to a node that is not in the tree",
                span,
                "a tree of the host in which the references of the device are sound",
            )
            return
        if name.endswith("-supply") and all(_is_always_on(each) for each in found):
            self._tree.remark(f"{name} of {node.path} is dropped: the supply is always on")
            return
        value: list[int] = []
        for each in found:
            phandle = 0 if each.provider is None else self._held_phandle(each.provider, span)
            if phandle is None:
                self._refuse(node, kind, each, span)
            else:
                value.extend((phandle, *each.arguments))
        guest_node.properties[name] = cells(*value)

    def _held_phandle(self, provider: TreeNode, span: Span) -> int | None:
        """The phandle of a node that the guest has, or gets for this; None for what it cannot."""
        if provider in self._kept:
            return self._phandle(provider)
        if provider not in self._described:
            if fixed_frequency(provider) is None and not is_descriptive(provider):
                return None
            copy = self._tree.add(provider.name.partition("@")[0])
            copy.properties["phandle"] = cells(self._phandle(provider))
            self._described.add(provider)
            self._waiting.append((provider, copy, span))
        return self._phandle(provider)

    def _copy_description(self, node: TreeNode, copy: TreeNode, span: Span) -> None:
        for name, value in node.properties.items():
            kind = kind_of(node, name)
            if kind is not None:
                self._copy_references(node, copy, name, kind, span)
            elif name not in _MADE_ANEW and name != "reg":
                copy.properties[name] = value
        if fixed_frequency(node) is not None:
            copy.properties["compatible"] = strings("fixed-clock")
        for child in node.children:
            self._copy_description(child, self._tree.add(child.name, copy), span)
        if "fixed-clock" in node.strings("compatible") and node.cell("clock-frequency") is None:
            self._tree.refuse(
                f"the clock {node.path} is fixed, and the tree does not say its frequency",
                span,
                f"clock-frequency = <…> in {node.path}",
            )

    def _kept_phandle(self, node: TreeNode) -> int | None:
        return self._phandle(node) if node in self._kept else None

    def _phandle(self, node: TreeNode) -> int:
        if node not in self._phandles:
            wanted = node.cell("phandle") or node.cell("linux,phandle")
            self._phandles[node] = self._tree.reserve_phandle(wanted)
        return self._phandles[node]

    def _look_at_buses(self, top: PassedNode, guest_node: TreeNode) -> None:
        """Take over what the buses above say of the device, and refuse what they need."""
        bus = top.node.parent
        while bus is not None and bus.parent is not None:
            if "dma-coherent" in bus.properties:
                guest_node.properties.setdefault("dma-coherent", b"")
            for name in _BUS_NEEDS:
                kind = kind_of(bus, name) if name in bus.properties else None
                if kind is None:
                    continue
                for each in read_references(bus, name, kind, self._host.references) or ():
                    if each.provider is not None and not is_fixed_clock(each.provider):
                        self._refuse(bus, kind, each, top.location.span)
            bus = bus.parent

    def _refuse(self, node: TreeNode, kind: ReferenceKind, each: Referred, span: Span) -> None:
        provider = each.provider
        if provider is None:
            return
        numbers = "".join(f" {number}" for number in each.arguments)
        self._tree.refuse(
            f"{node.path} needs {kind.what}{numbers} of {provider.path}, which stays with the host",
            span,
            _way_out(provider, self._host.buses.registers(provider)),
        )

    def _doubt(self, node: TreeNode, name: str) -> None:
        """Tell of a vendor's property that may refer to what the guest does not have.

        Its numbers may be anything; as a reference it would lead nowhere.
        """
        first = node.cells(name)[:1]
        meant = self._host.references.node(first[0]) if "," in name and first else None
        is_syscon = meant is not None and "syscon" in meant.strings("compatible")
        if is_syscon and meant is not None and meant not in self._kept:
            self._tree.remark(f"{name} of {node.path} may mean {meant.path}, which is not passed")


def _is_always_on(each: Referred) -> bool:
    """Whether it is a supply that the host never switches, of a chip that the host has."""
    provider = each.provider
    return (
        provider is not None
        and "regulator-always-on" in provider.properties
        and not is_descriptive(provider)
    )


def _way_out(provider: TreeNode, registers: Sequence[AddressRange]) -> str:
    if not registers:
        return _OWN_TREE
    place = registers[0]
    passed = f"pass loc mem:{place.start:#x},{place.size:#x},rwn"
    return f"{_OWN_TREE}; or, if nobody else needs {provider.name}: {passed}"
