# SPDX-License-Identifier: Apache-2.0
"""The findings of the language: one function for each way to go wrong.

Each says what is wrong, why that matters and what to write instead. Where it can, ``fix`` is
the text that belongs in the place of the finding's span; ``edits`` are there where the fix
can be nothing else. ``rules`` holds what the findings have in common.
"""

from passthru.lean import TYPE_CHECKING

if TYPE_CHECKING:
    from passthru.language.mistakes.arguments import (
        access_removed_nothing,
        ambiguous_number,
        bad_interrupt,
        bad_location,
        bad_number,
        host_address_ignored,
        interrupt_controller_assumed,
        missing_length,
        missing_loc_keyword,
        unknown_access_type,
    )
    from passthru.language.mistakes.options import (
        bad_value,
        controller_after_use,
        foreign_syntax,
        load_before_memory,
        missing_argument,
        missing_set,
        option_outside_context,
        option_repeated,
        system_not_first,
        unknown_option,
        unquoted_command_line,
        version_only,
    )
    from passthru.language.mistakes.rules import LANGUAGE_RULES
    from passthru.language.mistakes.text import (
        not_text,
        stray_backslash,
        unexpanded_marker,
        unknown_variable,
        unterminated_quote,
    )

__all__ = [
    "LANGUAGE_RULES",
    "access_removed_nothing",
    "ambiguous_number",
    "bad_interrupt",
    "bad_location",
    "bad_number",
    "bad_value",
    "controller_after_use",
    "foreign_syntax",
    "host_address_ignored",
    "interrupt_controller_assumed",
    "load_before_memory",
    "missing_argument",
    "missing_length",
    "missing_loc_keyword",
    "missing_set",
    "not_text",
    "option_outside_context",
    "option_repeated",
    "stray_backslash",
    "system_not_first",
    "unexpanded_marker",
    "unknown_access_type",
    "unknown_option",
    "unknown_variable",
    "unquoted_command_line",
    "unterminated_quote",
    "version_only",
]


def __getattr__(name: str) -> object:
    # Imported when something is wrong: a right configuration is read without.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from passthru.language.mistakes import arguments, options, rules, text

    for module in (arguments, options, rules, text):
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(name)
