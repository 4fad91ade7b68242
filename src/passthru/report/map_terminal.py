# SPDX-License-Identifier: Apache-2.0
"""A picture of VMs for a terminal: each guest on the left, the host on the right, arrows between.

Every line is as wide as the terminal at most, and 80 columns are enough.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from passthru.lean import NamedTuple
from passthru.report.map_layout import ColumnLayout, Room
from passthru.report.map_model import Column, Item, ItemKind, Picture
from passthru.report.map_parts import Part, laid_out, parts
from passthru.report.map_routes import Route, paired_rows, routed
from passthru.report.map_text import fitting, listed, marks, width_of, wrapped
from passthru.report.sizes import rough_size_text

__all__ = ["NARROWEST", "picture_as_lines"]

NARROWEST = 60
"""Columns that a picture needs."""

_CHANNEL = 14
_SMALLEST_HOLE = 1 << 20
_WIDEST_COLUMN = 60
_INDENT = 2
_DEEPEST = 3
_MARK = 5

_ROOM = Room(length=0.0, memory=4.0, other=1.0, hole=1.0, large_hole=0.0, unnamed=0.0)
_AIR = 1.25

_BOLD, _FAINT, _RED = "1", "2", "1;31"
_VM_STYLES = ("34", "33", "32", "35", "36")
_KIND_STYLES = {
    ItemKind.PASSED: "33",
    ItemKind.PASSED_RAM: "32",
    ItemKind.DEVICE: "35",
    ItemKind.RAM: "36",
    ItemKind.ROM: "36",
    ItemKind.LOADED: "36",
    ItemKind.HOST_RESERVED: "33",
}


def picture_as_lines(picture: Picture, width: int, *, colours: bool = False) -> Iterator[str]:
    """The lines of the picture, each in at most ``width`` columns (and no less than NARROWEST)."""
    return _Terminal(max(width, NARROWEST), colours).lines(picture)


class _Row(NamedTuple):
    """A row of a column: its text, the thing that it names, and how it looks.

    ``continues`` tells that what the row before it shows goes on here.
    """

    text: str
    thing: int | None = None
    style: str = ""
    continues: bool = False


class _Terminal:
    """A way to draw: how wide, and whether in colours."""

    def __init__(self, width: int, colours: bool) -> None:
        self._colours = colours
        self._width = width
        self._column = min((width - _CHANNEL) // 2, _WIDEST_COLUMN)
        self._filler = f"│{' ' * (self._column - 2)}│"

    def lines(self, picture: Picture) -> Iterator[str]:
        yield self._painted(fitting(picture.title, self._width), _BOLD)
        for panel in picture.panels:
            for part in parts(panel, 1):
                yield ""
                yield from self._heads(panel.title, part)
                yield from self._part(part)
        yield from self._list_of_conflicts(picture)
        if picture.remarks:
            yield ""
        for remark in picture.remarks:
            yield from wrapped(remark, self._width)

    def _painted(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colours and style and text.strip() else text

    def _heads(self, title: str, part: Part) -> Iterator[str]:
        guest, host = part.guests[0], part.host
        gap = " " * _CHANNEL
        left = f"{title} of {guest.title}"
        rows = ((left, host.title, _BOLD), (guest.remark, host.remark, _FAINT))
        for left, right, style in rows:
            cell = self._painted(_padded(left, self._column), style)
            yield f"{cell}{gap}{self._painted(fitting(right, self._column), style)}".rstrip()

    def _part(self, part: Part) -> Iterator[str]:
        layout = laid_out(part, _ROOM, _AIR)
        left = list(self._rows(part.guests[0], layout.guests[0]))
        right = list(self._rows(part.host, layout.host))
        things = [[row.thing for row in rows] for rows in (left, right)]
        links = [(link.guest, link.host) for link in part.links]
        pairs = paired_rows(things[0], things[1], links)
        row_of = [
            {rows[row].thing: place for place, row in enumerate(side) if row is not None}
            for rows, side in ((left, [p[0] for p in pairs]), (right, [p[1] for p in pairs]))
        ]
        routes = [
            Route(row_of[0][link.guest], row_of[1][link.host], bool(link.conflicts))
            for link in part.links
        ]
        arrows = routed(routes, len(pairs), _CHANNEL - 2)
        vm_style = _VM_STYLES[part.vms[0] % len(_VM_STYLES)]
        cells = zip(
            self._cells(left, [one for one, _ in pairs]),
            self._cells(right, [other for _, other in pairs]),
            strict=True,
        )
        for (one, other), channel in zip(cells, arrows, strict=True):
            yield f"{one} {self._channel(channel, vm_style)} {other}".rstrip()

    def _rows(self, column: Column, layout: ColumnLayout) -> Iterator[_Row]:
        """The rows of a column from the top down: names, what is large, what is empty."""
        if not layout.scale.cells:
            for number in range(len(column.items)):
                yield self._named(column.items, layout, number)
            return
        beginning: dict[int, list[int]] = {}
        for number, item in enumerate(column.items):
            beginning.setdefault(item.range.start, []).append(number)
        for cell in layout.scale.cells:
            if cell.is_hole:
                if cell.range.size >= _SMALLEST_HOLE:
                    yield self._hole(cell.range.size)
                continue
            names = beginning.get(cell.range.start, [])
            for number in sorted(names, key=lambda each: layout.placed[each].depth):
                yield self._named(column.items, layout, number)
            for _ in range(round(cell.length) - len(names)):
                yield _Row(self._filler, continues=True)

    def _named(self, items: Sequence[Item], layout: ColumnLayout, number: int) -> _Row:
        item = items[number]
        indent = " " * (_INDENT * min(layout.placed[number].depth, _DEEPEST))
        mark = marks(item.conflicts)
        room = self._column - 4 - len(item.size) - (1 if item.size else 0)
        text = _padded(f"{indent}{mark}{item.place} {item.name}", room)
        size = f" {item.size}" if item.size else ""
        style = _RED if item.conflicts else _KIND_STYLES.get(item.kind, "")
        return _Row(f"│ {text}{size} │", number, style, layout.placed[number].depth > 0)

    def _hole(self, size: int) -> _Row:
        inner = self._column - 2
        text = f" {rough_size_text(size)} empty "
        return _Row(f"┊{text:^{inner}}┊", style=_FAINT)

    def _cells(self, rows: Sequence[_Row], numbers: Sequence[int | None]) -> Iterator[str]:
        """The column's part of every line; where it has none, what goes on behind it."""
        following = 0
        for number in numbers:
            if number is not None:
                following = number + 1
                yield self._painted(rows[number].text, rows[number].style)
            elif following < len(rows) and rows[following].continues:
                yield self._filler
            else:
                yield " " * self._column

    def _channel(self, channel: Sequence[tuple[str, bool]], style: str) -> str:
        return "".join(
            self._painted("".join(character for character, _ in run), _RED if bad else style)
            for bad, run in groupby(channel, key=lambda each: each[1])
        )

    def _list_of_conflicts(self, picture: Picture) -> Iterator[str]:
        if not picture.conflicts:
            return
        yield ""
        yield self._painted("Conflicts", _BOLD)
        for mark, line in listed(picture.conflicts, self._width - _MARK):
            yield f"{self._painted(f'{mark:<{_MARK}}', _RED)}{line}"


def _padded(text: str, columns: int) -> str:
    shown = fitting(text, columns)
    return shown + " " * (columns - width_of(shown))
