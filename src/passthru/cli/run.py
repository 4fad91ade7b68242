# SPDX-License-Identifier: Apache-2.0
"""``passthru run``: check, plan, and run one VM on this host."""

import os
import sys

from passthru.board.host_files import HostFiles
from passthru.board.linux import read_board
from passthru.board.model import Board
from passthru.diagnostics.errors import ExitStatus
from passthru.diagnostics.finding import Finding, Severity
from passthru.language.arguments import sources_from_arguments
from passthru.language.model import VmConfig
from passthru.language.reader import read
from passthru.plan.model import VmPlan
from passthru.plan.planner import plan_vm
from passthru.report.text import findings_as_text
from passthru.rules.check import check

__all__ = ["main"]

_USAGE = """\
usage: passthru run [--plan] [--hugepages] @FILE… [WORD…]

Runs the VM that the configuration describes. Files and option words are read in order,
as one configuration; @- is standard input.

  --plan        show what would be done, and stop
  --hugepages   guest RAM from the host's huge pages
  dryrun        (an option of the configuration) do all but start the guest

Ctrl-C is the guest's power button; a second one ends it at once.
"""


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises PassthruError."""
    flags = {word for word in arguments if word.startswith("--")}
    words = [word for word in arguments if not word.startswith("--")]
    if "--help" in flags:
        print(_USAGE, end="")
        return ExitStatus.OK
    if not words or flags - {"--plan", "--hugepages"}:
        print(_USAGE, end="", file=sys.stderr)
        return ExitStatus.USAGE
    return _run(words, show_plan="--plan" in flags, hugepages="--hugepages" in flags)


def _run(words: list[str], *, show_plan: bool, hugepages: bool) -> int:
    config, findings = read(sources_from_arguments(words), environment=os.environ)
    board = read_board(HostFiles(), with_pci=_wants_pci(config))
    plan = None
    if not _has_errors(findings):
        plan, planned = plan_vm(config, board)
        findings += planned
        if plan is not None:
            findings += check(config, plan, board)
    if findings:
        text = findings_as_text(findings, colours=sys.stderr.isatty())
        print(text, end="", file=sys.stderr)
    if show_plan and plan is not None:
        from passthru.report.plan_text import plan_as_text

        print(plan_as_text(plan), end="")
    if plan is None or _has_errors(findings):
        return ExitStatus.CONFIGURATION
    if show_plan:
        return ExitStatus.OK
    return _start(plan, board, dry=config.dryrun, hugepages=hugepages)


def _wants_pci(config: VmConfig) -> bool:
    """Whether anything is passed: else the host's devices are not looked at."""
    return bool(config.passes)


def _has_errors(findings: tuple[Finding, ...]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def _start(plan: VmPlan, board: Board, *, dry: bool, hugepages: bool) -> int:
    # Only now: a refused configuration needs no machine.
    from passthru.host.kernel import LinuxKernel
    from passthru.vmm.build import run_machine

    return run_machine(plan, board, LinuxKernel(), _say, dry=dry, hugepages=hugepages)


def _say(remark: str) -> None:
    print(f"passthru: {remark}", file=sys.stderr, flush=True)
