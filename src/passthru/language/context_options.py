# SPDX-License-Identifier: Apache-2.0
"""What the options of a context do to it: ``loc``, ``intr``, ``name`` and a device's own."""

from passthru.diagnostics.finding import Finding
from passthru.language.assembly import Assembly
from passthru.language.contexts import OpenContext
from passthru.language.cursor import Cursor, check_choices
from passthru.language.interrupts import read_interrupts
from passthru.language.locations import LOCATION_PREFIXES, Space, read_location
from passthru.language.mistakes import bad_location
from passthru.language.model import Text, VdevOption
from passthru.language.numbers import Notation, read_number
from passthru.language.options import ArgumentKind, Context, Option
from passthru.language.words import Word

__all__ = ["add_location", "take_context_option", "take_vendor_option"]


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
    kind = option.arguments[0].kind
    # A vendor's own device may be made of several places and lines.
    if not option.accumulates and (context.vdev is not None or context.kind is not Context.VDEV):
        if option.name in context.seen:
            context.forget(option.name)
        assembly.warn_repeated(context.seen, option.name, word.span)
    if kind is ArgumentKind.LOCATION:
        _take_location(arguments[0], context, cursor, assembly, findings)
    elif kind is ArgumentKind.INTERRUPT:
        _add_interrupts(arguments[0], context, assembly, findings)
    elif context.kind is not Context.VDEV or option.name == "name":
        context.texts[option.name] = Text(arguments[0].value, arguments[0].span)
    elif _is_right(option, arguments, findings):
        value = " ".join(argument.value for argument in arguments)
        span = word.span.to(arguments[-1].span)
        context.vdev_options.append(VdevOption(option.name, value, span))


def take_vendor_option(
    word: Word, context: OpenContext, cursor: Cursor, known: frozenset[str]
) -> None:
    """Put an option that the table does not list into a virtual device's context."""
    value = cursor.take_vendor_value(known)
    span = word.span if value is None else word.span.to(value.span)
    text = None if value is None else value.value
    context.vdev_options.append(VdevOption(word.value, text, span))


def add_location(
    word: Word, context: OpenContext, assembly: Assembly, findings: list[Finding]
) -> None:
    """Put the location that ``word`` is into ``context``."""
    is_vdev = context.kind is Context.VDEV
    location = read_location(
        word,
        findings,
        default=context.vdev.space if context.vdev else Space.MEMORY,
        sized_by_device=is_vdev,
    )
    if location is None:
        return
    context.locations.append(location)
    if context.kind is Context.PASS:
        assembly.order.location(location)


def _take_location(
    word: Word, context: OpenContext, cursor: Cursor, assembly: Assembly, findings: list[Finding]
) -> None:
    """``loc io 0xcf,0x8``, as one page of the documentation has it, is one mistake, not two."""
    following = cursor.peek()
    prefix = f"{word.value}:"
    if prefix in LOCATION_PREFIXES and following is not None and following.value[:1].isdigit():
        cursor.next()
        span = word.span.to(following.span)
        fix = prefix + following.value
        findings.append(bad_location(span, word.value, "has no colon behind it", fix))
        return
    add_location(word, context, assembly, findings)


def _add_interrupts(
    word: Word, context: OpenContext, assembly: Assembly, findings: list[Finding]
) -> None:
    interrupts = read_interrupts(
        word,
        findings,
        controller=assembly.order.controller,
        several=context.kind is Context.VDEV,
    )
    context.interrupts.extend(interrupts)
    assembly.order.interrupts(context, interrupts)


def _is_right(option: Option, arguments: list[Word], findings: list[Finding]) -> bool:
    number = arguments[0]
    if option.arguments[0].kind is not ArgumentKind.NUMBER:
        return check_choices(option, arguments, findings)
    if not number.known:
        return False
    return read_number(number, 0, number.value, Notation.PLAIN, findings) is not None
