# SPDX-License-Identifier: Apache-2.0
"""Checks what `set` sets: the variable's name and the type of its value."""

from passthru.diagnostics.finding import Finding
from passthru.language import mistakes
from passthru.language.options import lacks
from passthru.language.spelling import nearest
from passthru.language.variables import SET_VARIABLES, is_value
from passthru.language.words import Word

__all__ = ["check_variable"]


def check_variable(name: Word, value: Word, version: str, findings: list[Finding]) -> bool:
    """Whether ``set name value`` can be right; a finding if not.

    A variable that the hypervisor's ``version`` does not have is right, and told. Builds of
    qvm have variables that no documentation lists, so an unknown name is a mistake only if it
    is a slip away from a known one.
    """
    if not name.known or not value.known:
        return True
    variable = SET_VARIABLES.get(name.value)
    if variable is None:
        meant = nearest(name.value, SET_VARIABLES)
        if meant is None:
            return True
        findings.append(mistakes.unknown_option(name.span, name.value, meant, "set"))
        return False
    if not is_value(variable.type, value.value):
        findings.append(
            mistakes.bad_value(value.span, f"set {name.value}", value.value, variable.type.value)
        )
        return False
    if lacks(version, variable.versions):
        from passthru.language.versions import missing_variable

        findings.append(missing_variable(variable, name, version))
    return True
