# SPDX-License-Identifier: Apache-2.0
"""Carries out the fixes of a configuration that are certain, for ``check --fix``."""

from collections.abc import Callable, Iterable

from passthru.diagnostics.edits import repair
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source

__all__ = ["fix_source"]

_MOST_ROUNDS = 10
"""A fix can bring the next mistake to light, but not without end."""


def fix_source(source: Source, check: Callable[[Source], Iterable[Finding]]) -> tuple[Source, int]:
    """``source`` with every fix that is certain, and how many findings that repaired.

    ``check`` tells what is wrong with a text; it is asked again after each round of fixes.
    """
    fixed = 0
    for _ in range(_MOST_ROUNDS):
        repaired = repair(check(source))
        text = repaired.texts.get(source, source.text)
        if text == source.text:
            break
        fixed += len(repaired.carried_out)
        source = Source(source.name, text)
    return source, fixed
