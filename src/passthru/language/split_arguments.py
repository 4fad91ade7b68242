# SPDX-License-Identifier: Apache-2.0
"""Arguments that are one word in the language, and that people write as two or more."""

from passthru.language.cursor import Cursor
from passthru.language.numbers import Notation, Number, parse_number
from passthru.language.options import BLOB_TYPES
from passthru.language.translation import Translation
from passthru.language.words import Word

__all__ = ["joined_at_blank", "joined_at_commas"]

_UNITS = frozenset(["k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib"])


def joined_at_commas(word: Word, cursor: Cursor) -> Translation | None:
    """``0x80000000, 512M``: one argument, in spite of the blank."""
    parts = [word]
    while parts[-1].value.endswith(","):
        following = cursor.following(1)
        if not following or following[0].quoted or not following[0].known:
            break
        cursor.skip(1)
        parts += following
    if len(parts) == 1:
        return None
    span = word.span.to(parts[-1].span)
    return Translation(span, "".join(part.value for part in parts))


def joined_at_blank(option: str, word: Word, cursor: Cursor) -> Translation | None:
    """``ram 0x80000000 512M``, ``ram 2 GB``, ``load 0x80000 ./Image``: one argument, too.

    ``load guest ./Image`` has its blob type on the wrong side.
    """
    following = cursor.following(1)
    if not following or following[0].quoted or not following[0].known:
        return None
    first, second = word.value, following[0].value
    has_prefix = first[:2] in ("0x", "0X")
    span = word.span.to(following[0].span)
    if option == "load" and first in BLOB_TYPES:
        translation = Translation(span, f"{first} load {second}", complete=False, certain=False)
    elif option == "load" and has_prefix and _is_path(second):
        translation = Translation(span, f"{first},{second}")
    elif option in ("ram", "rom") and first.isdecimal() and second.lower() in _UNITS:
        translation = Translation(span, f"{first}{second[0]}")
    elif option in ("ram", "rom") and _is_start(first) and _is_length(second):
        translation = Translation(span, f"{first},{second}", certain=has_prefix)
    else:
        return None
    cursor.skip(1)
    return translation


def _is_path(text: str) -> bool:
    return "/" in text or "." in text


def _is_start(text: str) -> bool:
    """Whether ``text`` is an address; with a multiplier it would be a length."""
    is_address = isinstance(parse_number(text, Notation.ADDRESS), Number)
    return is_address and text[-1:].lower() not in _UNITS


def _is_length(text: str) -> bool:
    return isinstance(parse_number(text, Notation.LENGTH), Number)
