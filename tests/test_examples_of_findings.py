# SPDX-License-Identifier: Apache-2.0
"""Each example of a finding has that finding and no other; the repaired one has none."""

import pytest

from examples_of_findings import HOSTS, examine
from passthru.diagnostics.rule import Rule
from passthru.report.explanation import example_of, explanation_as_text, finding_of
from passthru.rules.registry import RULES

every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)


@every_rule
def test_the_wrong_example_has_this_finding_and_no_other(rule: Rule) -> None:
    found = examine(rule).wrong
    assert {finding.id for finding in found} == {rule.id}, [finding.message for finding in found]
    assert all(finding.span is not None for finding in found)


@every_rule
def test_the_repaired_example_has_none(rule: Rule) -> None:
    assert [finding.message for finding in examine(rule).repaired] == []


@every_rule
def test_the_recorded_finding_is_what_is_printed(rule: Rule) -> None:
    assert finding_of(rule) == examine(rule).finding_text


@every_rule
def test_both_examples_say_in_their_first_lines_what_they_are(rule: Rule) -> None:
    example = example_of(rule)
    for text in example.configurations:
        first, second = text.splitlines()[:2]
        is_directive = first.startswith(("# hypervisor: ", "# host: "))
        remark = second if is_directive else first
        assert remark.startswith("# ")
        assert remark.endswith((".", "?"))


@every_rule
def test_an_example_that_needs_a_host_says_so(rule: Rule) -> None:
    example = example_of(rule)
    assert (rule.id in HOSTS) == (example.host is not None)
    assert not (example.host and example.hypervisor)
    assert not (example.host and example.board)


def test_an_example_with_a_board_shows_it_and_how_it_is_named() -> None:
    with_board = [rule for rule in RULES if example_of(rule).board]
    assert len(with_board) >= 5
    for rule in with_board:
        board = example_of(rule).board
        assert board is not None
        text = explanation_as_text(rule)
        assert f"The board, {board.name}:" in text
        assert board.text.splitlines()[1].strip() in text
        assert f"passthru check --board {board.name} " in text
