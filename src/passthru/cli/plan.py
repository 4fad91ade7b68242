# SPDX-License-Identifier: Apache-2.0
"""``passthru plan``: what a VM sees, where it comes from, and what the host gives for it."""

import os
import sys

from passthru.addresses import AddressRange
from passthru.board.load import load_board
from passthru.board.model import Board
from passthru.cli.checking import check_source
from passthru.cli.command_line import CommandLine, UsageError, parse
from passthru.cli.commands import PLAN
from passthru.cli.output import colours_on, show, tell_problem
from passthru.cli.planning import show_plan
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source
from passthru.language.arguments import open_source
from passthru.language.reader import ReadResult, read
from passthru.lean import NamedTuple
from passthru.plan.description import VmDescription, describe_vm
from passthru.plan.planner import plan_vm
from passthru.rules.check import check, check_configuration
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


class _Planned(NamedTuple):
    """One VM, and what is wrong with it."""

    vm: VmDescription
    findings: tuple[Finding, ...]

    @property
    def has_errors(self) -> bool:
        return any(finding.severity is Severity.ERROR for finding in self.findings)


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
        planned = [self._plan(source) for source in self._sources()]
        if self._line.last("--format", "text") == "json":
            self._show_json(planned)
        else:
            self._show_text(planned)
        for problem in self._problems:
            tell_problem(problem)
        if self._problems:
            return ExitStatus.FATAL_BEFORE_START
        has_errors = any(each.has_errors for each in planned)
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

    def _plan(self, source: Source) -> _Planned:
        result = read(
            [source],
            environment=os.environ,
            asinfo=_named_memory(self._board),
            version=self._hypervisor.version,
        )
        vm = describe_vm(result.config, self._board, kvm=self._hypervisor is Hypervisor.KVM)
        findings = self._findings(source, result, vm)
        if "passthru:" in source.text:
            from passthru.language.suppression import without_allowed

            findings = without_allowed(findings, [source])[0]
        return _Planned(vm, findings)

    def _findings(
        self, source: Source, result: ReadResult, vm: VmDescription
    ) -> tuple[Finding, ...]:
        if self._board is None:
            return check_source(source, self._hypervisor)
        return (*result.findings, *_check_on(self._board, result, vm, self._hypervisor))

    def _show_text(self, planned: list[_Planned]) -> None:
        findings = [finding for each in planned for finding in each.findings]
        if findings:
            from passthru.report.text import findings_as_text

            show(findings_as_text(findings, colours=colours_on(sys.stderr)), sys.stderr)
        for number, each in enumerate(planned):
            if number:
                show("\n")
            show_plan(each.vm, self._board, has_errors=each.has_errors)

    def _show_json(self, planned: list[_Planned]) -> None:
        from passthru.report.plan_json import plans_as_json

        findings = [finding for each in planned for finding in each.findings]
        vms = [each.vm for each in planned]
        show(plans_as_json(vms, self._board, findings, hypervisor=self._hypervisor.value))


def _named_memory(board: Board | None) -> dict[str, AddressRange] | None:
    """What ``$asinfo_start{…}`` knows on the board; of several with one name the first counts."""
    if board is None:
        return None
    return {region.name: region.range for region in reversed(board.asinfo)}


def _check_on(
    board: Board, result: ReadResult, vm: VmDescription, hypervisor: Hypervisor
) -> tuple[Finding, ...]:
    """What is wrong with a VM on the board, beyond what reading told."""
    if vm.not_run_because is None and hypervisor is Hypervisor.KVM and result.complete:
        plan, findings = plan_vm(result.config, board)
        return (*findings, *check(result.config, plan, board))
    reader = hypervisor
    if hypervisor is Hypervisor.KVM and vm.not_run_because is not None:
        reader = Hypervisor.QNX_8_0  # no machine of `run` is there to compare it with
    return check_configuration(result.config, reader, complete=result.complete)
