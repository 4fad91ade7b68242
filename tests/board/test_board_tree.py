# SPDX-License-Identifier: Apache-2.0
"""Boards from device trees: what the hand-written trees in tests/boards must give."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.board.device_tree import (
    BadTreeSourceError,
    CompilerMissingError,
    board_from_tree,
    board_from_tree_source,
)
from passthru.board.model import (
    Board,
    CpuCluster,
    HostRegion,
    InterruptLine,
    PlatformDevice,
    Trigger,
)

BOARDS = Path(__file__).parent.parent / "boards"


def board(name: str) -> Board:
    return board_from_tree_source(str(BOARDS / name))


def device(found: Board, path: str) -> PlatformDevice:
    return next(each for each in found.devices if each.name == path)


def compiled(source: str) -> Board:
    command = ["dtc", "-q", "-I", "dts", "-O", "dtb"]
    done = subprocess.run(command, input=source.encode(), capture_output=True, check=True)
    return board_from_tree(done.stdout, "test")


def span(start: int, end: int, name: str) -> HostRegion:
    return HostRegion(AddressRange.between(start, end), name)


def test_a_machine_in_the_manner_of_qemus() -> None:
    found = board("virt-reduced.dts")
    uart = device(found, "/pl011@9000000")
    assert uart.registers == (AddressRange(0x9000000, 0x1000),)
    assert uart.interrupts == (33,)
    assert uart.compatible == ("arm,pl011", "arm,primecell")
    assert uart.clocks == ()  # a fixed clock, which nobody can switch off
    assert device(found, "/timer").interrupts == (29, 30, 27, 26)
    inner = device(found, "/platform-bus@c000000/ethernet@1000")
    assert inner.registers == (AddressRange(0xC001000, 0x1000),)
    assert "/rtc@9010000" not in [each.name for each in found.devices]
    assert (found.architecture, found.cpu_count) == ("aarch64", 2)
    assert found.clusters == (CpuCluster("cluster0", (0, 1)),)
    assert found.iommu_kind == "smmuv3"
    assert found.abilities.iommu
    assert found.name == "virt-reduced.dts"


def test_streams_at_the_iommu() -> None:
    found = board("virt-reduced.dts")
    assert device(found, "/virtio_mmio@a000000").streams == (
        "iommu@9050000:0x100",
        "iommu@9050000:0x101",
    )
    assert device(found, "/pcie@10000000").streams == ("iommu@9050000:0x0..0x10000",)
    nested = device(board("nested-buses.dts"), "/bus@40000000/dma@100000000")
    assert nested.streams == ("iommu@2000:0x400/0x3f",)


def test_a_pci_host_bridge_is_a_device_and_its_windows_are_in_the_map() -> None:
    found = board("virt-reduced.dts")
    bridge = device(found, "/pcie@10000000")
    assert bridge.registers == (AddressRange(0x4010000000, 0x10000000),)
    assert [each for each in found.memory if each.name == "/pcie@10000000 window"] == [
        span(0x10000000, 0x3EFF0000, "/pcie@10000000 window"),
        span(0x3EFF0000, 0x3F000000, "/pcie@10000000 window"),
        span(0x8000000000, 0x10000000000, "/pcie@10000000 window"),
    ]


def test_a_board_in_the_manner_of_the_raspberry_pi_4() -> None:
    found = board("pi4-like.dts")
    uart = device(found, "/soc/serial@7e201000")
    assert uart.registers == (AddressRange(0xFE201000, 0x200),)
    assert uart.interrupts == (153,)
    assert uart.clocks == ("clock-controller@7e101000",)
    assert device(found, "/soc/mmc@7e340000").power_domains == ("power",)
    assert device(found, "/soc/mailbox@7e00b880").registers == (AddressRange(0xFE00B880, 0x40),)
    gic = device(found, "/soc/interrupt-controller@40041000")
    assert gic.registers[:2] == (AddressRange(0xFF841000, 0x1000), AddressRange(0xFF842000, 0x2000))
    assert gic.compatible == ("arm,gic-400",)
    assert device(found, "/scb/pcie@7d500000").registers == (AddressRange(0xFD500000, 0x9310),)
    assert (found.cpu_count, found.iommu_kind, found.abilities.iommu) == (4, None, False)


def test_memory_without_what_is_reserved_is_what_the_host_allocates_from() -> None:
    found = board("pi4-like.dts")
    assert found.reserved == (
        span(0, 0x1000, "/memreserve/"),
        span(0x30000000, 0x38000000, "guest@30000000"),
    )
    assert found.allocated == (
        AddressRange.between(0x1000, 0x30000000),
        AddressRange.between(0x38000000, 0x3B400000),
        AddressRange.between(0x40000000, 0xFC000000),
    )
    # The kernel itself decides where the CMA area is, and puts pages into reusable ones.
    assert any("linux,cma" in line for line in found.unseen)
    assert any(each.contains(AddressRange(0x10000000, 0x1000000)) for each in found.allocated)


def test_reserved_memory_of_all_kinds() -> None:
    found = board("nested-buses.dts")
    assert found.reserved == (
        span(0x80000000, 0x80010000, "/memreserve/"),
        span(0x84000000, 0x84100000, "firmware@84000000"),
        span(0x85000000, 0x85100000, "firmware@84000000"),
        span(0x87FF0000, 0x88000000, "/memreserve/"),
        span(0x90000000, 0x90100000, "outside@90000000"),
    )
    assert span(0x90000000, 0x90100000, "outside@90000000") in found.memory
    assert span(0x80000000, 0x88000000, "memory@80000000") in found.memory
    assert not any(each.range.start == 0xA0000000 for each in found.memory)


def test_devices_that_are_off_are_no_devices_and_still_there() -> None:
    found = board("nested-buses.dts")
    assert not any("lost" in each.name or "off" in each.name for each in found.devices)
    lost = span(0x40040000, 0x40040100, "/bus@40000000/off@40000/lost@0 (disabled)")
    assert lost in found.memory
    assert 50 + 32 not in [line.vector for line in found.interrupts]


def test_registers_that_no_processor_can_reach_are_left_out() -> None:
    found = board("nested-buses.dts")
    assert device(found, "/bus@40000000/outside@200000000").registers == ()
    assert device(found, "/bus@40000000/across@ff000").registers == ()
    assert not any("partition" in each.name for each in found.devices)
    assert not any("clock@68" in each.name for each in board("pi4-like.dts").devices)


def test_interrupts_are_the_gics_numbers_with_their_triggers() -> None:
    found = board("nested-buses.dts")
    path = "/bus@40000000/dma@100000000"
    assert device(found, path).interrupts == (42, 4099, 1058, 43)
    lines = {line.vector: line for line in found.interrupts}
    assert lines[42] == InterruptLine("gic", 42, Trigger.EDGE, None)
    assert lines[43].trigger is Trigger.UNKNOWN
    assert lines[1058].trigger is Trigger.LEVEL
    vectors = [line.vector for line in found.interrupts]
    assert vectors == sorted(set(vectors))


def test_interrupts_of_other_controllers_are_counted_and_no_vectors() -> None:
    found = board("nested-buses.dts")
    inner = "/bus@40000000/inner@20000/innermost@1000"
    assert device(found, f"{inner}/watchdog@10").interrupts == ()
    assert device(found, f"{inner}/uart@20").interrupts == (62, 23)
    [told] = [line for line in found.unseen if line.startswith("interrupts of other")]
    assert told.endswith("2 at /bus@40000000/interrupt-controller@30000")


def test_clusters_have_the_processors_that_work() -> None:
    found = board("nested-buses.dts")
    assert found.cpu_count == 3
    assert found.clusters == (CpuCluster("cluster0", (0, 1)), CpuCluster("cluster1", (2,)))


def test_providers_of_resets_and_clocks() -> None:
    dma = device(board("nested-buses.dts"), "/bus@40000000/dma@100000000")
    provider = ("clock-controller@1000",)
    assert (dma.clocks, dma.resets, dma.power_domains) == (provider, provider, provider)


def test_the_map_is_sorted_and_has_each_byte_once() -> None:
    for name in ("virt-reduced.dts", "pi4-like.dts", "nested-buses.dts"):
        ranges = [region.range for region in board(name).memory]
        assert all(a.end <= b.start for a, b in pairwise(ranges)), name


@pytest.mark.parametrize(
    ("compatible", "architecture"),
    [
        ("arm,cortex-a7", "armv7l"),
        ("arm,cortex-a76", "aarch64"),
        ("arm,cortex-a53", "aarch64"),
        ("arm,cortex-a5", "armv7l"),
        ("arm,arm926ej-s", "armv5l"),
        ("arm,arm1176jzf-s", "armv6l"),
        ("arm,armv8", "aarch64"),
        ("sifive,u74\\0riscv", "riscv64"),
        ("apple,icestorm", "aarch64"),
    ],
)
def test_architecture_by_processor(compatible: str, architecture: str) -> None:
    found = compiled(
        "/dts-v1/; / { cpus { #address-cells = <1>; #size-cells = <0>; "
        f'cpu@0 {{ device_type = "cpu"; compatible = "{compatible}"; reg = <0>; }}; }}; }};'
    )
    assert found.architecture == architecture
    assert found.clusters == ()


def test_an_empty_tree_says_what_it_lacks() -> None:
    found = compiled("/dts-v1/; / { };")
    assert (found.cpu_count, found.memory, found.devices) == (1, (), ())
    assert [line.partition(":")[0] for line in found.unseen][:2] == ["processors", "memory"]


def test_rings_of_interrupt_parents_and_loose_phandles_end() -> None:
    found = compiled(
        "/dts-v1/; / { #address-cells = <1>; #size-cells = <1>;"
        "a: a { interrupt-parent = <&b>; }; b: b { interrupt-parent = <&a>; };"
        'd@1000 { compatible = "d"; reg = <0x1000 4>; interrupt-parent = <&a>; interrupts = <1>;'
        "clocks = <&a 1>; resets = <0x77>; iommus = <0xffffffff>; };"
        'e@2000 { compatible = "e"; reg = <0x2000 4 1>; }; };'
    )
    [only] = found.devices
    assert only.registers == (AddressRange(0x1000, 4),)
    assert (only.interrupts, only.clocks, only.resets, only.streams) == ((), (), (), ())


GIC = (
    "/dts-v1/; / { #address-cells = <1>; #size-cells = <1>; interrupt-parent = <&gic>;"
    'gic: gic { compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>; };'
)


@pytest.mark.parametrize(
    ("flags", "trigger"),
    [
        ("1", Trigger.EDGE),
        ("2", Trigger.EDGE),
        ("3", Trigger.EDGE),
        ("4", Trigger.LEVEL),
        ("8", Trigger.LEVEL),
        ("0xf04", Trigger.LEVEL),  # with a mask of processors
        ("0", Trigger.UNKNOWN),
    ],
)
def test_triggers(flags: str, trigger: Trigger) -> None:
    found = compiled(f'{GIC} d {{ compatible = "d"; interrupts = <1 3 {flags}>; }}; }};')
    assert found.interrupts == (InterruptLine("gic", 19, trigger, None),)


@pytest.mark.parametrize(
    ("kind", "number", "vectors"),
    [(0, 987, (1019,)), (0, 988, ()), (1, 15, (31,)), (1, 16, ()), (9, 0, ())],
)
def test_numbers_that_no_gic_has_are_no_vectors(
    kind: int, number: int, vectors: tuple[int, ...]
) -> None:
    found = compiled(
        f'{GIC} d@0 {{ compatible = "d"; reg = <0 1>; interrupts = <{kind} {number} 4>; }}; }};'
    )
    assert device(found, "/d@0").interrupts == vectors
    assert any(line.endswith("1 at /gic") for line in found.unseen) == (not vectors)


def test_windows_side_by_side_are_one_only_if_they_are_so_on_both_buses() -> None:
    apart, together = "0 0x1000 0x100 0x100 0x5000 0x100", "0 0x1000 0x100 0x100 0x1100 0x100"
    for ranges, registers in ((apart, ()), (together, (AddressRange(0x1080, 0x100),))):
        found = compiled(
            f"{GIC} b {{ #address-cells = <1>; #size-cells = <1>; ranges = <{ranges}>;"
            'd@80 { compatible = "d"; reg = <0x80 0x100>; interrupts = <0 1 4>; }; }; };'
        )
        assert device(found, "/b/d@80").registers == registers


def test_a_place_left_free_among_clocks_does_not_hide_the_next() -> None:
    found = compiled(
        f"{GIC} a: a {{ #clock-cells = <0>; }}; b: b {{ #clock-cells = <2>; }};"
        'd { compatible = "d"; interrupts = <0 1 4>; clocks = <&a>, <0>, <&b 1 2>, <&a>; }; };'
    )
    assert device(found, "/d").clocks == ("a", "b")


def test_what_is_never_mapped_is_reserved_even_if_it_says_reusable() -> None:
    found = compiled(
        f'{GIC} memory@0 {{ device_type = "memory"; reg = <0 0x10000>; }};'
        "reserved-memory { #address-cells = <1>; #size-cells = <1>; ranges;"
        "a@1000 { reg = <0x1000 0x1000>; reusable; no-map; };"
        "b@2000 { reg = <0x2000 0x1000>; reusable; }; }; };"
    )
    assert [region.name for region in found.reserved] == ["a@1000"]
    assert found.allocated == (AddressRange(0, 0x1000), AddressRange.between(0x2000, 0x10000))


def test_a_source_that_is_wrong_says_where(tmp_path: Path) -> None:
    source = tmp_path / "wrong.dts"
    source.write_text("/dts-v1/;\n/ {\n  reg = <;\n};\n")
    with pytest.raises(BadTreeSourceError, match=r"wrong\.dts:3"):
        board_from_tree_source(str(source))


def test_a_source_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadTreeSourceError, match="No such file"):
        board_from_tree_source(str(tmp_path / "none.dts"))


def test_a_source_for_the_preprocessor_gets_its_command(tmp_path: Path) -> None:
    source = tmp_path / "includes.dts"
    source.write_text('/dts-v1/;\n#include "soc.dtsi"\n/ { };\n')
    with pytest.raises(BadTreeSourceError) as caught:
        board_from_tree_source(str(source))
    assert caught.value.fix is not None
    assert caught.value.fix.startswith("#include is the C preprocessor's: cpp ")


def test_a_file_beside_the_source_may_be_included(tmp_path: Path) -> None:
    (tmp_path / "part.dtsi").write_text('/ { model = "m"; };\n')
    source = tmp_path / "-whole.dts"
    source.write_text('/dts-v1/;\n/include/ "part.dtsi"\n/ { };\n')
    assert board_from_tree_source(str(source)).name == "-whole.dts"


def test_without_the_compiler_the_package_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CompilerMissingError) as caught:
        board("pi4-like.dts")
    assert caught.value.fix == "apt install device-tree-compiler"


@pytest.mark.parametrize(
    ("cells", "vectors"),
    [
        ("<0 0 0 1 &gic 0 9 4>, <0 0 0 2 &gic 0 10 4>", [41, 42]),
        # Four entries for one line; the GIC counts it once.
        ("<0 0 0 1 &gic 0 9 4>, <8 0 0 2 &gic 0 9 4>", [41]),
        # A controller that has addresses gets one of as many cells in between.
        ("<0 0 0 1 &placed 0 0 0 9 4>, <0 0 0 2 &gic 0 10 4>", [41, 42]),
        # What leads to another controller is no line of the GIC's.
        ("<0 0 0 1 &other 9>, <0 0 0 2 &gic 0 10 4>", [42]),
        # After what leads nowhere, nobody knows where the next begins.
        ("<0 0 0 1 &gic 0 9 4>, <0 0 0 2 0x99 0 10 4>, <0 0 0 3 &gic 0 11 4>", [41]),
        ("<0 0 0 1 &gic 0 9 4>, <0 0 0 2 &gic 0 10>", [41]),
        ("<0 0 0 1 &gic>", []),
        ("<0 0 0>", []),
        ("<>", []),
    ],
)
def test_lines_of_a_pci_host_bridge(cells: str, vectors: list[int]) -> None:
    found = compiled(
        f'{GIC} placed: placed {{ compatible = "arm,gic-v3"; #interrupt-cells = <3>;'
        " #address-cells = <2>; #size-cells = <2>; };"
        'other: other { compatible = "o"; #interrupt-cells = <1>; };'
        'pcie@0 { compatible = "p"; device_type = "pci"; reg = <0 1>; #address-cells = <3>;'
        f" #size-cells = <2>; #interrupt-cells = <1>; interrupt-map = {cells}; }}; }};"
    )
    assert [line.vector for line in found.interrupts] == vectors
    assert device(found, "/pcie@0").interrupts == ()
