# SPDX-License-Identifier: Apache-2.0
"""What stands between the words of a configuration: comments and blank lines."""

from passthru.diagnostics.source import Source, Span
from passthru.language.words import TokenKind, tokens
from passthru.lean import NamedTuple

__all__ = ["Comment", "Gap", "column", "line_end", "words_and_gaps"]

_BLANKS = " \t\r\f\v"


class Comment(NamedTuple):
    """A comment that has a line of its own; ``column`` counts from 0."""

    text: str
    column: int
    after_blank_line: bool


class Gap(NamedTuple):
    """What stands before a word, or before the end of the text.

    ``trailing`` is the comment that ends the line of the word before; ``blank_line`` says
    whether there is one between all this and what follows.
    """

    trailing: str | None
    comments: tuple[Comment, ...]
    blank_line: bool

    @property
    def has_comment(self) -> bool:
        """Whether there are comments in it."""
        return self.trailing is not None or bool(self.comments)


def words_and_gaps(source: Source) -> tuple[list[str], list[Gap]]:
    """The words as they are written, and the gap before each and behind the last."""
    words: list[str] = []
    gaps: list[Gap] = []
    trailing: str | None = None
    comments: list[Comment] = []
    line_ends = 0
    for token in tokens(source):
        if token.kind is TokenKind.BLANK:
            line_ends = token.span.text.count("\n")
            continue
        # A quote without end runs to the end of its line, blanks and all.
        text = token.span.text.rstrip(_BLANKS)
        if token.kind is not TokenKind.COMMENT:
            gaps.append(Gap(trailing, tuple(comments), line_ends > 1))
            words.append(text)
            trailing = None
            comments.clear()
        elif line_ends == 0 and words:
            trailing = text
        else:
            comments.append(Comment(text, column(token.span), line_ends > 1))
        line_ends = 0
    gaps.append(Gap(trailing, tuple(comments), False))
    return words, gaps


def column(span: Span) -> int:
    """The column, from 0, at which ``span`` begins."""
    return span.start - span.source.text.rfind("\n", 0, span.start) - 1


def line_end(source: Source) -> str:
    """The first line end that is not in quoted text."""
    for token in tokens(source):
        if token.kind is TokenKind.BLANK and "\n" in token.span.text:
            place = source.text.index("\n", token.span.start)
            return "\r\n" if source.text.startswith("\r", max(place - 1, 0)) else "\n"
    return "\n"
