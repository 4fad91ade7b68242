# SPDX-License-Identifier: Apache-2.0
"""Findings about the text before it has a meaning: quotes, line ends, markers, variables."""

from passthru.diagnostics.finding import Edit, Finding, Place, Severity
from passthru.diagnostics.source import Source, Span
from passthru.language.mistakes import rules
from passthru.lean import Iterable

__all__ = [
    "not_text",
    "pasteable",
    "shown",
    "stray_backslash",
    "unexpanded_marker",
    "unknown_variable",
    "unterminated_quote",
]

_QUOTED_LENGTH = 60
"""Longest piece of the user's text that a message repeats, in characters."""

_BLANKS_AS_SPACES = str.maketrans(dict.fromkeys(" \t\r\f\v\n", " "))


def shown(text: str) -> str:
    """``text`` as a message can carry it: short, on one line, without control characters."""
    # Of all the characters that look like blanks these alone are some.
    words = text.translate(_BLANKS_AS_SPACES).split(" ")
    line = " ".join(word for word in words if word) or text
    short = line if len(line) <= _QUOTED_LENGTH else line[: _QUOTED_LENGTH - 1] + "…"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


def pasteable(text: str) -> str:
    """``text`` as a fix can carry it: as it is, if that is one line without control characters."""
    return text if text.isprintable() else shown(text)


def not_text(source: Source) -> Finding:
    """The whole of ``source``, of which nothing is read."""
    start = source.text[:2]
    name = pasteable(source.name)
    if start in _UTF_16:
        problem, fix = "this is text in UTF-16", f"iconv -f UTF-16 -t UTF-8 {name} > UTF-8-FILE"
    elif "\0" in source.text:
        problem, fix = "this is no text: it has bytes that are zero", "name a configuration"
    else:
        problem, fix = "this is not text in UTF-8", "save it as UTF-8, or name a configuration"
    return rules.NOT_TEXT.finding(problem, Span(source, 0, 0), fix=fix)


_UTF_16 = ("\udcff\udcfe", "\udcfe\udcff")
"""The byte order marks, as bytes that are no UTF-8."""


def unterminated_quote(span: Span, several_lines: Span | None) -> Finding:
    """A quote without its end; ``several_lines`` is an earlier one that may have run away."""
    others: tuple[Place, ...] = ()
    if several_lines is not None:
        others = (
            Place("this quoted text runs over several lines: is its end right?", several_lines),
        )
    return rules.UNTERMINATED_QUOTE.finding(
        "a double quote is opened and never closed",
        span,
        others=others,
        fix=pasteable(span.text + '"'),
    )


def stray_backslash(span: Span, edits: Iterable[Edit]) -> Finding:
    """A backslash behind a word or for itself, outside quotes."""
    return rules.UNKNOWN_OPTION.finding(
        "`\\` is no option: line ends have no meaning, so nothing has to continue a line",
        span,
        fix="leave the backslash out; put text with blanks in quotes",
        edits=edits,
    )


def unexpanded_marker(span: Span, marker: str) -> Finding:
    """A template's marker that nobody replaced."""
    message = f"the template's marker `{shown(marker)}` is still in the text"
    return rules.UNEXPANDED_MARKER.finding(message, span)


def unknown_variable(
    span: Span, variable: str, problem: str, *, is_error: bool, fix: str | None = None
) -> Finding:
    """A ``$…{…}`` that cannot be replaced; no error where only the target can know it."""
    return rules.UNKNOWN_VARIABLE.finding(
        f"`{shown(variable)}` {problem}",
        span,
        fix=fix,
        severity=Severity.ERROR if is_error else Severity.INFORMATION,
    )
