# SPDX-License-Identifier: Apache-2.0
"""``passthru fmt``: configurations in the one layout."""

from difflib import unified_diff

from passthru.cli.command_line import UsageError, parse
from passthru.cli.commands import FMT
from passthru.cli.output import show, write_exactly
from passthru.cli.replacing import replace_file
from passthru.diagnostics.errors import ExitStatus
from passthru.diagnostics.source import Source
from passthru.language.arguments import UnreadableConfigurationError, open_source
from passthru.language.layout import format_text
from passthru.language.words import is_text
from passthru.report.text import printable

__all__ = ["main"]

_USAGE = """\
usage: passthru fmt [--check] [--diff] FILE…

Puts configurations into one layout, in place: options of the VM in the first column, those of
a context further in. Words, comments and what is configured stay the same. A file that has
mistakes is put in order as far as it is understood; one that is right is not touched. `-` is
the standard input, which is written to the standard output; `@FILE` is the same as FILE.

  --check   write nothing; name the files that would change, one on each line
  --diff    write nothing; show what would change as a patch

Exit status: 0 done, or with --check nothing would change; 1 with --check a file would change;
64 a file could not be read or written; 2 wrong usage.
"""

_WOULD_CHANGE = 1
_STDIN = "-"


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status.

    Raises UsageError, UnreadableConfigurationError before anything is written, and
    UnwritableConfigurationError.
    """
    line = parse(FMT, arguments)
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if not line.operands:
        raise UsageError("fmt", "which FILE shall be put in order?")
    is_check, is_diff = line.has("--check"), line.has("--diff")
    would_change = False
    names = [name.removeprefix("@") for name in line.operands]
    for name, source in [(name, _open_text(name)) for name in names]:
        text = format_text(source)
        would_change = would_change or text != source.text
        if is_diff:
            write_exactly(_difference(source, text))
        elif not is_check:
            _write(name, source, text)
        elif text != source.text:
            show(f"{printable(source.name)}\n")
    return _WOULD_CHANGE if is_check and would_change else ExitStatus.OK


def _open_text(name: str) -> Source:
    """The text of the file; raises UnreadableConfigurationError, also where it is none."""
    source = open_source(name)
    if not is_text(source.text):
        raise UnreadableConfigurationError(source.name, "it is not text in UTF-8")
    return source


def _write(name: str, source: Source, text: str) -> None:
    if name == _STDIN:
        write_exactly(text)
    elif text != source.text:
        replace_file(name, text)


def _difference(source: Source, text: str) -> str:
    """The change as a unified diff, which ``patch`` takes; nothing if there is none."""
    name = printable(source.name)
    lines = unified_diff(_lines(source.text), _lines(text), name, f"{name} (formatted)")
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _lines(text: str) -> list[str]:
    """Lines with their ends; only a line feed ends one, so that no other character is lost."""
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), *([last] if last else [])]
