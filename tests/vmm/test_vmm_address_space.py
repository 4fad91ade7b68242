# SPDX-License-Identifier: Apache-2.0
"""Dispatch of trapped accesses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.vmm.address_space import Bus


class Recorder:
    def __init__(self, value: int = 0) -> None:
        self.value = value
        self.written: list[tuple[int, int, int]] = []

    def read(self, offset: int, size: int) -> int:
        return self.value + offset

    def write(self, offset: int, size: int, value: int) -> None:
        self.written.append((offset, size, value))


def test_an_access_reaches_its_handler_with_the_offset_in_its_range():
    bus, recorder = Bus(), Recorder(0x40)
    bus.attach(AddressRange(0x3F8, 8), recorder)
    assert bus.read(0x3FD, 1) == 0x45
    bus.write(0x3F9, 1, 7)
    assert recorder.written == [(1, 1, 7)]


@pytest.mark.parametrize(("address", "size"), [(0x3F7, 1), (0x400, 1), (0x3FF, 2), (0x3FE, 4)])
def test_what_is_not_wholly_inside_reads_all_ones_and_writes_nothing(address, size):
    bus, recorder = Bus(), Recorder()
    bus.attach(AddressRange(0x3F8, 8), recorder)
    assert bus.read(address, size) == (1 << (8 * size)) - 1
    bus.write(address, size, 0)
    assert recorder.written == []


def test_a_handler_s_value_is_cut_to_the_size_of_the_access():
    bus = Bus()
    bus.attach(AddressRange(0, 8), Recorder(0x12345))
    assert bus.read(0, 1) == 0x45
    bus.attach(AddressRange(8, 8), Recorder(-1))
    assert bus.read(8, 4) == 0xFFFFFFFF


@pytest.mark.parametrize("start", [0x0F, 0x10, 0x13, 0x17])
def test_ranges_do_not_overlap(start):
    bus = Bus()
    bus.attach(AddressRange(0x10, 8), Recorder())
    with pytest.raises(ValueError, match="overlaps"):
        bus.attach(AddressRange(start, 2), Recorder())


def test_after_detach_nobody_answers_even_where_somebody_did():
    bus = Bus()
    bus.attach(AddressRange(0x10, 8), Recorder())
    assert bus.read(0x10, 1) == 0
    bus.detach(AddressRange(0x10, 8))
    assert bus.read(0x10, 1) == 0xFF


@given(st.lists(st.integers(0, 1 << 20), max_size=40), st.lists(st.integers(0, 1 << 20)))
def test_every_address_finds_the_range_that_holds_it(starts, addresses):
    bus, attached = Bus(), []
    for start in starts:
        try:
            bus.attach(AddressRange(start, 16), Recorder(start))
            attached.append(start)
        except ValueError:
            assert any(abs(start - other) < 16 for other in attached)
    for address in [*addresses, *starts]:
        holder = next((s for s in attached if s <= address < s + 16), None)
        expected = 0xFFFFFFFF if holder is None or address + 4 > holder + 16 else address
        assert bus.read(address, 4) == expected


def test_a_guest_that_touches_every_address_does_not_fill_our_memory():
    bus = Bus()
    for address in range(100_000):
        bus.read(address, 1)
    assert len(bus._known) <= 4096
