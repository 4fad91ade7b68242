# SPDX-License-Identifier: Apache-2.0
"""The picture of a board's memory, and what is said of PCI functions and the host's own parts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.board.load import load_board
from passthru.board.model import HostRegion, PciCapabilities, PlatformDevice
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.report.board_capabilities import capability_lines
from passthru.report.board_host_parts import host_part
from passthru.report.board_passing import function_steps
from passthru.report.board_picture import memory_picture
from passthru.report.board_text import board_as_text
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.on_board import check_on_board
from sample_board import BOARD, NVME

GOLDEN = Path(__file__).parents[1] / "board/golden"
MIB = 1 << 20
EMPTY = BOARD._replace(memory=(), allocated=(), reserved=())


def region(start: int, size: int, name: str) -> HostRegion:
    return HostRegion(AddressRange(start, size), name)


def test_each_use_has_a_fill_of_its_own_and_ram_is_to_scale() -> None:
    board = EMPTY._replace(
        memory=(
            region(0, 64 * MIB, "Flash"),
            region(0x10000000, 1 << 30, "System RAM"),
            region(0x50000000, 128 * MIB, "Reserved"),
        ),
        allocated=(AddressRange(0x10000000, 1 << 29),),
        reserved=(region(0x30000000, 1 << 29, "guest"),),
    )
    lines = list(memory_picture(board))
    assert lines[0] == "  █ host allocates  ▓ reserved RAM  ▒ devices  ░ firmware"
    host, reserved = ([line for line in lines[1:] if fill in line] for fill in "█▓")
    assert len(host) > 4
    assert abs(len(host) - len(reserved)) <= 1
    assert host[0] == "  0x10000000  │██████████│ 512 MiB host allocates"
    assert reserved[0] == "  0x30000000  │▓▓▓▓▓▓▓▓▓▓│ 512 MiB reserved RAM: guest"
    assert any("128 MiB firmware: Reserved" in line for line in lines)
    assert any("192 MiB hole" in line for line in lines)


def test_small_devices_that_follow_each_other_are_drawn_as_one() -> None:
    small = [region(0x8000000 + 0x10000 * each, 0x1000, f"dev{each}") for each in range(5)]
    ram = region(0x40000000, 1 << 30, "System RAM")
    board = EMPTY._replace(memory=(*small, ram), allocated=(ram.range,))
    labels = [line for line in memory_picture(board) if "dev0" in line]
    assert labels == ["   0x8000000 ≈│▒▒▒▒▒▒▒▒▒▒│ 260 KiB devices: dev0, dev1 and 3 more"]


def test_without_a_map_there_is_no_picture() -> None:
    assert list(memory_picture(EMPTY)) == []
    assert "Picture" not in board_as_text(EMPTY)


@pytest.mark.parametrize("name", ["virt-arm64", "bench-x86-64"])
def test_pictures_of_real_hosts_fit_a_terminal(name: str) -> None:
    board = load_board(str(GOLDEN / f"{name}.board.json"))
    lines = list(memory_picture(board))
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    text = board_as_text(board)
    assert "\n".join(["Picture of the memory map", *lines]) in text
    for kept in board.reserved:
        assert any(line.split()[0] == f"{kept.range.start:#x}" for line in lines)


def test_names_cannot_speak_to_the_terminal() -> None:
    board = EMPTY._replace(memory=(region(0, 1 << 30, "a\x1b[2Jb"),))
    assert "\x1b" not in "\n".join(memory_picture(board))


REGIONS = st.lists(
    st.builds(
        region, st.integers(0, (1 << 64) - 1), st.integers(1, 1 << 40), st.sampled_from(["a", "b"])
    ).filter(lambda each: each.range.end <= 1 << 64),
    max_size=6,
)


@given(REGIONS, REGIONS)
def test_addresses_only_grow_downwards(
    memory: list[HostRegion], reserved: list[HostRegion]
) -> None:
    board = EMPTY._replace(memory=tuple(memory), reserved=tuple(reserved))
    lines = list(memory_picture(board))
    starts = [int(line.split()[0], 16) for line in lines if line.strip().startswith("0x")]
    assert starts == sorted(set(starts))
    regions = [*memory, *reserved]
    if regions:
        assert starts[0] == min(each.range.start for each in regions)
        assert starts[-1] == max(each.range.end for each in regions)


@pytest.mark.parametrize(
    ("pin", "capabilities", "lines"),
    [
        (0, None, []),
        (0, PciCapabilities((), (), 0, 0), []),
        (4, None, ["interrupts: INTD"]),
        (
            1,
            PciCapabilities((0x11, 0x05, 0x10, 0x09), (0x01, 0x10, 0x0D, 0x777), 1, 65),
            [
                "interrupts: INTA, MSI (1 vector), MSI-X (65 vectors)",
                "can do: PCI Express, error reporting (AER), virtual functions (SR-IOV), "
                "access control (ACS)",
            ],
        ),
        (
            0,
            PciCapabilities((0x05, 0x01), None, None, 0),
            ["interrupts: MSI", "can do: power management"],
        ),
    ],
)
def test_what_a_function_can_do(
    pin: int, capabilities: PciCapabilities | None, lines: list[str]
) -> None:
    function = NVME._replace(interrupt_pin=pin, capabilities=capabilities)
    assert list(capability_lines(function)) == lines


def test_an_arm_host_groups_a_function_when_a_driver_takes_it() -> None:
    board = load_board(str(GOLDEN / "virt-arm64.board.json"))
    unbound = next(each for each in board.pci if (each.vendor, each.device) == (0x1234, 0x11E8))
    steps = list(function_steps(unbound, board))
    assert steps[0] == "it has no IOMMU group yet: with a device tree it gets that with its driver"
    steps = list(function_steps(unbound._replace(driver="edu"), board))
    assert steps[0] == "no IOMMU contains it: it is in no group"


def device(*compatible: str) -> PlatformDevice:
    page = (AddressRange(0x1000, 0x1000),)
    return PlatformDevice("/d@1000", compatible, page, (), (), (), (), (), None, None)


@pytest.mark.parametrize(
    ("compatible", "part"),
    [
        (("arm,gic-v3",), "an interrupt controller"),
        (("vendor,soc-smmu", "arm,smmu-v3"), "an IOMMU"),
        (("pci-host-ecam-generic",), "a PCI host bridge, whose functions are passed one by one"),
        (("brcm,bcm2711-pcie",), "a PCI host bridge, whose functions are passed one by one"),
        (("fsl,ls-pcie-ep",), None),
        (("arm,cortex-a72-pmu",), "the processors' performance counters"),
        (("PNP0c01",), "resources of the main board"),
        (("PNP0103",), "a timer of the host"),
        (("qemu,fw-cfg-mmio",), "firmware"),
        (("arm,armv8-timer",), "a timer of the host"),
        (("arm,pl011", "arm,primecell"), None),
        (("PNP0501",), None),
        ((), None),
    ],
)
def test_parts_that_stay_with_the_host(compatible: tuple[str, ...], part: str | None) -> None:
    assert host_part(device(*compatible), BOARD) == part
    text = board_as_text(BOARD._replace(devices=(device(*compatible),)))
    assert ("pass loc 0x1000,0x1000,rwn" in text) is (part is None)
    assert (f"stays with the host: it is {part}" in text) is (part is not None)


@pytest.mark.parametrize("name", ["bench-x86-64", "virt-arm64", "x86_64", "arm64"])
def test_what_is_advised_to_pass_is_not_refused(name: str) -> None:
    """Nothing of the host's infrastructure has a `pass` to paste."""
    board = load_board(str(GOLDEN / f"{name}.board.json"))
    lines = [line.strip() for line in board_as_text(board).splitlines()]
    advised = "\n".join(line for line in lines if line.startswith("pass "))
    assert advised
    config = read([Source("advised", f"system a\n{advised}\n")], environment={}).config
    found = check_on_board(config, Hypervisor.KVM, board)
    assert [each.message for each in found if each.id == "host-infrastructure"] == []
