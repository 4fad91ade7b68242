# SPDX-License-Identifier: Apache-2.0
"""Nodes of passed devices: which are cut, with what, and what is refused."""

import re

import pytest

from guest_trees import (
    HOST,
    PASS,
    config_of,
    host_with,
    host_with_device,
    made,
    node_at,
    paths,
    tree_of,
    warnings_of,
)
from passthru.guest_tree.assembly import make_guest_tree
from passthru.guest_tree.problems import GuestTreeRefusedError

DEVICE = "/device@20000000"


def refusal(text: str, rest: str) -> GuestTreeRefusedError:
    with pytest.raises(GuestTreeRefusedError) as caught:
        make_guest_tree(config_of(text), host_with(rest))
    return caught.value


def device(rest: str, text: str = f"{PASS} intr gic:40"):
    tree = made(text, host_with_device(rest))
    return tree, node_at(tree, DEVICE)


# Which nodes

UARTS = """
    uart0: serial@20001000 { compatible = "u"; reg = <0 0x20001000 0 0x200>; };
    serial@20001200 { compatible = "u"; reg = <0 0x20001200 0 0x200>; status = "disabled"; };
    serial@20001400 { compatible = "u"; reg = <0 0x20001400 0 0x200>; };
    large@20001e00 { compatible = "l"; reg = <0 0x20001e00 0 0x400>; };
"""


@pytest.mark.parametrize(
    ("location", "found"),
    [
        ("0x20001000,0x1000,rwn", ["20001000", "20001400"]),
        ("0x20001000,0x400,rwn", ["20001000"]),
        ("0x20001200,0x200,rwn", ["20001200"]),  # switched off, and meant
        ("0x30000000,0x200,rwn=0x20001200", ["30000000"]),
        ("0x20001e00,0x200,rwn", ["20001e00"]),  # a part, from its beginning
        ("0x20001600,0x900,rwn", []),
        ("0x20000000,0x1000,rwn", []),
        ("0x20001000,0x1000,m", []),
    ],
)
def test_the_nodes_are_those_whose_registers_are_passed(location: str, found: list[str]) -> None:
    tree = made(f"ram 0x80000000,64M pass loc {location}", host_with(UARTS))
    cut = [path.partition("@")[2] for path in paths(tree) if re.match("/(serial|large)@", path)]
    assert cut == found


def test_a_part_of_a_device_is_told() -> None:
    tree = made("ram 0x80000000,64M pass loc 0x20001e00,0x200,rwn", host_with(UARTS))
    assert tree.remarks == (
        "[vm.qvmconf:1] the guest has 0x200 of the 0x400 bytes at 0x20001e00 of /large@20001e00",
    )
    assert node_at(tree, "/large@20001e00").cells("reg") == (0, 0x20001E00, 0, 0x200)


def test_what_is_left_out_is_told() -> None:
    tree = made("ram 0x80000000,64M pass loc 0x20001000,0x1000,rwn", host_with(UARTS))
    assert tree.remarks == (
        "/serial@20001200 is switched off on the host; it is left out of what is passed",
        "[vm.qvmconf:1] a part of /large@20001e00 lies in `0x20001000,0x1000,rwn`; left out",
    )


def test_a_place_where_the_host_has_nothing_is_told() -> None:
    tree = made("ram 0x80000000,64M pass loc 0x21000000,0x1000,rwn", host_with(UARTS))
    assert tree.remarks == (
        "[vm.qvmconf:1] no node of the host's tree has its registers in 0x21000000..0x21001000; "
        "the guest's tree does not tell of it",
    )


