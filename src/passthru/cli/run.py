# SPDX-License-Identifier: Apache-2.0
"""``passthru run``: check, plan, and run one VM on this host."""

import gc
import os
import select
import sys

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.linux import read_board, read_board_without_resources
from passthru.board.model import Board
from passthru.diagnostics.errors import ExitStatus
from passthru.diagnostics.finding import Finding, Severity
from passthru.language.arguments import sources_from_arguments
from passthru.language.model import VmConfig
from passthru.language.options import EVERY_VERSION
from passthru.language.reader import ReadResult, read
from passthru.lean import TYPE_CHECKING, Callable, Iterable
from passthru.plan.model import VmPlan
from passthru.plan.planner import plan_vm
from passthru.rules.check import check

if TYPE_CHECKING:
    from passthru.board.tree_nodes import TreeNode
    from passthru.plan.aarch64 import ArmPlan

__all__ = ["main", "split_arguments"]

_WITHOUT = "--without"
_CLOCKS = "clock-dependent-device"
_PATIENCE = 1000
"""Milliseconds."""

_USAGE = """\
usage: passthru run [--plan] [--hugepages] [--without TYPE]… @FILE… [WORD…]

Runs the VM that the configuration describes. Files and option words are read in order,
as one configuration; @- is standard input.

  --plan           show what would be done, and stop
  --hugepages      guest RAM from the host's huge pages
  --without TYPE   leave out virtual devices of a type that run does not have
  dryrun           (an option of the configuration) do all but start the guest

Ctrl-C is the power button of an x86-64 guest, and a second one ends it at once. A guest on
arm64 has no such button: the first one ends it. On a terminal, `hostdev -` gives every key to
the guest, Ctrl-C, too: there Ctrl-A x ends the guest, and Ctrl-A p is the power button.

The exit status, which a line on the error output explains:
   0  the guest switched itself off, or reset itself, which ends it
   2  wrong usage of the command
   3  the guest was ended from outside
   5  the guest did what KVM or this machine cannot do for it
  64  fatal before the guest started (a missing file, no KVM …)
  65  the configuration is wrong, or wrong for this host
  96  fatal after the guest started: it crashed (a triple fault …), or its host failed
"""


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises PassthruError."""
    flags, words, without = split_arguments(arguments)
    if "--help" in flags:
        print(_USAGE, end="")
        return ExitStatus.OK
    if not words or flags - {"--plan", "--hugepages", _WITHOUT} or "" in without:
        print(_USAGE, end="", file=sys.stderr)
        return ExitStatus.USAGE
    return _run(words, without, show_plan="--plan" in flags, hugepages="--hugepages" in flags)


def split_arguments(arguments: Iterable[str]) -> tuple[set[str], list[str], list[str]]:
    """The flags, the words of the configuration, and the types that are left out.

    A type that is missing is an empty one.
    """
    flags: set[str] = set()
    words: list[str] = []
    without: list[str] = []
    rest = iter(arguments)
    for word in rest:
        name, equals, value = word.partition("=")
        if not word.startswith("--"):
            words.append(word)
        elif name == _WITHOUT:
            flags.add(name)
            without.append(value if equals else next(rest, ""))
        else:
            flags.add(word)
    return flags, words, without


def _run(words: list[str], without: list[str], *, show_plan: bool, hugepages: bool) -> int:
    # No memory range of this host has a name, so `$asinfo_start{…}` is an error here.
    sources = sources_from_arguments(words)
    result = read(sources, environment=os.environ, asinfo={}, version=EVERY_VERSION)
    config = result.config
    # Where nothing is passed, the host's memory and devices are not looked at.
    board = (read_board if config.passes else read_board_without_resources)(HostFiles())
    if without:
        from passthru.cli.left_out import without_types

        config = without_types(config, without, board, _say)
    if any(passed.interrupts for passed in config.passes):
        from passthru.board.uio import with_interrupts

        board = with_interrupts(board, HostFiles())
    if any(cpu.cluster or cpu.runmask for cpu in config.cpus):
        from passthru.board.clusters import read_clusters

        board = board._replace(clusters=read_clusters(HostFiles()))
    tree = None
    if config.passes and board.architecture == "aarch64":
        from passthru.board.live_tree import read_live_tree
        from passthru.board.running_tree import with_tree

        tree = read_live_tree(HostFiles())
        board = board if tree is None else with_tree(board, tree, HostFiles())
    plan = None
    findings = result.findings
    if not result.complete:
        findings = tuple(_must_be_known(each, result) for each in findings)
    else:
        plan, judged = _judged(config, board)
        if any(each.steps for each in judged):
            from passthru.board.device_uses import with_uses

            # What the host would lose: read only where it is asked to give something up.
            plan, judged = _judged(config, with_uses(board, HostFiles()))
        findings += judged + _too_much_ram(config, board)
    if findings:
        _show_findings(findings)
    if show_plan:
        _show_plan(config, findings)
    if plan is None or _has_errors(findings):
        return ExitStatus.CONFIGURATION
    if show_plan:
        return ExitStatus.OK
    return _start(plan, config, board, tree, hugepages=hugepages)


def _judged(
    config: VmConfig, board: Board
) -> "tuple[VmPlan | ArmPlan | None, tuple[Finding, ...]]":
    """The plan, and what is said of it."""
    plan, planned = _plan(config, board)
    return plan, planned + _without_allowed_clocks(check(config, plan, board))


def _show_findings(findings: tuple[Finding, ...]) -> None:
    from passthru.cli.output import colours_on
    from passthru.report.host_steps import findings_and_steps_as_text

    text = findings_and_steps_as_text(findings, colours=colours_on(sys.stderr))
    print(text, end="", file=sys.stderr)


def _plan(config: VmConfig, board: Board) -> "tuple[VmPlan | ArmPlan | None, tuple[Finding, ...]]":
    if board.architecture == "aarch64":
        from passthru.plan.arm_planner import plan_arm_vm

        return plan_arm_vm(config, board)
    return plan_vm(config, board)


def _too_much_ram(config: VmConfig, board: Board) -> tuple[Finding, ...]:
    """``memory-oversubscribed`` for this VM alone; other programs' use changes all the time."""
    most = board.ram_to_allocate
    if most is None or sum(option.size for option in config.memory) <= most:
        return ()
    # Here, not above: a VM with room starts without it.
    from passthru.rules.system import CheckedVm, check_system

    return check_system([CheckedVm(config, complete=True)], board)


