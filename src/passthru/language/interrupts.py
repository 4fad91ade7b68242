# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``intr``: ``controller:line[,u][=vector]`` and ``apic``."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.model import Interrupt
from passthru.language.numbers import Notation, read_number
from passthru.language.options import SINCE_7_1, lacks
from passthru.language.words import Word
from passthru.lean import NamedTuple

__all__ = ["LOCAL_APIC", "plain_interrupt", "read_interrupts"]

LOCAL_APIC = "apic"
"""The controller that every x86 guest has and that has no lines to choose from."""

_NUMBER_LIMIT = 1 << 32
"""Lines and vectors fit 32 bits on every interrupt controller there is."""

_MOST_DIGITS = 9
"""A decimal number of so many digits is below _NUMBER_LIMIT."""

_IMMEDIATE_UNMASK = "u"
_SERVICE_THREAD = "t"
_ATTRIBUTE_VERSIONS = {_IMMEDIATE_UNMASK: SINCE_7_1, _SERVICE_THREAD: ("7.1",)}
_ALWAYS_A_SERVICE_THREAD = "8.0"
"""The version that delivers each passed interrupt as ``t`` asks for."""


class _Line(NamedTuple):
    """``controller:line`` and the attributes behind it; ``at`` is its offset in the word."""

    text: str
    at: int
    attributes: list[tuple[str, int]]


def read_interrupts(
    word: Word,
    findings: list[Finding],
    *,
    controller: str,
    version: str,
    several: bool = False,
) -> tuple[Interrupt, ...]:
    """The interrupts that ``word`` lists; none, and a finding, where it is wrong.

    ``controller`` is assumed where only a line is given; ``version`` is the hypervisor's.
    ``several`` allows a list (``a:0,a:8``), as the timers among the virtual devices have it.
    """
    if not word.known:
        return ()
    plain = plain_interrupt(word)
    if plain is not None:
        return (plain,)
    left, equals, vector_text = word.value.partition("=")
    if (misplaced := _misplaced_attribute(word, left, vector_text)) is not None:
        findings.append(misplaced)
        return ()
    lines = _lines(left.removesuffix(",") if equals else left)
    if len(lines) > 1 and not several:
        fix = " intr ".join(_with_controllers(lines, controller))
        findings.append(
            mistakes.bad_interrupt(word.span, word.value, "is more than one interrupt", fix)
        )
        return ()
    vector = None
    if equals:
        vector = read_number(
            word, len(left) + 1, vector_text, Notation.PLAIN, findings, _NUMBER_LIMIT
        )
        if vector is None:
            return ()
    read = [_read_line(word, line, vector, controller, version, findings) for line in lines]
    return tuple(interrupt for interrupt in read if interrupt is not None)


def _with_controllers(lines: list[_Line], controller: str) -> list[str]:
    """Each line with its controller, which is the one before it where it names none."""
    texts = []
    for line in lines:
        name, colon, number = line.text.rpartition(":")
        controller = name if colon else controller
        texts.append(f"{controller}:{number}")
    return texts


def plain_interrupt(word: Word) -> Interrupt | None:
    """``controller:line[=vector]`` as nearly all are written, quickly: nothing to say about it.

    None where ``read_interrupts`` has to look closer.
    """
    text, source, start, end, _, known = word
    if not known:
        return None
    controller, _, rest = text.partition(":")
    line, equals, vector = rest.partition("=")
    if not (controller.isidentifier() and line.isdecimal() and (vector.isdecimal() or not equals)):
        return None
    # Other scripts have decimal digits, too; a number out of range has more of them.
    if not text.isascii() or len(line) > _MOST_DIGITS or len(vector) > _MOST_DIGITS:
        return None
    host = int(vector) if equals else None
    return Interrupt._make((controller, int(line), False, host, Span._make((source, start, end))))


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


def _misplaced_attribute(word: Word, left: str, vector_text: str) -> Finding | None:
    """``gic:5=9,u``, ``gic:5,``: an attribute behind the vector, or a comma with none behind it."""
    if word.value.endswith(","):
        right = word.value.rstrip(",")
        problem = "ends with a comma"
    else:
        vector, comma, attribute = vector_text.partition(",")
        if not comma or attribute not in _ATTRIBUTE_VERSIONS:
            return None
        right = f"{left},{attribute}={vector}"
        problem = f"has `{attribute}` behind the vector; it stands before the `=`"
    edits = word.replacing(0, len(word.value), right)
    return mistakes.bad_interrupt(word.span, word.value, problem, right, edits)


def _missing_attribute(word: Word, attribute: str, at: int, version: str) -> Finding:
    """``version`` does not have the ``attribute``, which stands at offset ``at`` of ``word``."""
    end = at + len(attribute)
    instead = f"leave `,{attribute}` out"
    edits: tuple[Edit, ...] = ()
    if (attribute, version) == (_SERVICE_THREAD, _ALWAYS_A_SERVICE_THREAD):
        edits = word.replacing(at - 1, end, "")
    return mistakes.version_only(
        word.part(at, end),
        f"intr …,{attribute}",
        _ATTRIBUTE_VERSIONS[attribute],
        version,
        instead,
        edits,
    )


def _read_line(
    word: Word,
    line: _Line,
    vector: int | None,
    controller: str,
    version: str,
    findings: list[Finding],
) -> Interrupt | None:
    immediate_unmask = False
    for attribute, at in line.attributes:
        if attribute not in _ATTRIBUTE_VERSIONS:
            span = word.part(at, at + len(attribute))
            problem = "is no attribute of an interrupt"
            findings.append(mistakes.bad_interrupt(span, attribute, problem))
            return None
        immediate_unmask = immediate_unmask or attribute == _IMMEDIATE_UNMASK
        if lacks(version, _ATTRIBUTE_VERSIONS[attribute]):
            findings.append(_missing_attribute(word, attribute, at, version))
    if line.text == LOCAL_APIC:
        return Interrupt(LOCAL_APIC, None, immediate_unmask, vector, word.span)
    name, colon, number_text = line.text.rpartition(":")
    if not colon and number_text[:1].isdigit():
        span = word.part(line.at, line.at + len(line.text))
        edits = word.replacing(line.at, line.at, f"{controller}:")
        findings.append(mistakes.interrupt_controller_assumed(span, line.text, controller, edits))
        name = controller
    elif not name or ":" in name:
        span = word.part(line.at, line.at + len(line.text))
        findings.append(mistakes.bad_interrupt(span, line.text, "is no controller:line"))
        return None
    number_at = line.at + len(line.text) - len(number_text)
    number = read_number(word, number_at, number_text, Notation.PLAIN, findings, _NUMBER_LIMIT)
    if number is None:
        return None
    return Interrupt(name, number, immediate_unmask, vector, word.span)
