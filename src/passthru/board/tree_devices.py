# SPDX-License-Identifier: Apache-2.0
"""Devices in a device tree: everything that has registers or interrupts."""

from passthru.board.dma import signs_in_tree
from passthru.board.infrastructure import (
    CONFIGURATION,
    INTERRUPT_CONTROLLER,
    IOMMU,
    kind_of_device,
)
from passthru.board.model import HostRegion, InterruptLine, PlatformDevice
from passthru.board.tree_interrupts import mapped_lines, node_interrupts
from passthru.board.tree_memory import is_memory
from passthru.board.tree_nodes import TreeNode, available_nodes
from passthru.board.tree_references import References, stream_names
from passthru.board.tree_registers import Buses
from passthru.lean import Iterator, NamedTuple, Sequence

__all__ = ["TreeDevices", "iommu_kind", "read_tree_devices"]

_NO_DEVICES = ("aliases", "chosen", "cpus", "reserved-memory")
"""Nodes below the root that hold none."""

_IOMMU_KINDS = {
    "arm,smmu-v3": "smmuv3",
    "arm,smmu-v1": "smmuv1",
    "arm,mmu-400": "smmuv1",
    "arm,smmu-v2": "smmuv2",
    "arm,mmu-401": "smmuv2",
    "arm,mmu-500": "smmuv2",
    "qcom,smmu-500": "smmuv2",
    "qcom,smmu-v2": "smmuv2",
    "renesas,ipmmu-vmsa": "ipmmu",
    "riscv,iommu": "riscv-iommu",
    "virtio,pci-iommu": "virtio-iommu",
}
"""By ``compatible`` (bindings/iommu)."""


class TreeDevices(NamedTuple):
    """Devices, the interrupt lines that they have, and where buses have their windows.

    ``disabled`` are the registers of devices that are there and not to be used.
    ``other_controllers`` has the path of one for each interrupt that is not the GIC's.
    ``infrastructure`` is as in Board.
    """

    devices: tuple[PlatformDevice, ...]
    interrupts: tuple[InterruptLine, ...]
    windows: tuple[HostRegion, ...]
    disabled: tuple[HostRegion, ...]
    other_controllers: tuple[str, ...]
    infrastructure: tuple[HostRegion, ...]


def read_tree_devices(root: TreeNode, references: References, buses: Buses) -> TreeDevices:
    """The devices of a tree in its order; PCI host bridges and the GIC are among them."""
    devices: list[PlatformDevice] = []
    others: list[str] = []
    windows: list[HostRegion] = []
    disabled: list[HostRegion] = []
    infrastructure: list[HostRegion] = []
    lines: dict[int, InterruptLine] = {}
    parts = [child for child in root.children if not _is_apart(child)]
    available = [node for part in parts for node in available_nodes(part)]
    for node in available:
        windows.extend(HostRegion(each, f"{node.path} window") for each in buses.windows(node))
        if not node.properties.get("compatible"):
            continue
        found = node_interrupts(node, references)
        others.extend(found.other_controllers)
        for line in (*found.lines, *mapped_lines(node, references)):
            lines.setdefault(line.vector, line)
        device = _device(node, found.lines, references, buses)
        kind = _kind_of_infrastructure(node)
        if kind is not None:
            infrastructure.extend(HostRegion(e, f"{kind} {node.path}") for e in device.registers)
        if device.registers or device.interrupts:
            devices.append(device)
    usable = {node.path for node in available}
    for node in _all_nodes(parts):
        if node.path not in usable:
            disabled.extend(HostRegion(e, f"{node.path} (disabled)") for e in buses.registers(node))
    return TreeDevices(
        devices=tuple(devices),
        interrupts=tuple(sorted(lines.values(), key=lambda line: line.vector)),
        windows=tuple(sorted(windows)),
        disabled=tuple(sorted(disabled)),
        other_controllers=tuple(others),
        infrastructure=tuple(infrastructure),
    )


def _is_apart(node: TreeNode) -> bool:
    return node.name in _NO_DEVICES or is_memory(node)


def _kind_of_infrastructure(node: TreeNode) -> str | None:
    """What the node is to the host, if it is infrastructure.

    A controller without interrupts of its own has none above it. Those of GPIO pins and the
    like have, and are devices as others are.
    """
    kind = kind_of_device(node.strings("compatible"))
    if kind is not None:
        return kind
    has = node.properties
    if "#iommu-cells" in has:
        return IOMMU
    if node.is_pci_bus:
        return CONFIGURATION
    is_first = "interrupts" not in has and "interrupts-extended" not in has
    if "interrupt-controller" in has and "gpio-controller" not in has and is_first:
        return INTERRUPT_CONTROLLER
    return None


def _all_nodes(parts: list[TreeNode]) -> Iterator[TreeNode]:
    waiting = list(parts)
    while waiting:
        node = waiting.pop()
        yield node
        waiting.extend(node.children)


def _device(
    node: TreeNode, lines: Sequence[InterruptLine], references: References, buses: Buses
) -> PlatformDevice:
    return PlatformDevice(
        name=node.path,
        compatible=node.strings("compatible"),
        registers=buses.registers(node),
        interrupts=tuple(line.vector for line in lines),
        clocks=_clocks(node, references),
        power_domains=_providers(node, references, "power-domains", "#power-domain-cells"),
        resets=_providers(node, references, "resets", "#reset-cells"),
        streams=stream_names(node, references),
        driver=None,
        iommu_group=None,
        dma=signs_in_tree(node),
    )


def _clocks(node: TreeNode, references: References) -> tuple[str, ...]:
    """The names of the clocks' providers; not those that nobody can switch off."""
    fixed = {
        reference.provider.name
        for reference in references.listed(node, "clocks", "#clock-cells")
        if "fixed-clock" in reference.provider.strings("compatible")
    }
    named = _providers(node, references, "clocks", "#clock-cells")
    return tuple(name for name in named if name not in fixed)


def _providers(
    node: TreeNode, references: References, name: str, cells_name: str
) -> tuple[str, ...]:
    found = (reference.provider.name for reference in references.listed(node, name, cells_name))
    return tuple(dict.fromkeys(found))


def iommu_kind(devices: Sequence[PlatformDevice]) -> str | None:
    """The kind of the first IOMMU among the devices, or None."""
    for device in devices:
        for word in device.compatible:
            if word in _IOMMU_KINDS:
                return _IOMMU_KINDS[word]
    return None
