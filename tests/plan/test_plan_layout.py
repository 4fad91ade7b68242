# SPDX-License-Identifier: Apache-2.0
"""Addresses of the plan: memory, windows, BARs."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.board.model import BarKind, HostRegion
from passthru.plan.model import BlobRole, RegionKind, VmPlan
from passthru.plan.planner import plan_without_board
from sample_board import BOARD, GRAPHICS, NET, NVME, bar, check_text, function, with_functions


def ranges(plan: VmPlan, kind: RegionKind) -> list[AddressRange]:
    return [region.range for region in plan.regions if region.kind is kind]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ram 64m", [(0, 64 << 20)]),
        ("ram 0,0xa0000 rom 0xc0000,0x40000 ram 64m", [(0, 0xA0000), (0x100000, 64 << 20)]),
        ("ram 2g,1m ram 0,4k ram 4k", [(0, 4096), (2 << 30, 1 << 20), (0x80100000, 4096)]),
    ],
)  # fmt: skip
def test_memory_without_a_start_goes_after_the_highest(
    text: str, expected: list[tuple[int, int]]
) -> None:
    plan = check_text(text + " load x", base="").the_plan
    assert ranges(plan, RegionKind.RAM) == expected


@pytest.mark.parametrize(
    ("text", "regions"),
    [
        ("ram 64m", []),
        ("ram 0,0xa0000 rom 0xc0000,0x40000", []),
        ("ram 0,0xa0000 ram 1m,64m", [AddressRange(0xE0000, 0x20000)]),
    ],
)
def test_firmware_tables_have_a_region_where_no_memory_is(
    text: str, regions: list[AddressRange]
) -> None:
    assert ranges(check_text(text + " load x", base="").the_plan, RegionKind.FIRMWARE) == regions


@pytest.mark.shows("access-m")
def test_system_memory_of_a_pass_is_told_apart() -> None:
    plan = check_text(
        "pass loc 0x40000000,1m,m=0x20000000 loc 0x50000000,4k,rcn=0x21000000"
    ).the_plan
    assert ranges(plan, RegionKind.PASSED_RAM) == [AddressRange(0x40000000, 1 << 20)]
    assert ranges(plan, RegionKind.PASSED) == [AddressRange(0x50000000, 4096)]
    hosts = {region.range.start: region.host for region in plan.regions if region.host}
    assert hosts[0x40000000] == AddressRange(0x20000000, 1 << 20)


def test_the_ioapic_moves() -> None:
    plan = check_text("vdev ioapic loc 0xf8000000 intr apic name p").the_plan
    assert plan.ioapic_address == 0xF8000000
    assert AddressRange(0xF8000000, 4096) in ranges(plan, RegionKind.DEVICE)


def test_windows_of_a_small_guest() -> None:
    pci = check_text("").the_plan.pci
    assert pci.memory32 == AddressRange(0x80000000, 1 << 30)
    assert pci.ecam == AddressRange(0xFEB00000, 1 << 20)
    assert pci.memory64 == AddressRange(64 << 30, 64 << 30)
    assert pci.ports == AddressRange(0xC000, 0x4000)


def test_the_32_bit_window_shrinks_to_the_hole_that_is_left() -> None:
    pci = check_text("ram 0,3840m ram 0x100000000,1g load x", base="").the_plan.pci
    assert pci.memory32 == AddressRange(0xF0000000, 128 << 20)


def test_the_64_bit_window_goes_below_what_is_too_high_for_it() -> None:
    text = "pass loc 0x7ffff00000,0x1000,rcn=0x20000000"
    assert check_text(text).the_plan.pci.memory64 == AddressRange(64 << 30, 64 << 30)


def test_the_port_window_avoids_what_the_configuration_names() -> None:
    assert check_text("reserve loc io:0xd000,16").the_plan.pci.ports == AddressRange(0x8000, 0x4000)


memory = st.lists(
    st.tuples(st.integers(0, 1 << 23), st.integers(1, 1 << 19)).map(
        lambda pages: AddressRange(pages[0] * 4096, pages[1] * 4096)
    ),
    max_size=6,
)


@given(memory)
@settings(max_examples=60, deadline=None)
def test_windows_lie_in_holes(regions: list[AddressRange]) -> None:
    text = " ".join(f"ram {region.start:#x},{region.size:#x}" for region in regions)
    plan = check_text(text + " ram 0,4k load x", base="").plan
    if plan is None:
        return
    windows = (plan.pci.ecam, plan.pci.memory32, plan.pci.memory64)
    kinds = (RegionKind.PCI_CONFIG, RegionKind.PCI_WINDOW)
    others = [region.range for region in plan.regions if region.kind not in kinds]
    for window in windows:
        assert window.start % window.size == 0
        assert not any(window.overlaps(other) for other in others)
        assert sum(window.overlaps(each) for each in windows) == 1


def test_bars_go_to_their_windows_by_size() -> None:
    plan = check_text("pass loc pci:0:2.0=pci:1:0.0 loc pci:0:5.0").the_plan
    graphics, net = plan.functions
    assert graphics.host == GRAPHICS
    assert [(b.bar.number, b.guest_start) for b in graphics.bars] == [
        (0, 0x80000000),
        (1, 64 << 30),
        (3, (64 << 30) + 0x10000000),
    ]
    assert net.host == NET
    assert [b.guest_start for b in net.bars] == [0x81000000, 0x81020000, 0xC000]


def test_a_64_bit_bar_that_does_not_fit_below_goes_above() -> None:
    large = function("0000:00:03.0", (1, 2), bar(0, BarKind.MEMORY64, 0, 2 << 30), group=3)
    plan = check_text("pass loc pci:0:3.0", with_functions(large)).the_plan
    assert plan.functions[0].bars[0].guest_start == 64 << 30


def test_small_bars_do_not_share_a_page() -> None:
    small = [bar(n, BarKind.MEMORY32, 0x1000 * n, 256) for n in range(3)]
    board = with_functions(function("0000:00:03.0", (1, 2), *small, group=3))
    plan = check_text("pass loc pci:0:3.0", board).the_plan
    assert [b.guest_start % 4096 for b in plan.functions[0].bars] == [0, 0, 0]
    assert len({b.guest_start for b in plan.functions[0].bars}) == 3


kinds = st.sampled_from(list(BarKind))


@given(st.lists(st.tuples(kinds, st.integers(4, 28), st.booleans()), max_size=24))
@settings(max_examples=60, deadline=None)
def test_bars_are_aligned_apart_and_inside(shapes: list[tuple[BarKind, int, bool]]) -> None:
    functions = []
    for number, (kind, bits, prefetchable) in enumerate(shapes):
        bits = min(bits, 8) if kind is BarKind.PORTS else bits
        only = bar(0, kind, 0, 1 << bits, prefetchable=prefetchable)
        functions.append(function(f"0000:00:{number + 1:02x}.0", (1, number), only, group=number))
    text = " ".join(f"pass loc pci:0:{number + 1}.0" for number in range(len(functions)))
    checked = check_text(text, with_functions(*functions))
    plan = checked.the_plan
    pci = plan.pci
    placed = [
        (b.bar, AddressRange(b.guest_start, b.bar.range.size))
        for f in plan.functions
        for b in f.bars
    ]
    left_out = [finding for finding in checked.findings if finding.id == "bar-does-not-fit"]
    assert len(placed) + len(left_out) == len(shapes)
    slots = sum(1 << max(bits, 12) for kind, bits, _ in shapes if kind is not BarKind.PORTS)
    ports = sum(1 << min(bits, 8) for kind, bits, _ in shapes if kind is BarKind.PORTS)
    if slots <= pci.memory32.size and ports <= pci.ports.size:
        assert not left_out
    for index, (each, place) in enumerate(placed):
        windows = (pci.ports,) if each.kind is BarKind.PORTS else (pci.memory32, pci.memory64)
        assert any(window.contains(place) for window in windows)
        assert place.start % place.size == 0
        if each.kind is BarKind.MEMORY32:
            assert place.end <= 1 << 32
        for other, other_place in placed[:index]:
            same_space = (each.kind is BarKind.PORTS) == (other.kind is BarKind.PORTS)
            assert not (same_space and place.overlaps(other_place))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("load a load 0x1000,b", [(BlobRole.BOOT_IMAGE, "a", False), (BlobRole.DATA, "b", False)]),
        ("load 0,b guest load a", [(BlobRole.DATA, "b", False), (BlobRole.BOOT_IMAGE, "a", True)]),
        ("load a initrd load b", [(BlobRole.BOOT_IMAGE, "a", False), (BlobRole.INITRD, "b", True)]),
        ("load 0x1000,a", [(BlobRole.BOOT_IMAGE, "a", False)]),
    ],
)  # fmt: skip
def test_blob_roles(text: str, expected: list[tuple[BlobRole, str, bool]]) -> None:
    plan = check_text(text, base="ram 64m ").the_plan
    assert [(b.role, b.path, b.typed) for b in plan.blobs] == expected


@pytest.mark.shows("pass-blob", "blob-initrd", "example-initrd-source")
def test_a_passed_initrd_is_a_blob_in_place() -> None:
    plan = check_text("initrd pass loc 0x40000000,1m,rcn=0x20000000").the_plan
    blob = plan.blobs[1]
    assert (blob.role, blob.path) == (BlobRole.INITRD, None)
    assert blob.passed == AddressRange(0x40000000, 1 << 20)


@pytest.mark.shows("blob-type-load", "example-initrd-load")
@pytest.mark.parametrize(("text", "address"), [("0x1000000,b", 0x1000000), ("b", None)])
def test_a_loaded_initrd_goes_where_the_text_says(text: str, address: int | None) -> None:
    checked = check_text(f"initrd load {text}")
    blob = checked.the_plan.blobs[1]
    assert (blob.role, blob.path, blob.address, blob.passed) == (
        BlobRole.INITRD,
        "b",
        address,
        None,
    )
    assert not checked.findings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("pass loc pci:0:3.0", 0xA0000 + (511 << 20)),
        ("pass loc pci:0:3.0 loc 0x40000000,1m,m=0x20000000", 0xA0000 + (512 << 20)),
        ("pass loc pci:0:3.0 loc 0x40000000,1m,rcn=0x20000000", 0xA0000 + (511 << 20)),
        ("pass loc 0x40000000,1m,m=0x20000000", 0),
    ],
)
def test_locked_memory(text: str, expected: int) -> None:
    assert check_text(text).the_plan.locked_memory == expected


def test_claims_are_in_the_users_notation() -> None:
    plan = check_text(
        "system a pass loc pci:0:9.0=pci:0:3.0 loc 0x40000000,1m,rn=0x20000000", base=""
    ).plan
    assert plan is not None
    assert [(c.resource, c.vm) for c in plan.claims] == [
        ("mem:0x20000000,0x100000", "a"),
        ("pci:0:3.0", "a"),
    ]


def test_serial_ports_and_cpus() -> None:
    text = "cpu cpu vdev ser8250 loc 0x2f8 intr ioapic:3 hostdev >- hostdev >log"
    plan = check_text(text).the_plan
    assert plan.cpu_count == 2
    (port,) = plan.serial_ports
    assert (port.port, port.gsi, port.host_devices) == (0x2F8, 3, (">-", ">log"))


def test_one_cpu_where_none_is_given() -> None:
    assert check_text("", BOARD).the_plan.cpu_count == 1


@pytest.mark.parametrize("window", ["ecam", "memory32", "memory64"])
def test_no_window_is_where_the_iommu_keeps_addresses_back(window: str) -> None:
    text = "pass loc pci:0:3.0"
    board = with_functions(NVME)
    kept = getattr(check_text(text, board).the_plan.pci, window)._replace(size=1 << 20)
    (group,) = board.iommu_groups
    group = group._replace(reserved=(HostRegion(kept, "direct"),))
    plan = check_text(text, board._replace(iommu_groups=(group,))).the_plan
    assert not any(place.overlaps(kept) for place in plan.pci[:3])
    # Without a function nobody behind the IOMMU reaches anything.
    without = check_text("", board._replace(iommu_groups=(group,))).the_plan
    assert any(place.overlaps(kept) for place in without.pci[:3])


@pytest.mark.parametrize("bits", [36, 38, 39, 46])
def test_the_64_bit_window_lies_where_the_processor_reaches(bits: int) -> None:
    board = BOARD._replace(abilities=BOARD.abilities._replace(address_bits=bits))
    window = check_text("load x", board).the_plan.pci.memory64
    assert window.start >= 1 << 32
    assert window.end <= 1 << bits
    assert window.size >= 4 << 30


@pytest.mark.parametrize(
    "text",
    [
        "vdev ser8250 loc 0x3f8 intr ioapic:4",
        "vdev ioapic loc 0xf8000000 intr apic name p reserve loc 0x40000000,1m",
        "pass loc 0x40000000,1m,m=0x20000000 loc 0x50000000,4k,rcn=0x21000000",
    ],
)
def test_without_a_board_the_address_map_is_the_same_but_for_pci(text: str) -> None:
    checked = check_text(text)
    of_pci = (RegionKind.PCI_CONFIG, RegionKind.PCI_WINDOW)
    with_board = [(r.range, r.kind) for r in checked.the_plan.regions if r.kind not in of_pci]
    without = plan_without_board(checked.config)
    assert sorted((r.range, r.kind.value) for r in without.regions) == sorted(
        (place, kind.value) for place, kind in with_board
    )
    assert without.findings == ()
    assert not any(region.verdicts for region in without.regions)