def _without_allowed_clocks(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """The findings but for clocks, power and resets of which the text says who cares for them.

    Nothing else is run because a comment allows it.
    """
    if not any(each.id == _CLOCKS for each in findings):
        return findings
    from passthru.language.suppression import without_allowed

    sources = {each.span.source for each in findings if each.id == _CLOCKS and each.span}
    allowed = without_allowed(findings, sources)[1]
    return tuple(each for each in findings if each.id != _CLOCKS or each not in allowed)


def _show_plan(config: VmConfig, findings: tuple[Finding, ...]) -> None:
    from passthru.board.capture import capture_board
    from passthru.cli.planning import show_plan
    from passthru.plan.description import describe_vm

    # All of the host, as `plan --board /` has it: a plan tells more than a start looks at.
    board = capture_board(HostFiles())
    vm = describe_vm(config, board, kvm=True)
    show_plan(vm, board, has_errors=_has_errors(findings))


def _must_be_known(finding: Finding, result: ReadResult) -> Finding:
    """An unknown value, which a check may pass over, as the error that it is to a run."""
    if finding.severity is Severity.ERROR or finding not in result.unknown_values:
        return finding
    reason = "A VM is started only if all of its configuration is known."
    return finding._replace(severity=Severity.ERROR, reason=reason)


def _has_errors(findings: tuple[Finding, ...]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def _start(
    plan: "VmPlan | ArmPlan",
    config: VmConfig,
    board: Board,
    tree: "TreeNode | None",
    *,
    hugepages: bool,
) -> int:
    # Only now: a refused configuration needs no machine.
    from passthru.host.kernel import LinuxKernel
    from passthru.vmm.build import run_machine

    gc.freeze()
    gc.enable()
    kernel = LinuxKernel()
    say: Callable[[str], None] = _say
    if config.settings:
        from passthru.cli.logged import remarks_to

        say = remarks_to(config.settings)
    bus = None if isinstance(plan, VmPlan) else plan.bus

    def make_tree(initrd: AddressRange | None, space: int) -> bytes:
        from passthru.cli.started_tree import started_tree

        return started_tree(config, tree, board, kernel, initrd, space, say, bus=bus)

    return run_machine(
        plan,
        board,
        kernel,
        say,
        dry=config.dryrun,
        hugepages=hugepages,
        exits_after=True,
        make_tree=make_tree,
    )


class _ErrorOutput:
    """Where remarks go; one that nothing reads holds neither the guest nor its end up for long."""

    def __init__(self) -> None:
        self._writable = select.poll()
        self._writable.register(2, select.POLLOUT)
        self._patience = _PATIENCE

    def has_room(self) -> bool:
        """Whether a line can be written now; the first time that it cannot, after a while."""
        if self._writable.poll(self._patience):
            self._patience = _PATIENCE
            return True
        self._patience = 0
        return False


_ERROR_OUTPUT = _ErrorOutput()


def _say(remark: str) -> None:
    if not _ERROR_OUTPUT.has_room():
        return
    # What no terminal obeys needs no module to be made harmless: most guests end with such a word.
    if not (remark.isascii() and remark.isprintable()):
        from passthru.cli.output import tell

        tell(remark)
        return
    try:
        print(f"passthru: {remark}", file=sys.stderr)
    except OSError:  # the reader is gone, which changes no status
        from passthru.cli.output import drop

        drop(sys.stderr)
