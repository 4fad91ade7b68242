# SPDX-License-Identifier: Apache-2.0
"""``passthru check``: what is wrong in configurations, alone or with the board of their host."""

import sys

from passthru.board.model import Board
from passthru.cli.checking import (
    CheckedSource,
    LookedAt,
    check_together,
    examine_source,
    without_allowed_here,
)
from passthru.cli.command_line import CommandLine, UsageError, check_choice, parse
from passthru.cli.commands import CHECK
from passthru.cli.output import colours_on, show, tell, tell_problem, write_exactly
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source
from passthru.language.arguments import open_source
from passthru.lean import Iterable, Iterator
from passthru.rules.hypervisor import Hypervisor

__all__ = ["main"]

_USAGE = """\
usage: passthru check [OPTION…] FILE…

Tells what is wrong in configurations of virtual machines, each FILE being one, with the place,
the reason and the fix. `-` is the standard input; `@FILE` is the same as FILE. Several are taken
as the VMs of one host, and what they want of it together is checked, too.

  --board BOARD           the host: a snapshot (*.board.json), a device tree (*.dtb, *.dts), texts
                          of QNX's pidin and pci-tool, or a recorded directory; `/` is this host
  --hypervisor NAME       who will read them: qnx-7.0, qnx-7.1, qnx-8.0 (the default) or kvm (the
                          default with a board that Linux described)
  --format FORMAT         text (the default), json or sarif
  --allow ID              leave the findings with this id out; may be given repeatedly
  --fix                   carry out the fixes that are certain, then tell what is left; with `-`
                          the fixed text goes to the standard output and the rest to the error
                          output
  --from-buildfile FILE   check the configurations inside a buildfile of the host; --fix leaves
                          them alone

`# passthru: allow ID` in a configuration, on the line of a finding or before it, leaves it out.
`passthru explain ID` tells more about a finding.

Exit status: 0 no errors, 65 errors, 64 a file could not be read, 2 wrong usage.
"""


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises UsageError."""
    line = parse(CHECK, arguments)
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if not line.operands and not line.has("--from-buildfile"):
        raise UsageError("check", "which FILE shall be checked?")
    return _Check(line).run()


class _Check:
    """One run of the command."""

    def __init__(self, line: CommandLine) -> None:
        self._line = line
        self._board = _board(line)
        self._hypervisor = _hypervisor(line, self._board)
        self._allowed = frozenset(line.all("--allow"))
        self._format = line.last("--format", "text")
        self._problems: list[PassthruError] = []
        self._fixed_text_on_output = False
        self._are_several = False

    def run(self) -> int:
        """Check everything, tell about it, and give the exit status."""
        _check_ids(self._allowed)
        checked = []
        for source, is_whole_file in self._sources():
            if is_whole_file and self._line.has("--fix"):
                source = self._fixed(source)
            checked.append(self._examined(source))
        self._are_several = len(checked) > 1
        together = check_together(checked, self._board)
        findings = [finding for each in together for finding in self._told(each)]
        self._report(findings, len({each.source.name for each in checked}))
        for problem in self._problems:
            tell_problem(problem)
        if self._problems:
            return ExitStatus.FATAL_BEFORE_START
        has_errors = any(finding.severity is Severity.ERROR for finding in findings)
        return ExitStatus.CONFIGURATION if has_errors else ExitStatus.OK

    def _sources(self) -> Iterator[tuple[Source, bool]]:
        """What is to be checked, and whether it is all of a file; unreadable ones are noted."""
        for name in self._line.operands:
            try:
                yield open_source(name.removeprefix("@")), True
            except PassthruError as problem:
                self._problems.append(problem)
        for name in self._line.all("--from-buildfile"):
            from passthru.cli.buildfiles import open_buildfile

            try:
                yield from ((source, False) for source in open_buildfile(name))
            except PassthruError as problem:
                self._problems.append(problem)

    def _examined(self, source: Source) -> CheckedSource:
        return examine_source(source, self._hypervisor, self._board)

    def _findings(self, source: Source) -> tuple[Finding, ...]:
        return self._told(self._examined(source))

    def _told(self, checked: CheckedSource) -> tuple[Finding, ...]:
        """The findings but for those that somebody allows."""
        has_comment = "passthru:" in checked.source.text
        known = _known_ids() if has_comment else frozenset[str]()
        looked_at = LookedAt(self._hypervisor, self._board is not None, self._are_several)
        return without_allowed_here(checked, looked_at, self._allowed, known)

    def _fixed(self, source: Source) -> Source:
        from passthru.cli.fixing import fix_source
        from passthru.cli.replacing import replace_file

        fixed, count = fix_source(source, self._findings)
        if source.name == "<stdin>":
            self._fixed_text_on_output = True
            write_exactly(fixed.text)
        elif count:
            try:
                replace_file(fixed.name, fixed.text)
            except PassthruError as problem:
                self._problems.append(problem)
                return source
        if count:
            tell(f"{source.name}: fixed {count}")
        return fixed

    def _report(self, findings: list[Finding], files: int) -> None:
        stream = sys.stderr if self._fixed_text_on_output else sys.stdout
        show(self._text(findings, files, colours=colours_on(stream)), stream)
        if not findings and self._format == "text" and sys.stderr.isatty() and files:
            tell(f"nothing to say about {_files(files)}")

    def _text(self, findings: list[Finding], files: int, *, colours: bool) -> str:
        if self._format == "json":
            from passthru.report.findings_json import findings_as_json

            return findings_as_json(findings)
        if self._format == "sarif":
            from passthru.report.findings_sarif import findings_as_sarif
            from passthru.rules.registry import RULES

            return findings_as_sarif(findings, RULES, self._problems)
        if not findings:
            return ""
        from passthru.report.host_steps import findings_and_steps_as_text
        from passthru.report.text import summary_as_text

        text = findings_and_steps_as_text(findings, colours=colours)
        return f"{text}{summary_as_text(findings)} in {_files(files)}\n"


def _board(line: CommandLine) -> Board | None:
    if not line.has("--board"):
        return None
    from passthru.board.load import load_board

    return load_board(line.last("--board", ""))


def _hypervisor(line: CommandLine, board: Board | None) -> Hypervisor:
    """The one that is named, else the one that is usual on such a board."""
    name = line.last("--hypervisor", "")
    if name:
        return Hypervisor(name)
    if board is None:
        return Hypervisor.QNX_8_0
    from passthru.board.model import BoardOrigin

    is_linux = board.origin is BoardOrigin.LINUX
    return Hypervisor.KVM if is_linux else Hypervisor.QNX_8_0


def _check_ids(ids: Iterable[str]) -> None:
    for each in ids:
        check_choice("check", "--allow", each, sorted(_known_ids()), "no finding has this id")


def _known_ids() -> frozenset[str]:
    # Only where ids are named: the list of all rules imports every module of them.
    from passthru.rules.registry import RULES

    return frozenset(rule.id for rule in RULES)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
