# SPDX-License-Identifier: Apache-2.0
"""Tables of text with aligned columns, for people."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

__all__ = ["Column", "places_in_line", "table"]

_INDENT = "  "
_GAP = "  "
_LEAST_WIDTH = 12


class Column(NamedTuple):
    """The heading of a column; what ``may_shrink`` is cut to what a narrow terminal has left."""

    heading: str
    is_right: bool = False
    may_shrink: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int | None = None
) -> Iterator[str]:
    """The headings and the rows, indented; a column with nothing in it is left out.

    ``width`` is how many characters a line has room for; None for any number. Where the
    columns that may shrink are not wide enough to make up for it, the lines are longer.
    """
    used = [number for number in range(len(columns)) if any(row[number] for row in rows)]
    shown = [columns[number] for number in used]
    cells = [[column.heading for column in shown]]
    cells += [[row[number] for number in used] for row in rows]
    widths = [max(len(row[place]) for row in cells) for place in range(len(used))]
    if width is not None:
        _shrink(shown, widths, width)
    for row in cells:
        yield (_INDENT + _GAP.join(map(_fitted, row, shown, widths))).rstrip()


def places_in_line(places: Sequence[tuple[str, str]]) -> list[str]:
    """Start and end of each as the text of one cell, the dots of all below each other.

    What has no end is its start alone.
    """
    width = max((len(start) for start, _ in places), default=0)
    return [f"{start:>{width}}..{end}" if end else f"{start:>{width}}" for start, end in places]


def _shrink(columns: Sequence[Column], widths: list[int], width: int) -> None:
    """Make the widest of the columns that may shrink narrower until all of them fit."""
    too_much = len(_INDENT) + sum(widths) + len(_GAP) * (len(widths) - 1) - width
    candidates = [place for place, column in enumerate(columns) if column.may_shrink]
    while too_much > 0 and candidates:
        widest = max(candidates, key=lambda place: widths[place])
        if widths[widest] <= _LEAST_WIDTH:
            return
        widths[widest] -= 1
        too_much -= 1


def _fitted(text: str, column: Column, width: int) -> str:
    if len(text) > width:
        text = text[: width - 1] + "…"
    return text.rjust(width) if column.is_right else text.ljust(width)
