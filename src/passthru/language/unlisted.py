# SPDX-License-Identifier: Apache-2.0
"""Words that are no option where they stand: vendors' options, other syntax, and mistakes."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.assembly import Assembly
from passthru.language.context_options import take_vendor_option
from passthru.language.contexts import OpenContext, documented_here
from passthru.language.cursor import Cursor
from passthru.language.foreign import translate_argument, translate_count, translate_option
from passthru.language.locations import LOCATION_PREFIXES
from passthru.language.numbers import DECIMAL_DIGITS
from passthru.language.options import (
    BLOB_TYPES,
    CONTEXT_OPTIONS,
    CONTEXTS,
    Context,
    Option,
)
from passthru.language.spelling import OTHER_NAMES, is_spelling, meant_option
from passthru.language.translation import Translation
from passthru.language.variables import SET_VARIABLES
from passthru.language.words import Word

__all__ = ["put_argument_right", "take_unlisted"]

_WITH_LOCATIONS = (Context.PASS, Context.RESERVE)


def take_unlisted(word: Word, vm: Assembly, cursor: Cursor, findings: list[Finding]) -> None:
    """Take ``word``, which is no option of ``vm`` or of the context that is open in it."""
    context = vm.context
    follows_command_line = _follows_command_line(word, vm)
    if not follows_command_line and _take_foreign(word, vm, cursor, findings):
        return
    takes_any = context is not None and context.takes_any_option
    if follows_command_line and ("=" in word.value or not takes_any):
        last = cursor.skip_mistake() or word
        findings.append(_without_quotes(word, last, vm))
    elif context is not None and takes_any and not _is_mistake(word, context):
        take_vendor_option(word, context, cursor, frozenset(documented_here(context)))
    elif context is not None and _is_bare_location(word, context, cursor):
        findings.append(mistakes.missing_loc_keyword(word.span, word.value))
        cursor.put_back([word._replace(value="loc"), word])
    else:
        _take_mistake(word, context, cursor, findings)


def put_argument_right(
    option: Option, vm: Assembly, cursor: Cursor, findings: list[Finding]
) -> bool:
    """Whether the arguments of ``option`` can be read, put right if they had to be."""
    word = cursor.next()
    if word is None:
        return True
    translation = translate_argument(option.name, word, cursor, vm.order.controller)
    if translation is None:
        cursor.step_back()
        return True
    return _tell(translation, cursor, findings)


def _tell(translation: Translation, cursor: Cursor, findings: list[Finding]) -> bool:
    """Tell of another syntax, and read what it means in its place; whether that is possible."""
    findings.append(translation.finding())
    cursor.put_back(translation.words())
    return translation.complete


def _take_foreign(word: Word, vm: Assembly, cursor: Cursor, findings: list[Finding]) -> bool:
    """Whether another syntax stands there, which is told and put right."""
    context = vm.context
    if "=" not in word.value and "," not in word.value:
        return _take_count(word, context, cursor, findings)
    if context is None or context.kind not in _WITH_LOCATIONS:
        if _take_assigned(word, context, cursor, findings):
            return True
        if context is not None and context.kind is Context.VDEV and context.vdev is None:
            return False
    kind = context.kind if context is not None else None
    translation = translate_option(word, cursor, kind, vm.order.controller)
    if translation is not None:
        _tell(translation, cursor, findings)
        return True
    return _take_assigned(word, context, cursor, findings) or _take_renamed(
        word, context, cursor, findings
    )


def _take_count(
    word: Word, context: OpenContext | None, cursor: Cursor, findings: list[Finding]
) -> bool:
    """Whether a number of CPUs stands there, which is told and read as so many ``cpu``."""
    if context is not None and context.takes_any_option:
        return False
    is_cpu = context is not None and context.kind is Context.CPU
    translation = translate_count(word, cursor, context.span if context and is_cpu else None)
    if translation is not None:
        _tell(translation, cursor, findings)
    return translation is not None


def _take_assigned(
    word: Word, context: OpenContext | None, cursor: Cursor, findings: list[Finding]
) -> bool:
    """Whether ``option=argument`` stands there, which is told and read with a blank."""
    name, _, value = word.value.partition("=")
    source, start, end = word.span
    option = documented_here(context).get(name)
    if not value or option is None or not option.arguments or not word.is_written(f"{name}="):
        return False
    at = start + len(name)
    right = f"{name} {source.text[at + 1 : end]}"
    edits = (Edit(Span(source, at, at + 1), " "),)
    findings.append(mistakes.foreign_syntax(word.span, right, edits))
    argument = word._replace(value=value, start=at + 1)
    cursor.put_back([Word(name, source, start, at), argument])
    return True


def _take_renamed(
    word: Word, context: OpenContext | None, cursor: Cursor, findings: list[Finding]
) -> bool:
    """Whether ``memory=512M`` stands there: what others call an option, which is told and read."""
    name, _, value = word.value.partition("=")
    meant = OTHER_NAMES.get(name)
    if not value or meant not in documented_here(context):
        return False
    findings.append(mistakes.foreign_syntax(word.span, f"{meant} {value}", ()))
    cursor.put_back([word._replace(value=meant), word._replace(value=value)])
    return True


def _is_mistake(word: Word, context: OpenContext) -> bool:
    """Whether it cannot be an option of any device, or is nearly one that a known device has."""
    if not word.value[:1].isalnum():
        return True
    # A blob type is near to `ram`, and a vendor may have an option of its name.
    if context.vdev is None or word.value in BLOB_TYPES:
        return False
    return meant_option(word.value, documented_here(context), 1) is not None


def _is_bare_location(word: Word, context: OpenContext, cursor: Cursor) -> bool:
    """Whether it can only be a location whose ``loc`` is missing."""
    if context.kind not in _WITH_LOCATIONS or word.quoted:
        return False
    begins_with_number = word.value[:1] in DECIMAL_DIGITS and "," in word.value
    following = cursor.peek()
    is_number_next = following is not None and following.value[:1] in DECIMAL_DIGITS
    is_prefix = is_number_next and f"{word.value}:" in LOCATION_PREFIXES
    return begins_with_number or is_prefix or word.value.startswith(LOCATION_PREFIXES)


def _take_mistake(
    word: Word, context: OpenContext | None, cursor: Cursor, findings: list[Finding]
) -> None:
    """Tell that ``word`` is no option here, and skip what seems to belong to it."""
    title = context.title if context else None
    owners = [kind.value for kind, options in CONTEXT_OPTIONS.items() if word.value in options]
    if owners:
        findings.append(mistakes.option_outside_context(word.span, word.value, owners, title))
        cursor.skip_mistake()
        return
    if word.value in SET_VARIABLES:
        findings.append(mistakes.missing_set(word.span, word.value))
        cursor.put_back([word._replace(value="set"), word])
        return
    here = documented_here(context)
    meant = meant_option(word.value, here.keys() | BLOB_TYPES.keys())
    findings.append(mistakes.unknown_option(word.span, word.value, meant, title))
    is_certain = meant is not None and is_spelling(word.value, meant)
    if meant not in (None, word.value) and (meant in CONTEXTS or is_certain):
        # Without it every option of the context would be one more mistake.
        cursor.put_back([word._replace(value=meant)])
        return
    if meant in here:
        cursor.skip_arguments(here[meant])
    cursor.skip_mistake()


def _follows_command_line(word: Word, vm: Assembly) -> bool:
    """Whether ``word`` stands on one line with the argument of ``cmdline``, just behind it."""
    if vm.cmdline is None:
        return False
    source, _, end = vm.cmdline.span
    return source is word.source and not source.text[end : word.start].strip(" \t")


def _without_quotes(word: Word, last: Word, vm: Assembly) -> Finding:
    """The words from the argument of ``cmdline`` to ``last`` are one text without quotes."""
    whole = (vm.cmdline or word).span.to(last.span)
    is_plain = '"' not in whole.text and "\\" not in whole.text
    return mistakes.unquoted_command_line(word.span, word.value, whole, certain=is_plain)
