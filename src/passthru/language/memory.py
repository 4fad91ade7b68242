# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``ram`` and ``rom`` (``[start,]length``) and ``load`` (``[address,]path``)."""

from passthru.addresses import AddressRange
from passthru.diagnostics.finding import Finding
from passthru.language import mistakes
from passthru.language.numbers import (
    ADDRESS_LIMIT,
    DECIMAL_DIGITS,
    HEXADECIMAL_DIGITS,
    Notation,
    read_number,
)
from passthru.language.words import Word
from passthru.lean import NamedTuple

__all__ = ["FileToLoad", "UnplacedMemory", "read_file_to_load", "read_guest_memory"]


class UnplacedMemory(NamedTuple):
    """Guest memory whose start is left to the hypervisor; ``size`` in bytes."""

    size: int


class FileToLoad(NamedTuple):
    """A host path, and the GPA that its content goes to where one is given."""

    address: int | None
    path: str


def read_guest_memory(word: Word, findings: list[Finding]) -> AddressRange | UnplacedMemory | None:
    """The guest memory (GPA) that ``word`` asks for; None, and a finding, where it is wrong."""
    if not word.known:
        return None
    start_text, comma, length_text = word.value.partition(",")
    if not comma:
        size = _read_size(word, 0, start_text, findings)
        return None if size is None else UnplacedMemory(size)
    start = read_number(word, 0, start_text, Notation.ADDRESS, findings)
    length_at = len(start_text) + 1
    size = _read_size(word, length_at, length_text, findings)
    if start is None or size is None:
        return None
    if start + size > ADDRESS_LIMIT:
        problem = "reaches past the last 64-bit address"
        findings.append(
            mistakes.bad_number(word.part(length_at, len(word.value)), length_text, problem, None)
        )
        return None
    return AddressRange(start, size)


def _read_size(word: Word, at: int, text: str, findings: list[Finding]) -> int | None:
    size = read_number(word, at, text, Notation.LENGTH, findings)
    if size == 0:
        span = word.part(at, at + len(text))
        findings.append(
            mistakes.bad_number(span, text, "is no length: it must be at least 1", None)
        )
        return None
    return size


def read_file_to_load(word: Word, findings: list[Finding]) -> FileToLoad | None:
    """The file that ``word`` names, with its address.

    What stands before the first comma is an address if it begins with a digit, or has
    hexadecimal digits only; else the comma belongs to the path.
    """
    address_text, comma, path = word.value.partition(",")
    if not comma or not _looks_like_address(address_text):
        return FileToLoad(None, word.value)
    address = read_number(word, 0, address_text, Notation.ADDRESS, findings)
    if not path:
        given = f"load {word.value}"
        form = f"load {address_text},FILE"
        findings.append(mistakes.missing_argument(word.span, given, "file", None, form))
        return None
    return None if address is None else FileToLoad(address, path)


def _looks_like_address(text: str) -> bool:
    if text[:1] in DECIMAL_DIGITS:
        return "/" not in text and "." not in text
    return bool(text) and HEXADECIMAL_DIGITS.issuperset(text)
