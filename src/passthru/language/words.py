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

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Source, Span
from passthru.language import mistakes
from passthru.lean import IntEnum, Iterator, NamedTuple

__all__ = [
    "Token",
    "TokenKind",
    "Word",
    "has_blank_beside_equals",
    "is_text",
    "quote",
    "read_words",
    "tokens",
]


class TokenKind(IntEnum):
    """What a piece of text is."""

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
        return Span._make(self[1:4])

    def part(self, start: int, end: int) -> Span:
        """Where the characters ``[start, end)`` of ``value`` stand.

        The whole word, if its value is not literally what the user wrote.
        """
        if not self._is_literal():
            return self.span
        return Span(self.source, self.start + start, self.start + end)

    def replacing(self, start: int, end: int, text: str) -> tuple[Edit, ...]:
        """The change that puts ``text`` in the place of the characters ``[start, end)``.

        None, if the value is not literally what the user wrote: nothing is certain then.
        """
        return (Edit(self.part(start, end), text),) if self._is_literal() else ()

    def is_written(self, text: str) -> bool:
        """Whether what the user wrote begins with ``text``."""
        return self.source.text.startswith(text, self.start)

    def _is_literal(self) -> bool:
        return self.value == self.source.text[self.start : self.end]


_BLANKS = " \t\r\f\v"
_ENDS_WORD = frozenset(_BLANKS + "\n#")
_BLANKS_AS_SPACES = str.maketrans(dict.fromkeys(_BLANKS + "\n", " "))

_BYTE_ORDER_MARK = "\ufeff"

_MOST_WRONG = 10
_FEW_WRONG = 8
"""One character in so many may be none, such as bytes of another encoding in a comment, and in any
text so few."""

_Piece = tuple[TokenKind, int, int]
"""A token that is not blank, as its kind, start and end."""


