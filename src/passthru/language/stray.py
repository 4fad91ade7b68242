# SPDX-License-Identifier: Apache-2.0
"""Words that come from other languages' habits: a backslash at a line's end, blanks around ``=``.

Left to the reader, each would be taken for an argument and make more mistakes than it is.
"""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.cursor import OPTION_WORDS
from passthru.language.foreign import MEMBER_KEYS
from passthru.language.spelling import OTHER_NAMES
from passthru.language.words import Word

__all__ = ["without_backslashes", "without_spaced_equals"]

_BACKSLASH = "\\"
_EQUALS = "="
_NO_EQUALS = ("=>", "==")
"""Signs of other languages."""


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
    start = 0
    while start < len(words):
        end = _end_of_assignment(words, start)
        if end == start + 1:
            kept.append(words[start])
        else:
            option = kept[-1].value if kept else ""
            kept += _without_blanks(words[start:end], option, findings)
        start = end
    return kept


def _end_of_assignment(words: list[Word], start: int) -> int:
    """Where the words end that are one ``a=b`` with blanks; just behind a word that begins none."""
    end = start + 1
    if not _name(words[start]):
        return end
    while end < len(words) and _goes_on(words[end - 1], words[end]):
        end += 1
    # A sign without a value behind it assigns nothing.
    while end > start + 1 and words[end - 1].value == _EQUALS:
        end -= 1
    return end


def _goes_on(left: Word, right: Word) -> bool:
    """Whether there is a ``=`` between the words, with blanks, and a value may come behind it."""
    if left.quoted or not (left.known and right.known) or right.value in _NO_EQUALS:
        return False
    if right.quoted:
        return left.value.endswith(_EQUALS)
    if right.value.removeprefix(_EQUALS) in OPTION_WORDS:
        return False
    return left.value.endswith(_EQUALS) or right.value.startswith(_EQUALS)


def _name(first: Word) -> str:
    return first.value.partition(_EQUALS)[0]


def _start_behind_sign(words: list[Word]) -> int:
    """Where the text behind the first ``=`` begins."""
    index = next(index for index, word in enumerate(words) if _EQUALS in word.value)
    word = words[index]
    place = word.start + word.span.text.index(_EQUALS) + 1
    return words[index + 1].start if place == word.end else place


def _without_blanks(words: list[Word], before: str, findings: list[Finding]) -> list[Word]:
    """What to read for ``words``, which are one ``a=b`` and stand behind the word ``before``."""
    first, last = words[0], words[-1]
    source, name = first.source, _name(first)
    joined = Word("".join(word.value for word in words), source, first.start, last.end)
    is_option = before == "set" or (before != "cmdline" and name in OPTION_WORDS)
    if before not in ("cmdline", "set") and (name in MEMBER_KEYS or name in OTHER_NAMES):
        # The reader tells of it when it knows what the other members are.
        return [joined]
    written = "".join(word.span.text for word in words)
    right = written.replace(_EQUALS, " ", 1) if is_option else written
    span = first.span.to(last.span)
    # A comment between the words would be lost, and a second sign is no part of anything.
    signs = sum(word.value.count(_EQUALS) for word in words if not word.quoted)
    is_certain = "#" not in span.text and (before == "cmdline" or signs == 1)
    edits = (Edit(span, right),) if is_certain else ()
    findings.append(mistakes.foreign_syntax(span, right, edits))
    if not is_option:
        return [joined]
    argument = last._replace(
        value=joined.value.partition(_EQUALS)[2], start=_start_behind_sign(words)
    )
    return [Word(name, source, first.start, first.start + len(name)), argument]
