# SPDX-License-Identifier: Apache-2.0
"""Text in another syntax together with what it is in the language's own."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.words import Word
from passthru.lean import NamedTuple

__all__ = ["Translation"]


class Translation(NamedTuple):
    """Foreign text and the same in the language.

    ``complete``: ``right`` can be read in its place. ``certain``: nothing else can be meant.
    """

    span: Span
    right: str
    complete: bool = True
    certain: bool = True

    def finding(self) -> Finding:
        """The one finding about it."""
        # A comment between the words would be lost.
        is_certain = self.certain and "#" not in self.span.text
        edits = (Edit(self.span, self.right),) if is_certain else ()
        return mistakes.foreign_syntax(self.span, self.right, edits)

    def words(self) -> list[Word]:
        """What the reader reads instead; each word stands for the whole of the foreign text."""
        if not self.complete:
            return []
        source, start, end = self.span
        return [Word(value, source, start, end) for value in self.right.split()]
