# SPDX-License-Identifier: Apache-2.0
"""``passthru plan``: what a VM sees, where it comes from, and what the host gives for it."""

import sys

from passthru.cli.command_line import UsageError, parse
from passthru.cli.commands import PLAN
from passthru.cli.output import colours_on, show, tell_problem
from passthru.cli.planned_vms import PlannedVms, planned_vms
from passthru.cli.planning import show_plan
from passthru.diagnostics.errors import ExitStatus

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
  --hypervisor NAME   who runs the VMs: kvm, qnx-7.0, qnx-7.1 or qnx-8.0; without it kvm, where
                      `run` has a machine for all of them, and else qnx-8.0
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
    planned = planned_vms(line)
    if line.last("--format", "text") == "json":
        _show_json(planned)
    else:
        _show_text(planned)
    for problem in planned.problems:
        tell_problem(problem)
    return planned.exit_status


def _show_text(planned: PlannedVms) -> None:
    if planned.findings:
        from passthru.report.host_steps import findings_and_steps_as_text

        text = findings_and_steps_as_text(planned.findings, colours=colours_on(sys.stderr))
        show(text, sys.stderr)
    for number, vm in enumerate(planned.vms):
        if number:
            show("\n")
        show_plan(vm.description, planned.board, has_errors=vm.errors > 0)


def _show_json(planned: PlannedVms) -> None:
    from passthru.report.plan_json import plans_as_json

    show(
        plans_as_json(
            planned.descriptions,
            planned.board,
            planned.findings,
            hypervisor=planned.hypervisor.value,
        )
    )
