# SPDX-License-Identifier: Apache-2.0
"""Findings about numbers, locations, access letters and interrupts."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language.mistakes import rules
from passthru.language.mistakes.text import pasteable, shown
from passthru.lean import Iterable

__all__ = [
    "access_removed_nothing",
    "ambiguous_number",
    "bad_interrupt",
    "bad_location",
    "bad_number",
    "host_address_ignored",
    "interrupt_controller_assumed",
    "missing_length",
    "missing_loc_keyword",
    "unknown_access_type",
]


def bad_number(
    span: Span, text: str, problem: str, fix: str | None, edits: Iterable[Edit] = ()
) -> Finding:
    """A number that is none, or out of range; ``problem`` completes the sentence."""
    return rules.BAD_NUMBER.finding(f"`{shown(text)}` {problem}", span, fix=fix, edits=edits)


def ambiguous_number(
    span: Span, text: str, taken: str, other: str, *, fix: str, edits: Iterable[Edit] = ()
) -> Finding:
    """No prefix, and the two radixes give two numbers; ``taken`` is how it was read."""
    message = f"`{text}` has no prefix and is read as {taken}, not as {other}"
    return rules.AMBIGUOUS_NUMBER.finding(message, span, fix=fix, edits=edits)


def bad_location(
    span: Span, text: str, problem: str, fix: str | None = None, edits: Iterable[Edit] = ()
) -> Finding:
    """An argument of ``loc`` that has none of its forms."""
    fix = fix and pasteable(fix)
    return rules.BAD_LOCATION.finding(f"`{shown(text)}` {problem}", span, fix=fix, edits=edits)


def missing_loc_keyword(span: Span, text: str) -> Finding:
    """``pass pci:…`` as one example of the reference has it."""
    return rules.MISSING_LOC_KEYWORD.finding(
        f"`loc` is missing before `{shown(text)}`",
        span,
        fix=pasteable(f"loc {text}"),
        edits=(Edit(Span(span.source, span.start, span.start), "loc "),),
    )


def missing_length(span: Span, text: str, fixed: str, edits: Iterable[Edit]) -> Finding:
    """Memory passed without a length; ``fixed`` is the location with one."""
    message = f"`{shown(text)}` has no length; one page (0x1000) is assumed"
    return rules.MISSING_LENGTH.finding(message, span, fix=pasteable(fixed), edits=edits)


def host_address_ignored(span: Span, text: str, fixed: str, edits: Iterable[Edit]) -> Finding:
    """``io:`` with a host address; ``fixed`` is the location without it."""
    return rules.HOST_ADDRESS_IGNORED.finding(
        f"the host address of `{shown(text)}` is ignored",
        span,
        resource=shown(fixed),
        fix=pasteable(fixed),
        edits=edits,
    )


def unknown_access_type(
    span: Span, letters: str, fix: str | None, edits: Iterable[Edit]
) -> Finding:
    """Letters that are no access types."""
    message = f"`{shown(letters)}` is no access type"
    return rules.UNKNOWN_ACCESS_TYPE.finding(message, span, fix=fix, edits=edits)


def access_removed_nothing(
    span: Span, letters: str, fixed: str | None, edits: Iterable[Edit]
) -> Finding:
    """``-`` before letters that were not there; ``fixed`` are the letters without it."""
    message = f"`-{letters}` removes what was not there"
    return rules.ACCESS_REMOVED_NOTHING.finding(message, span, fix=fixed, edits=edits)


def bad_interrupt(
    span: Span, text: str, problem: str, fix: str | None = None, edits: Iterable[Edit] = ()
) -> Finding:
    """An argument of ``intr`` that has none of its forms."""
    fix = fix and pasteable(fix)
    return rules.BAD_INTERRUPT.finding(f"`{shown(text)}` {problem}", span, fix=fix, edits=edits)


def interrupt_controller_assumed(
    span: Span, line: str, controller: str, edits: Iterable[Edit]
) -> Finding:
    """``intr 39``: a line without its controller."""
    return rules.MISSING_INTERRUPT_CONTROLLER.finding(
        f"`{shown(line)}` names no interrupt controller; `{shown(controller)}` is assumed",
        span,
        fix=pasteable(f"{controller}:{line}"),
        edits=edits,
    )