def is_text(text: str) -> bool:
    """Whether ``text`` is that of a configuration, and not a binary file or another encoding."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    wrong = sum(map(_is_no_character, text))
    return wrong < max(_FEW_WRONG, len(text) // _MOST_WRONG)


def _is_no_character(character: str) -> bool:
    """Whether it stands for a byte that was no UTF-8, here or where the text was saved."""
    return "\udc80" <= character <= "\udcff" or character == "\ufffd"


def tokens(source: Source) -> Iterator[Token]:
    """Every character of the text in tokens, blanks and comments too."""
    end = 0
    for kind, start, piece_end in _pieces(source.text):
        if start > end:
            yield Token(TokenKind.BLANK, Span(source, end, start))
        yield Token(kind, Span(source, start, piece_end))
        end = piece_end
    if end < len(source.text):
        yield Token(TokenKind.BLANK, Span(source, end, len(source.text)))


def _pieces(text: str) -> Iterator[_Piece]:
    position = _text_start(text)
    is_sound = True
    while position < len(text):
        line, position = _pieces_of_line(text, position, is_sound)
        yield from line
        is_sound = is_sound and not _is_damaged(line)


def read_words(source: Source) -> tuple[list[Word], list[Finding]]:
    """The words of a text, without blanks and comments, and what is wrong with its quotes."""
    text = source.text
    spaced = text.translate(_BLANKS_AS_SPACES)
    words: list[Word] = []
    findings: list[Finding] = []
    several_lines: Span | None = None
    position = _text_start(text)
    is_sound = True
    while position < len(text):
        quote_at = text.find('"', position)
        plain_end = text.rfind("\n", position, quote_at) if quote_at >= 0 else len(text)
        if plain_end >= position:
            _add_plain_words(words, source, spaced, position, plain_end)
            position = plain_end + 1
            continue
        line, position = _pieces_of_line(text, position, is_sound)
        added = [_word(source, piece) for piece in line if piece[0] is not TokenKind.COMMENT]
        words += added
        if several_lines is None:
            several_lines = next((word.span for word in added if "\n" in word.value), None)
        if _is_damaged(line):
            is_sound = False
            findings.append(mistakes.unterminated_quote(added[-1].span, several_lines))
    return words, findings


def has_blank_beside_equals(text: str) -> bool:
    """Whether some ``=`` in ``text`` begins or ends a word, or stands in a comment as if it did."""
    first, *pieces = text.strip().split("=")
    if first[-1:] in _ENDS_WORD:
        return True
    return any(piece[:1] in _ENDS_WORD or piece[-1:] in _ENDS_WORD for piece in pieces)


def _add_plain_words(
    words: list[Word], source: Source, spaced: str, position: int, end: int
) -> None:
    """The words of the lines ``[position, end)``, which have no quotes: nearly all lines.

    ``spaced`` is the text with a space for each blank and each line end.
    """
    text = source.text
    # All elements at once and none by name: this is the reader's innermost loop.
    make, append = Word._make, words.append
    while position < end:
        comment = text.find("#", position, end)
        stop = comment if comment >= 0 else end
        for value in spaced[position:stop].split(" "):
            if value:
                start = position
                position += len(value)
                append(make((value, source, start, position, False, True)))
            position += 1
        line_end = text.find("\n", stop, end)
        position = line_end + 1 if line_end >= 0 else end


def _word(source: Source, piece: _Piece) -> Word:
    kind, start, end = piece
    text = source.text[start:end]
    if kind is TokenKind.PLAIN:
        return Word._make((text, source, start, end, False, True))
    if kind is TokenKind.QUOTED:
        return Word._make((_unquoted(text), source, start, end, True, True))
    text = text.rstrip()
    # What was meant cannot be known, so nothing more is said about the word.
    return Word(text.replace('"', ""), source, start, start + len(text), quoted=True, known=False)


def _text_start(text: str) -> int:
    return 1 if text.startswith(_BYTE_ORDER_MARK) else 0


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _is_damaged(line: list[_Piece]) -> bool:
    return bool(line) and line[-1][0] is TokenKind.UNTERMINATED


def _pieces_of_line(text: str, position: int, is_sound: bool) -> tuple[list[_Piece], int]:
    """The tokens up to a line end that is in no quotes, and the position behind it.

    After a quote without end the text ``is_sound`` no more, and quotes no longer span lines:
    so the damage stays small, and the text is not searched for an end again and again.
    """
    pieces: list[_Piece] = []
    line_end = _line_end(text, position)
    while True:
        while position < line_end and text[position] in _BLANKS:
            position += 1
        if position == line_end:
            return pieces, position + 1
        if text[position] == "#":
            pieces.append((TokenKind.COMMENT, position, line_end))
            return pieces, line_end + 1
        end = _word_end(text, position, len(text) if is_sound else line_end)
        if end is None:
            pieces.append((TokenKind.UNTERMINATED, position, line_end))
            return pieces, line_end + 1
        is_quoted = text.find('"', position, end) >= 0
        pieces.append((TokenKind.QUOTED if is_quoted else TokenKind.PLAIN, position, end))
        position = end
        if position > line_end:
            line_end = _line_end(text, position)


def _word_end(text: str, position: int, limit: int) -> int | None:
    """Where the word at ``position`` ends; None where quotes in it do not end before ``limit``."""
    while position < limit and text[position] not in _ENDS_WORD:
        if text[position] == '"':
            closing = _closing_quote(text, position + 1, limit)
            if closing is None:
                return None
            position = closing
        position += 1
    return position


def _closing_quote(text: str, start: int, limit: int) -> int | None:
    """The quote that ends the quoted text from ``start``: the first that is not escaped."""
    closing = text.find('"', start, limit)
    while closing >= 0:
        inside = text[start:closing]
        if (len(inside) - len(inside.rstrip("\\"))) % 2 == 0:
            return closing
        start = closing + 1
        closing = text.find('"', start, limit)
    return None


def _unquoted(text: str) -> str:
    """The value of a word with quotes in it."""
    parts = []
    position = 0
    while (opening := text.find('"', position)) >= 0:
        closing = _closing_quote(text, opening + 1, len(text)) or len(text)
        parts.append(text[position:opening])
        parts.append(_unescaped(text[opening + 1 : closing]))
        position = closing + 1
    return "".join((*parts, text[position:])).replace("\r\n", "\n")


def _unescaped(text: str) -> str:
    parts = []
    position = 0
    while (backslash := text.find("\\", position)) >= 0:
        parts.append(text[position:backslash])
        position = backslash + 1
        if text.startswith(("\n", "\r\n"), position):
            position = text.index("\n", position) + 1
        else:
            # An escaped character, or a backslash that is one itself.
            taken = text[position : position + 1]
            parts.append(taken if taken in ('"', "\\") else "\\" + taken)
            position += 1
    return "".join((*parts, text[position:]))


def quote(value: str) -> str:
    """``value`` as one word of configuration text, with quotes only where they are needed."""
    # At the start of a text, that character is no part of it.
    is_plain = value and '"' not in value and not value.startswith(_BYTE_ORDER_MARK)
    if is_plain and _ENDS_WORD.isdisjoint(value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
