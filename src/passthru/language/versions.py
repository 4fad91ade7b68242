# SPDX-License-Identifier: Apache-2.0
"""Options and variables that the chosen version of the hypervisor does not have."""

from passthru.diagnostics.finding import Edit, Finding
from passthru.language import mistakes
from passthru.language.options import Context, Option
from passthru.language.variables import SetVariable
from passthru.language.words import Word

__all__ = ["missing_option", "missing_variable"]

_CPU_CLUSTER = "_cpu-"
"""Every CPU is a cluster of its own by this name and its number."""


def missing_option(option: Option, word: Word, arguments: list[Word], version: str) -> Finding:
    """``version`` does not have the ``option`` that ``word`` is."""
    form = option.name if option.context is Context.VM else f"{option.context.value} {option.name}"
    instead = option.instead
    edits: tuple[Edit, ...] = ()
    replacement = _other_name_of_a_cpu(option.name, arguments[0].value) if arguments else None
    if replacement is not None and not arguments[0].quoted:
        instead = replacement
        edits = (Edit(word.span.to(arguments[0].span), replacement),)
    return mistakes.version_only(word.span, form, option.versions, version, instead, edits)


def missing_variable(variable: SetVariable, name: Word, version: str) -> Finding:
    """``version`` does not have the ``variable`` that ``name`` is."""
    form = f"set {variable.name}"
    return mistakes.version_only(name.span, form, variable.versions, version, variable.instead)


def _other_name_of_a_cpu(option: str, value: str) -> str | None:
    """`runmask 1` and `cluster _cpu-1` are one thing in different versions."""
    if option == "runmask" and value.isdecimal():
        return f"cluster {_CPU_CLUSTER}{value}"
    if option == "cluster" and value.startswith(_CPU_CLUSTER):
        number = value.removeprefix(_CPU_CLUSTER)
        return f"runmask {number}" if number.isdecimal() else None
    return None
