# SPDX-License-Identifier: Apache-2.0
"""One rule explained: what it is about, why, a configuration that breaks it, and the repair.

The examples are data beside the rules: ``rules/examples/<id>/wrong.qvmconf`` breaks the rule
and no other one, ``repaired.qvmconf`` breaks none, ``finding.txt`` is what is printed about
the wrong one. ``board.dts``, ``board.json`` or ``board.txt`` is the board that both are checked
with, for a rule that takes one; ``other.qvmconf`` is another VM that both are checked together
with, for a rule about several; ``guest.dts`` is the source of the device tree that both load.
The first line of an example may say what it takes for the finding to come up:
``# hypervisor: NAME`` or ``# host: what is special about the host``.
"""

import json
from difflib import get_close_matches
from importlib.resources import files
from importlib.resources.abc import Traversable
from textwrap import fill, indent
from typing import NamedTuple

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.rule import Rule
from passthru.report.subjects import rules_by_subject
from passthru.report.text import printable
from passthru.rules.registry import RULES

__all__ = [
    "Example",
    "ExampleBoard",
    "FileBeside",
    "UnknownRuleError",
    "board_path",
    "example_of",
    "explanation_as_json",
    "explanation_as_text",
    "find_rule",
    "finding_of",
    "rules_as_json",
    "rules_as_text",
]

_FORMAT_VERSION = 1
_LINE_WIDTH = 80
_BOLD = "\x1b[1m{}\x1b[0m"
_HYPERVISOR = "# hypervisor: "
_HOST = "# host: "
_BOARDS = ("board.dts", "board.json", "board.txt")


class UnknownRuleError(PassthruError):
    """No rule has the id ``rule_id``; ``near`` are those that may be meant, the nearest first."""

    exit_status = ExitStatus.USAGE

    def __init__(self, rule_id: str, near: tuple[str, ...]) -> None:
        super().__init__(rule_id, near)
        self.rule_id = rule_id
        self.near = near
        self.fix = f"passthru explain {near[0] if near else ''}".rstrip()

    def __str__(self) -> str:
        known = " or ".join(f"`{each}`" for each in self.near)
        guess = f"; is {known} meant?" if known else ""
        return f"there is no finding `{printable(self.rule_id)}`{guess}"


class ExampleBoard(NamedTuple):
    """A board as a file: a device tree's source, a snapshot, or a text of QNX."""

    name: str
    text: str


class FileBeside(NamedTuple):
    """A file that an example takes besides its configurations, and what it is."""

    title: str
    name: str
    text: str


class Example(NamedTuple):
    """Two small configurations, and what it takes besides for some findings.

    That is a board, the configuration of another VM, or the source of a tree that is loaded.
    """

    wrong: str
    repaired: str
    board: ExampleBoard | None = None
    other: str | None = None
    tree: str | None = None

    @property
    def configurations(self) -> tuple[str, ...]:
        """The text of every configuration."""
        return (self.wrong, self.repaired, *((self.other,) if self.other is not None else ()))

    @property
    def files_beside(self) -> tuple[FileBeside, ...]:
        """What there is besides the two configurations."""
        board = self.board or ExampleBoard("", "")
        files = (
            FileBeside("The board", board.name, board.text),
            FileBeside("Another VM", "other.qvmconf", self.other or ""),
            FileBeside("The source of the guest's tree", "guest.dts", self.tree or ""),
        )
        return tuple(file for file in files if file.text)

    @property
    def hypervisor(self) -> str | None:
        """The hypervisor that it is checked for, where that is not the usual one."""
        return _first_line_after(_HYPERVISOR, self.wrong)

    @property
    def host(self) -> str | None:
        """What is special about the host, where the finding comes up on a host only."""
        return _first_line_after(_HOST, self.wrong)

    @property
    def command(self) -> str:
        """What prints the finding of the wrong one."""
        if self.host is not None:
            return "passthru run @wrong.qvmconf"
        board = f"--board {self.board.name} " if self.board is not None else ""
        option = f"--hypervisor {self.hypervisor} " if self.hypervisor is not None else ""
        other = "other.qvmconf " if self.other is not None else ""
        return f"passthru check {board}{option}{other}wrong.qvmconf"


