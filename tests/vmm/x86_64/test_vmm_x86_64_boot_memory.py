# SPDX-License-Identifier: Apache-2.0
"""Page tables, descriptors and the bookkeeping of free RAM."""

from struct import unpack_from

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.vmm.x86_64.boot.entry import (
    DescriptorTable,
    LongModeEntry,
    ProtectedModeEntry,
    RealModeEntry,
    flat_gdt,
)
from passthru.vmm.x86_64.boot.paging import identity_tables, tables_size
from passthru.vmm.x86_64.boot.request import FreeRam

BASE = 0x5000
GIB = 1 << 30


def walk(tables, linear):
    """The physical address as the MMU finds it (SDM 3, 4.5), or None."""
    table = BASE
    for shift in (39, 30, 21):
        (entry,) = unpack_from("<Q", tables, table - BASE + 8 * (linear >> shift & 511))
        if not entry & 1:
            return None
        assert entry & 2, "not writable"
        assert not entry >> 63, "not executable"
        table = entry & 0x000FFFFFFFFFF000
        if entry & 0x80:
            assert shift == 21
            return table & -(2 << 20) | linear & (2 << 20) - 1
    raise AssertionError("no large page")


RANGES = st.lists(
    st.builds(AddressRange, st.integers(0, 1 << 46), st.integers(1, 3 * GIB)),
    min_size=1,
    max_size=3,
)


@given(RANGES)
def test_pages_map_to_themselves(ranges):
    tables = identity_tables(BASE, ranges)
    assert len(tables) == tables_size(ranges)
    for part in ranges:
        for address in (part.start, part.start + part.size // 2, part.end - 1):
            assert walk(tables, address) == address


def test_nothing_else_is_mapped():
    tables = identity_tables(BASE, [AddressRange(0, 4 * GIB)])
    assert walk(tables, 4 * GIB) is None
    assert walk(tables, 512 * GIB) is None
    assert len(tables) == 6 * 4096


def decode_descriptor(value):
    limit = value & 0xFFFF | (value >> 48 & 0xF) << 16
    return {
        "base": value >> 16 & 0xFFFFFF | (value >> 56) << 24,
        "limit": (limit << 12 | 0xFFF) if value >> 55 & 1 else limit,
        "type": value >> 40 & 0xF,
        "s": value >> 44 & 1,
        "dpl": value >> 45 & 3,
        "present": value >> 47 & 1,
        "long": value >> 53 & 1,
        "db": value >> 54 & 1,
    }


ENTRIES = {
    True: LongModeEntry(0x1000200, 0x2000, 0x4000, 0x5000, DescriptorTable(0x3000, 31)),
    False: ProtectedModeEntry(0x100000, 0x2000, DescriptorTable(0x3000, 31)),
}


@pytest.mark.parametrize("long_mode", [True, False])
def test_gdt_holds_the_loaded_segments(long_mode):
    state = ENTRIES[long_mode].processor()
    gdt = flat_gdt(long_mode=long_mode)
    assert len(gdt) == state.gdt.limit + 1
    for segment in (state.cs, state.ds):
        (value,) = unpack_from("<Q", gdt, segment.selector)
        expected = decode_descriptor(value)
        assert {field: getattr(segment, field) for field in expected} == expected


def test_boot_protocol_selectors():
    # Documentation/arch/x86/boot.rst: __BOOT_CS is 0x10, __BOOT_DS is 0x18.
    state = ENTRIES[True].processor()
    assert (state.cs.selector, state.ds.selector) == (0x10, 0x18)


def test_long_mode_is_consistent():
    state = ENTRIES[True].processor()
    assert state.cr0 & 0x80000001 == 0x80000001
    assert state.cr4 & 0x20
    assert state.efer & 0x500 == 0x500
    assert (state.cs.long, state.cs.db) == (1, 0)
    assert state.rflags == 2


def test_pvh_entry_has_paging_off():
    state = ENTRIES[False].processor()
    assert (state.cr0, state.cr4, state.efer, state.cr3) == (0x11, 0, 0, 0)
    assert (state.cs.long, state.cs.db) == (0, 1)
    assert (state.tr.base, state.tr.limit, state.tr.type, state.tr.s) == (0, 0x67, 11, 0)


@pytest.mark.parametrize("address", [0x1000, 0xF0000, 0x200000, 0xFFFFFFF0])
def test_real_mode_starts_at_the_address(address):
    state = RealModeEntry(address).processor()
    assert state.cs.base + state.rip == address
    assert state.cr0 & 1 == 0
    assert (state.cs.limit, state.ds.base, state.ds.limit) == (0xFFFF, 0, 0xFFFF)
    assert 0 <= state.cs.selector <= 0xFFFF


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 50)), max_size=4),
    st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.sampled_from([1, 4, 16])), max_size=6),
)
def test_what_is_taken_was_free_and_is_not_given_twice(ranges, requests):
    ram = [AddressRange(*part) for part in ranges]
    within = AddressRange(10, 180)
    free, given_out = FreeRam(ram), []
    for lowest, size, alignment in requests:
        take = free.take_lowest if lowest else free.take_highest
        place = take(size, within, alignment)
        candidates = [
            AddressRange(start, size)
            for start in range(0, 256, alignment)
            if within.contains(AddressRange(start, size))
            and all(
                any(part.contains(AddressRange(byte, 1)) for part in ram)
                and not any(old.contains(AddressRange(byte, 1)) for old in given_out)
                for byte in range(start, start + size)
            )
        ]
        if not candidates:
            assert place is None
            continue
        assert place == (candidates[0] if lowest else candidates[-1])
        given_out.append(place)
