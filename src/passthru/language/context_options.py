# SPDX-License-Identifier: Apache-2.0
"""What the options of a context do to it: ``loc``, ``intr``, ``name`` and a device's own."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.assembly import Assembly, Order
from passthru.language.contexts import OpenContext
from passthru.language.cursor import Cursor, check_choices
from passthru.language.interrupts import LOCAL_APIC, plain_interrupt, read_interrupts
from passthru.language.locations import (
    LOCATION_PREFIXES,
    Space,
    may_be_system_memory,
    plain_memory_location,
    read_location,
)
from passthru.language.model import MemoryLocation, Text, VdevOption
from passthru.language.numbers import Notation, read_number
from passthru.language.options import ALL_VERSIONS, ArgumentKind, Context, Option, lacks
from passthru.language.words import Word
from passthru.lean import Callable

__all__ = ["PLAIN_OPTIONS", "take_context_option", "take_vendor_option", "tell_version"]

_FOREIGN_STARTS = ("addr", "base", "gpa", "guest", "host", "hpa", "len", "phys", "size", "start")
_FOREIGN_ENDS = (",", "guest", "guestloc")
"""What only a location in another syntax begins or ends with."""


def _take_plain_location(word: Word, argument: Word, context: OpenContext, order: Order) -> bool:
    if context.kind is Context.VDEV:
        vdev = context.vdev
        if vdev is None or vdev.space is not Space.MEMORY or "loc" in context.seen:
            return False
        location = plain_memory_location(argument, sized_by_device=True)
        if location is None:
            return False
        context.seen["loc"] = word
    else:
        location = plain_memory_location(argument, sized_by_device=False)
        if location is None:
            return False
        if context.kind is Context.PASS:
            _tell_of_memory(location, order)
    context.locations.append(location)
    return True


def _take_plain_interrupt(word: Word, argument: Word, context: OpenContext, order: Order) -> bool:
    is_vdev = context.kind is Context.VDEV
    if is_vdev and (context.vdev is None or "intr" in context.seen):
        return False
    interrupt = plain_interrupt(argument)
    if interrupt is None:
        return False
    if is_vdev:
        context.seen["intr"] = word
    context.interrupts.append(interrupt)
    order.uses.append((context.place, interrupt))
    return True


PLAIN_OPTIONS: dict[str, Callable[[Word, Word, OpenContext, Order], bool]] = {
    "loc": _take_plain_location,
    "intr": _take_plain_interrupt,
}
"""What takes an option as nearly all are written, quickly: there is nothing to say about it.

It gets the option's word and the one behind it. False, and nothing is taken, where
``take_context_option`` has to look closer.
"""


def take_context_option(
    option: Option,
    word: Word,
    context: OpenContext,
    cursor: Cursor,
    assembly: Assembly,
    findings: list[Finding],
) -> None:
    """Read the arguments of ``option``, which is ``word``, and put them into ``context``."""
    arguments = cursor.take_arguments(option)
    if arguments is None:
        return
    if option.versions is not ALL_VERSIONS:
        tell_version(option, word, arguments, assembly, findings)
    if not option.accumulates:
        _forget_earlier(word, context, assembly)
    name = option.name
    if not arguments:
        context.vdev_options.append(VdevOption._make((name, None, word.span)))
        return
    argument = arguments[0]
    if name == "loc":
        _take_location(argument, context, cursor, assembly, findings)
    elif name == "intr":
        _take_interrupts(argument, context, cursor, assembly, findings)
    elif context.kind is not Context.VDEV or name == "name":
        if context.kind is Context.CPU and not _is_of_cpu(option, argument, findings):
            return
        context.texts[name] = Text._make((argument.value, argument.span))
    elif _is_right(option, arguments, assembly.version, findings):
        value = " ".join([each.value for each in arguments])
        span = Span._make((word.source, word.start, arguments[-1].end))
        context.vdev_options.append(VdevOption._make((name, value, span)))


def _is_of_cpu(option: Option, argument: Word, findings: list[Finding]) -> bool:
    """Whether ``argument`` can be that of the ``option`` of ``cpu``; a finding if not."""
    kind = option.arguments[0].kind
    if kind is ArgumentKind.TEXT or not argument.known:
        return True
    from passthru.language.processors import parse_runmask, parse_scheduling

    parse = parse_runmask if kind is ArgumentKind.PROCESSORS else parse_scheduling
    if parse(argument.value) is not None:
        return True
    name = f"cpu {option.name}"
    findings.append(mistakes.bad_value(argument.span, name, argument.value, kind.value))
    return False


def _forget_earlier(word: Word, context: OpenContext, assembly: Assembly) -> None:
    """Drop what the option ``word`` gave before in its context: the last one wins."""
    if context.kind is Context.VDEV and context.vdev is None:
        return  # a vendor's own device may be made of several places and lines
    name = word.value
    earlier = context.seen.get(name)
    if earlier is not None:
        context.forget(name)
        assembly.warn_repeated(name, earlier.span, word.span)
    context.seen[name] = word


def tell_version(
    option: Option,
    word: Word,
    arguments: list[Word],
    assembly: Assembly,
    findings: list[Finding],
) -> None:
    """Tell if the hypervisor's version does not have ``option``, which is ``word``."""
    if lacks(assembly.version, option.versions):
        from passthru.language.versions import missing_option

        findings.append(missing_option(option, word, arguments, assembly.version))


