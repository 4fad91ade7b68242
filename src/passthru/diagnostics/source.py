# SPDX-License-Identifier: Apache-2.0
"""Places in configuration text."""

from passthru.lean import NamedTuple

__all__ = ["Source", "Span"]


class Source:
    """One configuration text and the name by which people know it.

    ``name`` is a file name as the user gave it, ``<stdin>`` or ``<command line>``.
    """

    __slots__ = ("_line_starts", "name", "text")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self._line_starts: list[int] | None = None

    def _starts(self) -> list[int]:
        if self._line_starts is None:
            starts = [0]
            position = self.text.find("\n")
            while position >= 0:
                starts.append(position + 1)
                position = self.text.find("\n", position + 1)
            self._line_starts = starts
        return self._line_starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of ``offset``, both counted from 1."""
        from bisect import bisect_right  # only findings have positions

        starts = self._starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line_text(self, line: int) -> str:
        """The text of line ``line`` (from 1), without its end."""
        start, end = self.line_bounds(line)
        return self.text[start:end]

    def line_bounds(self, line: int) -> tuple[int, int]:
        """Where the text of line ``line`` (from 1) begins and ends, as offsets."""
        starts = self._starts()
        start, end = starts[line - 1], starts[line] if line < len(starts) else len(self.text)
        while end > start and self.text[end - 1] in "\r\n":
            end -= 1
        return start, end


class Span(NamedTuple):
    """The characters ``[start, end)`` of a source."""

    source: Source
    start: int
    end: int

    @property
    def file(self) -> str:
        """Name of the source."""
        return self.source.name

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, from 1."""
        return self.source.position(self.start)[1]

    @property
    def end_position(self) -> tuple[int, int]:
        """Line and column just after the last character, from 1."""
        return self.source.position(self.end)

    @property
    def text(self) -> str:
        """What the user wrote there."""
        return self.source.text[self.start : self.end]

    def to(self, other: "Span") -> "Span":
        """From the start of this span to the end of ``other`` in the same source."""
        return Span._make((self.source, self.start, other.end))

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
