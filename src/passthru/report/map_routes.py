# SPDX-License-Identifier: Apache-2.0
"""Arrows in a terminal: lines of box-drawing characters between the rows of two columns."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from string import ascii_letters

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

_LETTERS = ascii_letters
_NO_LETTER = "*"


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
    grid = _Grid(rows, width)
    lanes = dict(_lanes(routes))
    columns = _columns(max(lanes.values(), default=-1) + 1, width)
    letters = iter(_LETTERS)
    for route in routes:
        if route.start == route.end:
            grid.draw_right(route, route.start, 0, width - 1)
        elif lanes[route] < len(columns):
            column = columns[lanes[route]]
            grid.draw_right(route, route.start, 0, column)
            grid.draw_down(route, column)
            grid.draw_right(route, route.end, column, width - 1)
        else:
            grid.draw_ends(route, next(letters, _NO_LETTER))
    return grid.characters({route.end for route in routes})


def _columns(lanes: int, width: int) -> range:
    """The column of each lane; where not all of them fit, there is room for letters beside."""
    if 2 * lanes <= width - 4:
        return range(1, width - 3, 2)
    if lanes <= width - 4:
        return range(1, width - 3)
    return range(2, width - 3)


class _Grid:
    """The space between two columns: which ways lines go from each character, and letters."""

    def __init__(self, rows: int, width: int) -> None:
        self._ways = [[0] * width for _ in range(rows)]
        self._is_bad = [[False] * width for _ in range(rows)]
        self._letters: dict[tuple[int, int], str] = {}
        self._width = width

    def draw_right(self, route: Route, row: int, first: int, last: int) -> None:
        """A line in one row; at the edges it goes on into what is beside."""
        for column in range(first, last + 1):
            if column > first or column == 0:
                self._ways[row][column] |= _LEFT
            if column < last or column == self._width - 1:
                self._ways[row][column] |= _RIGHT
            self._is_bad[row][column] |= route.is_bad

    def draw_down(self, route: Route, column: int) -> None:
        """The line in one column, from the row where the arrow begins to that where it ends."""
        first, last = sorted((route.start, route.end))
        for row in range(first, last + 1):
            if row > first:
                self._ways[row][column] |= _UP
            if row < last:
                self._ways[row][column] |= _DOWN
            self._is_bad[row][column] |= route.is_bad

    def draw_ends(self, route: Route, letter: str) -> None:
        """Only the beginning and the end of an arrow, with the letter that joins them."""
        self.draw_right(route, route.start, 0, 0)
        self.draw_right(route, route.end, self._width - 2, self._width - 1)
        for row, column in ((route.start, 1), (route.end, self._width - 3)):
            self._letters[row, column] = letter
            self._is_bad[row][column] |= route.is_bad

    def characters(self, heads: Collection[int]) -> list[list[tuple[str, bool]]]:
        """Every character, and whether it is of a bad arrow; ``heads`` are rows of ends."""
        return [
            [
                (self._letters.get((row, column)) or self._character(row, column, heads), is_bad)
                for column, is_bad in enumerate(self._is_bad[row])
            ]
            for row in range(len(self._ways))
        ]

    def _character(self, row: int, column: int, heads: Collection[int]) -> str:
        if row in heads and column == self._width - 1:
            return "▶"
        return _CHARACTERS[self._ways[row][column]]


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
