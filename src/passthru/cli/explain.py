# SPDX-License-Identifier: Apache-2.0
"""``passthru explain``: a finding with its reason, an example and the repair."""

import sys

from passthru.cli.command_line import UsageError, parse
from passthru.cli.commands import COMMANDS
from passthru.cli.output import colours_on, show
from passthru.diagnostics.errors import ExitStatus
from passthru.report.explanation import (
    explanation_as_json,
    explanation_as_text,
    find_rule,
    rules_as_json,
    rules_as_text,
)

__all__ = ["main"]

_USAGE = """\
usage: passthru explain [--format text|json] [ID]

What the finding ID is about and why, a configuration that has it, and the same one repaired.
Without ID all findings, by subject.
"""

_COMMAND = next(command for command in COMMANDS if command.name == "explain")


def main(arguments: list[str]) -> int:
    """Run the command and give its exit status; raises UsageError and UnknownRuleError."""
    line = parse(_COMMAND, arguments)
    if line.has("--help"):
        show(_USAGE)
        return ExitStatus.OK
    if len(line.operands) > 1:
        raise UsageError("explain", "one finding is explained at a time")
    as_json = line.last("--format", "text") == "json"
    show(_rule(line.operands[0], as_json) if line.operands else _all_rules(as_json))
    return ExitStatus.OK


def _rule(rule_id: str, as_json: bool) -> str:
    rule = find_rule(rule_id)
    if as_json:
        return explanation_as_json(rule)
    return explanation_as_text(rule, colours=colours_on(sys.stdout))


def _all_rules(as_json: bool) -> str:
    return rules_as_json() if as_json else rules_as_text()
