# SPDX-License-Identifier: Apache-2.0
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.report.map_shapes import End, arrow, bends

LEFT, RIGHT = 100.0, 200.0


def height_at(start: float, end: float, bend: float, x: float) -> float:
    """Where the line of an arrow is at ``x``: a cubic curve whose handles are above the bend."""
    low, high = 0.0, 1.0
    for _ in range(40):
        t = (low + high) / 2
        reached = (1 - t) ** 3 * LEFT + 3 * (1 - t) * t * ((1 - t) + t) * bend + t**3 * RIGHT
        low, high = (t, high) if reached < x else (low, t)
    part = t * t * (3 - 2 * t)
    return start + (end - start) * part


def ends_of(heights: list[tuple[float, float]]) -> list[tuple[End, End]]:
    return [(End(LEFT, one, one), End(RIGHT, other, other)) for one, other in heights]


@given(st.lists(st.floats(0, 500), max_size=8), st.lists(st.floats(0, 500), max_size=8))
def test_arrows_in_order_do_not_cross(starts, ends):
    heights = list(zip(sorted(starts), sorted(ends), strict=False))
    found = bends(ends_of(heights))
    for x in range(int(LEFT), int(RIGHT) + 1, 10):
        places = [height_at(*height, bend, x) for height, bend in zip(heights, found, strict=True)]
        assert all(one <= other + 1e-6 for one, other in pairwise(places)), x


def test_arrows_that_cross_do_not_meet_in_one_point():
    heights = [(float(each), float(70 - each)) for each in range(0, 80, 10)]
    found = bends(ends_of(heights))
    middles = {
        round(height_at(*height, bend, 150), 1) for height, bend in zip(heights, found, strict=True)
    }
    assert len(middles) == len(heights)


@given(st.lists(st.tuples(st.floats(0, 500), st.floats(0, 500)), max_size=9))
def test_every_arrow_bends_between_the_columns(heights):
    found = bends(ends_of(heights))
    assert len(found) == len(heights)
    assert all(LEFT < bend < RIGHT for bend in found)


@pytest.mark.parametrize(("start", "end", "tip"), [(10, 90, 82), (90, 10, 18)])
def test_the_head_is_at_the_end_on_either_side(start, end, tip):
    drawn = arrow(End(start, 0, 10), End(end, 20, 40), 50)
    assert f'class="head" d="M{end} 30L{tip} 26V34Z"' in drawn
    assert f'class="arrow" d="M{start} 5C50 5 50 30 {tip} 30"' in drawn
