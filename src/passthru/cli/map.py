# SPDX-License-Identifier: Apache-2.0
"""``passthru map``: guests beside their host as a picture."""

import shutil
import sys
from collections.abc import Callable

from passthru.cli.command_line import CommandLine, UsageError, parse
from passthru.cli.commands import MAP
from passthru.cli.output import colours_on, show, tell, tell_problem
from passthru.cli.output_files import write_output_file
from passthru.cli.planned_vms import planned_vms
from passthru.diagnostics.errors import ExitStatus
from passthru.report.map_model import Picture
from passthru.report.map_picture import picture_of

__all__ = ["main"]

_USAGE = """\
usage: passthru map [--board BOARD] [--hypervisor NAME] [-o FILE.svg|FILE.html] FILE…

Draws guests beside their host: what is in the guests' address spaces, where it lies on the host,
and with an arrow each what they are given; below that interrupts, ports and PCI functions. Each
FILE is the configuration of one VM; `-` is the standard input; `@FILE` is the same as FILE.

  --board BOARD       what the host has: a snapshot (*.board.json), a device tree (.dtb, .dts),
                      texts of QNX's tools, or a directory with a recorded /proc and /sys; `/` is
                      this host. Without it, what no board can change.
  --hypervisor NAME   who runs the VMs: kvm, qnx-7.0, qnx-7.1 or qnx-8.0; without it kvm, where
                      `run` has a machine for all of them, and else qnx-8.0
  -o, --output FILE   an SVG, or one HTML file in which a pointer at a thing shows its line of the
                      configuration; without it the picture goes to the terminal

What is in conflict is red and hatched, and has the number of its finding in the list below the
picture. `passthru check` tells more about it, and about what is no conflict.

Exit status: 0 no errors, 65 errors, 64 a file could not be read or written, 2 wrong usage.
"""

_WIDTH_WITHOUT_TERMINAL = 80


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises PassthruError."""
    line = parse(MAP, ["--output" if word == "-o" else word for word in arguments])
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if not line.operands:
        raise UsageError("map", "which FILE shall be drawn?")
    output = line.last("--output", "")
    if line.has("--output") and _writer(output) is None:
        raise UsageError("map", f"`{output}` ends in neither .svg nor .html")
    return _draw(line, output)


def _draw(line: CommandLine, output: str) -> int:
    planned = planned_vms(line)
    if planned.vms:
        _write(picture_of(planned.descriptions, planned.board, planned.findings), output)
    for problem in planned.problems:
        tell_problem(problem)
    if planned.errors and not planned.problems:
        plural = "" if planned.errors == 1 else "s"
        tell(f"{planned.errors} error{plural}; `passthru check` tells the reasons and fixes")
    return planned.exit_status


def _write(picture: Picture, output: str) -> None:
    writer = _writer(output)
    if writer is None:
        from passthru.report.map_terminal import picture_as_lines

        width = shutil.get_terminal_size((_WIDTH_WITHOUT_TERMINAL, 0)).columns
        width = width if sys.stdout.isatty() else _WIDTH_WITHOUT_TERMINAL
        lines = picture_as_lines(picture, width, colours=colours_on(sys.stdout))
        show("".join(f"{line}\n" for line in lines))
        return
    write_output_file("picture", output, writer(picture).encode())


def _writer(output: str) -> Callable[[Picture], str] | None:
    """What makes a file of this name; None for a name of another kind."""
    if output.endswith(".svg"):
        from passthru.report.map_svg import picture_as_svg

        return picture_as_svg
    if output.endswith(".html"):
        from passthru.report.map_html import picture_as_html

        return picture_as_html
    return None
