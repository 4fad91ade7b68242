# SPDX-License-Identifier: Apache-2.0
"""The configurations that stand in the buildfile of a QNX host image as inline files.

A buildfile is a list of ``[attributes] name`` with ``=path`` or ``={ … }`` behind it; the
text between the braces is the file. In it a backslash stands before a closing brace or a
backslash that is meant itself, and braces do not nest. (Buildfile syntax, 8.0.)
"""

from passthru.diagnostics.source import Source
from passthru.language.options import BLOB_TYPES, TOP_OPTIONS
from passthru.language.words import TokenKind, read_words, tokens
from passthru.lean import Iterator, NamedTuple

__all__ = ["configurations_in_buildfile"]

_CONFIGURATION_NAME = ".qvmconf"

_ENDS_NAME = frozenset(" \t\r\f\v\n={}[")


class _InlineFile(NamedTuple):
    """A file in a buildfile: its name, and the characters ``[start, end)`` between the braces."""

    name: str
    start: int
    end: int


def configurations_in_buildfile(source: Source) -> list[Source]:
    """The VM configurations among the inline files of a buildfile, in their order.

    They are the files named ``….qvmconf``, and those that begin as a configuration does and
    give the guest memory. Each has the buildfile's name, and its lines and columns are those
    of the buildfile. A place behind an escape in the same word, or in the same line of a
    quoted text, is shown too far left, by one column for each escape; so its text and
    offsets are for reading, not for writing back.
    """
    configurations = []
    for file in _inline_files(source.text):
        configuration = Source(source.name, _text_in_place(source.text, file))
        if file.name.endswith(_CONFIGURATION_NAME) or _is_configuration(configuration):
            configurations.append(configuration)
    return configurations


def _inline_files(text: str) -> Iterator[_InlineFile]:
    position = 0
    name = ""
    while position < len(text):
        character = text[position]
        if character == "#":
            position = _line_end(text, position)
        elif character == "[":
            position = _attributes_end(text, position + 1)
        elif character == "{":
            end = _unescaped(text, "}", position + 1)
            yield _InlineFile(name, position + 1, end)
            position = end + 1
        elif character == '"':
            end = _unescaped(text, '"', position + 1)
            name = text[position + 1 : end]
            position = end + 1
        elif character in _ENDS_NAME:
            position += 1
        else:
            end = _name_end(text, position)
            name = text[position:end]
            position = end


def _line_end(text: str, position: int) -> int:
    end = text.find("\n", position)
    return len(text) if end < 0 else end


def _unescaped(text: str, wanted: str, position: int) -> int:
    """The place of the first ``wanted`` without a backslash before it, or the end of the text."""
    while position < len(text) and text[position] != wanted:
        position += 2 if text[position] == "\\" else 1
    return min(position, len(text))


def _attributes_end(text: str, position: int) -> int:
    """The place behind the bracket that closes the attributes; one in quotes does not."""
    while position < len(text) and text[position] != "]":
        if text[position] == '"':
            position = _unescaped(text, '"', position + 1)
        position += 1
    return position + 1


def _name_end(text: str, position: int) -> int:
    while position < len(text) and text[position] not in _ENDS_NAME:
        position += 1
    return position


def _text_in_place(text: str, file: _InlineFile) -> str:
    """The file's text where it stands in the buildfile, with blanks for all the rest."""
    before, after = _blanked(text[: file.start]), _blanked(text[file.end :])
    inside = text[file.start : file.end]
    return before + (_without_escapes(inside) if "\\" in inside else inside) + after


def _blanked(text: str) -> str:
    return "\n".join(" " * len(line) for line in text.split("\n"))


def _without_escapes(text: str) -> str:
    """``text`` without the backslashes of its escapes.

    What comes behind the word is kept in its column by blanks where blanks mean nothing.
    """
    from bisect import bisect_left

    plain, dropped = _unescape(text)
    parts = []
    missing = 0
    for token in tokens(Source("", plain)):
        part = token.span.text
        if token.kind is TokenKind.BLANK:
            part = " " * missing + part
            missing = 0
        elif "\n" in part:
            missing = 0
        line_start = token.span.start + token.span.text.rfind("\n") + 1
        missing += bisect_left(dropped, token.span.end) - bisect_left(dropped, line_start)
        parts.append(part)
    return "".join(parts)


def _unescape(text: str) -> tuple[str, list[int]]:
    """``text`` without the backslashes of its escapes, and what follows each of them there."""
    parts: list[str] = []
    dropped: list[int] = []
    length = position = 0
    while (backslash := text.find("\\", position)) >= 0:
        part = text[position:backslash] + text[backslash + 1 : backslash + 2]
        length += len(part)
        dropped.append(length - 1)
        parts.append(part)
        position = backslash + 2
    return "".join((*parts, text[position:])), dropped


def _is_configuration(source: Source) -> bool:
    """Whether a file of any name begins as a configuration does, and reads as one."""
    words, _ = read_words(source)
    if not words or not (words[0].value in TOP_OPTIONS or words[0].value in BLOB_TYPES):
        return False
    from passthru.language.reader import read

    return bool(read([source], environment={}).config.memory)
