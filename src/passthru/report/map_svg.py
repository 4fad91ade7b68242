# SPDX-License-Identifier: Apache-2.0
"""A picture of VMs as SVG: guests on both sides of the host, and arrows to what they are given.

The file stands alone. What comes from configurations and boards is text in it and nothing
else: every character that markup could obey is escaped, every unprintable one replaced.
"""

from collections.abc import Iterator, Sequence

from passthru.lean import NamedTuple
from passthru.report.map_layout import ColumnLayout, Placed, Room
from passthru.report.map_legend import legend
from passthru.report.map_model import Column, Item, Link, Picture
from passthru.report.map_parts import LaidOut, Part, laid_out, parts, struck
from passthru.report.map_shapes import End, arrow, bends, box, break_mark, ruler, words
from passthru.report.map_style import STYLE, VM_COLOURS, class_of
from passthru.report.map_text import fitting, listed, marks, number, safe, tooltip, wrapped
from passthru.report.sizes import rough_size_text

__all__ = ["picture_as_svg"]

# Pixels. A line holds a text of 11 px, of which every character is as wide as the others.
_LINE = 17
_CHARACTER = 6.65
_MARGIN = 22
_GUEST_WIDTH = 264
_HOST_WIDTH = 284
_CHANNEL = 102
_INSET = 9
_DEEPEST = 4
_EDGE = 5
_NUMBER = 40

_ROOM = Room(length=0.0, memory=9.0, other=2.0, hole=1.3, large_hole=1.3, unnamed=0.45)
_AIR = 1.15
"""How much longer than its texts need the longest column may be, to show sizes."""

_NAMED_HOLE = 0.9

_HOW_TO_READ = (
    "The lowest address is at the top. An arrow goes from what a guest is given to where it is "
    "on the host."
)

_HATCH = (
    '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
    'patternTransform="rotate(45)"><line class="stripe" x1="0" y1="0" x2="0" y2="7"/>'
    "</pattern></defs>"
)


def picture_as_svg(picture: Picture) -> str:
    """The whole picture as one SVG document, with an end of line after the last."""
    return "\n".join(_Drawing(picture).document()) + "\n"


class _Side(NamedTuple):
    """A column on the paper, and the sides of it on which arrows are.

    ``vm`` is the guest's number, None for the host.
    """

    column: Column
    layout: ColumnLayout
    left: float
    width: float
    has_left: bool
    has_right: bool
    vm: int | None

    def edges(self, placed: Placed) -> tuple[float, float]:
        """Left and right of the bar of a thing."""
        inset = _INSET * min(placed.depth, _DEEPEST)
        return self.left + inset, self.left + self.width - inset


def _sides(part: Part, layout: LaidOut) -> Iterator[_Side]:
    """The columns of ``part`` from left to right, but the host last."""
    left = float(_MARGIN)
    host_left = left + _GUEST_WIDTH + _CHANNEL
    lefts = (left, host_left + _HOST_WIDTH + _CHANNEL)
    for place, vm in enumerate(part.vms):
        column, laid = part.guests[place], layout.guests[place]
        yield _Side(column, laid, lefts[place], _GUEST_WIDTH, place == 1, place == 0, vm)
    is_double = len(part.vms) > 1
    yield _Side(part.host, layout.host, host_left, _HOST_WIDTH, True, is_double, None)


