# SPDX-License-Identifier: Apache-2.0
"""The language as a page of documentation, made from the option table."""

from collections.abc import Sequence

from passthru.language.options import ALL_VERSIONS
from passthru.report.language_entries import ARCHITECTURES, DEVICES, Entry, all_entries

__all__ = ["language_page"]

_INTRODUCTION = """\
# The configuration language

This page is generated from the option table (`src/passthru/language/options.py`, `vdevs.py`,
`variables.py`); `passthru options NAME` prints the same. What is wrong with a configuration
stands in [findings.md](findings.md).

A configuration is a stream of words: an option, its arguments, the next option. Line ends and
indentation have no meaning; `#` starts a comment, and double quotes make one word of text with
blanks, over several lines if need be. `pass`, `vdev`, `reserve` and `cpu` each open a context, to
which the options behind it belong until the next of the four; any other option of the VM may
stand between them and does not end it. An option that is given again replaces what was given
before, unless each use counts. `$env{NAME}` stands for a variable of the environment,
`$asinfo_start{name}` and `$asinfo_length{name}` for a memory range of the host.

`system` comes first if it is there, guest memory before what is loaded into it, and an interrupt
controller before whoever names it.

Left of `=` is the guest's side, right of it the host's; without `=` both are the same.

Versions are those of the hypervisor: 7.0 (QNX Hypervisor 2.0 and 2.1), 7.1 (2.2) and 8.0. Sources
are pages of its documentation, of version 8.0 unless said.
"""

_VIRTUAL_DEVICES = """\
Each also has the options of every `vdev`. Of a device that is not listed, any option is accepted.
A type may be written as `pl011`, `vdev-pl011` or `vdev-pl011.so`.
"""

_NOTES = {DEVICES: _VIRTUAL_DEVICES}


def language_page() -> str:
    """The whole page as Markdown."""
    entries = all_entries()
    sections = dict.fromkeys(entry.section for entry in entries)
    blocks = [_INTRODUCTION]
    for section in sections:
        members = [entry for entry in entries if entry.section == section]
        blocks.append(f"## {section}\n")
        if section in _NOTES:
            blocks.append(_NOTES[section])
        blocks.append(_table(members))
    return "\n".join(blocks)


def _table(entries: Sequence[Entry]) -> str:
    """A table with the columns that say something about these entries."""
    columns = [
        (title, [value(entry) for entry in entries])
        for title, value in (
            ("", _name),
            ("meaning", _meaning),
            ("default", lambda entry: entry.default or ""),
            ("used again", _repetition),
            ("versions", _versions),
            ("in others", lambda entry: entry.instead or ""),
            ("for", lambda entry: ARCHITECTURES.get(entry.architecture or "", "")),
            ("source", lambda entry: entry.source),
        )
    ]
    told = [(title, cells) for title, cells in columns if any(cells)]
    lines = [_row([title for title, _ in told]), _row(["---"] * len(told))]
    lines += [_row(row) for row in zip(*(cells for _, cells in told), strict=True)]
    return "\n".join(lines) + "\n"


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _name(entry: Entry) -> str:
    # The section says where an option stands; which device has it must be said here.
    name = entry.words[1:] if len(entry.words) > 2 else entry.words[-1:]
    return f"`{' '.join((*name, entry.arguments)).rstrip()}`"


def _meaning(entry: Entry) -> str:
    return "; ".join((entry.help.removesuffix("."), *entry.details)) + "."


def _repetition(entry: Entry) -> str:
    if entry.accumulates is None:
        return ""
    return "each counts" if entry.accumulates else "the last wins"


def _versions(entry: Entry) -> str:
    return "" if entry.versions == ALL_VERSIONS else ", ".join(entry.versions)
