# SPDX-License-Identifier: Apache-2.0
"""Findings that the author of a configuration allows, by a comment where they stand.

The comment is ``# passthru: allow id``, with commas between several ids. At the end of a
line it is for the findings of that line; on a line of its own, for those of the next line
that has a word. A finding belongs to the line on which its span starts: for an option over
several lines, or quoted text of several lines, that is the first of them, so the comment
goes to the end of that line or, where it would be in quotes there, on a line before it.
"""

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Source, Span
from passthru.language.words import TokenKind, tokens
from passthru.lean import Iterable, NamedTuple

__all__ = ["UNUSED_ALLOWANCE", "Allowance", "allowed_here", "without_allowed"]

UNUSED_ALLOWANCE = Rule(
    "unused-allowance",
    Severity.INFORMATION,
    "A comment allows a finding that is not found.",
    "An allowance that is left behind would hide the next mistake of its kind. It is for the "
    "line that it ends, or for the next one if it has a line of its own.",
)

_MARK = "passthru:"
_VERB = "allow"


class Allowance(NamedTuple):
    """One id in a comment: the ``line`` of the source (from 1) that it is for, and its place."""

    id: str
    line: int
    span: Span


def allowed_here(source: Source) -> tuple[Allowance, ...]:
    """What the comments of ``source`` allow, in the order of the text.

    An allowance after the last word of the text is for no finding; its line is its own.
    """
    if _MARK not in source.text:
        return ()
    allowances: list[Allowance] = []
    waiting: list[Span] = []
    last_line_with_word = 0
    for token in tokens(source):
        if token.kind is TokenKind.BLANK:
            continue
        if token.kind is TokenKind.COMMENT:
            ids = _allowed_ids(token.span)
            if token.span.line == last_line_with_word:
                allowances += (Allowance(span.text, last_line_with_word, span) for span in ids)
            else:
                waiting += ids
            continue
        allowances += (Allowance(span.text, token.span.line, span) for span in waiting)
        waiting.clear()
        last_line_with_word = token.span.end_position[0]
    allowances += (Allowance(span.text, span.line, span) for span in waiting)
    return tuple(allowances)


def without_allowed(
    findings: Iterable[Finding],
    sources: Iterable[Source],
    allowed_ids: Iterable[str] = (),
    known_ids: frozenset[str] = frozenset(),
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The findings that are told, and those that are not because somebody allows them.

    ``allowed_ids`` are allowed everywhere, the comments of ``sources`` where they stand. A
    comment that allows nothing is told by a finding of its own; one that names none of the
    ``known_ids`` is told as a misspelling, where they are given. A finding that is not allowable
    stays, whatever allows it.
    """
    everywhere = frozenset(allowed_ids)
    allowances = {source: allowed_here(source) for source in sources}
    lines: dict[tuple[Source, int], list[Allowance]] = {}
    for source, some in allowances.items():
        for allowance in some:
            lines.setdefault((source, allowance.line), []).append(allowance)
    used: set[Allowance] = set()
    kept: list[Finding] = []
    suppressed: list[Finding] = []
    for finding in findings:
        here = [each for each in _at(finding.span, lines) if each.id == finding.id]
        used.update(here)
        is_allowed = finding.allowable and (here or finding.id in everywhere)
        (suppressed if is_allowed else kept).append(finding)
    if UNUSED_ALLOWANCE.id not in everywhere:
        unused = (each for some in allowances.values() for each in some if each not in used)
        kept += (_told_as_unused(allowance, known_ids) for allowance in unused)
    return tuple(kept), tuple(suppressed)


def _allowed_ids(comment: Span) -> list[Span]:
    """The places of the ids that a comment allows."""
    text = comment.text
    position = _behind(text, _MARK, 1)
    position = _behind(text, _VERB, position) if position else 0
    if not position or text[position : position + 1] not in ("", " ", "\t", "\r"):
        return []
    spans = []
    for part in text[position:].split(","):
        written = part.strip()
        start = comment.start + position + (len(part) - len(part.lstrip()))
        if written:
            spans.append(Span(comment.source, start, start + len(written)))
        position += len(part) + 1
    return spans


def _behind(text: str, word: str, position: int) -> int:
    """The place behind ``word``, which follows ``position`` after blanks; 0 if it does not."""
    start = len(text) - len(text[position:].lstrip())
    return start + len(word) if text.startswith(word, start) else 0


def _at(span: Span | None, lines: dict[tuple[Source, int], list[Allowance]]) -> list[Allowance]:
    return lines.get((span.source, span.line), []) if span is not None and lines else []


def _told_as_unused(allowance: Allowance, known_ids: frozenset[str]) -> Finding:
    if known_ids and allowance.id not in known_ids:
        from passthru.language.spelling import nearest

        guess = nearest(allowance.id, known_ids)
        meant = f"; the nearest is `{guess}`" if guess else ""
        return UNUSED_ALLOWANCE.finding(
            f"no finding has the id `{allowance.id}`{meant}", allowance.span, fix=guess
        )
    return UNUSED_ALLOWANCE.finding(
        f"nothing is found on line {allowance.line} that `{allowance.id}` would allow",
        allowance.span,
    )
