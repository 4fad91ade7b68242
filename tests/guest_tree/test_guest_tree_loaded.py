# SPDX-License-Identifier: Apache-2.0
"""Trees that a configuration loads: what stays, what the VM sets, what is refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guest_trees import PASS, compile_tree, config_of, host_with, made, node_at, paths, warnings_of
from passthru.board.flattened_tree import FlattenedTree, parse_flattened_tree
from passthru.diagnostics.errors import PassthruError
from passthru.guest_tree.assembly import make_guest_tree
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.growing_tree import all_nodes
from passthru.guest_tree.loaded_tree import LoadedTree
from passthru.guest_tree.problems import GuestTreeRefusedError

LOADED = """
/dts-v1/;
/memreserve/ 0x80000000 0x1000;
/ {{
    #address-cells = <{cells}>; #size-cells = <{cells}>; compatible = "my,board"; model = "mine";
    interrupt-parent = <&gic>;
    chosen {{ bootargs = "old"; stdout-path = "/mine@100"; }};
    {rest}
    mine@100 {{ reg = <{zero} 0x100 {zero} 4>; interrupts = <0 5 4>; }};
}};
"""
GIC = """
    gic: pic@2f000000 {
        compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        #address-cells = <0>; reg = <0 0x2f000000 0 0x10000>, <0 0x2f100000 0 0x200000>;
    };
