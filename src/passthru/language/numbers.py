# SPDX-License-Identifier: Apache-2.0
"""The language's numbers: ``0x`` hexadecimal, ``0d`` decimal, K M G, and two default radixes.

Without a prefix an address is hexadecimal, but decimal before K, M or G; a length and every
other number is decimal. Multipliers are powers of 1024 (QNX 7.1, "About notation").
"""

from passthru.diagnostics.finding import Finding
from passthru.language import mistakes
from passthru.language.words import Word
from passthru.lean import Enum, NamedTuple

__all__ = [
    "ADDRESS_LIMIT",
    "DECIMAL_DIGITS",
    "HEXADECIMAL_DIGITS",
    "BadNumber",
    "Notation",
    "Number",
    "parse_number",
    "plain_hexadecimal",
    "read_number",
]

ADDRESS_LIMIT = 1 << 64
"""First number that no address and no length can have."""

_MOST_CHARACTERS = 40
"""Longer digit strings are out of range, and not worth the time to convert."""


class Notation(Enum):
    """What a number counts; it decides the radix of a bare one, and whether K, M, G may follow."""

    ADDRESS = "an address"
    LENGTH = "a length"
    PLAIN = "a number"


class Number(NamedTuple):
    """A number, and whether its writer could have meant the other radix."""

    value: int
    ambiguous: bool = False


class BadNumber(NamedTuple):
    """Why some text is no number, and what its writer probably, or certainly, meant."""

    problem: str
    meant: str | None = None
    certain: bool = False


_LONG_SUFFIX = r"(0[xXdD])?([0-9a-fA-F]+)([kKmMgG])[iI]?[bB]"
_MULTIPLIER = {"k": 1 << 10, "K": 1 << 10, "m": 1 << 20, "M": 1 << 20, "g": 1 << 30, "G": 1 << 30}
_RADIX = {"0x": 16, "0X": 16, "0d": 10, "0D": 10}
DECIMAL_DIGITS = frozenset("0123456789")
HEXADECIMAL_DIGITS = DECIMAL_DIGITS.union("abcdefABCDEF")


def parse_number(text: str, notation: Notation, limit: int = ADDRESS_LIMIT) -> Number | BadNumber:
    """The number that ``text`` is in ``notation``, below ``limit``."""
    multiplier = _MULTIPLIER.get(text[-1:], 1)
    radix = _RADIX.get(text[:2])
    digits = text[2 if radix else 0 : -1 if multiplier > 1 else None]
    allowed = DECIMAL_DIGITS if radix == 10 else HEXADECIMAL_DIGITS
    if not digits or not allowed.issuperset(digits):
        return _malformed(text, notation)
    if len(text) > _MOST_CHARACTERS:
        return BadNumber("is out of range")
    if multiplier > 1 and notation is Notation.PLAIN:
        return BadNumber("is a plain number and takes no K, M or G")
    ambiguous = False
    if radix is None:
        radix = 16 if notation is Notation.ADDRESS and multiplier == 1 else 10
        if digits.isdecimal():
            ambiguous = notation is Notation.ADDRESS and int(digits) > 9
        elif radix == 10:
            return BadNumber("has hexadecimal digits and no 0x", f"0x{text}")
    value = int(digits, radix) * multiplier
    if value >= limit:
        return BadNumber(f"is out of range; the highest is {limit - 1:#x}")
    return Number(value, ambiguous)


def plain_hexadecimal(text: str) -> int | None:
    """The number in the notation that nearly all addresses have; None for any other.

    It has at most 15 digits, so whatever it is added to stays far from ADDRESS_LIMIT.
    """
    if text[:2] != "0x" or not 2 < len(text) < 18 or not (text.isalnum() and text.isascii()):
        return None
    try:
        return int(text, 16)
    except ValueError:
        return None


def read_number(
    word: Word,
    start: int,
    text: str,
    notation: Notation,
    findings: list[Finding],
    limit: int = ADDRESS_LIMIT,
) -> int | None:
    """The number ``text``, which stands at offset ``start`` of ``word``'s value.

    None, and a finding, where it is no number; a warning where it is ambiguous.
    """
    number = parse_number(text, notation, limit)
    if isinstance(number, BadNumber):
        findings.append(_wrong(word, start, text, number))
        return None
    if number.ambiguous:
        findings.append(_ambiguous(word, start, text))
    return number.value


def _wrong(word: Word, start: int, text: str, number: BadNumber) -> Finding:
    end = start + len(text)
    edits = word.replacing(start, end, number.meant) if number.meant and number.certain else ()
    return mistakes.bad_number(word.part(start, end), text, number.problem, number.meant, edits)


def _ambiguous(word: Word, start: int, text: str) -> Finding:
    """The fix keeps the meaning that the number has."""
    end = start + len(text)
    hexadecimal, decimal = f"0x{text}", f"0d{text}"
    taken, other = (hexadecimal, decimal) if text.isdigit() else (decimal, hexadecimal)
    edits = word.replacing(start, end, taken)
    return mistakes.ambiguous_number(
        word.part(start, end), text, taken, other, fix=taken, edits=edits
    )


def _malformed(text: str, notation: Notation) -> BadNumber:
    if not text:
        return BadNumber("is empty where a number must stand")
    import re  # costs start-up, and a number is hardly ever wrong

    if match := re.fullmatch(_LONG_SUFFIX, text):
        prefix, number, letter = match.groups()
        meant = (prefix or "") + number + letter
        right = parse_number(meant, notation)
        if isinstance(right, Number) and right.ambiguous:
            meant = f"0d{meant}"
        is_number = isinstance(right, Number)
        return BadNumber("is no number; K, M and G stand alone", meant, certain=is_number)
    if text.startswith("-"):
        return BadNumber("is negative")
    if notation is not Notation.PLAIN and (sizes := _start_and_length(text)):
        return BadNumber("is a range; here it is START,LENGTH", sizes)
    return BadNumber("is no number")


def _start_and_length(text: str) -> str | None:
    """What ``START-END`` or ``START+LENGTH`` of other notations is here, if that can be told."""
    start_text, minus, end_text = text.partition("-")
    if not minus and "+" not in text:
        return None
    if not minus:
        start_text, _, length_text = text.partition("+")
        is_length = isinstance(parse_number(length_text, Notation.LENGTH), Number)
        is_start = isinstance(parse_number(start_text, Notation.ADDRESS), Number)
        return f"{start_text},{length_text}" if is_start and is_length else None
    start, end = (parse_number(each, Notation.ADDRESS) for each in (start_text, end_text))
    if not (isinstance(start, Number) and isinstance(end, Number) and start.value < end.value):
        return None
    # An odd end is the last byte.
    return f"{start_text},{end.value + end.value % 2 - start.value:#x}"
