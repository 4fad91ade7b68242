# SPDX-License-Identifier: Apache-2.0
"""The findings of the language: one function for each way to go wrong.

Each says what is wrong, why that matters and what to write instead. Where it can, ``fix`` is
the text that belongs in the place of the finding's span.
"""

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.source import Span

__all__ = [
    "access_removed_nothing",
    "ambiguous_number",
    "bad_interrupt",
    "bad_location",
    "bad_number",
    "bad_value",
    "controller_after_use",
    "host_address_ignored",
    "interrupt_controller_assumed",
    "load_before_memory",
    "missing_argument",
    "missing_length",
    "missing_loc_keyword",
    "option_outside_context",
    "option_repeated",
    "system_not_first",
    "unexpanded_marker",
    "unknown_access_type",
    "unknown_option",
    "unknown_variable",
    "unterminated_quote",
    "version_only",
]

_ERROR = Severity.ERROR
_WARNING = Severity.WARNING
_INFORMATION = Severity.INFORMATION

_QUOTED_LENGTH = 60
"""Longest piece of the user's text that a message repeats, in characters."""


def _shown(text: str) -> str:
    """``text`` as a message can carry it: short, and without control characters."""
    short = text if len(text) <= _QUOTED_LENGTH else text[: _QUOTED_LENGTH - 1] + "…"
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in short)


def unterminated_quote(span: Span, several_lines: Span | None) -> Finding:
    """A quote without its end; ``several_lines`` is an earlier one that may have run away."""
    others: tuple[Place, ...] = ()
    if several_lines is not None:
        others = (
            Place("this quoted text runs over several lines: is its end right?", several_lines),
        )
    return Finding(
        "unterminated-quote",
        _ERROR,
        "a double quote is opened and never closed",
        span,
        others=others,
        reason="Quoted text may run over several lines, so everything up to the next quote "
        "belongs to it. The rest is read as if the quote ended with its line.",
        fix=span.text + '"',
    )


_LINE_CONTINUATION = "\\"

_UNKNOWN_REASON = "An option must stand here: the one before has all its arguments."


def unknown_option(span: Span, word: str, nearest: str | None, context: str | None) -> Finding:
    """A word that is no option where an option must stand; ``context`` is the open one."""
    where = f" of `{context}`" if context else ""
    reason, fix = _UNKNOWN_REASON, nearest
    if word == _LINE_CONTINUATION:
        reason = "Line ends have no meaning, so nothing has to continue a line."
        fix = ""
    elif word.startswith("@"):
        reason = "`@FILE` is read on the command line only, not inside a file."
    guess = f"; the nearest is `{nearest}`" if nearest else ""
    return Finding(
        "unknown-option",
        _ERROR,
        f"`{_shown(word)}` is no option{where}{guess}",
        span,
        reason=reason,
        fix=fix,
    )


def missing_argument(span: Span, option: str, argument: str, follower: str | None) -> Finding:
    """An option without its argument; ``follower`` is the option in its place, or None."""
    where = f"before `{follower}`" if follower else "at the end of the file"
    return Finding(
        "missing-argument",
        _ERROR,
        f"`{option}` has no {argument} {where}",
        span,
        reason="An argument comes directly after its option and in the same file. "
        "A word in quotes is always an argument.",
        fix=f"{option} <{argument}>",
    )


def bad_number(span: Span, text: str, problem: str, fix: str | None) -> Finding:
    """A number that is none, or out of range; ``problem`` says which notations there are."""
    return Finding(
        "bad-number",
        _ERROR,
        f"`{_shown(text)}` {problem}",
        span,
        reason="Accepted are 0x1000 (hexadecimal), 0d4096 (decimal) and, for addresses and "
        "lengths, K, M and G behind the digits. Without a prefix an address is hexadecimal, "
        "every other number decimal.",
        fix=fix,
    )


def ambiguous_number(span: Span, text: str, taken: str, other: str) -> Finding:
    """No prefix, and the two radixes give two numbers; ``taken`` is how it was read."""
    return Finding(
        "ambiguous-number",
        _WARNING,
        f"`{text}` has no prefix and is read as {taken}, not as {other}",
        span,
        reason="Addresses without a prefix are hexadecimal, all other numbers decimal; "
        "with a prefix nobody has to know that.",
        fix=taken,
    )


def bad_value(span: Span, option: str, text: str, allowed: str) -> Finding:
    """An argument that is none of the words that its option takes."""
    return Finding(
        "bad-value",
        _ERROR,
        f"`{_shown(text)}` is no value of `{option}`",
        span,
        reason=f"`{option}` takes {allowed}.",
    )


def bad_location(span: Span, text: str, problem: str, fix: str | None = None) -> Finding:
    """An argument of ``loc`` that has none of its forms."""
    return Finding(
        "bad-location",
        _ERROR,
        f"`{_shown(text)}` {problem}",
        span,
        reason="The forms are [mem:]GUEST,LENGTH[,ACCESS][=HOST], io:PORT[,LENGTH][,ACCESS], "
        "pci:BUS:DEVICE[.FUNCTION][=pci:…] and pci:VENDOR/DEVICE[/INDEX].",
        fix=fix,
    )


def bad_interrupt(span: Span, text: str, problem: str, fix: str | None = None) -> Finding:
    """An argument of ``intr`` that has none of its forms."""
    return Finding(
        "bad-interrupt",
        _ERROR,
        f"`{_shown(text)}` {problem}",
        span,
        reason="The form is CONTROLLER:LINE[,u][=VECTOR], or `apic` for the x86 local APIC.",
        fix=fix,
    )