def take_vendor_option(
    word: Word, context: OpenContext, cursor: Cursor, known: frozenset[str]
) -> None:
    """Put an option that the table does not list into a virtual device's context."""
    value = cursor.take_vendor_value(known)
    span = word.span if value is None else word.span.to(value.span)
    text = None if value is None else value.value
    context.vdev_options.append(VdevOption(word.value, text, span))


def _add_location(
    word: Word, context: OpenContext, assembly: Assembly, findings: list[Finding]
) -> None:
    """Put the location that ``word`` is into ``context``."""
    is_vdev = context.kind is Context.VDEV
    location = read_location(
        word,
        findings,
        version=assembly.version,
        default=context.vdev.space if context.vdev else Space.MEMORY,
        sized_by_device=is_vdev,
    )
    if location is None:
        if context.kind is Context.PASS and not word.known and may_be_system_memory(word):
            assembly.order.memory(word.span)
        return
    context.locations.append(location)
    if context.kind is Context.PASS and isinstance(location, MemoryLocation):
        _tell_of_memory(location, assembly.order)


def _tell_of_memory(passed: MemoryLocation, order: Order) -> None:
    """What is passed can be guest memory, too."""
    if "m" in passed.access.letters:
        order.memory(passed.span)


def _take_location(
    word: Word, context: OpenContext, cursor: Cursor, assembly: Assembly, findings: list[Finding]
) -> None:
    text = word.value
    if "," not in text or text.startswith(_FOREIGN_STARTS) or text.endswith(_FOREIGN_ENDS):
        if f"{text}:" in LOCATION_PREFIXES and _take_after_blank(word, cursor, assembly, findings):
            return
        if context.kind is not Context.VDEV:
            from passthru.language.foreign import translate_location

            translation = translate_location(word, cursor, assembly.order.controller)
            if translation is not None:
                findings.append(translation.finding())
                for right in translation.words():
                    _add_location(right, context, assembly, findings)
                return
    _add_location(word, context, assembly, findings)


def _take_after_blank(
    word: Word, cursor: Cursor, assembly: Assembly, findings: list[Finding]
) -> bool:
    """``loc io 0xcf8,0x8``, as one page of the documentation has it, is one mistake, not two."""
    joined = _joined_by_colon(word, cursor)
    if joined is None:
        return False
    others: list[Finding] = []
    read_location(joined, others, version=assembly.version)
    edits = () if others else _colon_behind(word, joined)
    problem = "has no colon behind it"
    findings.append(mistakes.bad_location(joined.span, word.value, problem, joined.value, edits))
    return True


def _joined_by_colon(word: Word, cursor: Cursor) -> Word | None:
    """``word:number``, if a number comes next, which is taken."""
    following = cursor.peek()
    if following is None or not following.value[:1].isdigit() or following.quoted or word.quoted:
        return None
    cursor.next()
    return Word(f"{word.value}:{following.value}", word.source, word.start, following.end)


def _colon_behind(word: Word, joined: Word) -> tuple[Edit, ...]:
    """A colon in the place of the blank behind ``word``."""
    number = len(joined.value) - len(word.value) - 1
    blank = Span(word.source, word.end, joined.end - number)
    return () if blank.text.strip() else (Edit(blank, ":"),)


def _take_interrupts(
    word: Word, context: OpenContext, cursor: Cursor, assembly: Assembly, findings: list[Finding]
) -> None:
    if word.value.isidentifier() and word.value != LOCAL_APIC:
        joined = _joined_by_colon(word, cursor)
        if joined is not None:
            problem, edits = "has no colon behind it", _colon_behind(word, joined)
            findings.append(
                mistakes.bad_interrupt(joined.span, word.value, problem, joined.value, edits)
            )
            return
    interrupts = read_interrupts(
        word,
        findings,
        controller=assembly.order.controller,
        version=assembly.version,
        several=context.kind is Context.VDEV,
    )
    context.interrupts.extend(interrupts)
    assembly.order.uses += [(context.place, interrupt) for interrupt in interrupts]


def _is_right(option: Option, arguments: list[Word], version: str, findings: list[Finding]) -> bool:
    number, kind = arguments[0], option.arguments[0].kind
    if kind is ArgumentKind.TEXT and len(arguments) == 1:
        return True
    if kind is not ArgumentKind.NUMBER:
        return check_choices(option, arguments, version, findings)
    if not number.known:
        return False
    return read_number(number, 0, number.value, Notation.PLAIN, findings) is not None
