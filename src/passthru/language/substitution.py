# SPDX-License-Identifier: Apache-2.0
"""Variables in configuration text: ``$env{…}``, ``$asinfo_start{…}``, ``$asinfo_length{…}``.

They are replaced in a word after the text is cut into words, so a value with blanks stays
one word. ``@MARKER@`` is a template's business; one that is left is told, not replaced.
"""

import re

from passthru.addresses import AddressRange
from passthru.diagnostics.finding import Finding
from passthru.language import mistakes
from passthru.language.words import Word
from passthru.lean import Mapping

__all__ = ["Substitution"]

_VARIABLE = r"\$(env|asinfo_start|asinfo_length)\{([^{}\s]*)\}"
_MARKER = r"@[A-Za-z_][A-Za-z0-9_]*@"


class Substitution:
    """Replaces variables by their values and tells each unknown one once.

    ``asinfo`` holds the host's named ranges (HPA), or is None where no host is known: then an
    unknown range is information, not an error.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        asinfo: Mapping[str, AddressRange] | None,
        findings: list[Finding],
    ) -> None:
        self._environment = environment
        self._asinfo = asinfo
        self._findings = findings
        self._told: set[str] = set()

    def expand(self, word: Word) -> Word:
        """``word`` with its variables replaced; not ``known`` where one has no value."""
        known = True
        for marker in re.finditer(_MARKER, word.value):
            known = False
            if self._is_new(marker[0]):
                span = word.part(marker.start(), marker.end())
                self._findings.append(mistakes.unexpanded_marker(span, marker[0]))

        def replace(match: re.Match[str]) -> str:
            nonlocal known
            value = self._value(match[1], match[2])
            if value is None:
                known = False
                self._tell_unknown(word, match)
                return match[0]
            return value

        value = re.sub(_VARIABLE, replace, word.value)
        if known and value == word.value:
            return word
        return word._replace(value=value, known=known)

    def _value(self, kind: str, name: str) -> str | None:
        if kind == "env":
            return self._environment.get(name)
        if self._asinfo is None or name not in self._asinfo:
            return None
        entry = self._asinfo[name]
        return f"{entry.start if kind == 'asinfo_start' else entry.size:#x}"

    def _tell_unknown(self, word: Word, match: re.Match[str]) -> None:
        kind, name = match[1], match[2]
        # Start and length of one range are unknown for one reason, so they are told once.
        if not self._is_new(name if kind == "env" else f"asinfo {name}"):
            return
        span = word.part(match.start(), match.end())
        fix = None
        if kind == "env":
            problem, is_error = "is not set in the environment", True
            fix = f"export {name}=<value>" if name else None
        elif "/" in name:
            problem, is_error = "is a path; only its last part is the name", True
            fix = f"${kind}{{{name.rpartition('/')[2]}}}"
        elif self._asinfo is None:
            problem, is_error = "is known on the target only", False
        else:
            problem, is_error = "is no memory range of the host", True
        self._findings.append(
            mistakes.unknown_variable(span, match[0], problem, is_error=is_error, fix=fix)
        )

    def _is_new(self, name: str) -> bool:
        if name in self._told:
            return False
        self._told.add(name)
        return True
