# SPDX-License-Identifier: Apache-2.0
"""The legend of a picture: what its colours, lines and marks mean, as far as it has them."""

from collections.abc import Iterator

from passthru.report.map_model import ItemKind, Picture
from passthru.report.map_shapes import box, ruler, words
from passthru.report.map_style import class_of

__all__ = ["legend"]

_LINE = 20
_SWATCH = 22
_LETTER = 6.4
_GAP = 22


def legend(picture: Picture, left: float, top: float, width: float) -> tuple[list[str], float]:
    """The elements, and the height that they take."""
    x, y = left, top
    lines = []
    for sample, text in _entries(picture):
        needed = _SWATCH + 7 + len(text) * _LETTER + _GAP
        if x > left and x + needed > left + width:
            x, y = left, y + _LINE
        lines.append(f'<g transform="translate({x:.0f} {y:.0f})">{sample}')
        lines.append(f"{words('note', _SWATCH + 7, 10, text)}</g>")
        x += needed
    return lines, y + _LINE - top


def _entries(picture: Picture) -> Iterator[tuple[str, str]]:
    columns = [column for panel in picture.panels for column in (*panel.guests, panel.host)]
    items = [item for column in columns for item in column.items]
    used = {item.kind for item in items}
    for kind in ItemKind:
        if kind in used:
            yield f'<g class="{class_of(kind)}">{box("bar", 0, 0, _SWATCH, 13)}</g>', kind.value
    if any(item.conflicts for item in items):
        yield box("hatch", 1, 1, _SWATCH - 2, 11), "conflict, with its number in the list"
    yield f'<g transform="rotate(-90 6 6)">{ruler("fair", 6, 0, 20)}</g>', "to scale in its column"
    yield (
        f'<g transform="rotate(-90 6 6)">{ruler("stretched", 6, 0, 20)}</g>',
        "longer or shorter than to scale",
    )
    yield f'<path class="break" d="M0 9{"l5 -4 l5 4" * 2}"/>', "addresses left out"
