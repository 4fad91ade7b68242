# SPDX-License-Identifier: Apache-2.0
"""``passthru options``: the options of the configuration language."""

from passthru.cli.command_line import parse
from passthru.cli.commands import OPTIONS
from passthru.cli.output import show
from passthru.diagnostics.errors import ExitStatus

__all__ = ["main"]

_USAGE = """\
usage: passthru options [--format text|json] [NAME…]

Everything that the language has, by context; with NAME all that is known of one:

    passthru options pass               an option of the VM, and what can stand in its context
    passthru options pass loc           an option of a context
    passthru options loc                the same in every context that has it
    passthru options vdev pl011         a virtual device and its options
    passthru options set exit-on-halt   a configuration variable
    passthru options initrd             a blob type
    passthru options access             the access letters of a location
    passthru options numbers            how numbers are written

Exit status: 0, or 2 where the language has no such NAME.
"""


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises UsageError and UnknownOptionError."""
    line = parse(OPTIONS, arguments)
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    from passthru.report.language_entries import all_entries
    from passthru.report.options_help import find_entries, options_as_json, options_as_text

    words = " ".join(line.operands).split()
    entries = find_entries(words) if words else all_entries()
    if line.last("--format", "text") == "json":
        show(options_as_json(entries))
    else:
        show(options_as_text(entries, details=bool(words)))
    return ExitStatus.OK