def compatible_of(names: str, rest: str = "") -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the guest's node is, and what was told of it, for a host's with these names."""
    quoted = ", ".join(f'"{name}"' for name in names.split())
    node = f"device@20000000 {{ compatible = {quoted}; reg = <0 0x20000000 0 0x1000>; }};"
    tree = made(f"{PASS} intr gic:40", host_with(node + rest))
    told = tuple(each for each in tree.remarks if "UIO" in each)
    return node_at(tree, DEVICE).strings("compatible"), told


@pytest.mark.parametrize(
    ("names", "own"),
    [
        ("generic-uio arm,pl031", "arm,pl031 arm,primecell"),
        ("arm,pl061 generic-uio", "arm,pl061 arm,primecell"),
        ("generic-uio acme,rtc arm,sp805", "acme,rtc arm,sp805 arm,primecell"),
        ("generic-uio arm,pl011 arm,primecell", "arm,pl011 arm,primecell"),
        ("generic-uio arm,pl031-like", "arm,pl031-like"),
        ("generic-uio arm,mmu-500", "arm,mmu-500"),
        ("generic-uio virtio,mmio", "virtio,mmio"),
        ("generic-uio", ""),
        ("arm,pl031", "arm,pl031"),  # it is the host's own affair
        ("arm,pl031 arm,primecell", "arm,pl031 arm,primecell"),
        ("acme,uio arm,pl031", "acme,uio arm,pl031"),
    ],
)
def test_a_device_that_was_named_for_uio_gets_its_own_name_back(names: str, own: str) -> None:
    guests, told = compatible_of(names)
    assert guests == tuple(own.split())
    assert bool(told) == ("generic-uio" in names)


@pytest.mark.parametrize("parameter", ["uio_pdrv_genirq.of_id", "uio-pdrv-genirq.of_id"])
def test_the_word_of_the_kernel_s_command_line_counts(parameter: str) -> None:
    chosen = f'chosen {{ bootargs = "quiet {parameter}=acme,uio panic=1"; }};'
    assert compatible_of("acme,uio arm,pl031", chosen) == (
        ("arm,pl031", "arm,primecell"),
        (
            "acme,uio of /device@20000000 is dropped: it gives the device to the host's UIO; "
            "arm,primecell is added",
        ),
    )


def test_the_name_of_the_host_s_uio_device_is_no_matter_of_the_guest() -> None:
    tree, node = device('linux,uio-name = "timer";')
    assert "linux,uio-name" not in node.properties
    assert any("linux,uio-name" in each for each in tree.remarks)


TWO_WINDOWS = (
    'two@20000000 { compatible = "t"; reg = <0 0x20000000 0 0x1000>, <0 0x20100000 0 8>; };'
)


def test_a_device_without_all_its_registers_is_refused() -> None:
    error = refusal(PASS, TWO_WINDOWS)
    assert str(error) == (
        "[vm.qvmconf:1] /two@20000000 has registers that are not passed: 0x20100000..0x20100008"
    )
    assert error.fix == "loc mem:0x20100000,0x8,rwn"
    made(f"{PASS} {error.fix}", host_with(TWO_WINDOWS))


def test_the_host_interrupt_controller_is_never_cut() -> None:
    tree = made("ram 0x80000000,64M pass loc 0x8000000,0x1000000,rwn", host_with(""))
    assert "/interrupt-controller@8000000" not in paths(tree)


def test_a_pci_host_bridge_is_refused() -> None:
    error = refusal(
        PASS,
        'pcie@20000000 { device_type = "pci"; #address-cells = <3>; #size-cells = <2>;'
        " reg = <0 0x20000000 0 0x1000>; ranges = <0x2000000 0 0 0 0x50000000 0 0x1000>; };",
    )
    assert "/pcie@20000000 is a PCI host bridge, which stays with the host" in str(error)


def test_a_device_that_leads_interrupts_on_is_refused() -> None:
    error = refusal(
        PASS,
        "nexus@20000000 { reg = <0 0x20000000 0 4>; #interrupt-cells = <1>; #address-cells = <0>;"
        " interrupt-map-mask = <0>; interrupt-map = <0 &gic 0 8 4>; };",
    )
    assert "/nexus@20000000 leads the interrupts of its children to others" in str(error)


# Clocks, power, resets and the rest

NEEDED = [
    ("clocks = <&clk 7>;", "the clock 7 of /clock-controller@10000000"),
    ("clocks = <&osc>, <&clk 7>;", "the clock 7 of /clock-controller@10000000"),
    ("resets = <&clk 1>;", "the reset line 1 of /clock-controller@10000000"),
    ("power-domains = <&clk>;", "the power domain of /clock-controller@10000000"),
]


@pytest.mark.parametrize(("rest", "needed"), NEEDED)
def test_what_the_host_can_switch_is_refused(rest: str, needed: str) -> None:
    with pytest.raises(GuestTreeRefusedError) as caught:
        make_guest_tree(config_of(PASS), host_with_device(rest))
    assert str(caught.value) == (
        f"[vm.qvmconf:1] {DEVICE} needs {needed}, which stays with the host"
    )
    assert caught.value.fix == (
        "`fdt load` a tree of your own that has the device without it; or, if nobody else needs "
        "clock-controller@10000000: pass loc mem:0x10000000,0x1000,rwn"
    )


@pytest.mark.parametrize(("rest", "needed"), NEEDED)
def test_and_is_not_where_the_guest_has_its_provider(rest: str, needed: str, tmp_path) -> None:
    tree = made(f"{PASS} pass loc 0x10000000,0x1000,rwn", host_with_device(rest))
    name = rest.partition(" ")[0]
    provider = node_at(tree, "/clock-controller@10000000")
    assert provider.cell("phandle") in node_at(tree, DEVICE).cells(name)
    assert warnings_of(tree.tree, tmp_path) == ""


def test_everything_that_is_refused_is_told_at_once() -> None:
    error = refusal(
        f"{PASS} pass loc 0x20001000,0x1000,rwn",
        "a@20000000 { reg = <0 0x20000000 0 4>; clocks = <&clk 1>; resets = <&clk 2>; };"
        "b@20001000 { reg = <0 0x20001000 0 4>; clocks = <&clk 3>; };",
    )
    told = re.findall("needs the (clock|reset line) ([0-9])", str(error))
    assert told == [("clock", "1"), ("reset line", "2"), ("clock", "3")]


FIXED = """
    half: half {{ compatible = "fixed-factor-clock"; #clock-cells = <0>; clocks = <{parent}>;
        clock-div = <2>; clock-mult = <1>; }};
    user@20000000 {{ compatible = "x"; reg = <0 0x20000000 0 0x1000>; clocks = <&half>; }};
