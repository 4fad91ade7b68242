# SPDX-License-Identifier: Apache-2.0
"""Findings about options: which stand where, in which order, how often, in which version."""

from passthru.diagnostics.finding import Edit, Finding, Place
from passthru.diagnostics.source import Span
from passthru.language.mistakes import rules
from passthru.language.mistakes.text import pasteable, shown
from passthru.language.spelling import is_spelling
from passthru.lean import Iterable, Sequence

__all__ = [
    "bad_value",
    "controller_after_use",
    "foreign_syntax",
    "load_before_memory",
    "missing_argument",
    "missing_set",
    "option_outside_context",
    "option_repeated",
    "system_not_first",
    "unknown_option",
    "unquoted_command_line",
    "version_only",
]


_NO_BREAK_SPACE = "\u00a0"


def unknown_option(span: Span, word: str, nearest: str | None, context: str | None) -> Finding:
    """A word that is no option where an option must stand; ``context`` is the open one."""
    where = f" of `{shown(context)}`" if context else ""
    hint = f"; the nearest is `{nearest}`" if nearest else ""
    edits: tuple[Edit, ...] = ()
    if word.startswith("@") or word in ("import", "include"):
        hint = "; files are put together on the command line only, as `@FILE @FILE`"
    elif _NO_BREAK_SPACE in word:
        hint = "; it has no-break spaces (U+00A0) in it, which are no blanks"
        nearest = word.replace(_NO_BREAK_SPACE, " ")
        edits = (Edit(span, nearest),) if span.text == word else ()
    elif nearest is not None and is_spelling(word, nearest):
        edits = (Edit(span, nearest),)
    message = f"`{shown(word)}` is no option{where}{hint}"
    return rules.UNKNOWN_OPTION.finding(message, span, fix=nearest, edits=edits)


def missing_set(span: Span, variable: str) -> Finding:
    """A configuration variable without its ``set``."""
    return rules.UNKNOWN_OPTION.finding(
        f"`{variable}` is no option; it is a variable of `set`",
        span,
        fix=f"set {variable}",
        edits=(Edit(Span(span.source, span.start, span.start), "set "),),
    )


def unquoted_command_line(span: Span, word: str, whole: Span, *, certain: bool) -> Finding:
    """``word`` belongs to the kernel's command line, which ``whole`` is and has no quotes."""
    source, start, end = whole
    quotes = (Edit(Span(source, start, start), '"'), Edit(Span(source, end, end), '"'))
    edits = quotes if certain else ()
    return rules.UNKNOWN_OPTION.finding(
        f"`{shown(word)}` is no option; the text of `cmdline` before it has no quotes",
        span,
        fix=f'cmdline "{shown(whole.text)}"' if certain else "put all of it in one pair of quotes",
        edits=edits,
    )


def foreign_syntax(span: Span, right: str, edits: Iterable[Edit]) -> Finding:
    """What ``span`` says in another syntax; ``right`` is the text for it."""
    message = f"`{shown(span.text)}` is syntax that qvm does not have"
    return rules.FOREIGN_SYNTAX.finding(message, span, fix=pasteable(right), edits=edits)


def missing_argument(
    span: Span, option: str, argument: str, follower: str | None, form: str
) -> Finding:
    """An option without its argument; ``follower`` is the option in its place, or None.

    ``form`` is the option with all its arguments.
    """
    where = f"before `{shown(follower)}`" if follower else "at the end of the file"
    message = f"`{shown(option)}` has no {argument} {where}"
    return rules.MISSING_ARGUMENT.finding(message, span, fix=shown(form))


def option_outside_context(
    span: Span, option: str, owners: Sequence[str], context: str | None
) -> Finding:
    """An option of a context that is not the open one; ``owners`` are those that have it."""
    where = f"inside `{shown(context)}`" if context else "with no context open"
    belongs = ", ".join(f"`{owner}`" for owner in owners)
    return rules.OPTION_OUTSIDE_CONTEXT.finding(
        f"`{option}` stands {where}; it belongs to {belongs}", span
    )


def option_repeated(span: Span, option: str, first: Span) -> Finding:
    """The last one wins."""
    return rules.OPTION_REPEATED.finding(
        f"`{shown(option)}` is given again; the earlier one is lost",
        span,
        others=(Place("the one that is lost", first),),
    )


def system_not_first(span: Span, name: str, first: Span) -> Finding:
    """``system`` after another option."""
    return rules.OPTION_ORDER.finding(
        "`system` must be the first option",
        span,
        others=(Place("the first option", first),),
        fix=f"move `system {shown(name)}` to the top",
    )


def load_before_memory(span: Span, memory: Span | None) -> Finding:
    """``load`` before any guest memory; ``memory`` is the option that comes too late."""
    others: tuple[Place, ...] = ()
    fix = "ram 0x80000000,512M"
    if memory is not None:
        others = (Place("the first guest memory", memory),)
        fix = f"move `{shown(memory.text)}` before this"
    return rules.OPTION_ORDER.finding(
        "`load` stands before any `ram` or `rom`, so there is nowhere to load to",
        span,
        others=others,
        fix=fix,
    )


def controller_after_use(span: Span, name: str, vdev: Span) -> Finding:
    """An interrupt controller that is named before its ``vdev``."""
    return rules.OPTION_ORDER.finding(
        f"the interrupt controller `{shown(name)}` is named before its `vdev`",
        span,
        others=(Place("it is made here", vdev),),
        fix=f"move `{shown(vdev.text)}` and its options before this",
    )


def version_only(
    span: Span,
    form: str,
    versions: Sequence[str],
    chosen: str,
    instead: str | None = None,
    edits: Iterable[Edit] = (),
) -> Finding:
    """A form that only ``versions`` have; ``instead`` is what the ``chosen`` one has for it."""
    have = " and ".join(versions)
    return rules.VERSION_ONLY.finding(
        f"QNX Hypervisor {chosen} does not have `{shown(form)}`; {have} {_verb(versions)}",
        span,
        fix=instead,
        edits=edits,
    )


def _verb(versions: Sequence[str]) -> str:
    return "has it" if len(versions) == 1 else "have it"


def bad_value(span: Span, option: str, text: str, allowed: str) -> Finding:
    """An argument that is none of the words that its option takes."""
    message = f"`{shown(text)}` is no value of `{option}`; it takes {allowed}"
    return rules.BAD_VALUE.finding(message, span)