def interrupt_controller_assumed(span: Span, line: str, controller: str) -> Finding:
    """``intr 39``: a line without its controller."""
    return Finding(
        "missing-interrupt-controller",
        _WARNING,
        f"`{line}` names no interrupt controller; `{controller}` is assumed",
        span,
        reason="A guest interrupt is a controller's name and one of its lines.",
        fix=f"{controller}:{line}",
    )


def version_only(span: Span, form: str, versions: str) -> Finding:
    """A form that only ``versions`` have."""
    return Finding(
        "version-only",
        _WARNING,
        f"`{form}` is known to {versions} only",
        span,
        reason="QNX Hypervisor 8.0 always delivers passed interrupts by a service thread.",
    )


def unknown_access_type(span: Span, letters: str) -> Finding:
    """Letters that are no access types."""
    lower = letters.lower()
    return Finding(
        "unknown-access-type",
        _ERROR,
        f"`{_shown(letters)}` is no access type",
        span,
        reason="Access types are the letters r w x c e m d n s t, with + and - before those "
        "to add and to remove.",
        fix=lower if lower != letters and not set(lower) - set("+-rwxcemdnst") else None,
    )


def access_removed_nothing(span: Span, letters: str) -> Finding:
    """``-`` before letters that were not there."""
    return Finding(
        "access-removed-nothing",
        _WARNING,
        f"`-{letters}` removes what was not there",
        span,
        reason="The letters count from left to right and start from none; rw is assumed only "
        "where there are no letters at all.",
    )


def missing_length(span: Span, text: str, fixed: str) -> Finding:
    """Memory passed without a length."""
    return Finding(
        "missing-length",
        _WARNING,
        f"`{_shown(text)}` has no length; one page (0x1000) is assumed",
        span,
        reason="The grammar asks for a length; older releases and one example do without.",
        fix=fixed,
    )


def missing_loc_keyword(span: Span, text: str) -> Finding:
    """``pass pci:…`` as one example of the reference has it."""
    return Finding(
        "missing-loc-keyword",
        _WARNING,
        f"`loc` is missing before `{_shown(text)}`",
        span,
        reason="A location is the argument of `loc`. It is read as if `loc` were there.",
        fix=f"loc {text}",
    )


def host_address_ignored(span: Span, text: str, fixed: str) -> Finding:
    """``io:`` with a host address."""
    return Finding(
        "host-address-ignored",
        _WARNING,
        f"the host address of `{_shown(text)}` is ignored",
        span,
        resource=fixed,
        reason="x86 ports have the same numbers in the guest and on the host.",
        fix=fixed,
    )


def unexpanded_marker(span: Span, marker: str) -> Finding:
    """A template's marker that nobody replaced."""
    return Finding(
        "unexpanded-marker",
        _WARNING,
        f"the template's marker `{_shown(marker)}` is still in the text",
        span,
        reason="Its value is not known, so nothing is said about what depends on it.",
        fix=None,
    )


def unknown_variable(
    span: Span, variable: str, problem: str, *, is_error: bool, fix: str | None = None
) -> Finding:
    """A ``$…{…}`` that cannot be replaced; no error where only the target can know it."""
    return Finding(
        "unknown-variable",
        _ERROR if is_error else _INFORMATION,
        f"`{_shown(variable)}` {problem}",
        span,
        reason="Variables are replaced while the text is read; what depends on an unknown one "
        "is not looked at.",
        fix=fix,
    )


def option_outside_context(span: Span, option: str, owners: str, context: str | None) -> Finding:
    """An option of a context that is not the open one; ``owners`` names where it belongs."""
    where = f"inside `{context}`" if context else "with no context open"
    return Finding(
        "option-outside-context",
        _ERROR,
        f"`{option}` stands {where}",
        span,
        reason=f"It belongs to {owners}, and must come after that word. "
        "A context ends at the next `pass`, `vdev`, `reserve` or `cpu`.",
    )


def option_repeated(span: Span, option: str, first: Span) -> Finding:
    """The last one wins."""
    return Finding(
        "option-repeated",
        _WARNING,
        f"`{option}` is given again; the earlier one is lost",
        span,
        others=(Place("the one that is lost", first),),
        reason="Of an option that is repeated the last one counts.",
    )


def system_not_first(span: Span, name: str, first: Span) -> Finding:
    """``system`` after another option."""
    return Finding(
        "option-order",
        _ERROR,
        "`system` must be the first option",
        span,
        others=(Place("the first option", first),),
        reason="qvm refuses a configuration whose `system` comes later.",
        fix=f"move `system {_shown(name)}` to the top",
    )


def load_before_memory(span: Span, memory: Span | None) -> Finding:
    """``load`` before any guest memory; ``memory`` is the option that comes too late."""
    others: tuple[Place, ...] = ()
    fix = "ram 0x80000000,512M"
    if memory is not None:
        others = (Place("the first guest memory", memory),)
        fix = f"move `{_shown(memory.text)}` before this"
    return Finding(
        "option-order",
        _ERROR,
        "`load` stands before any `ram` or `rom`, so there is nowhere to load to",
        span,
        others=others,
        reason="The configuration is carried out from its start to its end.",
        fix=fix,
    )


def controller_after_use(span: Span, name: str, vdev: Span) -> Finding:
    """An interrupt controller that is named before its ``vdev``."""
    return Finding(
        "option-order",
        _ERROR,
        f"the interrupt controller `{_shown(name)}` is named before its `vdev`",
        span,
        others=(Place("it is made here", vdev),),
        reason="The configuration is carried out from its start to its end.",
        fix=f"move `{_shown(vdev.text)}` and its options before this",
    )
