# SPDX-License-Identifier: Apache-2.0
"""``passthru board``: hosts as files."""

import sys
from pathlib import Path

from passthru.board.capture import capture_board
from passthru.board.host_files import HostFiles
from passthru.board.load import NotABoardError, import_qnx_texts, load_board
from passthru.board.model import Board
from passthru.board.recording import RecordingFiles
from passthru.board.snapshot import write_board
from passthru.cli.command_line import CommandLine, UsageError, check_choice, parse
from passthru.cli.commands import BOARD
from passthru.cli.output import show, tell, write_exactly
from passthru.cli.output_files import write_output_file
from passthru.diagnostics.errors import ExitStatus

__all__ = ["main"]

_USAGE = """\
usage: passthru board capture [-o FILE] [--raw DIRECTORY] [TREE]
       passthru board import --qnx [-o FILE] FILE…
       passthru board show [--format text|json] FILE | --live

capture writes what this host offers to FILE or the standard output: memory, devices,
interrupts, the kernel's abilities. It only reads: /proc, /sys, and the lists of what the kernel
was built with. Root sees more; what could not be seen is said, and is in the file too.

  -o, --output FILE   the file to write, by custom NAME.board.json
  --raw DIRECTORY     copy what was read into an empty directory, for bug reports
  TREE                such a directory, read in place of this host

import merges the texts that QNX's own tools printed on one host into a board: pidin
syspage=asinfo, pidin irqs, pidin info, pci-tool -vvvvv, in one file or in several.

  --qnx               what the files are
  -o, --output FILE   as for capture

show prints a board for people, and what it would take to pass its devices. FILE is what
capture wrote, a directory of --raw, a device tree (.dtb, .dts) or the text of QNX's tools.

  --live              this host
  --format json       as capture writes it

Exit status: 0; 2 wrong usage; 64 a file or directory could not be read or written;
65 a file is no board.
"""

_CAPTURE, _IMPORT, _SHOW = "capture", "import", "show"


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises PassthruError."""
    line = parse(BOARD, ["--output" if word == "-o" else word for word in arguments])
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if not line.operands:
        raise UsageError("board", "say `capture`, `import` or `show`")
    action, *operands = line.operands
    check_choice("board", "what to do", action, BOARD.choices)
    _ACTIONS[action](line, operands)
    return ExitStatus.OK


def _refuse(line: CommandLine, action: str, *flags: str) -> None:
    for flag in flags:
        if line.has(flag):
            raise UsageError("board", f"`{flag}` is not for {action}")


def _capture(line: CommandLine, operands: list[str]) -> None:
    _refuse(line, _CAPTURE, "--live", "--format", "--qnx")
    if len(operands) > 1:
        raise UsageError("board", "capture takes one TREE")
    files = RecordingFiles(_tree(operands[0]) if operands else "")
    board = capture_board(files)
    if line.has("--raw"):
        files.save(line.last("--raw", ""))
    _write(board, line.last("--output", "-"))
    _tell_unseen(board)


def _import(line: CommandLine, operands: list[str]) -> None:
    _refuse(line, _IMPORT, "--live", "--format", "--raw")
    if not line.has("--qnx"):
        raise UsageError("board", "import needs `--qnx`, the only texts that it knows")
    if not operands:
        raise UsageError("board", "import takes at least one FILE")
    board = import_qnx_texts(operands)
    _write(board, line.last("--output", "-"))
    _tell_unseen(board)


def _tree(path: str) -> str:
    if not any((Path(path) / name).is_dir() for name in ("proc", "sys")):
        raise NotABoardError(path, "it is no directory with proc or sys in it")
    return path


def _write(board: Board, path: str) -> None:
    data = write_board(board)
    if path == "-":
        write_exactly(data.decode())
    else:
        write_output_file("board", path, data)


def _tell_unseen(board: Board) -> None:
    for sentence in board.unseen:
        tell(f"not seen: {sentence}")


def _show(line: CommandLine, operands: list[str]) -> None:
    _refuse(line, _SHOW, "--output", "--raw", "--qnx")
    if len(operands) != (0 if line.has("--live") else 1):
        raise UsageError("board", "show takes one FILE or --live")
    board = load_board(operands[0]) if operands else capture_board(HostFiles())
    if line.last("--format", "text") == "json":
        _write(board, "-")
        return
    from passthru.report.board_text import board_as_text

    show(board_as_text(board), sys.stdout)


_ACTIONS = {_CAPTURE: _capture, _IMPORT: _import, _SHOW: _show}
