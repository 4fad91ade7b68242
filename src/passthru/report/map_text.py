# SPDX-License-Identifier: Apache-2.0
"""Texts of pictures: harmless in markup, and cut to the room that they have."""

from collections.abc import Iterator, Sequence
from html import escape
from textwrap import wrap
from unicodedata import east_asian_width

from passthru.report.map_model import Conflict
from passthru.report.text import printable

__all__ = ["fitting", "listed", "marks", "number", "safe", "tooltip", "width_of", "wrapped"]

_LONGEST_LINE = 160
_MOST_LINES = 20
_MOST_CONFLICTS = 40


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


def tooltip(lines: Sequence[str], conflicts: Sequence[Conflict]) -> str:
    """What a pointer at a thing shows, escaped: a fact a line, then its conflicts."""
    told = [*_first(lines), *(_first([_message(each) for each in conflicts]))]
    return "\n".join(safe(fitting(line, _LONGEST_LINE)) for line in told)


def _message(conflict: Conflict) -> str:
    return f"conflict {conflict.number}: {conflict.message} [{conflict.id}]"


def _first(lines: Sequence[str]) -> list[str]:
    left_out = len(lines) - _MOST_LINES
    return [*lines[:_MOST_LINES], *([f"and {left_out} more"] if left_out > 0 else [])]


def marks(conflicts: Sequence[int]) -> str:
    """The numbers of conflicts before a name: ``!1 !4``, of more than two ``!1 +5``."""
    if len(conflicts) > 2:
        return f"!{conflicts[0]} +{len(conflicts) - 1} "
    return "".join(f"!{number} " for number in conflicts)


def listed(conflicts: Sequence[Conflict], columns: int) -> Iterator[tuple[str, str]]:
    """The list below a picture: the mark of a conflict or nothing, and a line of text."""
    for conflict in conflicts[:_MOST_CONFLICTS]:
        places = f" ({', '.join(conflict.places)})" if conflict.places else ""
        text = f"{conflict.message}{places} [{conflict.id}]"
        for row, line in enumerate(wrapped(text, columns)):
            yield ("" if row else f"!{conflict.number}"), line
    left_out = len(conflicts) - _MOST_CONFLICTS
    if left_out > 0:
        yield "", f"and {left_out} more: `passthru check` tells them"
