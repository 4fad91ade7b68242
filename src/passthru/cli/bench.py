# SPDX-License-Identifier: Apache-2.0
"""``passthru bench``: run configurations on a virtual host, without any hardware."""

import argparse
import os
import shutil
import signal
import sys
from pathlib import Path

from passthru.bench.boards import (
    ARM_BOARD,
    DEFAULT_BOARD,
    BenchBoard,
    board_names,
    load_board,
)
from passthru.bench.demo import DEMOS, run_demo
from passthru.bench.errors import ScreenGoneError
from passthru.bench.guest import build_reporting_guest
from passthru.bench.inner_command import compile_project, passthru_command
from passthru.bench.kernels import obtain_kernel
from passthru.bench.needs import (
    environment_of,
    functions_to_bind,
    memory_to_reserve,
    parse_placed_file,
)
from passthru.bench.progress import ProgressLine, announce
from passthru.bench.terminal import (
    EndedBySignalError,
    ending_signals,
    forwarded_interrupts,
    raw_keyboard,
    shell_command,
    write_screen,
)
from passthru.bench.virtual_host import VirtualHost
from passthru.cli.output import drop, say
from passthru.cli.run import split_arguments
from passthru.diagnostics.errors import ExitStatus
from passthru.diagnostics.finding import Severity
from passthru.language.arguments import sources_from_arguments
from passthru.language.model import VmConfig
from passthru.language.options import EVERY_VERSION
from passthru.language.reader import read
from passthru.plan.architecture import guest_architecture
from passthru.plan.users import uses_of
from passthru.report.text import findings_as_text

__all__ = ["main"]

_DEMO_FAILED = 1
"""Exit status of a demo whose guest ran but did not get what it was promised."""

_BY_SIGNAL = 128
"""Added to the number of the signal that ended a command, as shells count it."""


def main(argv: list[str]) -> int:
    """Run the command and give its exit status; raises PassthruError."""
    options = _parser().parse_args(argv)
    try:
        with ending_signals():
            return _act(options)
    except EndedBySignalError as ended:
        say(f"\nbench: ended by {signal.Signals(ended.number).name}")
        return _BY_SIGNAL + ended.number
    except ScreenGoneError:
        drop(sys.stdout)
        raise


def _act(options: argparse.Namespace) -> int:
    if options.action == "list":
        return _list()
    if options.action == "shell":
        return _shell(options)
    if options.action == "demo":
        return _demo(options.board)
    if options.action == "guest":
        return _guest(Path(options.directory))
    return _run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="passthru bench", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="the virtual boards and what they have")
    run = actions.add_parser("run", help="run a configuration on a virtual host")
    # Without a name it is the one that the configuration's guest can run on.
    _add_board_options(run, default=None)
    run.add_argument(
        "--silence",
        type=float,
        metavar="SECONDS",
        help="give the virtual host up when the guest prints nothing for so long",
    )
    run.add_argument("config", metavar="CONFIG", help="a configuration file")
    run.add_argument(
        "words",
        metavar="WORD",
        nargs=argparse.REMAINDER,
        help="what `passthru run` takes beside it (--plan, @FILE, option words)",
    )
    _add_board_options(actions.add_parser("shell", help="a shell on a virtual host"))
    guest = actions.add_parser("guest", help="make a guest that tells what it has got")
    guest.add_argument("directory", metavar="DIRECTORY", help="gets the files kernel and initrd")
    demo = actions.add_parser("demo", help="show all that is passed through, with one guest")
    demo.add_argument("--board", choices=DEMOS, default=DEFAULT_BOARD, help="what it is shown on")
    return parser


def _add_board_options(
    parser: argparse.ArgumentParser, default: str | None = DEFAULT_BOARD
) -> None:
    parser.add_argument(
        "--board", default=default, metavar="NAME", help="one of those that `bench list` tells"
    )
    parser.add_argument(
        "--place",
        action="append",
        default=[],
        metavar="FILE@ADDRESS",
        help="a file that lies in the board's RAM before it boots (host-physical address)",
    )