"""
RAM = "ram 0x80000000,64M"


def loaded(rest: str = GIC, *, cells: int = 2) -> str:
    return LOADED.format(rest=rest, cells=cells, zero="0" if cells == 2 else "")


def refusal(text: str, source: str) -> GuestTreeRefusedError:
    with pytest.raises(GuestTreeRefusedError) as caught:
        made(text, None, source)
    return caught.value


def test_what_the_tree_has_stays(tmp_path) -> None:
    tree = made(RAM, None, loaded())
    root = tree.tree.root
    assert root.strings("model") == ("mine",)
    assert node_at(tree, "/mine@100").cells("interrupts") == (0, 5, 4)
    chosen = node_at(tree, "/chosen")
    assert (chosen.strings("bootargs"), chosen.strings("stdout-path")) == (("old",), ("/mine@100",))
    assert [each.start for each in tree.tree.reservations] == [0x80000000]
    assert root.cell("interrupt-parent") == node_at(tree, "/pic@2f000000").cell("phandle")
    assert tree.remarks == ()
    assert warnings_of(tree.tree, tmp_path) == ""


def test_what_the_vm_decides_is_set() -> None:
    rest = (
        GIC
        + """
        memory@0 { device_type = "memory"; reg = <0 0 0 0x1000>; };
        cpus { #address-cells = <1>; #size-cells = <0>;
            c0: cpu@0 { device_type = "cpu"; reg = <0>; };
            c1: cpu@1 { device_type = "cpu"; reg = <1>; };
        };
        firmware { psci { compatible = "arm,psci"; method = "smc"; }; };
        pmu { interrupt-affinity = <&c0>, <&c1>; };
        """
    )
    tree = made(f'{RAM} cpu cpu cpu cmdline "new"', None, loaded(rest))
    assert node_at(tree, "/chosen").strings("bootargs") == ("new",)
    assert [each for each in paths(tree) if "memory" in each] == ["/memory@80000000"]
    cpus = node_at(tree, "/cpus").children
    assert [each.name for each in cpus] == ["cpu@0", "cpu@1", "cpu@2"]
    affinity = node_at(tree, "/pmu").cells("interrupt-affinity")
    assert affinity == tuple(each.cell("phandle") for each in cpus[:2])
    assert node_at(tree, "/psci").strings("method") == ("hvc",)
    assert "/firmware/psci" not in paths(tree)
    assert tree.remarks == ("/cpus of the loaded tree has 2 processors; the guest has 3",)


def test_another_gic_is_replaced_and_keeps_its_users(tmp_path) -> None:
    rest = GIC.replace("2f000000", "8000000").replace("2f100000", "80a0000")
    tree = made(RAM, None, loaded(rest))
    gic = node_at(tree, "/interrupt-controller@2f000000")
    assert tree.tree.root.cell("interrupt-parent") == gic.cell("phandle")
    assert "/pic@8000000" not in paths(tree)
    assert tree.remarks == (
        "/pic@8000000 of the loaded tree is not the guest's GIC of version 3 at 0x2f000000; it is "
        "replaced",
    )
    assert warnings_of(tree.tree, tmp_path) == ""


@pytest.mark.parametrize(
    "text",
    ["vdev gic version 2 gicd 0x2f000000", "vdev gic gicr 0x30000000", "cpu " * 17],
)
def test_a_gic_is_another_by_version_address_and_size(text: str) -> None:
    assert "is replaced" in "".join(made(f"{RAM} {text}", None, loaded()).remarks)
    assert made(f"{RAM} {'cpu ' * 16}", None, loaded()).remarks == ()


def test_a_gic_of_other_cells_is_refused() -> None:
    rest = GIC.replace("#interrupt-cells = <3>", "#interrupt-cells = <4>")
    assert "has interrupts of 4 cells, and the guest's GIC of 3" in str(refusal(RAM, loaded(rest)))


def test_a_placeholder_gives_its_phandle_to_the_device() -> None:
    rest = GIC + 'u: x { qvm,vdev = "console"; }; user { other = <&u>; };'
    text = f"{RAM} vdev pl011 loc 0x1c090000 intr gic:37 name console"
    tree = made(text, None, loaded(rest))
    assert "/x" not in paths(tree)
    uart = node_at(tree, "/serial@1c090000")
    assert node_at(tree, "/user").cell("other") == uart.cell("phandle")


def test_a_placeholder_of_the_gic() -> None:
    tree = made(RAM, None, loaded('gic: x { qvm,vdev = "gic"; #interrupt-cells = <3>; };'))
    gic = node_at(tree, "/interrupt-controller@2f000000")
    assert tree.tree.root.cell("interrupt-parent") == gic.cell("phandle")


@pytest.mark.parametrize("name", ["nobody", ""])
def test_a_placeholder_of_nobody_is_refused(name: str) -> None:
    error = refusal(RAM, loaded(f'{GIC} x {{ qvm,vdev = "{name}"; }};'))
    assert str(error) == (
        f"/x of the loaded tree stands for the virtual device `{name}`, and no `vdev` has that name"
    )


def test_a_device_that_the_tree_has_is_not_made_again(tmp_path) -> None:
    rest = GIC + (
        "clk: clk { #clock-cells = <0>; };"
        'uart@1c090000 { compatible = "mine"; reg = <0 0x1c090000 0 0x1000>; };'
        'device@20000000 { compatible = "mine"; reg = <0 0x20000000 0 0x1000>; clocks = <&clk>; };'
    )
    host = host_with("device@20000000 { reg = <0 0x20000000 0 4>; clocks = <&clk 7>; };")
    tree = made(f"{PASS} intr gic:40 vdev pl011 loc 0x1c090000 intr gic:37", host, loaded(rest))
    assert not [path for path in paths(tree) if path.startswith("/serial@")]
    assert node_at(tree, "/device@20000000").strings("compatible") == ("mine",)
    assert tree.remarks == ()


def test_phandles_of_both_trees_do_not_meet(tmp_path) -> None:
    rest = GIC + "".join(f"a{n}: a{n} {{ }}; b{n} {{ x = <&a{n}>; }};" for n in range(9))
    host = host_with("device@20000000 { reg = <0 0x20000000 0 4>; clocks = <&osc>; };")
    tree = made(PASS, host, loaded(rest))
    numbers = [
        node.cell("phandle") for node in all_nodes(tree.tree.root) if "phandle" in node.properties
    ]
    assert len(numbers) == len(set(numbers))
    oscillator = node_at(tree, "/oscillator")
    assert node_at(tree, "/device@20000000").cell("clocks") == oscillator.cell("phandle")
    assert node_at(tree, "/b3").cell("x") == node_at(tree, "/a3").cell("phandle")
    assert warnings_of(tree.tree, tmp_path) == ""


ONE_CELL_GIC = GIC.replace("<0 0x2f000000 0 0x10000>", "<0x2f000000 0x10000>").replace(
    "<0 0x2f100000 0 0x200000>", "<0x2f100000 0x200000>"
)


def test_registers_are_written_with_the_cells_of_the_tree(tmp_path) -> None:
    host = host_with("device@20000000 { reg = <0 0x20000000 0 0x1000>; };")
    tree = made(PASS, host, loaded(ONE_CELL_GIC, cells=1))
    assert node_at(tree, "/memory@80000000").cells("reg") == (0x80000000, 64 << 20)
    assert node_at(tree, "/device@20000000").cells("reg") == (0x20000000, 0x1000)
    assert warnings_of(tree.tree, tmp_path) == ""


def test_addresses_that_have_no_place_in_them_are_refused() -> None:
    error = refusal("ram 0x880000000,1G", loaded(ONE_CELL_GIC, cells=1))
    assert "addresses of 1 and sizes of 1 cells; 0x880000000..0x8c0000000" in str(error)


def test_references_that_the_vm_has_cut_are_told() -> None:
    its = "its: its@30000000 { #msi-cells = <1>; };"
    rest = GIC.replace("2f100000", "80a0000").rstrip().removesuffix("};") + its + "};"
    tree = made(RAM, None, loaded(rest + "pcie { msi-parent = <&its 1>; };"))
    assert tree.remarks[1:] == ("msi-parent of /pcie leads to a node that is not in the tree",)


@pytest.mark.parametrize(
    ("rest", "name", "phandle"),
    [
        ("x { clocks = <&c 5 0x99>; }; c: c { #clock-cells = <1>; };", "clocks of /x", 0x99),
        ("x { interrupts-extended = <&gic 0 4 4 0x99 1>; };", "interrupts-extended of /x", 0x99),
        ("x { y { interrupt-parent = <0x99>; }; };", "interrupt-parent of /x/y", 0x99),
        ("x { vdd-supply = <0x98>; };", "vdd-supply of /x", 0x98),
    ],
)
def test_a_reference_to_nobody_is_refused(rest: str, name: str, phandle: int) -> None:
    error = refusal(RAM, loaded(GIC + rest))
    assert str(error) == (
        f"{name} in the loaded tree names a node by the phandle {phandle:#x}, and none has that"
    )
    assert error.fix.startswith("the node with that phandle")


@pytest.mark.parametrize(
    "rest",
    [
        'x { status = "disabled"; clocks = <0x99>; };',
        "x { clocks = <0 0xffffffff>; };",
        "x { snps,nr-gpios = <0x99>; nr-gpios = <0x99>; };",
        'x { interrupt-parent = <&p>; }; p: p { qvm,vdev = "gic"; };',
        "x { vendor,number = <0x99>; };",
    ],
)
def test_what_is_no_reference_to_nobody_is_taken(rest: str) -> None:
    made(RAM, None, loaded(GIC + rest))


def test_an_overlay_is_refused() -> None:
    error = refusal(RAM, "/dts-v1/; / { fragment@0 { __overlay__ { }; }; };")
    assert "is an overlay (/fragment@0), no tree of its own" in str(error)
    assert error.fix == "fdtoverlay -i BASE.dtb -o WHOLE.dtb OVERLAY.dtb"


def test_a_second_tree_is_refused() -> None:
    tree = parse_flattened_tree(compile_tree(loaded()), "x")
    with pytest.raises(GuestTreeRefusedError, match="a second device tree: a guest has one"):
        make_guest_tree(config_of(RAM), None, [LoadedTree(tree, None)] * 2)


def test_a_tree_with_nothing_in_it_becomes_a_whole_one() -> None:
    tree = made(RAM, None, "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; };")
    assert {"/cpus/cpu@0", "/psci", "/timer", "/memory@80000000"} <= set(paths(tree))


BLOBS = [
    compile_tree(loaded(GIC + 'x { qvm,vdev = "console"; }; cpus { cpu@0 { reg = <0>; }; };')),
    write_flattened_tree(host_with("device@20000000 { reg = <0 0x20000000 0 4>; };")),
]


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_tree_gives_a_tree_or_an_error(data: st.DataObject) -> None:
    blob = bytearray(data.draw(st.sampled_from(BLOBS)))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(40, len(blob) - 1))
        blob[place] = data.draw(st.sampled_from([0, 1, 2, 3, 4, 9, 127, 128, 255]))
    config = config_of(
        f"{PASS} intr gic:40 vdev pl011 loc 0x1c090000 intr gic:37 name console cpu cpu"
    )
    try:
        tree = parse_flattened_tree(bytes(blob), "damaged")
        as_loaded = make_guest_tree(config, None, [LoadedTree(tree, None)]).tree
        as_host = make_guest_tree(config, tree).tree
    except PassthruError:
        return
    for each in (as_loaded, as_host):
        again = parse_flattened_tree(write_flattened_tree(each), "again")
        assert isinstance(again, FlattenedTree)
