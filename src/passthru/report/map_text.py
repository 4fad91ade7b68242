# SPDX-License-Identifier: Apache-2.0
"""Texts of pictures: harmless in markup, and cut to the room that they have."""

from collections.abc import Iterable
from html import escape
from textwrap import wrap
from unicodedata import east_asian_width

from passthru.report.map_model import Conflict
from passthru.report.text import printable

__all__ = ["conflict_lines", "fitting", "number", "safe", "tooltip", "width_of", "wrapped"]

_LONGEST_LINE = 160


def safe(text: str) -> str:
    """``text`` as the text of an element, or the value of an attribute in quotes."""
    return escape(printable(text))


def number(value: float) -> str:
    """A length as SVG has it, to a tenth of a pixel."""
    return f"{value:.1f}".removesuffix(".0")


def width_of(text: str) -> int:
    """Columns of ``text`` in a font of fixed width."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def fitting(text: str, columns: int) -> str:
    """``text`` printable and in at most ``columns`` columns; ``…`` stands for what is cut."""
    text = printable(text)
    if width_of(text) <= columns:
        return text
    while text and width_of(text) > columns - 1:
        text = text[: min(len(text) - 1, columns)]
    return f"{text.rstrip()}…" if columns > 0 else ""


def wrapped(text: str, columns: int) -> list[str]:
    """``text`` printable, in lines of at most ``columns`` characters."""
    return wrap(printable(text), columns, break_on_hyphens=False) or [""]


def tooltip(lines: Iterable[str], conflicts: Iterable[Conflict]) -> str:
    """What a pointer at a thing shows, escaped: a fact a line, then its conflicts."""
    told = [fitting(line, _LONGEST_LINE) for line in lines]
    told += [f"conflict {each.number}: {each.message} [{each.id}]" for each in conflicts]
    return "\n".join(safe(line) for line in told)


def conflict_lines(conflict: Conflict, columns: int) -> list[str]:
    """A conflict for the list below a picture, without its number."""
    places = f" ({', '.join(conflict.places)})" if conflict.places else ""
    return wrapped(f"{conflict.message}{places} [{conflict.id}]", columns)
