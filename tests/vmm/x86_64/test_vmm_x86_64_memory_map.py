# SPDX-License-Identifier: Apache-2.0
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.plan.model import GuestRegion, RegionKind
from passthru.vmm.x86_64.boot.request import E820Type, memory_map

USABLE = {RegionKind.RAM, RegionKind.PASSED_RAM}
UNTOLD = {RegionKind.PCI_WINDOW}


def region(start, size, kind):
    return GuestRegion(AddressRange(start, size), kind, "a region", None)


def lines(*regions):
    return [(e.range.start, e.range.end, e.type.name) for e in memory_map(regions)]


def test_a_plain_pc():
    assert lines(
        region(0, 256 << 20, RegionKind.RAM),
        region(0xE0000, 0x20000, RegionKind.FIRMWARE),
        region(0xE0000000, 1 << 20, RegionKind.PCI_CONFIG),
        region(0xC0000000, 0x20000000, RegionKind.PCI_WINDOW),
    ) == [
        (0, 0xA0000, "USABLE"),
        (0xA0000, 0x100000, "RESERVED"),
        (0x100000, 0x10000000, "USABLE"),
        (0xE0000000, 0xE0100000, "RESERVED"),
    ]


def test_neighbours_are_one_entry():
    ram = [region(start << 20, 1 << 20, RegionKind.RAM) for start in (3, 1, 2)]
    passed = region(4 << 20, 1 << 20, RegionKind.PASSED_RAM)
    assert lines(*ram, passed)[-1] == (1 << 20, 5 << 20, "USABLE")


def test_reserved_wins_over_ram():
    assert lines(
        region(1 << 20, 8 << 20, RegionKind.RAM), region(2 << 20, 4096, RegionKind.RESERVED)
    )[1:] == [
        (0x100000, 0x200000, "USABLE"),
        (0x200000, 0x201000, "RESERVED"),
        (0x201000, 0x900000, "USABLE"),
    ]


REGIONS = st.lists(
    st.builds(
        region, st.integers(0, 0x200), st.integers(0, 0x80), st.sampled_from(list(RegionKind))
    ),
    max_size=8,
)


@given(REGIONS)
def test_each_byte_is_told_right(regions):
    entries = memory_map(regions)
    for before, after in itertools.pairwise(entries):
        assert before.range.end <= after.range.start
        assert before.range.end < after.range.start or before.type != after.type
    for address in range(0x281):
        byte = AddressRange(address, 1)
        kinds = {r.kind for r in regions if r.range.contains(byte)} - UNTOLD
        told = [e.type for e in entries if e.range.contains(byte)]
        if kinds - USABLE:
            assert told == [E820Type.RESERVED]
        else:
            assert told == ([E820Type.USABLE] if kinds else [])


@pytest.mark.parametrize("kind", sorted(USABLE, key=str))
def test_the_legacy_hole_is_never_ram(kind):
    told = list(memory_map([region(0x90000, 0x100000, kind)]))
    assert [e.type for e in told if e.range.contains(AddressRange(0xA0000, 0x60000))] == [
        E820Type.RESERVED
    ]
