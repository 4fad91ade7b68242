# SPDX-License-Identifier: Apache-2.0
"""Arrows in a terminal: lines of box-drawing characters between the rows of two columns."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from passthru.lean import NamedTuple

__all__ = ["Route", "paired_rows", "routed"]

_LEFT, _RIGHT, _UP, _DOWN = 1, 2, 4, 8
_CHARACTERS = {
    0: " ",
    _LEFT: "─",
    _RIGHT: "─",
    _LEFT | _RIGHT: "─",
    _UP: "│",
    _DOWN: "│",
    _UP | _DOWN: "│",
    _LEFT | _DOWN: "╮",
    _LEFT | _UP: "╯",
    _RIGHT | _DOWN: "╭",
    _RIGHT | _UP: "╰",
    _LEFT | _RIGHT | _DOWN: "┬",
    _LEFT | _RIGHT | _UP: "┴",
    _LEFT | _UP | _DOWN: "┤",
    _RIGHT | _UP | _DOWN: "├",
    _LEFT | _RIGHT | _UP | _DOWN: "┼",
}


class Route(NamedTuple):
    """An arrow from a row on the left to a row on the right."""

    start: int
    end: int
    is_bad: bool = False


def paired_rows(
    left: Sequence[int | None], right: Sequence[int | None], links: Sequence[tuple[int, int]]
) -> list[tuple[int | None, int | None]]:
    """Which row of the left column stands beside which of the right one; None is an empty row.

    ``left`` and ``right`` tell the thing that each row names, if it names one; ``links`` are
    pairs of things. As many arrows as possible are straight, and a row has ends of two arrows
    only if they end at one thing.
    """
    left_row = {thing: row for row, thing in enumerate(left) if thing is not None}
    right_row = {thing: row for row, thing in enumerate(right) if thing is not None}
    ends = [(left_row[one], right_row[other]) for one, other in links]
    busy_left = {one for one, _ in ends}
    busy_right = {other for _, other in ends}
    pairs: list[tuple[int | None, int | None]] = []
    one = other = 0
    for straight in [*_longest_straight(ends), (len(left), len(right))]:
        while one < straight[0] or other < straight[1]:
            has_one, has_other = one < straight[0], other < straight[1]
            if has_one and has_other and one in busy_left and other in busy_right:
                has_other = False
            pairs.append((one if has_one else None, other if has_other else None))
            one, other = one + has_one, other + has_other
        if straight != (len(left), len(right)):
            pairs.append(straight)
            one, other = straight[0] + 1, straight[1] + 1
    return pairs


def _longest_straight(ends: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest chain of arrows that can be straight together, each further down."""
    lasts: list[int] = []
    """The least right row that a chain of each length ends at."""
    chains: list[tuple[tuple[int, int], int]] = []
    """Each arrow, and the number here of the one before it in its chain, or -1."""
    tails: list[int] = []
    for end in sorted(ends, key=lambda each: (each[0], -each[1])):
        length = bisect_left(lasts, end[1])
        chains.append((end, tails[length - 1] if length else -1))
        lasts[length : length + 1] = [end[1]]
        tails[length : length + 1] = [len(chains) - 1]
    longest = []
    number = tails[-1] if tails else -1
    while number >= 0:
        end, number = chains[number]
        longest.append(end)
    return longest[::-1]


def routed(routes: Sequence[Route], rows: int, width: int) -> list[list[tuple[str, bool]]]:
    """The characters of each row between the columns, and whether each is of a bad arrow.

    Where there are more arrows side by side than fit, both ends of an arrow are marked with
    one letter, and the line between them is left out.
    """
    lines = [[0] * width for _ in range(rows)]
    bad = [[False] * width for _ in range(rows)]
    letters: dict[tuple[int, int], str] = {}
    lanes = dict(_lanes(routes))
    lanes_there = width - 4
    unnamed = 0
    for route in routes:
        if route.start == route.end:
            _draw(lines, bad, route, [(route.start, 0, width - 1)])
            continue
        lane = lanes[route]
        if lane < lanes_there:
            column = 1 + lane if lanes_there < 2 else 1 + lane * _spread(lanes, lanes_there)
            _draw(lines, bad, route, [(route.start, 0, column), (route.end, column, width - 1)])
            _draw_down(lines, bad, route, column)
            continue
        letter = _letter(unnamed)
        unnamed += 1
        _draw(lines, bad, route, [(route.start, 0, 1), (route.end, width - 3, width - 1)])
        letters[route.start, 2] = letters[route.end, width - 4] = letter
    heads = {route.end for route in routes}
    return [
        [
            (letters.get((row, column)) or _character(lines[row], column, row in heads), is_bad)
            for column, is_bad in enumerate(bad[row])
        ]
        for row in range(rows)
    ]


def _spread(lanes: dict[Route, int], room: int) -> int:
    """Columns from one lane to the next."""
    return 2 if 2 * max(lanes.values(), default=0) < room else 1


def _letter(number: int) -> str:
    return chr(ord("a") + number) if number < 26 else "*"


def _character(line: Sequence[int], column: int, has_head: bool) -> str:
    if has_head and column == len(line) - 1:
        return "▶"
    return _CHARACTERS[line[column]]


def _lanes(routes: Sequence[Route]) -> Iterator[tuple[Route, int]]:
    """A lane for the vertical part of each bent arrow, no two of which meet in one."""
    free_from: list[int] = []
    for route in sorted(routes, key=lambda each: min(each.start, each.end)):
        first, last = sorted((route.start, route.end))
        if first == last:
            continue
        lane = next((n for n, row in enumerate(free_from) if row <= first), len(free_from))
        free_from[lane : lane + 1] = [last + 1]
        yield route, lane


def _draw(
    lines: list[list[int]],
    bad: list[list[bool]],
    route: Route,
    pieces: Sequence[tuple[int, int, int]],
) -> None:
    """Lines to the right: row, first and last column of each."""
    for row, first, last in pieces:
        for column in range(first, last + 1):
            if column > first or column == 0:
                lines[row][column] |= _LEFT
            if column < last or column == len(lines[row]) - 1:
                lines[row][column] |= _RIGHT
            bad[row][column] |= route.is_bad


def _draw_down(lines: list[list[int]], bad: list[list[bool]], route: Route, column: int) -> None:
    first, last = sorted((route.start, route.end))
    for row in range(first, last + 1):
        if row > first:
            lines[row][column] |= _UP
        if row < last:
            lines[row][column] |= _DOWN
        bad[row][column] |= route.is_bad
