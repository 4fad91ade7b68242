# SPDX-License-Identifier: Apache-2.0
"""The shapes of a picture as SVG elements; lengths are in pixels."""

from collections.abc import Sequence

from passthru.lean import NamedTuple
from passthru.report.map_text import number, safe

__all__ = ["End", "arrow", "bends", "box", "break_mark", "ruler", "words"]

_HEAD = 8
_TOOTH = 5
_TEXT_ROOM = 62

# Parts of the way between two columns: where the first arrow may bend, and up to the last.
_FIRST_BEND = 0.28
_BENDS = 0.44


class End(NamedTuple):
    """One end of an arrow: the edge of a bar at ``x``, from ``top`` to ``bottom``."""

    x: float
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        """Where the arrow's line is."""
        return (self.top + self.bottom) / 2


def words(kind: str, x: float, y: float, text: str) -> str:
    """A line of text whose base line is at ``y``."""
    return f'<text class="{kind}" x="{number(x)}" y="{number(y)}">{safe(text)}</text>'


def box(kind: str, x: float, y: float, width: float, height: float) -> str:
    """A rectangle."""
    return (
        f'<rect class="{kind}" x="{number(x)}" y="{number(y)}" '
        f'width="{number(width)}" height="{number(max(height, 1.0))}"/>'
    )


def ruler(kind: str, x: float, top: float, bottom: float) -> str:
    """A line beside a column."""
    return f'<path class="{kind}" d="M{number(x)} {number(top + 1)}V{number(bottom - 1)}"/>'


def break_mark(left: float, width: float, y: float) -> str:
    """Two zigzags with room for a text between them: here addresses are left out."""
    half = width / 2 - _TEXT_ROOM
    teeth = int(half // (2 * _TOOTH))
    zigzag = f"l{_TOOTH} -{_TOOTH - 2} l{_TOOTH} {_TOOTH - 2}" * teeth
    second = left + width - teeth * 2 * _TOOTH
    return (
        f'<path class="break" d="M{number(left)} {number(y)}{zigzag}'
        f'M{number(second)} {number(y)}{zigzag}"/>'
    )


def bends(ends: Sequence[tuple[End, End]]) -> list[float]:
    """The x around which each arrow between two columns bends; ``ends`` are from the top down.

    Spread out, so that arrows that cross do not all meet in one point; and of arrows that go
    the same way up or down each makes room for the next, so that those in order do not cross.
    """
    rising = [place for place, (start, end) in enumerate(ends) if end.middle < start.middle]
    falling = [place for place in range(len(ends)) if place not in set(rising)]
    found = [0.0] * len(ends)
    for group in (rising, falling[::-1]):
        for rank, place in enumerate(group):
            part = rank / (len(group) - 1) if len(group) > 1 else 0.5
            start, end = ends[place]
            found[place] = start.x + (end.x - start.x) * (_FIRST_BEND + part * _BENDS)
    return found


def arrow(start: End, end: End, bend: float) -> str:
    """A band from one bar to another, and on it a line with a head at the end.

    Both bend around the x ``bend``. For a pointer the line is wider than it looks; bands, which
    cover one another, take none.
    """
    direction = 1 if end.x > start.x else -1
    tip = end.x - direction * _HEAD
    band = (
        f"M{number(start.x)} {number(start.top)}"
        f"C{number(bend)} {number(start.top)} {number(bend)} {number(end.top)} "
        f"{number(end.x)} {number(end.top)}V{number(end.bottom)}"
        f"C{number(bend)} {number(end.bottom)} {number(bend)} {number(start.bottom)} "
        f"{number(start.x)} {number(start.bottom)}Z"
    )
    line = (
        f"M{number(start.x)} {number(start.middle)}"
        f"C{number(bend)} {number(start.middle)} {number(bend)} {number(end.middle)} "
        f"{number(tip)} {number(end.middle)}"
    )
    half = _HEAD / 2
    head = (
        f"M{number(end.x)} {number(end.middle)}"
        f"L{number(tip)} {number(end.middle - half)}V{number(end.middle + half)}Z"
    )
    return (
        f'<path class="band" d="{band}"/><path class="reach" d="{line}"/>'
        f'<path class="arrow" d="{line}"/>'
        f'<path class="head" d="{head}"/>'
    )