def _list() -> int:
    for name in board_names():
        print(_described(load_board(name)))
    return ExitStatus.OK


def _described(board: BenchBoard) -> str:
    lines = [f"{board.name}: {board.description}"]
    lines += [f"  RAM          {board.ram}, {board.processors} processors"]
    lines += [f"  reserved     {place.range}  {place.name}" for place in board.reserved]
    for function in board.functions:
        ids = f"[{function.vendor:04x}:{function.device:04x}]"
        lines.append(f"  {function.address!s:<12} {ids}  {function.description}")
    return "\n".join(lines)


def _run(options: argparse.Namespace) -> int:
    words = [_as_source(options.config), *options.words]
    if "@-" in words:
        print("bench: a virtual host has no standard input; name a file", file=sys.stderr)
        return ExitStatus.USAGE
    config = _read(words)
    if config is None:
        return ExitStatus.CONFIGURATION
    environment = environment_of(sources_from_arguments(split_arguments(words)[1]), os.environ)
    board = load_board(options.board or _fitting_board(config))
    placed = [parse_placed_file(text) for text in options.place]
    reserve = memory_to_reserve(config, board, placed)
    compile_project()
    progress = ProgressLine()
    with VirtualHost(board, reserve=reserve, placed=placed, progress=progress) as host:
        host.bind(functions_to_bind(config, board))
        progress("")
        with forwarded_interrupts(host.interrupt):
            done = host.run(
                ["env", *environment, *passthru_command(["run", *words], board.architecture)],
                timeout=None,
                silence=options.silence,
                on_output=write_screen,
            )
    return done.status


def _fitting_board(config: VmConfig) -> str:
    """The board with the architecture that the configuration shows, if it shows any."""
    sign = guest_architecture(config, uses_of(config))
    return ARM_BOARD if sign is not None and sign.architecture == "arm" else DEFAULT_BOARD


def _demo(board: str) -> int:
    outcome = run_demo(DEMOS[board], ProgressLine(), write_screen, announce)
    if outcome.passed:
        return ExitStatus.OK
    if outcome.status:
        print(f"bench: passthru run ended with status {outcome.status}", file=sys.stderr)
    for check in outcome.checks:
        if not check.passed:
            why = check.detail or "the guest did not come to it"
            print(f"bench: {check.name} not ok: {why}", file=sys.stderr)
    return outcome.status or _DEMO_FAILED


def _guest(directory: Path) -> int:
    progress = ProgressLine()
    kernel = obtain_kernel(progress)
    directory.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(kernel.image, directory / "kernel")
    (directory / "initrd").write_bytes(build_reporting_guest(kernel))
    progress("")
    print(f"{directory}/kernel\n{directory}/initrd")
    return ExitStatus.OK


def _as_source(config: str) -> str:
    return config if config.startswith("@") else f"@{config}"


def _read(words: list[str]) -> VmConfig | None:
    """The configuration, or None when it has errors, which are then printed."""
    sources = sources_from_arguments(split_arguments(words)[1])
    config, findings = read(sources, environment=os.environ, version=EVERY_VERSION)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        return config
    text = findings_as_text(findings, colours=sys.stderr.isatty())
    print(text, end="", file=sys.stderr)
    return None


def _shell(options: argparse.Namespace) -> int:
    board = load_board(options.board)
    placed = [parse_placed_file(text) for text in options.place]
    progress = ProgressLine()
    reserve = memory_to_reserve(None, board, placed)
    with VirtualHost(board, reserve=reserve, placed=placed, progress=progress) as host:
        progress("")
        keyboard = sys.stdin.fileno()
        with raw_keyboard(keyboard):
            return host.shell(shell_command(board.architecture), keyboard, write_screen)
