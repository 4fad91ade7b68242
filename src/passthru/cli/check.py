# SPDX-License-Identifier: Apache-2.0
"""``passthru check``: what is wrong in configurations, without any board."""

import sys

from passthru.cli.checking import check_source
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
the reason and the fix. `-` is the standard input; `@FILE` is the same as FILE.

  --hypervisor NAME       who will read them: qnx-7.0, qnx-7.1, qnx-8.0 (the default) or kvm
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

_DEFAULT_HYPERVISOR = Hypervisor.QNX_8_0.value


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
        self._hypervisor = Hypervisor(line.last("--hypervisor", _DEFAULT_HYPERVISOR))
        self._allowed = frozenset(line.all("--allow"))
        self._format = line.last("--format", "text")
        self._problems: list[PassthruError] = []
        self._fixed_text_on_output = False

    def run(self) -> int:
        """Check everything, tell about it, and give the exit status."""
        _check_ids(self._allowed)
        findings: list[Finding] = []
        files = set()
        for source, is_whole_file in self._sources():
            files.add(source.name)
            if is_whole_file and self._line.has("--fix"):
                source = self._fixed(source)
            findings += self._findings(source)
        self._report(findings, len(files))
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

    def _findings(self, source: Source) -> tuple[Finding, ...]:
        found = check_source(source, self._hypervisor)
        has_comment = "passthru:" in source.text
        if not has_comment and not self._allowed:
            return found
        from passthru.language.suppression import without_allowed

        known = _known_ids() if has_comment else frozenset[str]()
        return without_allowed(found, [source], self._allowed, known)[0]

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
        from passthru.report.text import findings_as_text, summary_as_text

        text = findings_as_text(findings, colours=colours)
        return f"{text}{summary_as_text(findings)} in {_files(files)}\n"


def _check_ids(ids: Iterable[str]) -> None:
    for each in ids:
        check_choice("check", "--allow", each, sorted(_known_ids()), "no finding has this id")


def _known_ids() -> frozenset[str]:
    # Only where ids are named: the list of all rules imports every module of them.
    from passthru.rules.registry import RULES

    return frozenset(rule.id for rule in RULES)


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
