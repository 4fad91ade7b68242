# SPDX-License-Identifier: Apache-2.0
"""Help on the options of the language, for ``passthru options``."""

import json
from collections.abc import Sequence

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.language.options import ALL_VERSIONS
from passthru.language.spelling import nearest
from passthru.report.language_entries import (
    ARCHITECTURES,
    COMMON_DEVICE_OPTIONS,
    DEVICE_OPTIONS,
    DEVICES,
    Entry,
    all_entries,
)
from passthru.report.text import printable

__all__ = [
    "UnknownOptionError",
    "find_entries",
    "options_as_json",
    "options_as_text",
]


class UnknownOptionError(PassthruError):
    """Words that name nothing in the language; ``guess`` is the nearest that does, or None."""

    exit_status = ExitStatus.USAGE
    fix = "passthru options"

    def __init__(self, name: str, guess: str | None) -> None:
        super().__init__(name, guess)
        self.name = name
        self.guess = guess

    def __str__(self) -> str:
        meant = f"; the nearest is `{self.guess}`" if self.guess else ""
        return f"the language has no `{printable(self.name)}`{meant}"


def find_entries(words: Sequence[str]) -> list[Entry]:
    """The entries that ``words`` call, and those inside them; raises UnknownOptionError.

    All words from the top (``vdev pl011 hostdev``), or only the last of them (``hostdev``).
    """
    entries = all_entries()
    asked = tuple(words)
    inside = [entry for entry in entries if entry.words[: len(asked)] == asked]
    if inside and len(asked) > 1 and inside[0].section == DEVICES:
        inside += [entry for entry in entries if entry.section == COMMON_DEVICE_OPTIONS]
    found = inside or [entry for entry in entries if entry.words[-len(asked) :] == asked]
    if found:
        return found
    known = {name for entry in entries for name in (entry.name, entry.words[-1])}
    raise UnknownOptionError(" ".join(asked), nearest(" ".join(asked), known))


def options_as_text(entries: Sequence[Entry], *, details: bool) -> str:
    """The entries by section, a line for each, or with everything known of each."""
    blocks = []
    for section in dict.fromkeys(entry.section for entry in entries):
        if section == DEVICE_OPTIONS and not details:
            continue
        members = [entry for entry in entries if entry.section == section]
        lines = _detailed(members) if details else _listed(members)
        blocks.append("\n".join((section, "", *lines)))
    return "\n\n".join(blocks) + "\n"


def options_as_json(entries: Sequence[Entry]) -> str:
    """The entries as a list of objects; every key is always there, null where there is none."""
    return json.dumps([_as_json(entry) for entry in entries], indent=2) + "\n"


def _listed(entries: Sequence[Entry]) -> list[str]:
    titles = [f"{entry.words[-1]} {entry.arguments}".rstrip() for entry in entries]
    width = min(32, max(map(len, titles)))
    lines = []
    for title, entry in zip(titles, entries, strict=True):
        if len(title) > width:
            lines += [f"  {title}", f"  {'':{width}}  {entry.help}"]
        else:
            lines.append(f"  {title:{width}}  {entry.help}")
    return lines


def _detailed(entries: Sequence[Entry]) -> list[str]:
    lines: list[str] = []
    for entry in entries:
        lines.append(f"  {entry.name} {entry.arguments}".rstrip())
        lines += [f"      {text}" for text in (entry.help, *_facts(entry))]
    return lines


def _facts(entry: Entry) -> list[str]:
    facts = list(entry.details)
    if entry.default is not None:
        facts.append(f"default: {entry.default}")
    if entry.accumulates:
        facts.append("each use counts")
    elif entry.accumulates is not None:
        facts.append("the last one wins")
    if entry.versions != ALL_VERSIONS:
        facts.append(f"only in {', '.join(entry.versions)}")
    if entry.instead is not None:
        facts.append(f"in other versions: {entry.instead}")
    if entry.architecture is not None:
        facts.append(f"only for {ARCHITECTURES[entry.architecture]}")
    if entry.source:
        facts.append(f"source: {entry.source}")
    return facts


def _as_json(entry: Entry) -> dict[str, object]:
    return {
        "name": entry.name,
        "section": entry.section,
        "arguments": entry.arguments,
        "help": entry.help,
        "details": list(entry.details),
        "default": entry.default,
        "accumulates": entry.accumulates,
        "versions": list(entry.versions),
        "instead": entry.instead,
        "architecture": entry.architecture,
        "source": entry.source or None,
    }