"""


def test_a_factor_of_a_fixed_clock_is_copied_with_it() -> None:
    tree = made(PASS, host_with(FIXED.format(parent="&osc")))
    half, oscillator = node_at(tree, "/half"), node_at(tree, "/oscillator")
    assert node_at(tree, "/user@20000000").cell("clocks") == half.cell("phandle")
    assert half.cell("clocks") == oscillator.cell("phandle")
    assert oscillator.cell("clock-frequency") == 1_000_000


def test_a_factor_of_a_clock_that_is_switched_is_refused() -> None:
    error = refusal(PASS, FIXED.format(parent="&clk 4"))
    assert "/half needs the clock 4 of /clock-controller@10000000" in str(error)


CRYSTAL = """
    clocks {{ x: x {{ compatible = "example,x"; #clock-cells = <0>; {rest} }}; }};
    user@20000000 {{ compatible = "x"; reg = <0 0x20000000 0 0x1000>; clocks = <&x>; }};
"""


def test_a_long_chain_and_a_ring_of_factors_come_to_an_end() -> None:
    link = (
        'f{0}: f{0} {{ compatible = "fixed-factor-clock"; #clock-cells = <0>; clocks = <&{1}>;'
        " clock-div = <1>; clock-mult = <1>; }};"
    )
    user = "user@20000000 { reg = <0 0x20000000 0 4>; clocks = <&f0>; };"
    chain = "".join(link.format(n, f"f{n + 1}" if n < 2999 else "osc") for n in range(3000))
    tree = made(PASS, host_with(user + chain))
    assert {"/f0", "/f2999", "/oscillator"} <= set(paths(tree))
    assert "/f1" in paths(made(PASS, host_with(user + link.format(0, "f1") + link.format(1, "f0"))))


def test_a_clock_of_which_the_tree_says_only_the_frequency_becomes_fixed() -> None:
    tree = made(PASS, host_with(CRYSTAL.format(rest="clock-frequency = <32768>;")))
    clock = node_at(tree, "/x")
    assert clock.strings("compatible") == ("fixed-clock",)
    assert clock.cell("clock-frequency") == 32768


@pytest.mark.parametrize(
    "rest",
    [
        "",
        "clock-frequency = <32768>; enable-gpios = <&clk 1>;",
        "clock-frequency = <32768>; reg = <1>;",
        "clock-frequency = <32768>; clocks = <&osc>;",
    ],
)
def test_a_clock_that_something_may_switch_is_refused(rest: str) -> None:
    error = refusal(PASS, CRYSTAL.format(rest=rest))
    assert "needs the clock of /clocks/x, which stays with the host" in str(error)


def test_a_fixed_clock_without_a_frequency_is_refused() -> None:
    error = refusal(
        PASS,
        'f: f { compatible = "fixed-clock"; #clock-cells = <0>; };'
        "user@20000000 { reg = <0 0x20000000 0 4>; clocks = <&f>; };",
    )
    assert "the clock /f is fixed, and the tree does not say its frequency" in str(error)


@pytest.mark.parametrize(
    ("rest", "dropped"),
    [
        ("iommus = <&iommu 5>;", "iommus"),
        ('dmas = <&iommu 5>; dma-names = "rx";', "dmas"),
        ("assigned-clocks = <&clk 1>; assigned-clock-rates = <5>;", "assigned-clocks"),
        ("msi-parent = <&iommu>;", "msi-parent"),
        ('pinctrl-0 = <&iommu>; pinctrl-names = "default";', "pinctrl-0"),
    ],
)
def test_what_a_guest_goes_on_without_is_dropped_and_told(rest: str, dropped: str) -> None:
    host = host_with(
        "iommu: iommu@30000000 { reg = <0 0x30000000 0 4>; #iommu-cells = <1>; #dma-cells = <1>; };"
        f'device@20000000 {{ compatible = "d"; reg = <0 0x20000000 0 4>; {rest} }};'
    )
    tree = made(PASS, host)
    assert set(node_at(tree, DEVICE).properties) == {"compatible", "reg"}
    assert [remark.partition(":")[0] for remark in tree.remarks] == [
        f"{dropped} of {DEVICE} is dropped"
    ]


def test_what_a_bus_needs_is_refused_for_its_devices() -> None:
    bus = (
        'bus {{ compatible = "simple-pm-bus"; #address-cells = <2>; #size-cells = <2>; ranges;'
        " {needs} dma-coherent; d@20000000 {{ reg = <0 0x20000000 0 4>; }}; }};"
    )
    assert "/bus needs the clock 3 of" in str(refusal(PASS, bus.format(needs="clocks = <&clk 3>;")))
    half = (
        'half: half { compatible = "fixed-factor-clock"; #clock-cells = <0>; clocks = <&clk 1>; };'
    )
    error = refusal(PASS, half + bus.format(needs="clocks = <&half>;"))
    assert "/bus needs the clock of /half" in str(error)
    tree = made(PASS, host_with(bus.format(needs="clocks = <&osc>;")))
    assert "dma-coherent" in node_at(tree, "/d@20000000").properties


def test_a_reference_that_leads_nowhere_is_refused() -> None:
    error = refusal(PASS, "d@20000000 { reg = <0 0x20000000 0 4>; clocks = <99>; };")
    assert str(error).endswith("clocks of /d@20000000 leads to a node that is not in the tree")


@pytest.mark.parametrize("value", ["<&clk>", "<&clk 1 2>", "[00 01]"])
def test_a_reference_of_the_wrong_length_is_refused(value: str) -> None:
    error = refusal(PASS, f"d@20000000 {{ reg = <0 0x20000000 0 4>; clocks = {value}; }};")
    assert "clocks of /d@20000000 leads to a node that is not in the tree" in str(error)


def test_a_supply_that_is_always_on_is_dropped_and_another_refused() -> None:
    host = (
        "pmic@30000000 {{ reg = <0 0x30000000 0 4>; ldo: ldo {{ {rest} }}; }};"
        "d@20000000 {{ reg = <0 0x20000000 0 4>; vdd-supply = <&ldo>; }};"
    )
    tree = made(PASS, host_with(host.format(rest="regulator-always-on;")))
    assert "vdd-supply" not in node_at(tree, "/d@20000000").properties
    assert "needs the supply of /pmic@30000000/ldo" in str(refusal(PASS, host.format(rest="")))


def test_a_vendor_reference_to_system_registers_is_told() -> None:
    tree = made(
        PASS,
        host_with(
            'grf: syscon@30000000 { compatible = "syscon"; reg = <0 0x30000000 0 4>; };'
            "d@20000000 { reg = <0 0x20000000 0 4>; example,grf = <&grf>; fifo = <1>; };"
        ),
    )
    assert tree.remarks == (
        "example,grf of /d@20000000 may mean /syscon@30000000, which is not passed",
    )


# Interrupts


@pytest.mark.parametrize(
    ("intr", "cells"),
    [
        ("gic:40", (0, 8, 4)),
        ("gic:40=40", (0, 8, 4)),
        ("gic:32=40", (0, 0, 4)),
        ("gic:1019=40", (0, 987, 4)),
        ("gic:99,u=40", (0, 67, 4)),
    ],
)
def test_an_interrupt_has_the_guests_line_and_the_hosts_trigger(intr, cells) -> None:
    _, node = device("interrupts = <0 8 4>;", f"{PASS} intr {intr}")
    assert node.cells("interrupts") == cells


@pytest.mark.parametrize("trigger", [1, 2, 4, 8])
def test_the_trigger_is_kept(trigger: int) -> None:
    _, node = device(f"interrupts = <0 8 {trigger}>;")
    assert node.cells("interrupts") == (0, 8, trigger)


def test_a_host_whose_interrupts_have_four_cells_gives_three() -> None:
    source = HOST.format(
        rest="d@20000000 { reg = <0 0x20000000 0 4>; interrupts = <0 8 1 0>; };"
    ).replace("#interrupt-cells = <3>", "#interrupt-cells = <4>")
    tree = made(f"{PASS} intr gic:40", tree_of(source))
    assert node_at(tree, "/d@20000000").cells("interrupts") == (0, 8, 1)


def test_hostvector_moves_the_vectors() -> None:
    text = f"vdev gic hostvector 100 name pic {PASS} intr pic:40"
    _, node = device("interrupts = <0 108 1>;", text)
    assert node.cells("interrupts") == (0, 8, 1)


@pytest.mark.parametrize("line", [0, 15, 16, 31, 1020])
def test_a_line_that_is_none_for_devices_is_refused(line: int) -> None:
    with pytest.raises(GuestTreeRefusedError) as caught:
        device("interrupts = <0 8 4>;", f"{PASS} intr gic:{line}=40")
    assert str(caught.value) == (
        f"[vm.qvmconf:1] `intr gic:{line}=40`: line {line} of the guest is no line for {DEVICE}; "
        "those are 32 to 1019"
    )
    assert caught.value.fix == "intr gic:40=40"


def test_a_private_interrupt_stays_private() -> None:
    _, node = device("interrupts = <1 7 4>;", f"{PASS} intr gic:22=23")
    assert node.cells("interrupts") == (1, 6, 4)


def test_a_device_none_of_whose_interrupts_is_passed_has_none() -> None:
    tree, node = device('interrupts = <0 9 4>; interrupt-names = "a";')
    assert set(node.properties) == {"compatible", "reg"}
    assert tree.remarks == (
        f"no interrupt of {DEVICE} is passed; the guest's node has none",
        "[vm.qvmconf:1] `intr gic:40` is the host's interrupt 40, which no node of the guest has",
    )


def test_names_go_with_the_interrupts_that_are_left_out() -> None:
    rest = 'interrupts = <0 7 4>, <0 8 4>, <0 9 4>; interrupt-names = "a", "b", "c";'
    _, node = device(rest)
    assert node.cells("interrupts") == (0, 8, 4)
    assert node.strings("interrupt-names") == ("b",)


def test_without_names_an_interrupt_before_a_passed_one_is_missed() -> None:
    with pytest.raises(GuestTreeRefusedError) as caught:
        device("interrupts = <0 7 4>, <0 8 4>;")
    assert str(caught.value).endswith(
        f"interrupt 1 of {DEVICE}, the host's 39, is not passed, and a later one is; drivers count "
        "them"
    )
    _, node = device("interrupts = <0 7 4>, <0 8 4>;", f"{PASS} intr gic:40 {caught.value.fix}")
    assert node.cells("interrupts") == (0, 7, 4, 0, 8, 4)
    _, node = device("interrupts = <0 8 4>, <0 7 4>;")
    assert node.cells("interrupts") == (0, 8, 4)


COMBINER = """
    combiner: pic@30000000 {
        compatible = "c"; reg = <0 0x30000000 0 0x1000>; interrupts = <0 8 4>;
        interrupt-controller; #interrupt-cells = <1>;
    };
    device@20000000 {
        reg = <0 0x20000000 0 4>; interrupts-extended = <&combiner 5>, <&gic 0 9 1>;
    };
"""


def test_interrupts_of_a_controller_that_is_passed_stay_there(tmp_path) -> None:
    text = f"{PASS} pass loc 0x30000000,0x1000,rwn intr gic:40 intr gic:41"
    tree = made(text, host_with(COMBINER))
    combiner, gic = (
        node_at(tree, p).cell("phandle")
        for p in ("/pic@30000000", "/interrupt-controller@2f000000")
    )
    assert node_at(tree, DEVICE).cells("interrupts-extended") == (combiner, 5, gic, 0, 9, 1)
    assert warnings_of(tree.tree, tmp_path) == ""


def test_interrupts_of_a_controller_that_is_not_passed_are_missed() -> None:
    error = refusal(f"{PASS} intr gic:41", COMBINER)
    assert "interrupt 1 of /device@20000000, an interrupt of /pic@30000000, is not" in str(error)
    assert error.fix == "pass /pic@30000000, too"


@pytest.mark.parametrize("rest", ["interrupts = <0 8>;", "interrupts-extended = <99 1>;"])
def test_interrupts_that_are_unsound_are_refused(rest: str) -> None:
    with pytest.raises(GuestTreeRefusedError, match="has interrupts at a controller that is not"):
        device(rest)


# Children


def test_children_without_addresses_of_their_own_go_along() -> None:
    host = host_with(
        """
        i2c@20000000 {
            reg = <0 0x20000000 0 4>; #address-cells = <1>; #size-cells = <0>;
            a@48 { reg = <0x48>; clocks = <&osc>; };
            b@49 { reg = <0x49>; status = "disabled"; };
        };
        """
    )
    tree = made(PASS, host)
    assert node_at(tree, "/i2c@20000000/a@48").cell("reg") == 0x48
    assert "/i2c@20000000/b@49" not in paths(tree)
    assert "/oscillator" in paths(tree)


GLUE = """
    glue@20000000 { reg = <0 0x20000000 0 0x100>; #address-cells = <1>; #size-cells = <1>;
        ranges = <0x0 0x0 0x28000000 0x10000>;
        core@1000 { reg = <0x1000 0x1000>; interrupts = <0 8 4>; };
        other@2000 { reg = <0x2000 0x1000>; };
    };
"""


def test_children_with_registers_are_passed_themselves(tmp_path) -> None:
    text = f"{PASS} pass loc 0x50000000,0x1000,rwn=0x28001000 intr gic:40"
    tree = made(text, host_with(GLUE))
    core = node_at(tree, "/glue@20000000/core@50000000")
    assert core.cells("reg") == (0, 0x50000000, 0, 0x1000)
    assert "/glue@20000000/other@2000 is not passed; it is left out" in tree.remarks
    assert warnings_of(tree.tree, tmp_path) == ""


def test_without_them_the_parent_is_no_bus(tmp_path) -> None:
    tree = made(PASS, host_with(GLUE))
    assert set(node_at(tree, "/glue@20000000").properties) == {"reg"}
    tree = made("ram 0x80000000,64M pass loc 0x28001000,0x1000,rwn", host_with(GLUE))
    assert "/core@28001000" in paths(tree)
    assert warnings_of(tree.tree, tmp_path) == ""
