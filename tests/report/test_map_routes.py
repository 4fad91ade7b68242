# SPDX-License-Identifier: Apache-2.0
"""Every arrow leads to its end, followed character by character as a reader does."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.report.map_routes import Route, paired_rows, routed

WIDTH = 30

TURNS = {
    ("right", "─"): "right",
    ("right", "▶"): "right",
    ("right", "┼"): "right",
    ("right", "╮"): "down",
    ("right", "╯"): "up",
    ("down", "│"): "down",
    ("down", "┼"): "down",
    ("down", "╰"): "right",
    ("up", "│"): "up",
    ("up", "┼"): "up",
    ("up", "╭"): "right",
}
STEPS = {"right": (0, 1), "down": (1, 0), "up": (-1, 0)}


def followed(lines: list[str], row: int) -> int:
    """The row in which the arrow that begins in ``row`` ends."""
    column, direction = 0, "right"
    while column < len(lines[row]):
        direction = TURNS[direction, lines[row][column]]
        down, right = STEPS[direction]
        row, column = row + down, column + right
    assert lines[row][-1] == "▶"
    return row


def drawn(routes: list[Route], rows: int, width: int = WIDTH) -> list[str]:
    return ["".join(c for c, _ in line) for line in routed(routes, rows, width)]


@st.composite
def columns(draw):
    """The rows of two columns, and arrows from some things of one to things of the other."""
    count = draw(st.integers(0, 8))
    left = draw(st.lists(st.none(), max_size=6))
    right = draw(st.lists(st.none(), max_size=6))
    for thing in range(count):
        left.insert(draw(st.integers(0, len(left))), thing)
        right.insert(draw(st.integers(0, len(right))), thing)
    return left, right, [(thing, thing) for thing in range(count)]


@given(columns())
def test_every_arrow_leads_from_its_row_to_its_row(described):
    left, right, links = described
    pairs = paired_rows(left, right, links)
    rows = [{}, {}]
    for number, pair in enumerate(pairs):
        for side, names in enumerate((left, right)):
            if pair[side] is not None:
                rows[side][names[pair[side]]] = number
    routes = [Route(rows[0][one], rows[1][other]) for one, other in links]
    lines = drawn(routes, len(pairs))
    for route in routes:
        assert followed(lines, route.start) == route.end


@given(columns())
def test_both_columns_are_whole_and_in_order(described):
    left, right, links = described
    pairs = paired_rows(left, right, links)
    assert [one for one, _ in pairs if one is not None] == list(range(len(left)))
    assert [other for _, other in pairs if other is not None] == list(range(len(right)))


def test_arrows_in_order_are_all_straight():
    pairs = paired_rows([0, None, 1, 2], [None, 0, 1, None, 2], [(0, 0), (1, 1), (2, 2)])
    assert {(0, 1), (2, 2), (3, 4)} <= set(pairs)
    assert drawn([Route(0, 0), Route(1, 1)], 2, 4) == ["───▶", "───▶"]


def test_what_crosses_goes_around():
    assert drawn([Route(0, 2), Route(1, 1)], 3, 8) == ["─╮      ", "─┼─────▶", " ╰─────▶"]


def test_two_arrows_to_one_thing_meet_before_it():
    assert drawn([Route(0, 1), Route(1, 1)], 2, 6) == ["─╮    ", "─┴───▶"]


def test_an_arrow_in_a_conflict_is_known_everywhere():
    lines = routed([Route(0, 1, is_bad=True)], 2, 6)
    assert [[bad for _, bad in line] for line in lines] == [
        [True] * 2 + [False] * 4,
        [False] + [True] * 5,
    ]


def test_arrows_that_find_no_room_have_a_letter_at_both_ends():
    count, width = 12, 10
    routes = [Route(row, 2 * count - 1 - row) for row in range(count)]
    lines = drawn(routes, 2 * count, width)
    lettered = {row: line[1] for row, line in enumerate(lines[:count]) if line[1].isalpha()}
    assert len(set(lettered.values())) == len(lettered) == count - (width - 5)
    for row, letter in lettered.items():
        assert lines[row][0] == "─"
        assert lines[routes[row].end].endswith(f"{letter}─▶")
    for route in routes:
        if route.start not in lettered:
            assert followed(lines, route.start) == route.end


@pytest.mark.parametrize("width", [6, 8, 12])
def test_every_line_is_as_wide_as_asked(width):
    routes = [Route(0, 5), Route(1, 4), Route(2, 3)]
    assert {len(line) for line in drawn(routes, 6, width)} == {width}
    assert all(one != other for one, other in pairwise(drawn(routes, 6, width)))
