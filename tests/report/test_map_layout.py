# SPDX-License-Identifier: Apache-2.0
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.report.map_layout import Room, column_layout, list_layout

ROOM = Room(length=30, memory=9, other=2, hole=1.3, large_hole=1.3, unnamed=0.45)

ranges = st.lists(
    st.builds(AddressRange, st.integers(0, 40), st.integers(1, 30))
    | st.builds(AddressRange, st.integers(0, 1 << 62), st.integers(1, 1 << 40)),
    max_size=12,
)


@given(ranges, st.data())
def test_every_name_has_a_line_of_its_own_that_nothing_covers(places, data):
    is_memory = data.draw(st.lists(st.booleans(), min_size=len(places), max_size=len(places)))
    placed = column_layout(places, is_memory, ROOM).placed
    names = sorted(each.top for each in placed)
    assert all(after - before >= 1 - 1e-9 for before, after in pairwise(names))
    assert all(each.bottom >= each.top + 1 - 1e-9 for each in placed)
    for one, other in combinations(range(len(places)), 2):
        if not places[one].overlaps(places[other]):
            continue
        below, above = sorted((placed[one], placed[other]), key=lambda each: each.depth)
        assert below.depth < above.depth
        assert above.top >= below.top + 1 - 1e-9


@given(ranges)
def test_the_order_of_addresses_is_kept(places):
    layout = column_layout(places, [True] * len(places), ROOM)
    for one, other in combinations(range(len(places)), 2):
        if places[one].end <= places[other].start:
            assert layout.placed[one].bottom <= layout.placed[other].top + 1e-9
    assert layout.length == max((each.bottom for each in layout.placed), default=0)


def test_what_lies_in_something_is_on_it():
    places = [AddressRange(0, 100), AddressRange(10, 5), AddressRange(12, 2), AddressRange(40, 5)]
    placed = column_layout(places, [True] * 4, ROOM).placed
    assert [each.depth for each in placed] == [0, 1, 2, 1]


def test_what_begins_together_lies_like_cards():
    places = [AddressRange(0, 8), AddressRange(0, 8), AddressRange(0, 16)]
    placed = column_layout(places, [True] * 3, ROOM).placed
    assert [(each.top, each.depth) for each in placed] == [(1, 1), (2, 2), (0, 0)]


def test_a_hole_is_between_what_it_divides():
    layout = column_layout([AddressRange(0, 4096), AddressRange(1 << 30, 4096)], [True] * 2, ROOM)
    (hole,) = layout.holes
    assert hole.range == AddressRange.between(4096, 1 << 30)
    assert (layout.placed[0].bottom, layout.placed[1].top) == (hole.start, hole.start + hole.length)


def test_small_things_get_no_more_than_a_line():
    placed = column_layout([AddressRange(0, 4096)], [False], ROOM).placed
    assert (placed[0].top, placed[0].bottom) == (0, 1)


def test_a_list_has_a_line_each():
    layout = list_layout(3)
    assert [(each.top, each.bottom) for each in layout.placed] == [(0, 1), (1, 2), (2, 3)]
    assert (layout.length, list_layout(0).length) == (3, 0)
