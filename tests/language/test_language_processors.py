# SPDX-License-Identifier: Apache-2.0
"""What the options of `cpu` say: every form that is documented, and texts that are none."""

import pytest

from passthru.language.processors import Policy, parse_runmask, parse_scheduling


@pytest.mark.parametrize(
    ("text", "processors"),
    [("0", (0,)), ("3,1", (1, 3)), ("2,2", (2,)), ("65535", (65535,))],
)
def test_processors_are_numbers_with_commas_between(text, processors):
    assert parse_runmask(text) == processors


@pytest.mark.parametrize("text", ["", "0,", "0x3", "0-3", "-1", "a", "٣", "123456"])
def test_what_is_no_list_of_processors(text):
    assert parse_runmask(text) is None


@pytest.mark.parametrize(
    ("text", "priority", "policy"),
    [
        ("10", 10, Policy.UNNAMED),
        ("20f", 20, Policy.FIFO),
        ("8r", 8, Policy.ROUND_ROBIN),
        ("8o", 8, Policy.OTHER),
        ("30,8,10,100000000,20000000s", 30, Policy.SPORADIC),
        ("30,8,10,100000000,20000000", 30, Policy.SPORADIC),
    ],
)
def test_every_form_of_scheduling(text, priority, policy):
    assert parse_scheduling(text) == (priority, policy)


@pytest.mark.parametrize(
    "text", ["", "f", "0x1f", "20x", "20ff", "-1", "30,8,10,100", "30,8,10,100,x", "30f,8,1,1,1"]
)
def test_what_is_no_form_of_scheduling(text):
    assert parse_scheduling(text) is None
