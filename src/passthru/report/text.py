# SPDX-License-Identifier: Apache-2.0
"""Findings for people, in the manner of compilers: place, message, source line, reason, fix."""

from collections.abc import Iterable, Iterator

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.source import Span

__all__ = ["findings_as_text", "printable", "summary_as_text"]

_LINE_WIDTH = 120
_MARGIN = 30

_BOLD = "1"
_CYAN = "36"
_GREEN = "32"
_COLOURS = {
    Severity.ERROR: "1;31",
    Severity.WARNING: "1;33",
    Severity.INFORMATION: "1;34",
}


def findings_as_text(findings: Iterable[Finding], *, colours: bool = False) -> str:
    """Every finding, by file and place; empty where there is none.

    ``colours`` adds terminal colours. Characters of the configuration that a terminal could
    obey are replaced, here and in the source lines.
    """
    blocks = (_finding_block(finding, colours) for finding in sorted(findings, key=_place_key))
    return "".join(f"{block}\n" for block in blocks)


def summary_as_text(findings: Iterable[Finding]) -> str:
    """``2 errors, 1 warning``; empty where there is nothing to count."""
    count = dict.fromkeys(Severity, 0)
    for finding in findings:
        count[finding.severity] += 1
    parts = []
    for severity, number in count.items():
        if number:
            plural = "s" if number > 1 and severity is not Severity.INFORMATION else ""
            parts.append(f"{number} {severity.value}{plural}")
    return ", ".join(parts)


def printable(text: str) -> str:
    """``text`` with every character that is not plainly printable replaced, one for one."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else " " if c == "\t" else "\ufffd" for c in text)


def _place_key(finding: Finding) -> tuple[bool, str, int]:
    if finding.span is None:
        return (True, "", 0)
    return (False, finding.span.file, finding.span.start)


def _finding_block(finding: Finding, colours: bool) -> str:
    return "\n".join(_finding_lines(finding, colours))


def _finding_lines(finding: Finding, colours: bool) -> Iterator[str]:
    word = _paint(finding.severity.value, _COLOURS[finding.severity], colours)
    where = _where(finding.span) or (f"{printable(finding.vm)}: " if finding.vm else "")
    message = _paint(printable(finding.message), _BOLD, colours)
    yield f"{_paint(where, _BOLD, colours)}{word}: {message} [{finding.id}]"
    if finding.span is not None:
        yield from _source_lines(finding.span, _COLOURS[finding.severity], colours)
    for other in finding.others:
        yield from _other_lines(other, colours)
    if finding.reason:
        yield f"  reason: {printable(finding.reason)}"
    if finding.fix is not None:
        yield from _fix_lines(finding.fix, colours)


def _where(span: Span | None) -> str:
    return f"{printable(span.file)}:{span.line}:{span.column}: " if span is not None else ""


def _other_lines(other: Place, colours: bool) -> Iterator[str]:
    vm = f" (VM {printable(other.vm)})" if other.vm else ""
    note = _paint("note", _CYAN, colours)
    yield f"  {_where(other.span)}{note}: {printable(other.message)}{vm}"
    if other.span is not None:
        yield from _source_lines(other.span, _CYAN, colours)


def _fix_lines(fix: str, colours: bool) -> Iterator[str]:
    word = _paint("fix", _GREEN, colours)
    lines = fix.split("\n")
    if len(lines) == 1:
        yield f"  {word}: {printable(fix)}"
        return
    yield f"  {word}:"
    for line in lines:
        yield f"    {printable(line)}"


def _source_lines(span: Span, style: str, colours: bool) -> Iterator[str]:
    line, _ = span.source.position(span.start)
    start, end = _cropped(*span.source.line_bounds(line), span.start)
    text = printable(span.source.text[start:end])
    first = span.start - start
    last = min(len(text), first + max(1, span.end - span.start))
    number = f"{line:5} | "
    marks = "^" * max(1, last - first)
    yield f"{number}{text}".rstrip()
    yield f"{'| ':>{len(number)}}{' ' * first}{_paint(marks, style, colours)}"


def _cropped(start: int, end: int, place: int) -> tuple[int, int]:
    """The piece of a line ``[start, end)`` that is shown around ``place``: of a long one, a part.

    Nothing else of the line is looked at: each of its words may have a finding.
    """
    if end - start <= _LINE_WIDTH:
        return start, end
    start = max(start, min(place - _MARGIN, end - _LINE_WIDTH))
    return start, start + _LINE_WIDTH


def _paint(text: str, style: str, colours: bool) -> str:
    return f"\x1b[{style}m{text}\x1b[0m" if colours and text else text
