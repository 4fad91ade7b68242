# SPDX-License-Identifier: Apache-2.0
"""The formatter: one layout for all configurations that say the same in the same order.

- An option of the VM has a line of its own and begins in its first column; a blob type stays
  with its ``load`` or ``pass``.
- The options of a context have lines of their own, four columns further in. They stay on the
  line of the word that opens the context if all of them stand there already and the line
  has no more than 80 columns. ``set`` of a device's variable is an option of its context.
- An option of the VM that stands inside a context keeps its place, in the first column.
- Arguments follow their option on its line, with one blank before each.
- What is not understood stays with its line, and so does everything behind it there; the
  line keeps its place inside or outside the open context. So a mistake is not made worse,
  and what a word means never changes because its line does.
- A comment on its own line is indented as what follows it; one that was further in than the
  context that ends there, as what came before. One at the end of a line stays behind its
  word, after two blanks, and a line is broken behind it.
- A line whose findings a comment allows (``suppression``) is neither broken nor joined.
- One blank line at most stands between two lines; none begins or ends the text.
- The line ends are all as the first one outside quotes, and a byte order mark stays.

Words and comments are never changed, nor is their order; quoted text keeps its line ends.
"""

from passthru.diagnostics.source import Source
from passthru.language.layout_breaks import Breaks
from passthru.language.layout_gaps import Gap, line_end
from passthru.language.layout_statements import Role, Statement

__all__ = ["format_text"]

_INDENTATION = 4
_BLANKS_BEFORE_COMMENT = 2
_BYTE_ORDER_MARK = "\ufeff"


def format_text(source: Source) -> str:
    """The text of ``source`` in the one layout; reading it gives the same configuration."""
    text = _Layout(source).text()
    # A mark at the start of the text is none of its words, and a word must not become one.
    if source.text.startswith(_BYTE_ORDER_MARK) or text.startswith(_BYTE_ORDER_MARK):
        text = _BYTE_ORDER_MARK + text
    return text


class _Lines:
    """The lines that are written so far."""

    def __init__(self, line_end: str) -> None:
        self._line_end = line_end
        self._parts: list[str] = []
        self.indentation = 0

    def begin(self, indentation: int, text: str, *, after_blank_line: bool = False) -> None:
        """Begin a line with ``text``."""
        if self._parts:
            self._parts.append(self._line_end * (2 if after_blank_line else 1))
        self._parts += (" " * indentation, text)
        self.indentation = indentation

    def add(self, text: str, blanks: int = 1) -> None:
        """Go on in the last line."""
        self._parts += (" " * blanks, text)

    def text(self) -> str:
        """All of it, with an end to its last line."""
        if self._parts:
            self._parts.append(self._line_end)
        return "".join(self._parts)


class _Layout:
    """One formatting: the new lines, and the context that is open at their end."""

    def __init__(self, source: Source) -> None:
        self._breaks = Breaks(source)
        self._lines = _Lines(line_end(source))
        self._context_column = 0
        self._context_indentation: int | None = None

    def text(self) -> str:
        """The new text."""
        for place in range(len(self._breaks.statements)):
            self._write(place)
        self._write_gap(self._breaks.gaps[-1], 0)
        return self._lines.text()

    def _write(self, place: int) -> None:
        statement = self._breaks.statements[place]
        text = self._breaks.texts[statement.start]
        if self._breaks.joined[place]:
            self._lines.add(text)
        else:
            gap = self._breaks.gaps[statement.start]
            indentation = self._indentation(place)
            self._write_gap(gap, indentation)
            self._lines.begin(indentation, text, after_blank_line=gap.blank_line)
        if statement.role is Role.OPENS_CONTEXT:
            self._context_indentation = self._lines.indentation
            self._context_column = self._breaks.columns[statement.start]
        self._write_rest(statement)

    def _indentation(self, place: int) -> int:
        role = self._breaks.statements[place].role
        is_own = role is Role.CONTEXT or self._breaks.is_inside[place]
        if is_own and self._context_indentation is not None:
            return self._context_indentation + _INDENTATION
        return 0

    def _write_rest(self, statement: Statement) -> None:
        """The words behind the first one."""
        further_in = self._lines.indentation + _INDENTATION
        for at in range(statement.start + 1, statement.end):
            text = self._breaks.texts[at]
            if not self._breaks.stays_broken(statement, at):
                self._lines.add(text)
                continue
            gap = self._breaks.gaps[at]
            if gap.trailing is not None:
                self._lines.add(gap.trailing, _BLANKS_BEFORE_COMMENT)
            for comment in gap.comments:
                self._lines.begin(further_in, comment.text)
            self._lines.begin(further_in, text)

    def _write_gap(self, gap: Gap, indentation: int) -> None:
        """The comments before a statement with this ``indentation``, or before the end."""
        if gap.trailing is not None:
            self._lines.add(gap.trailing, _BLANKS_BEFORE_COMMENT)
        for comment in gap.comments:
            own = indentation
            is_inside = comment.column > self._context_column
            if own == 0 and is_inside and self._context_indentation is not None:
                own = self._context_indentation + _INDENTATION
            self._lines.begin(own, comment.text, after_blank_line=comment.after_blank_line)
