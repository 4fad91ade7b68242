# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.report.map_scale import Cell, address_scale

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30


def cells(*described: tuple[int, float, float, bool]) -> list[Cell]:
    """Adjacent cells from 0 of these sizes, leasts and mosts; the last tells a hole."""
    start, made = 0, []
    for size, least, most, is_hole in described:
        place = AddressRange(start, size)
        made.append(Cell(place, least, max(least, most), is_hole, sets_scale=not is_hole))
        start += size
    return made


any_cells = st.lists(
    st.tuples(
        st.integers(1, 1 << 64),
        st.floats(0.25, 5),
        st.floats(0.25, 20),
        st.booleans(),
    ),
    min_size=1,
    max_size=12,
).map(lambda described: cells(*described))
lengths = st.floats(0, 100)


@given(any_cells, lengths)
def test_the_cells_follow_one_another_and_keep_to_their_lines(given_cells, length):
    scale = address_scale(given_cells, length)
    assert [each.range for each in scale.cells] == [each.range for each in given_cells]
    assert scale.cells[0].start == 0
    for one, other in pairwise(scale.cells):
        assert other.start == one.start + one.length
    for cell, scaled in zip(given_cells, scale.cells, strict=True):
        assert cell.least <= scaled.length <= cell.most
    assert scale.length == pytest.approx(sum(each.length for each in scale.cells))


@given(any_cells, lengths, st.lists(st.integers(-10, 1 << 68), max_size=20))
def test_the_scale_is_monotone(given_cells, length, addresses):
    scale = address_scale(given_cells, length)
    edges = [edge for cell in given_cells for edge in (cell.range.start, cell.range.end)]
    places = [scale.position(each) for each in sorted([*addresses, *edges])]
    assert all(one <= other + 1e-9 for one, other in pairwise(places))
    assert places[0] >= 0
    assert places[-1] <= scale.length + 1e-9


@given(any_cells, lengths)
def test_what_is_to_scale_is_in_one_scale(given_cells, length):
    scale = address_scale(given_cells, length)
    ratios = [each.length / each.range.size for each in scale.cells if each.is_to_scale]
    assert all(ratio == pytest.approx(ratios[0], rel=0.05) for ratio in ratios)


@given(any_cells, lengths)
def test_a_column_is_no_longer_than_asked_unless_its_texts_are(given_cells, length):
    scale = address_scale(given_cells, length)
    needed = sum(each.least for each in given_cells)
    assert scale.length <= max(length, needed) * 1.000001 + 1e-6


def test_ram_is_to_scale_and_pages_are_not():
    scale = address_scale(
        cells(
            (4 * KIB, 1, 1, False),
            (GIB, 1, 9, False),
            (3 * GIB, 0.5, 1.3, True),
            (2 * GIB, 1, 9, False),
        ),
        length=100,
    )
    page, small, hole, large = scale.cells
    assert (page.length, large.length, hole.length) == (1, 9, 1.3)
    assert small.length == pytest.approx(4.5)
    assert [each.is_to_scale for each in scale.cells] == [False, True, False, True]


def test_the_length_that_is_there_is_used():
    scale = address_scale(cells((4 * KIB, 1, 1, False), (GIB, 1, 9, False)), length=7)
    assert scale.length == pytest.approx(7)


def test_positions_are_in_proportion_within_a_cell_and_end_at_its_edges():
    scale = address_scale(cells((100, 4, 4, False), (50, 1, 1, False)), length=5)
    assert [scale.position(each) for each in (-5, 0, 25, 100, 125, 150, 999)] == [
        0,
        0,
        1,
        4,
        4.5,
        5,
        5,
    ]


def test_a_cell_that_does_not_set_the_scale_does_not_make_the_others_small():
    window = Cell(AddressRange(2 * GIB, 64 * GIB), 1, 2, sets_scale=False)
    ram = cells((GIB, 1, 9, False), (GIB // 2, 1, 9, False))
    assert [round(each.length, 1) for each in address_scale([*ram, window], 100).cells] == [
        9,
        4.5,
        2,
    ]


def test_nothing_has_no_length():
    scale = address_scale([], 10)
    assert (scale.length, scale.position(5)) == (0, 0)