def _first_line_after(mark: str, text: str) -> str | None:
    first = text.partition("\n")[0]
    return first.removeprefix(mark) if first.startswith(mark) else None


def find_rule(rule_id: str) -> Rule:
    """The rule with that id; raises UnknownRuleError."""
    rules = {rule.id: rule for rule in RULES}
    if rule_id not in rules:
        near = get_close_matches(rule_id.lower(), rules, n=3)
        raise UnknownRuleError(rule_id, tuple(near))
    return rules[rule_id]


def example_of(rule: Rule) -> Example:
    """The example that belongs to the rule."""
    return Example(
        wrong=_data_of(rule, "wrong.qvmconf"),
        repaired=_data_of(rule, "repaired.qvmconf"),
        board=_board_of(rule),
        other=_data_if_there(rule, "other.qvmconf"),
        tree=_data_if_there(rule, "guest.dts"),
    )


def board_path(rule: Rule) -> Traversable | None:
    """The file of the example's board, None where it needs none."""
    paths = (_path_of(rule, name) for name in _BOARDS)
    return next((path for path in paths if path.is_file()), None)


def _board_of(rule: Rule) -> ExampleBoard | None:
    path = board_path(rule)
    return ExampleBoard(path.name, path.read_text(encoding="utf-8")) if path else None


def _data_if_there(rule: Rule, name: str) -> str | None:
    path = _path_of(rule, name)
    return path.read_text(encoding="utf-8") if path.is_file() else None


def finding_of(rule: Rule) -> str:
    """What is printed about the wrong example, as it was recorded."""
    return _data_of(rule, "finding.txt")


def _data_of(rule: Rule, name: str) -> str:
    return _path_of(rule, name).read_text(encoding="utf-8")


def _path_of(rule: Rule, name: str) -> Traversable:
    return files("passthru.rules") / "examples" / rule.id / name


def explanation_as_text(rule: Rule, *, colours: bool = False) -> str:
    """Everything about one rule, for people; ``colours`` makes the titles bold."""

    def title(text: str) -> str:
        return _BOLD.format(text) if colours else text

    example = example_of(rule)
    parts = [
        f"{title(rule.id)}: {rule.severity.value}",
        _flowing(rule.summary),
        _flowing(rule.reason),
        *(
            f"{title(f'{file.title}, {file.name}:')}\n\n{_indented(file.text)}"
            for file in example.files_beside
        ),
        f"{title('Wrong:')}\n\n{_indented(example.wrong)}",
        f"{title(f'`{example.command}` says:')}\n\n{_indented(finding_of(rule))}",
        f"{title('Repaired:')}\n\n{_indented(example.repaired)}",
    ]
    return "\n\n".join(parts) + "\n"


def _flowing(text: str) -> str:
    return fill(text, _LINE_WIDTH, break_on_hyphens=False, break_long_words=False)


def _indented(text: str) -> str:
    return indent(text.rstrip("\n"), "    ")


def explanation_as_json(rule: Rule) -> str:
    """The same as one JSON object."""
    example = example_of(rule)
    return _as_json(
        {
            "version": _FORMAT_VERSION,
            **_rule_members(rule),
            "reason": rule.reason,
            "hypervisor": example.hypervisor,
            "host": example.host,
            "board": example.board._asdict() if example.board else None,
            "other": example.other,
            "tree": example.tree,
            "wrong": example.wrong,
            "finding": finding_of(rule),
            "repaired": example.repaired,
        }
    )


def rules_as_text() -> str:
    """All rules by subject, a line for each, for people."""
    width = max(len(rule.id) for rule in RULES)
    blocks = []
    for subject, rules in rules_by_subject():
        lines = [f"  {rule.id:{width}}  {rule.summary}" for rule in rules]
        blocks.append("\n".join([subject, *lines]))
    return "\n\n".join(blocks) + "\n"


def rules_as_json() -> str:
    """All rules by subject as one JSON object."""
    rules = [
        {**_rule_members(rule), "subject": subject}
        for subject, rules in rules_by_subject()
        for rule in rules
    ]
    return _as_json({"version": _FORMAT_VERSION, "rules": rules})


def _rule_members(rule: Rule) -> dict[str, object]:
    return {"id": rule.id, "severity": rule.severity.value, "summary": rule.summary}


def _as_json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
