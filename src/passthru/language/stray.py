# SPDX-License-Identifier: Apache-2.0
"""Words that come from other languages' habits: a backslash at a line's end, blanks around ``=``.

Left to the reader, each would be taken for an argument and make more mistakes than it is.
"""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.cursor import OPTION_WORDS
from passthru.language.foreign import MEMBER_KEYS
from passthru.language.words import Word

__all__ = ["without_backslashes", "without_spaced_equals"]

_BACKSLASH = "\\"
_EQUALS = "="


def without_backslashes(words: list[Word], findings: list[Finding]) -> list[Word]:
    """``words`` without the backslashes that they end with; a finding for each."""
    kept = []
    for word in words:
        if word.quoted or not word.value.endswith(_BACKSLASH):
            kept.append(word)
            continue
        backslash = word.end - 1
        place = Span(word.source, backslash, word.end)
        findings.append(mistakes.stray_backslash(place, _without_backslash(word)))
        if word.start < backslash:
            kept.append(word._replace(value=word.value[:-1], end=backslash))
    return kept


def _without_backslash(word: Word) -> tuple[Edit, ...]:
    """At a line's end nothing else is meant; before a blank it may be text that needs quotes."""
    text = word.source.text
    line_end = text.find("\n", word.end)
    rest = text[word.end : line_end if line_end >= 0 else len(text)].strip()
    if rest and not rest.startswith("#"):
        return ()
    before = len(text[: word.end - 1].rstrip(" \t"))
    return (Edit(Span(word.source, before, word.end), ""),)


def without_spaced_equals(words: list[Word], findings: list[Finding]) -> list[Word]:
    """``words`` as they are without the blanks around ``=``; a finding for each such place."""
    kept: list[Word] = []
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        left = kept[-1] if kept else None
        is_sign = word.value == _EQUALS and not word.quoted
        right = waiting[-1] if is_sign and waiting else word
        if left is None or not _is_cut_at_equals(left, word, right):
            kept.append(word)
            continue
        kept.pop()
        if right is not word:
            waiting.pop()
        is_set = bool(kept) and kept[-1].value == "set"
        kept += _joined(left, right, findings, is_option=is_set or _name(left) in OPTION_WORDS)
    return kept


def _is_cut_at_equals(left: Word, sign: Word, right: Word) -> bool:
    """Whether the words are one ``a=b`` with blanks; ``sign`` is ``right`` if it has the ``=``."""
    if left.quoted or not _name(left) or not (left.known and right.known):
        return False
    if sign is right and right.quoted:
        return left.value.endswith(_EQUALS)
    has_sign = sign.value.startswith(_EQUALS) or left.value.endswith(_EQUALS)
    value = right.value if right.quoted else right.value.removeprefix(_EQUALS)
    return has_sign and value != "" and (right.quoted or value not in OPTION_WORDS)


def _name(left: Word) -> str:
    return left.value.removesuffix(_EQUALS)


def _joined(left: Word, right: Word, findings: list[Finding], *, is_option: bool) -> list[Word]:
    """What to read for ``left = right``; for an option and its argument these two."""
    name, value = _name(left), right.value if right.quoted else right.value.removeprefix(_EQUALS)
    joined = Word(f"{name}={value}", left.source, left.start, right.end)
    if name in MEMBER_KEYS or not name or not value:
        return [joined]
    name_end = left.start + len(name)
    value_start = right.start + right.value.startswith(_EQUALS) if not right.quoted else right.start
    between = Span(left.source, name_end, value_start)
    sign = " " if is_option else _EQUALS
    is_bare = between.text.strip() == _EQUALS
    edits = (Edit(between, sign),) if is_bare else ()
    fix = name + sign + left.source.text[value_start : right.end]
    findings.append(mistakes.foreign_syntax(left.span.to(right.span), fix, edits))
    if not is_option:
        return [joined]
    option = Word(name, left.source, left.start, name_end)
    return [option, right._replace(value=value, start=value_start)]
