# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``intr``: ``controller:line[,u][=vector]`` and ``apic``."""

from passthru.diagnostics.finding import Finding
from passthru.language.mistakes import bad_interrupt, interrupt_controller_assumed, version_only
from passthru.language.model import Interrupt
from passthru.language.numbers import Notation, read_number
from passthru.language.words import Word
from passthru.lean import NamedTuple

__all__ = ["LOCAL_APIC", "read_interrupts"]

LOCAL_APIC = "apic"
"""The controller that every x86 guest has and that has no lines to choose from."""

_NUMBER_LIMIT = 1 << 32
"""Lines and vectors fit 32 bits on every interrupt controller there is."""

_IMMEDIATE_UNMASK = "u"
_SERVICE_THREAD = "t"


class _Line(NamedTuple):
    """``controller:line`` and the attributes behind it; ``at`` is its offset in the word."""

    text: str
    at: int
    attributes: list[tuple[str, int]]


def read_interrupts(
    word: Word, findings: list[Finding], *, controller: str, several: bool = False
) -> tuple[Interrupt, ...]:
    """The interrupts that ``word`` lists; none, and a finding, where it is wrong.

    ``controller`` is assumed where only a line is given. ``several`` allows a list
    (``a:0,a:8``), as the timers among the virtual devices have it.
    """
    if not word.known:
        return ()
    plain = _plain_interrupt(word)
    if plain is not None:
        return (plain,)
    left, equals, vector_text = word.value.partition("=")
    lines = _lines(left.removesuffix(",") if equals else left)
    if len(lines) > 1 and not several:
        fix = " intr ".join(line.text for line in lines)
        findings.append(bad_interrupt(word.span, word.value, "is more than one interrupt", fix))
        return ()
    vector = None
    if equals:
        vector = read_number(
            word, len(left) + 1, vector_text, Notation.PLAIN, findings, _NUMBER_LIMIT
        )
        if vector is None:
            return ()
    read = [_read_line(word, line, vector, controller, findings) for line in lines]
    return tuple(interrupt for interrupt in read if interrupt is not None)


def _plain_interrupt(word: Word) -> Interrupt | None:
    """``controller:line[=vector]`` as nearly all are written, quickly: nothing to say about it."""
    controller, _, rest = word.value.partition(":")
    line, equals, vector = rest.partition("=")
    if not (controller.isidentifier() and _is_plain(line) and (_is_plain(vector) or not equals)):
        return None
    return Interrupt(controller, int(line), False, int(vector) if equals else None, word.span)


def _is_plain(number: str) -> bool:
    return number.isdecimal() and number.isascii() and len(number) < 10


def _lines(text: str) -> list[_Line]:
    """Cut at the commas; what has no colon after the first is an attribute of the one before."""
    lines: list[_Line] = []
    at = 0
    for field in text.split(","):
        if lines and ":" not in field and not field.isdigit():
            lines[-1].attributes.append((field, at))
        else:
            lines.append(_Line(field, at, []))
        at += len(field) + 1
    return lines


def _read_line(
    word: Word, line: _Line, vector: int | None, controller: str, findings: list[Finding]
) -> Interrupt | None:
    immediate_unmask = False
    for attribute, at in line.attributes:
        if attribute == _IMMEDIATE_UNMASK:
            immediate_unmask = True
        elif attribute == _SERVICE_THREAD:
            span = word.part(at, at + len(attribute))
            findings.append(version_only(span, "t", "QNX Hypervisor 7.1 for Safety"))
        else:
            span = word.part(at, at + len(attribute))
            findings.append(bad_interrupt(span, attribute, "is no attribute of an interrupt"))
            return None
    if line.text == LOCAL_APIC:
        return Interrupt(LOCAL_APIC, None, immediate_unmask, vector, word.span)
    name, colon, number_text = line.text.rpartition(":")
    if not colon and number_text[:1].isdigit():
        span = word.part(line.at, line.at + len(line.text))
        findings.append(interrupt_controller_assumed(span, line.text, controller))
        name = controller
    elif not name or ":" in name:
        span = word.part(line.at, line.at + len(line.text))
        findings.append(bad_interrupt(span, line.text, "is no controller:line"))
        return None
    number_at = line.at + len(line.text) - len(number_text)
    number = read_number(word, number_at, number_text, Notation.PLAIN, findings, _NUMBER_LIMIT)
    if number is None:
        return None
    return Interrupt(name, number, immediate_unmask, vector, word.span)