class _Drawing:
    """One picture on its way to the paper, from the top down; ``_y`` is where it has come to."""

    def __init__(self, picture: Picture) -> None:
        self._picture = picture
        self._conflicts = {each.number: each for each in picture.conflicts}
        self._y = float(_MARGIN)
        self._width = 2 * _MARGIN + _GUEST_WIDTH + _CHANNEL + _HOST_WIDTH
        if any(len(panel.guests) > 1 for panel in picture.panels):
            self._width += _CHANNEL + _GUEST_WIDTH

    def document(self) -> Iterator[str]:
        """The lines of the document."""
        body = list(self._body())
        width, height = self._width, number(self._y + _MARGIN)
        yield (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
            f'width="{width}" height="{height}" role="graphics-document document" '
            'aria-labelledby="picture-title">'
        )
        yield f'<title id="picture-title">{safe(self._picture.title)}</title>'
        yield f"<style>\n{STYLE}</style>"
        yield _HATCH
        yield f'<rect class="paper" width="{width}" height="{height}"/>'
        yield from body
        yield "</svg>"

    def _body(self) -> Iterator[str]:
        self._y += 12
        yield self._words("title", fitting(self._picture.title, int(self._width / 10)))
        for position, panel in enumerate(self._picture.panels):
            self._y += 2 * _LINE
            yield self._words("panel", panel.title)
            if panel.by_address:
                self._y += _LINE - 2
                yield self._words("note", _HOW_TO_READ)
            for part in parts(panel, 2):
                yield from self._part(part, position)
        yield from self._list_of_conflicts()
        yield from self._remarks()
        self._y += _LINE
        lines, height = legend(self._picture, _MARGIN, self._y, self._width - 2 * _MARGIN)
        yield from lines
        self._y += height

    def _words(self, kind: str, text: str, indent: float = 0) -> str:
        return words(kind, _MARGIN + indent, self._y, text)

    def _part(self, part: Part, panel: int) -> Iterator[str]:
        layout = laid_out(part, _ROOM, _AIR)
        sides = tuple(_sides(part, layout))
        yield from self._heads(sides)
        self._y += 8
        if part.by_address:
            for side in sides:
                yield from self._rulers(side)
                yield from self._holes(side)
        names = [f"{panel}-{link.vm}-{link.guest}" for link in part.links]
        for side in sides:
            uses = _uses(side, part.links, names)
            placed = side.layout.placed
            hatched = struck(side.column, side.layout)
            for place in sorted(range(len(placed)), key=lambda each: placed[each].depth):
                yield from self._item(side, place, uses.get(place, []), place in hatched)
        for side in sides[:-1]:
            yield from self._arrows(side, sides[-1], part.links, names)
        self._y += layout.length * _LINE

    def _heads(self, sides: Sequence[_Side]) -> Iterator[str]:
        self._y += _LINE + 7
        for side in sides:
            indent = 0
            yield f'<g class="{_vm_class(side.vm)}">'
            if side.vm is not None:
                yield box("edge", side.left, self._y - 10, 11, 11)
                indent = 17
            title = fitting(side.column.title, int(side.width / 8))
            yield words("column", side.left + indent, self._y, title)
            remark = fitting(side.column.remark, int(side.width / 6.6))
            yield words("note", side.left, self._y + 15, remark)
            yield "</g>"
        self._y += 15

    def _rulers(self, side: _Side) -> Iterator[str]:
        on_right = side.has_left and not side.has_right
        x = side.left + side.width + 4 if on_right else side.left - 4
        for cell in side.layout.scale.cells:
            if not cell.is_hole:
                kind = "fair" if cell.is_to_scale else "stretched"
                yield ruler(kind, x, self._at(cell.start), self._at(cell.start + cell.length))

    def _holes(self, side: _Side) -> Iterator[str]:
        for cell in side.layout.holes:
            if not cell.is_to_scale and cell.length >= _NAMED_HOLE:
                middle = self._at(cell.start + cell.length / 2)
                yield break_mark(side.left, side.width, middle)
                text = f"{rough_size_text(cell.range.size)} empty"
                yield words("gap", side.left + side.width / 2, middle + 3, text)

    def _at(self, line: float) -> float:
        return self._y + line * _LINE

    def _end(self, side: _Side, place: int, *, on_right: bool) -> End:
        placed = side.layout.placed[place]
        x = side.edges(placed)[on_right]
        return End(x, self._at(placed.top), self._at(placed.bottom))

    def _arrows(
        self, guest: _Side, host: _Side, links: Sequence[Link], names: Sequence[str]
    ) -> Iterator[str]:
        mine = [each for each in zip(links, names, strict=True) if each[0].vm == guest.vm]
        ends = [
            (
                self._end(guest, link.guest, on_right=guest.has_right),
                self._end(host, link.host, on_right=not guest.has_right),
            )
            for link, _ in mine
        ]
        for (link, name), (start, end), bend in zip(mine, ends, bends(ends), strict=True):
            bad = " bad" if link.conflicts else ""
            yield f'<g class="link {_vm_class(link.vm)}{bad}" data-links="{name}" role="img">'
            yield f"<title>{self._tooltip(link.told, link.conflicts)}</title>"
            yield arrow(start, end, bend)
            yield "</g>"

    def _item(
        self, side: _Side, place: int, uses: Sequence[tuple[str, int]], is_struck: bool
    ) -> Iterator[str]:
        item, placed = side.column.items[place], side.layout.placed[place]
        left, right = side.edges(placed)
        top, bottom = self._at(placed.top), self._at(placed.bottom)
        bad = " bad" if item.conflicts else ""
        names = " ".join(name for name, _ in uses)
        yield (
            f'<g class="item {class_of(item.kind)}{bad}" data-links="{names}" '
            f'role="img" tabindex="0">'
            f"<title>{self._tooltip(item.told, item.conflicts)}</title>"
        )
        yield box("bar", left, top, right - left, bottom - top)
        if is_struck:
            yield box("hatch", left, top, right - left, bottom - top)
        for vm in sorted({vm for _, vm in uses}):
            yield self._edge(side, vm, left, right, top, bottom)
        yield from self._texts(item, left, right, top)
        yield "</g>"

    def _edge(
        self, side: _Side, vm: int, left: float, right: float, top: float, bottom: float
    ) -> str:
        """A stripe in the colour of a VM, where its arrow begins or ends."""
        is_second = side.vm is None and side.has_right and vm % 2 == 1
        on_right = is_second or (side.vm is not None and side.has_right)
        x = right - _EDGE if on_right else left
        stripe = box("edge", x, top, _EDGE, bottom - top)
        return f'<g class="{_vm_class(vm)}">{stripe}</g>'

    def _texts(self, item: Item, left: float, right: float, top: float) -> Iterator[str]:
        base = top + 12
        columns = int((right - left - 2 * (_EDGE + 4)) / _CHARACTER)
        mark = marks(item.conflicts)
        room = columns - len(item.size) - 1
        shown = fitting(f"{mark}{item.place} {item.name}".rstrip(), room)
        marked = shown[: len(mark)] if mark else ""
        x = left + _EDGE + 4
        yield (
            f'<text x="{number(x)}" y="{number(base)}"><tspan class="mark">{safe(marked)}</tspan>'
            f"{safe(shown[len(marked) :])}</text>"
        )
        if item.size:
            yield words("size", right - _EDGE - 4, base, item.size)

    def _tooltip(self, told: Sequence[str], conflicts: Sequence[int]) -> str:
        return tooltip(told, [self._conflicts[each] for each in conflicts])

    def _list_of_conflicts(self) -> Iterator[str]:
        if not self._picture.conflicts:
            return
        self._y += 2 * _LINE
        yield self._words("panel", "Conflicts")
        columns = int((self._width - 2 * _MARGIN - _NUMBER) / _CHARACTER)
        for mark, line in listed(self._picture.conflicts, columns):
            self._y += _LINE + 1 if mark else _LINE - 2
            if mark:
                yield self._words("mark", mark)
            yield self._words("told", line, indent=_NUMBER)

    def _remarks(self) -> Iterator[str]:
        if self._picture.remarks:
            self._y += _LINE
        columns = int((self._width - 2 * _MARGIN) / _CHARACTER)
        for remark in self._picture.remarks:
            for line in wrapped(remark, columns):
                self._y += _LINE - 2
                yield self._words("note", line)


def _uses(
    side: _Side, links: Sequence[Link], names: Sequence[str]
) -> dict[int, list[tuple[str, int]]]:
    """The arrows at each thing of a column: their names and VMs."""
    uses: dict[int, list[tuple[str, int]]] = {}
    for link, name in zip(links, names, strict=True):
        if side.vm is None:
            uses.setdefault(link.host, []).append((name, link.vm))
        elif side.vm == link.vm:
            uses.setdefault(link.guest, []).append((name, link.vm))
    return uses


def _vm_class(vm: int | None) -> str:
    return "host" if vm is None else f"vm{vm % VM_COLOURS}"
