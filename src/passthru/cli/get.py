# SPDX-License-Identifier: Apache-2.0
"""``passthru get``: a value of a configuration, for shells and for programs."""

import os
import sys

from passthru.cli.command_line import UsageError, parse
from passthru.cli.commands import GET
from passthru.cli.output import show, tell, tell_problem, write_exactly
from passthru.diagnostics.errors import ExitStatus
from passthru.diagnostics.finding import Severity
from passthru.language.arguments import UnreadableConfigurationError, open_source
from passthru.language.query import QUERIES, Answer, ask
from passthru.language.reader import ReadResult, read

__all__ = ["main"]

_USAGE = """\
usage: passthru get [--format text|json] FILE QUERY…

Prints what a configuration says, one value on a line. `-` is the standard input; `@FILE` is
the same as FILE. A QUERY is made of the configuration's own words: an option, which one (left
out: all; a number from 0; a device's type or name), and an option of that one:

    get guest.qvmconf vdev pl011 loc

Its first word is one of:

"""

_STATUSES = """
Addresses and sizes are printed in hexadecimal with a prefix, as the language has them, totals
and counts in decimal. With --format json, what a VM
has at most once is the value itself or null; all else is a list.

Exit status: 0 there is a value; 1 there is none, and nothing is printed; 2 wrong usage or
query; 64 the file could not be read; 65 the configuration has errors: what could be read is
printed all the same.
"""

_NO_VALUE = 1
"""Exit status of a query that the configuration has no value for, as of ``grep``."""


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises UsageError and BadQueryError."""
    line = parse(GET, arguments)
    if line.has("--help"):
        show(_help())
        return ExitStatus.OK
    if len(line.operands) < 2:
        missing = "QUERY" if line.operands else "FILE"
        raise UsageError("get", f"{missing} is missing")
    file, *words = line.operands
    # A query is the same in quotes and without.
    query = " ".join(words).split()
    try:
        source = open_source(file.removeprefix("@"))
    except UnreadableConfigurationError as problem:
        tell_problem(problem)
        return problem.exit_status
    result = read([source], environment=os.environ)
    answer = ask(result.config, query)
    _print(answer, as_json=line.last("--format", "text") == "json")
    if _tell_doubts(result, source.name):
        return ExitStatus.CONFIGURATION
    return ExitStatus.OK if answer.values else _NO_VALUE


def _help() -> str:
    width = max(map(len, QUERIES))
    table = "".join(f"  {name:{width}}  {meaning}\n" for name, meaning in QUERIES.items())
    return f"{_USAGE}{table}{_STATUSES}"


def _print(answer: Answer, *, as_json: bool) -> None:
    from passthru.report.answers import answer_as_json, answer_as_text
    from passthru.report.text import printable

    if as_json:
        show(answer_as_json(answer))
        return
    text = answer_as_text(answer)
    if sys.stdout.isatty():
        show("".join(f"{printable(line)}\n" for line in text.splitlines()))
    else:
        write_exactly(text)


def _tell_doubts(result: ReadResult, file: str) -> bool:
    """Say what may be missing from an answer, and whether there are errors."""
    errors = [each for each in result.findings if each.severity is Severity.ERROR]
    if errors:
        plural = "s" if len(errors) > 1 else ""
        tell(f"{file} has {len(errors)} error{plural}; `passthru check` tells more")
    elif result.unknown_values:
        tell(f"{file} has values that are known on the target only; they are left out")
    return bool(errors)
