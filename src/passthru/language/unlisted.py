# SPDX-License-Identifier: Apache-2.0
"""Words that are no option where they stand: vendors' options, other syntax, and mistakes."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.assembly import Assembly
from passthru.language.context_options import add_location, take_vendor_option
from passthru.language.contexts import OpenContext
from passthru.language.cursor import Cursor
from passthru.language.foreign import Translation, translate_argument, translate_option
from passthru.language.locations import LOCATION_PREFIXES
from passthru.language.numbers import DECIMAL_DIGITS
from passthru.language.options import (
    BLOB_TYPES,
    CONTEXT_OPTIONS,
    DOCUMENTED_TOP_OPTIONS,
    Context,
    Option,
)
from passthru.language.spelling import meant_option
from passthru.language.words import Word

__all__ = ["put_argument_right", "take_unlisted"]

_OPENING = frozenset(context.value for context in CONTEXT_OPTIONS)
"""Options that open a context."""

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
    elif context is not None and takes_any and not _is_slip(word, context):
        take_vendor_option(word, context, cursor, frozenset(_named(context)))
    elif context is not None and _is_bare_location(word, context):
        findings.append(mistakes.missing_loc_keyword(word.span, word.value))
        add_location(word, context, vm, findings)
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
        cursor.put_back([word])
        return True
    return _tell(translation, cursor, findings)


def _named(context: OpenContext | None) -> dict[str, Option]:
    """The options that may stand where ``context`` is open."""
    return DOCUMENTED_TOP_OPTIONS | context.options if context else DOCUMENTED_TOP_OPTIONS


def _tell(translation: Translation, cursor: Cursor, findings: list[Finding]) -> bool:
    """Tell of another syntax, and read what it means in its place; whether that is possible."""
    findings.append(translation.finding())
    cursor.put_back(translation.words())
    return translation.complete


def _take_foreign(word: Word, vm: Assembly, cursor: Cursor, findings: list[Finding]) -> bool:
    """Whether another syntax stands there, which is told and put right."""
    context = vm.context
    if "=" not in word.value and "," not in word.value:
        return False
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
    return _take_assigned(word, context, cursor, findings)


def _take_assigned(
    word: Word, context: OpenContext | None, cursor: Cursor, findings: list[Finding]
) -> bool:
    """Whether ``option=argument`` stands there, which is told and read with a blank."""
    name, _, value = word.value.partition("=")
    source, start, end = word.span
    option = _named(context).get(name)
    if not value or option is None or not option.arguments or not word.is_written(f"{name}="):
        return False
    at = start + len(name)
    right = f"{name} {source.text[at + 1 : end]}"
    edits = (Edit(Span(source, at, at + 1), " "),)
    findings.append(mistakes.foreign_syntax(word.span, right, edits))
    argument = word._replace(value=value, start=at + 1)
    cursor.put_back([Word(name, source, start, at), argument])
    return True


def _is_slip(word: Word, context: OpenContext) -> bool:
    """Whether it is nearly an option that a known device has; then it is meant to be that."""
    # A blob type is near to `ram`, and a vendor may have an option of its name.
    if context.vdev is None or word.value in BLOB_TYPES:
        return False
    return meant_option(word.value, _named(context), 1) is not None


def _is_bare_location(word: Word, context: OpenContext) -> bool:
    """Whether it can only be a location whose ``loc`` is missing."""
    if context.kind not in _WITH_LOCATIONS:
        return False
    begins_with_number = word.value[:1] in DECIMAL_DIGITS and "," in word.value
    return begins_with_number or word.value.startswith(LOCATION_PREFIXES)


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
    here = _named(context)
    meant = meant_option(word.value, here.keys() | BLOB_TYPES.keys())
    findings.append(mistakes.unknown_option(word.span, word.value, meant, title))
    if meant is not None and (meant in _OPENING or meant == word.value.lower() != word.value):
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
