# SPDX-License-Identifier: Apache-2.0
"""The host bridge of a guest with PCI functions: its node, its wires, and its messages."""

import pytest

from guest_trees import config_of, made, node_at, paths, tree_of, warnings_of
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.assembly import GuestTree, make_guest_tree
from passthru.guest_tree.loaded_tree import LoadedTree
from passthru.guest_tree.problems import GuestTreeRefusedError
from passthru.plan.arm_pci import bus_without_board

TEXT = "ram 0x80000000,64m pass loc pci:0:3.0"
BRIDGE = "/pcie@ffe00000"
GIC = "/interrupt-controller@2f000000"
ITS = f"{GIC}/msi-controller@2f020000"


def words(node: TreeNode, name: str) -> list[int]:
    value = node.properties[name]
    return [int.from_bytes(value[at : at + 4], "big") for at in range(0, len(value), 4)]


def test_the_bridge_is_there_if_a_function_is_passed() -> None:
    assert BRIDGE in paths(made(TEXT))
    tree = made("ram 0x80000000,64m")
    assert not [path for path in paths(tree) if "pcie" in path or "msi-controller" in path]
    assert words(node_at(tree, GIC), "#address-cells") == [0]


def test_windows_are_those_of_the_plan() -> None:
    bus = bus_without_board(config_of(TEXT))
    assert bus is not None
    node = node_at(made(TEXT), BRIDGE)
    low, high = bus.windows.memory32, bus.windows.memory64
    assert words(node, "reg") == [0, bus.windows.ecam.start, 0, 1 << 20]
    assert words(node, "ranges") == [
        *(0x1000000, 0, 0, 0, bus.port_memory.start, 0, 0x10000),
        *(0x2000000, 0, low.start, 0, low.start, 0, low.size),
        *(0x3000000, high.start >> 32, 0, high.start >> 32, 0, high.size >> 32, 0),
    ]


def test_every_wire_leads_to_its_line_and_messages_to_the_its() -> None:
    tree = made(TEXT)
    node = node_at(tree, BRIDGE)
    (gic,), (its,) = (words(node_at(tree, path), "phandle") for path in (GIC, ITS))
    wires = words(node, "interrupt-map")
    entries = [wires[at : at + 10] for at in range(0, len(wires), 10)]
    assert len(entries) == 16
    for device in range(4):
        for pin in (1, 2, 3, 4):
            line = 988 + (device + pin - 1) % 4
            assert [device << 11, 0, 0, pin, gic, 0, 0, 0, line - 32, 4] in entries
    assert words(node, "interrupt-map-mask") == [0x1800, 0, 0, 7]
    assert words(node, "msi-map") == [0, its, 0, 0x10000]


def test_with_gicv2_there_are_wires_only() -> None:
    tree = made(f"{TEXT} vdev gic version 2")
    node = node_at(tree, BRIDGE)
    assert "msi-map" not in node.properties
    assert not [path for path in paths(tree) if "msi-controller" in path]
    # Its #address-cells are 0, so the parent's part of an entry has none.
    assert len(words(node, "interrupt-map")) == 16 * 8


def loaded(text: str, rest: str, gic: str = "#address-cells = <0>;") -> GuestTree:
    tree = tree_of(f"""
/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    gic: interrupt-controller@2f000000 {{
        compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0x2f000000 0 0x10000>, <0 0x2f100000 0 0x20000>; {gic}
    }};
    {rest}
}};
""")
    return make_guest_tree(config_of(text), None, [LoadedTree(tree, None)])


def test_the_gic_of_a_loaded_tree_gets_the_its(tmp_path) -> None:
    tree = loaded(TEXT, "")
    assert {BRIDGE, ITS} <= set(paths(tree))
    assert warnings_of(tree.tree, tmp_path) == ""


OWN_ITS = """
    #address-cells = <2>; #size-cells = <2>; ranges;
    its: msi-controller@2f040000 {
        compatible = "arm,gic-v3-its"; reg = <0 0x2f040000 0 0x20000>;
        msi-controller; #msi-cells = <1>;
    };
"""


def test_the_its_of_a_loaded_tree_is_the_guest_s_and_keeps_its_phandle(tmp_path) -> None:
    tree = loaded(TEXT, "device { msi-parent = <&its 0>; };", OWN_ITS)
    assert [path for path in paths(tree) if "msi-controller" in path] == [ITS]
    parent = words(node_at(tree, "/device"), "msi-parent")[0]
    assert words(node_at(tree, BRIDGE), "msi-map")[1] == parent
    assert warnings_of(tree.tree, tmp_path) == ""


def test_a_bridge_at_the_same_place_is_kept() -> None:
    tree = loaded(TEXT, "own@ffe00000 { reg = <0 0xffe00000 0 0x100000>; };")
    assert "/own@ffe00000" in paths(tree)
    assert BRIDGE not in paths(tree)


def test_a_gic_whose_cells_others_count_on_is_refused() -> None:
    with pytest.raises(GuestTreeRefusedError, match="has other #address-cells than its root"):
        loaded(TEXT, "nexus { interrupt-map = <0 1 &gic 0 1 4>; };")


def test_a_guest_without_a_hole_has_no_tree() -> None:
    text = "ram 0,0x2f000000 ram 0x2f200000,0xd0e00000 pass loc pci:0:3.0"
    with pytest.raises(GuestTreeRefusedError, match="no room for its PCI bus"):
        made(text)


def test_a_root_whose_addresses_are_too_short_for_the_windows_is_refused() -> None:
    tree = "/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; };"
    with pytest.raises(GuestTreeRefusedError, match="addresses of 1 cells, in which the window"):
        made(TEXT, loaded=tree)


OLD_COMPILER = """
/dts-v1/;
/ {
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <5>;
    interrupt-controller@2f000000 {
        linux,phandle = <5>; compatible = "arm,gic-v3"; interrupt-controller;
        #interrupt-cells = <3>; #address-cells = <2>; #size-cells = <2>; ranges;
        reg = <0 0x2f000000 0 0x10000>, <0 0x2f100000 0 0x20000>;
        msi-controller@2f040000 {
            linux,phandle = <9>; compatible = "arm,gic-v3-its"; msi-controller;
            #msi-cells = <1>; reg = <0 0x2f040000 0 0x20000>;
        };
    };
    device { msi-parent = <9 0>; };
};
"""


def test_phandles_by_their_old_name_stay() -> None:
    tree = made(TEXT, loaded=OLD_COMPILER)
    assert words(node_at(tree, ITS), "phandle") == [9]
    assert words(node_at(tree, BRIDGE), "msi-map")[1] == 9
    assert words(node_at(tree, BRIDGE), "interrupt-map")[4] == 5
    assert tree.remarks == ()
