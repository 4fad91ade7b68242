# SPDX-License-Identifier: Apache-2.0
"""``passthru plan``: what a VM sees, where it comes from, and what the host gives for it."""

import sys

from passthru.board.load import load_board
from passthru.cli.checking import CheckedSource, examine_together
from passthru.cli.command_line import CommandLine, UsageError, parse
from passthru.cli.commands import PLAN
from passthru.cli.output import colours_on, show, tell_problem
from passthru.cli.planning import show_plan
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language.arguments import open_source
from passthru.language.model import VmConfig
from passthru.lean import Sequence
from passthru.plan.description import VmDescription, describe_vm
from passthru.rules.hypervisor import Hypervisor

__all__ = ["main"]

_USAGE = """\
usage: passthru plan [--board BOARD] [--hypervisor NAME] [--format text|json] FILE…

Shows what becomes of each FILE, which is the configuration of one VM: the guest's address map
with its holes, where each part lies on the host, interrupts, PCI functions, DMA windows, how
far each access letter is enforced, what is taken from the host, and the steps of `run`. `-` is
the standard input; `@FILE` is the same as FILE.

  --board BOARD       what the host has: a snapshot (*.board.json), a device tree (.dtb, .dts),
                      texts of QNX's tools, or a directory with a recorded /proc and /sys; `/` is
                      this host. Without it, what no board can change.
  --hypervisor NAME   who runs the VMs: kvm (the default), qnx-7.0, qnx-7.1 or qnx-8.0
  --format FORMAT     text (the default) or json, which has the findings in it, too

What is wrong is told first, on the error output; what can be planned is shown all the same.

Exit status: 0 no errors, 65 errors, 64 a file could not be read, 2 wrong usage.
"""


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises PassthruError."""
    line = parse(PLAN, arguments)
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if not line.operands:
        raise UsageError("plan", "which FILE shall be planned?")
    return _Plan(line).run()


class _Plan:
    """One run of the command."""

    def __init__(self, line: CommandLine) -> None:
        self._line = line
        self._hypervisor = Hypervisor(line.last("--hypervisor", Hypervisor.KVM.value))
        self._board = load_board(line.last("--board", "")) if line.has("--board") else None
        self._problems: list[PassthruError] = []

    def run(self) -> int:
        """Plan everything, show it, and give the exit status."""
        checked = examine_together(self._sources(), self._hypervisor, self._board)
        if self._line.last("--format", "text") == "json":
            self._show_json(checked)
        else:
            self._show_text(checked)
        for problem in self._problems:
            tell_problem(problem)
        if self._problems:
            return ExitStatus.FATAL_BEFORE_START
        has_errors = any(_has_errors(each) for each in checked)
        return ExitStatus.CONFIGURATION if has_errors else ExitStatus.OK

    def _sources(self) -> list[Source]:
        """The files that could be read; the others are noted."""
        sources = []
        for name in self._line.operands:
            try:
                sources.append(open_source(name.removeprefix("@")))
            except PassthruError as problem:
                self._problems.append(problem)
        return sources

    def _describe(self, config: VmConfig) -> VmDescription:
        return describe_vm(config, self._board, kvm=self._hypervisor is Hypervisor.KVM)

    def _show_text(self, checked: Sequence[CheckedSource]) -> None:
        findings = [finding for each in checked for finding in each.findings]
        if findings:
            from passthru.report.text import findings_as_text

            show(findings_as_text(findings, colours=colours_on(sys.stderr)), sys.stderr)
        for number, each in enumerate(checked):
            if number:
                show("\n")
            show_plan(self._describe(each.config), self._board, has_errors=_has_errors(each))

    def _show_json(self, checked: Sequence[CheckedSource]) -> None:
        from passthru.report.plan_json import plans_as_json

        findings = [finding for each in checked for finding in each.findings]
        vms = [self._describe(each.config) for each in checked]
        show(plans_as_json(vms, self._board, findings, hypervisor=self._hypervisor.value))


def _has_errors(checked: CheckedSource) -> bool:
    return any(finding.severity is Severity.ERROR for finding in checked.findings)
