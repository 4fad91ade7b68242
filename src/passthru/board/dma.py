# SPDX-License-Identifier: Apache-2.0
"""What shows that a device does DMA: its IOMMU, its node in a device tree, its kind."""

from passthru.board.model import PlatformDevice
from passthru.board.tree_nodes import TreeNode

__all__ = ["PCI_BUS", "is_bus_master", "sign_of_dma", "signs_in_tree"]

PCI_BUS = "PCI bus"
"""The sign in ``PlatformDevice.dma`` that the device's node is below a PCI host bridge."""

_USES_ENGINE = "dmas"
_PROPERTIES = ("dma-coherent", "dma-noncoherent", "iommus", "iommu-map", _USES_ENGINE)
"""Of the device's own node: a bus may have the first two for all that is on it (Devicetree
Specification, release 0.4, 2.3.10; bindings/iommu/iommu.txt; bindings/dma/dma.txt)."""

_ENGINE = "#dma-cells"
_ROUTER = "dma-masters"
"""A router only leads requests to the engines that this property names (bindings/dma)."""

_USB = "a USB controller"
_ETHERNET = "an Ethernet controller"
_STORAGE = "a storage controller"
_GRAPHICS = "a graphics or display processor"

_KINDS_BY_INTERFACE = {
    "xhci": _USB,
    "ehci": _USB,
    "ohci": _USB,
    "uhci": _USB,
    "ahci": _STORAGE,
    "nvme": _STORAGE,
    "ufs": _STORAGE,
    "ufshc": _STORAGE,
    "sdhci": _STORAGE,
}
"""By the standard interface among the parts of ``compatible``: each has its queues or its
buffers in memory (bindings/usb, bindings/ata, bindings/ufs, bindings/mmc)."""

_KINDS_BY_START = {
    "snps,dwc3": _USB,
    "snps,dwmac": _ETHERNET,
    "snps,dwxgmac": _ETHERNET,
    "cdns,gem": _ETHERNET,
    "cdns,macb": _ETHERNET,
    "fsl,fec": _ETHERNET,
    "arasan,sdhci": _STORAGE,
    "arm,mali-": _GRAPHICS,
    "arm,hdlcd": _GRAPHICS,
    "arm,pl330": "a DMA controller",
    "virtio,mmio": "a virtio device",
}
"""By the start of ``compatible`` (bindings/usb/snps,dwc3.yaml, bindings/net, bindings/gpu,
bindings/display, bindings/dma/arm,pl330.yaml, bindings/virtio/mmio.yaml)."""

_WITHOUT_DMA = ("brcm,bcm2835-sdhci",)
"""Named as its kind, and moves its data by programmed accesses alone."""

_PARTS_WITHOUT_DMA = frozenset(("phy", "mdio"))


def signs_in_tree(node: TreeNode) -> tuple[str, ...]:
    """What the node of a device says of its DMA, for ``PlatformDevice.dma``."""
    has = node.properties
    found = [name for name in _PROPERTIES if name in has]
    if _ENGINE in has and _ROUTER not in has:
        found.append(_ENGINE)
    if node.parent is not None and node.parent.is_pci_bus:
        found.append(PCI_BUS)
    return tuple(found)


def is_bus_master(device: PlatformDevice) -> bool:
    """Whether the board shows that the device itself reads or writes memory."""
    if device.streams or device.iommu_group is not None:
        return True
    return bool({*device.dma} - {_USES_ENGINE}) or _kind(device) is not None


def sign_of_dma(device: PlatformDevice) -> str | None:
    """What shows that data of the device goes by DMA, as the end of a sentence about it.

    None where nothing does. A device that is not a bus master itself may use one.
    """
    if device.streams or device.iommu_group is not None:
        known = f" (as {', '.join(device.streams)})" if device.streams else ""
        return f"does DMA: the board's IOMMU knows it{known}"
    if _ENGINE in device.dma:
        return f"does DMA: by `{_ENGINE}` it is a DMA controller"
    if PCI_BUS in device.dma:
        return "can do DMA: it is on a PCI bus"
    own = [name for name in device.dma if name != _USES_ENGINE]
    if own:
        return f"does DMA: its node in the device tree has `{own[0]}`"
    kind = _kind(device)
    if kind is not None:
        return f"does DMA: it is {kind}"
    if _USES_ENGINE in device.dma:
        return "lets a DMA controller move its data: its node in the device tree has `dmas`"
    return None


def _kind(device: PlatformDevice) -> str | None:
    """The kind of the device with the word that shows it; None if none of those that do DMA."""
    for word in device.compatible:
        parts = word.replace(",", "-").split("-")
        if word in _WITHOUT_DMA or not _PARTS_WITHOUT_DMA.isdisjoint(parts):
            continue
        starts = (kind for start, kind in _KINDS_BY_START.items() if word.startswith(start))
        interfaces = (_KINDS_BY_INTERFACE[part] for part in parts if part in _KINDS_BY_INTERFACE)
        kind = next(starts, None) or next(interfaces, None)
        if kind is not None:
            return f"{kind} (`{word}`)"
    return None
