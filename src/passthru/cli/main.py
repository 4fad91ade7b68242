# SPDX-License-Identifier: Apache-2.0
"""The ``passthru`` command: finds the subcommand and turns errors into exit statuses."""

import gc
import os
import sys

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

__all__ = ["main", "run_process"]

_USAGE = """\
usage: passthru COMMAND …

  check FILE…                                 what is wrong in configurations, and the fix
  plan FILE…                                  what becomes of them on a host
  fmt FILE…                                   the same configurations in one layout
  explain ID                                  a finding: its reason, an example, the repair
  get FILE QUERY                              a value of a configuration
  options [NAME]                              the options of the language
  run [--plan] [--hugepages] @FILE… [WORD…]   run a VM, as qvm takes it
  bench list | run CONFIG | shell             the same on a virtual host, without hardware
  bench demo | guest DIRECTORY                a demonstration; a guest to try things with
  board capture | import | show FILE          what a host offers, as a file and for people
  map FILE… [--board BOARD] [-o OUT]          guests beside their host, as a picture
  fdt FILE --board TREE [-o OUT]              the device tree that a guest needs
  completion bash | zsh | fish                completions for a shell

passthru COMMAND --help tells more.
"""

_COMMANDS = frozenset(
    (
        "bench",
        "board",
        "check",
        "completion",
        "explain",
        "fdt",
        "fmt",
        "get",
        "map",
        "options",
        "plan",
    )
)
"""Each is the module of its name here, beside ``run``, which starts without ``importlib``."""

_LAST_STANDARD_STREAM = 2


def run_process() -> "NoReturn":
    """All that the process of the command does; it ends with the command's exit status."""
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # Taking the interpreter apart piece by piece, as sys.exit does, helps nobody here.
    os._exit(status)


def main(arguments: list[str] | None = None) -> int:
    """Run one command and give its exit status."""
    words = sys.argv[1:] if arguments is None else arguments
    _open_closed_streams()
    try:
        return _dispatch(words)
    except PassthruError as error:
        from passthru.cli.output import tell_problem

        tell_problem(error)
        return error.exit_status
    except KeyboardInterrupt:
        print("passthru: interrupted", file=sys.stderr)
        return ExitStatus.POWER_CUT


def _open_closed_streams() -> None:
    """What the caller has closed (``>&-``) takes everything, keeps nothing and has nothing.

    A guest's console would else go to whatever file is opened next.
    """
    if sys.stdin is not None and sys.stdout is not None and sys.stderr is not None:
        return
    while (nowhere := os.open(os.devnull, os.O_RDWR)) <= _LAST_STANDARD_STREAM:
        pass
    sys.stdin = sys.stdin or open(nowhere, closefd=False, encoding="utf-8")  # noqa: SIM115
    output = open(nowhere, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    sys.stdout = sys.stdout or output
    sys.stderr = sys.stderr or output


def _dispatch(words: list[str]) -> int:
    # Imported when needed: starting fast is a feature.
    command, rest = (words[0], words[1:]) if words else ("", [])
    if command == "run":
        # What is made until the guest starts lives until its end: there is nothing to collect.
        gc.disable()
        from passthru.cli import run

        return run.main(rest)
    if command in _COMMANDS:
        from importlib import import_module

        status: int = import_module(f"passthru.cli.{command}").main(rest)
        return status
    if command in ("--help", "-h", "help"):
        from passthru.cli.output import show

        show(_USAGE)
        return ExitStatus.OK
    print(_USAGE, end="", file=sys.stderr)
    return ExitStatus.USAGE
