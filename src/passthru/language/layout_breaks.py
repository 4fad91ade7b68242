# SPDX-License-Identifier: Apache-2.0
"""Where the lines of a configuration are broken when it is laid out, and where they are not."""

from passthru.diagnostics.source import Source
from passthru.language.layout_gaps import column, words_and_gaps
from passthru.language.layout_statements import (
    Role,
    Statement,
    begins_line,
    known_words,
    statements,
)
from passthru.language.suppression import allowed_here

__all__ = ["Breaks"]

_LONGEST_LINE = 80


class Breaks:
    """The statements of a text, and the decisions about its lines.

    By the place of a statement: ``joined`` says whether it goes on in the line of the one
    before it, ``is_inside`` whether it is not understood and stands further in than the
    context that is open. By the place of a word: ``texts``, ``gaps``, and ``columns``, which
    are those at which the line of the word began.
    """

    def __init__(self, source: Source) -> None:
        self.texts, self.gaps = words_and_gaps(source)
        self._words = known_words(source)
        self._begins_line = [begins_line(self._words, at) for at in range(len(self._words))]
        self._allowed_lines = frozenset(each.line for each in allowed_here(source))
        self.columns = self._line_columns()
        self.statements = statements(self._words)
        self.is_inside = self._unknown_inside()
        self.joined = self._kept_together()
        self._join_short_contexts()

    def stays_broken(self, statement: Statement, at: int) -> bool:
        """Whether the line must be broken before the word ``at``, inside ``statement``."""
        if not self._begins_line[at]:
            return False
        if statement.role is Role.UNKNOWN or self.gaps[at].has_comment:
            return True
        if not self._words[at - 1].known or not self._words[at].known:
            return True
        return self._is_allowed(at - 1) or self._is_allowed(at)

    def _line_columns(self) -> list[int]:
        columns: list[int] = []
        for word, begins in zip(self._words, self._begins_line, strict=True):
            columns.append(column(word.span) if begins else columns[-1])
        return columns

    def _is_allowed(self, at: int) -> bool:
        """Whether a comment allows findings on the line of the word ``at``."""
        return bool(self._allowed_lines) and self._words[at].span.line in self._allowed_lines

    def _is_over_lines(self, statement: Statement) -> bool:
        return any(self._begins_line[statement.start + 1 : statement.end])

    def _unknown_inside(self) -> list[bool]:
        inside = []
        context: int | None = None
        for statement in self.statements:
            is_further_in = context is not None and self.columns[statement.start] > context
            inside.append(statement.role is Role.UNKNOWN and is_further_in)
            if statement.role is Role.OPENS_CONTEXT:
                context = self.columns[statement.start]
        return inside

    def _kept_together(self) -> list[bool]:
        """For each statement whether it must stay on the line of the one before it."""
        return [
            (statement.role is Role.UNKNOWN or self._is_allowed(statement.start))
            and not self._begins_line[statement.start]
            for statement in self.statements
        ]

    def _join_short_contexts(self) -> None:
        for opening, statement in enumerate(self.statements):
            if statement.role is not Role.OPENS_CONTEXT or self._is_over_lines(statement):
                continue
            end = self._end_of_line(opening)
            if self._is_short(opening, end) and not self._goes_on(end):
                self.joined[opening + 1 : end] = [True] * (end - opening - 1)

    def _end_of_line(self, opening: int) -> int:
        """Where the statements end that follow the context's first one on its line."""
        place = opening + 1
        while place < len(self.statements):
            statement = self.statements[place]
            is_own = statement.role is Role.CONTEXT or (
                self.joined[place] and statement.role is not Role.OPENS_CONTEXT
            )
            if not is_own or any(self._begins_line[statement.start : statement.end]):
                break
            place += 1
        return place

    def _is_short(self, opening: int, end: int) -> bool:
        start = self.statements[opening].start
        text = " ".join(self.texts[start : self.statements[end - 1].end])
        return "\n" not in text and len(text) <= _LONGEST_LINE

    def _goes_on(self, place: int) -> bool:
        """Whether more of the context that is open stands on lines behind ``place``."""
        for at in range(place, len(self.statements)):
            role = self.statements[at].role
            if role is Role.OPENS_CONTEXT:
                return False
            if not self.joined[at] and (role is Role.CONTEXT or self.is_inside[at]):
                return True
        return False
