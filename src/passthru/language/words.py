# SPDX-License-Identifier: Apache-2.0
"""Configuration text as words with positions; no character is lost.

Line ends have no meaning in the language, so the reader sees a stream of words. The rules,
and our reading where the documentation is silent:

- ``#`` outside quotes starts a comment that runs to the end of the line;
- double quotes make one word of text with blanks, may span lines, and may stand inside a
  word (``a"b c"`` is one word);
- inside quotes a backslash joins the next line to this one, and stands before a quote or a
  backslash that is meant itself, as in a shell; any other backslash is an ordinary character.
"""

import re
from collections.abc import Iterator
from enum import IntEnum
from typing import NamedTuple

from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source, Span
from passthru.language.mistakes import unterminated_quote

__all__ = ["Token", "TokenKind", "Word", "quote", "read_words", "tokens"]


class TokenKind(IntEnum):
    """What a piece of text is; the number is the group of the token table that matched it."""

    BLANK = 0
    PLAIN = 1
    COMMENT = 2
    QUOTED = 3
    UNTERMINATED = 4


class Token(NamedTuple):
    """A piece of the text; the texts of all tokens, joined, are the whole text."""

    kind: TokenKind
    span: Span


class Word(NamedTuple):
    """A word and the characters ``[start, end)`` of its source that it was written with.

    ``value`` is without quotes and with variables replaced. ``known`` is False where a part
    of the value cannot be told: a variable, a template's marker, a quote without end.
    """

    value: str
    source: Source
    start: int
    end: int
    quoted: bool = False
    known: bool = True

    @property
    def span(self) -> Span:
        """Where the word stands."""
        return Span(self.source, self.start, self.end)

    def part(self, start: int, end: int) -> Span:
        """Where the characters ``[start, end)`` of ``value`` stand.

        The whole word, if its value is not literally what the user wrote.
        """
        if self.value != self.source.text[self.start : self.end]:
            return self.span
        return Span(self.source, self.start + start, self.start + end)


_PLAIN, _QUOTED, _UNTERMINATED = 1, 3, 4
"""The token kinds that are words, as plain numbers: comparing them is in the innermost loop."""

_BLANK = r" \t\r\n\f\v"

_BYTE_ORDER_MARK = "\ufeff"


def _token_table(quoted_text: str) -> str:
    """Blanks and the token behind them, where ``quoted_text`` is what stands between quotes.

    The kinds come in order, and the last one takes whatever the others leave; behind the last
    blanks there is the end instead of a token. Possessive repeats keep hostile text from
    making the matcher go back and try again.
    """
    plain = rf'[^{_BLANK}"#]++'
    return (
        rf"[{_BLANK}]*+(?:"
        rf'({plain})(?!")'
        r"|(#[^\n]*)"
        rf'|((?:{plain}|"{quoted_text}")++)(?!")'
        r"|([^\n]+)|\Z)"
    )


_TOKEN = re.compile(_token_table(r'(?:[^"\\]++|\\[\s\S])*+'))
_TOKEN_IN_ONE_LINE = _token_table(r'(?:[^"\\\n]++|\\[^\n])*+')
_QUOTED_TEXT = r'"((?:[^"\\]++|\\[\s\S])*+)"'
_ESCAPE = r'\\(\r?\n|["\\])'


def _matches(text: str) -> Iterator[re.Match[str]]:
    """Every token of ``text`` with the blanks before it.

    After a quote without end, quotes no longer span lines: so the damage stays small, and the
    text is not searched for an end again and again.
    """
    start = 1 if text.startswith(_BYTE_ORDER_MARK) else 0
    for match in _TOKEN.finditer(text, start):
        yield match
        if match.lastindex == TokenKind.UNTERMINATED:
            yield from re.compile(_TOKEN_IN_ONE_LINE).finditer(text, match.end())
            return


def tokens(source: Source) -> Iterator[Token]:
    """Every character of the text in tokens, blanks and comments too."""
    end = 0
    for match in _matches(source.text):
        kind = match.lastindex or 0
        start = match.start(kind) if kind else match.end()
        if start > end:
            yield Token(TokenKind.BLANK, Span(source, end, start))
        end = match.end()
        if start < end:
            yield Token(TokenKind(kind), Span(source, start, end))


def read_words(source: Source) -> tuple[list[Word], list[Finding]]:
    """The words of a text, without blanks and comments, and what is wrong with its quotes."""
    words: list[Word] = []
    findings: list[Finding] = []
    several_lines: Span | None = None
    for match in _matches(source.text):
        kind = match.lastindex
        if kind == _PLAIN:
            start, end = match.span(_PLAIN)
            words.append(Word(match[_PLAIN], source, start, end))
        elif kind == _QUOTED:
            start, end = match.span(_QUOTED)
            word = Word(_unquoted(match[_QUOTED]), source, start, end, True)
            words.append(word)
            if several_lines is None and "\n" in word.value:
                several_lines = word.span
        elif kind == _UNTERMINATED:
            word = _word_to_line_end(match, source)
            words.append(word)
            findings.append(unterminated_quote(word.span, several_lines))
    return words, findings


def _word_to_line_end(match: re.Match[str], source: Source) -> Word:
    text = match[_UNTERMINATED].rstrip()
    start = match.start(_UNTERMINATED)
    # What was meant cannot be known, so nothing more is said about the word.
    return Word(text.replace('"', ""), source, start, start + len(text), True, False)


def _unquoted(text: str) -> str:
    unescaped = re.sub(_QUOTED_TEXT, lambda match: _unescaped(match[1]), text)
    return unescaped.replace("\r\n", "\n")


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(_ESCAPE, lambda match: "" if match[1].endswith("\n") else match[1], text)


def quote(value: str) -> str:
    """``value`` as one word of configuration text, with quotes only where they are needed."""
    if value and not re.search(rf'[{_BLANK}"#]', value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
