# SPDX-License-Identifier: Apache-2.0
"""What shows that a device does DMA."""

import subprocess

import pytest

from arm_board import device
from passthru.board.device_tree import board_from_tree
from passthru.board.dma import is_bus_master, sign_of_dma
from passthru.board.model import PlatformDevice


def compiled(source: str) -> bytes:
    command = ["dtc", "-q", "-f", "-I", "dts", "-O", "dtb"]
    text = f"/dts-v1/; {source}"
    return subprocess.run(command, input=text.encode(), capture_output=True, check=True).stdout


def in_tree(properties: str) -> PlatformDevice:
    """A device with these properties in a tree that has an IOMMU and a DMA controller."""
    source = """
        / { #address-cells = <1>; #size-cells = <1>; dma-coherent;
        mmu: iommu@1000 { compatible = "x,mmu"; reg = <0x1000 0x10>; #iommu-cells = <1>; };
        dma: dma@2000 { compatible = "x,dma"; reg = <0x2000 0x10>; #dma-cells = <1>; };
        bus { compatible = "simple-bus"; ranges; dma-ranges; dma-coherent;
        #address-cells = <1>; #size-cells = <1>;
        d@3000 { compatible = "x,y"; reg = <0x3000 0x10>; %s }; }; };
    """
    board = board_from_tree(compiled(source % properties), "x.dts")
    return next(each for each in board.devices if each.name.endswith("d@3000"))


@pytest.mark.parametrize(
    ("properties", "says"),
    [
        ("dma-coherent;", "does DMA: its node in the device tree has `dma-coherent`"),
        ("dma-noncoherent;", "does DMA: its node in the device tree has `dma-noncoherent`"),
        ("iommus = <&mmu 7>;", "does DMA: the board's IOMMU knows it (as iommu@1000:0x7)"),
        ("iommus = <0x99 7>;", "does DMA: its node in the device tree has `iommus`"),
        ("#dma-cells = <1>;", "does DMA: by `#dma-cells` it is a DMA controller"),
        ("dma-coherent; dmas = <&dma 3>;", "does DMA: its node in the device tree has"),
    ],
)
def test_properties_that_only_bus_masters_have(properties: str, says: str) -> None:
    found = in_tree(properties)
    assert is_bus_master(found)
    assert (sign_of_dma(found) or "").startswith(says)


def test_who_lets_a_controller_move_its_data_is_no_master() -> None:
    found = in_tree("dmas = <&dma 3>;")
    assert not is_bus_master(found)
    assert "lets a DMA controller move its data" in (sign_of_dma(found) or "")


@pytest.mark.parametrize(
    "properties",
    ["", "#dma-cells = <1>; dma-masters = <&dma>;", "dma-channels = <4>;", "dma-ranges;"],
)
def test_what_shows_nothing_or_is_the_bus(properties: str) -> None:
    found = in_tree(properties)
    assert not is_bus_master(found)
    assert sign_of_dma(found) is None


def test_a_node_below_a_pci_host_bridge_can_do_dma() -> None:
    source = """
        / { #address-cells = <1>; #size-cells = <1>;
        pci@1000 { compatible = "pci-host-ecam-generic"; device_type = "pci"; reg = <0x1000 0x10>;
        #address-cells = <3>; #size-cells = <2>;
        ranges = <0x2000000 0 0x8000 0x8000 0 0x1000>;
        net@0 { compatible = "pci1af4,1041"; interrupts-extended = <&gic 0 9 4>;
        reg = <0 0 0 0 0>; }; };
        gic: gic@4000 { compatible = "arm,gic-400"; reg = <0x4000 0x10>; interrupt-controller;
        #interrupt-cells = <3>; }; };
    """
    board = board_from_tree(compiled(source), "x.dts")
    found = next(each for each in board.devices if each.name.endswith("net@0"))
    assert sign_of_dma(found) == "can do DMA: it is on a PCI bus"


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("snps,dwc3", "a USB controller"),
        ("vendor,soc-xhci", "a USB controller"),
        ("generic-ohci", "a USB controller"),
        ("snps,dwmac-5.20", "an Ethernet controller"),
        ("cdns,gem", "an Ethernet controller"),
        ("arasan,sdhci-8.9a", "a storage controller"),
        ("vendor,soc-sdhci", "a storage controller"),
        ("jedec,ufs-2.0", "a storage controller"),
        ("generic-ahci", "a storage controller"),
        ("arm,mali-bifrost", "a graphics or display processor"),
        ("arm,pl330", "a DMA controller"),
        ("virtio,mmio", "a virtio device"),
    ],
)
def test_kinds_that_are_bus_masters_by_their_own_standard(word: str, kind: str) -> None:
    found = device("/x", 0x1000, compatible=("vendor,own", word))
    assert is_bus_master(found)
    assert sign_of_dma(found) == f"does DMA: it is {kind} (`{word}`)"


@pytest.mark.parametrize(
    "word",
    [
        "arm,pl011",
        "arm,primecell",
        "ns16550a",
        "snps,dwmac-mdio",
        "vendor,soc-xhci-phy",
        "vendor,ufs-phy",
        "brcm,bcm2835-sdhci",
        "smsc,lan9115",
        "arm,pl180",
        "snps,designware-i2c",
    ],
)
def test_kinds_that_do_without(word: str) -> None:
    assert sign_of_dma(device("/x", 0x1000, compatible=(word,))) is None
