# SPDX-License-Identifier: Apache-2.0
"""The VMs that ``plan`` and ``map`` show: read, checked together, and planned."""

from passthru.board.load import load_board
from passthru.board.model import Board
from passthru.cli.checking import CheckedSource, examine_source, examine_together
from passthru.cli.command_line import CommandLine
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source
from passthru.language.arguments import open_source
from passthru.language.model import VmConfig
from passthru.lean import NamedTuple, Sequence
from passthru.plan.description import describe_vm, why_not_for_run
from passthru.plan.vm_description import VmDescription
from passthru.rules.hypervisor import Hypervisor

__all__ = ["PlannedVm", "PlannedVms", "planned_vms"]


class PlannedVm(NamedTuple):
    """One VM: its configuration with what is wrong with it, and what becomes of it."""

    checked: CheckedSource
    description: VmDescription

    @property
    def errors(self) -> int:
        """How many of the findings are errors."""
        return sum(finding.severity is Severity.ERROR for finding in self.checked.findings)


class PlannedVms(NamedTuple):
    """The VMs of one host, in the order of their files.

    ``hypervisor`` is who reads them; ``problems`` are the files that could not be read.
    """

    board: Board | None
    hypervisor: Hypervisor
    vms: tuple[PlannedVm, ...]
    problems: tuple[PassthruError, ...]

    @property
    def descriptions(self) -> tuple[VmDescription, ...]:
        """What becomes of each VM."""
        return tuple(vm.description for vm in self.vms)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong with the VMs, alone and together."""
        return tuple(finding for vm in self.vms for finding in vm.checked.findings)

    @property
    def errors(self) -> int:
        """How many of the findings are errors."""
        return sum(vm.errors for vm in self.vms)

    @property
    def exit_status(self) -> ExitStatus:
        """What a command that shows them ends with."""
        if self.problems:
            return ExitStatus.FATAL_BEFORE_START
        return ExitStatus.CONFIGURATION if self.errors else ExitStatus.OK


def planned_vms(line: CommandLine) -> PlannedVms:
    """The VMs that are the operands of ``line``, on its ``--board``, for its ``--hypervisor``.

    Raises what load_board raises.
    """
    board = load_board(line.last("--board", "")) if line.has("--board") else None
    sources, problems = _opened(line.operands)
    named = line.last("--hypervisor", "")
    reasons = [None] * len(sources) if named else _why_not_for_run(sources, board)
    if named:
        hypervisor = Hypervisor(named)
    else:
        hypervisor = Hypervisor.QNX_8_0 if any(reasons) else Hypervisor.KVM
    examined = examine_together(sources, hypervisor, board)
    vms = tuple(
        PlannedVm(each, _described(each.config, board, hypervisor, reason))
        for each, reason in zip(examined, reasons, strict=True)
    )
    return PlannedVms(board, hypervisor, vms, tuple(problems))


def _described(
    config: VmConfig, board: Board | None, hypervisor: Hypervisor, reason: str | None
) -> VmDescription:
    """What becomes of the VM; for a ``reason``, if there is one, nothing of `run`."""
    described = describe_vm(config, board, kvm=hypervisor is Hypervisor.KVM)
    return described if reason is None else described._replace(not_run_because=reason)


def _opened(names: Sequence[str]) -> tuple[list[Source], list[PassthruError]]:
    """The files that could be read, and why the others could not."""
    sources, problems = [], []
    for name in names:
        try:
            sources.append(open_source(name.removeprefix("@")))
        except PassthruError as problem:
            problems.append(problem)
    return sources, problems


def _why_not_for_run(sources: Sequence[Source], board: Board | None) -> list[str | None]:
    """Of each VM why `run` is not who runs it, None where it can be."""
    configs = (examine_source(source, Hypervisor.KVM, board).config for source in sources)
    return [why_not_for_run(config, board) for config in configs]
