# SPDX-License-Identifier: Apache-2.0
"""Where the remarks of `run` go by the configuration's `logger` options."""

import pytest

from passthru.cli.logged import remarks_to
from passthru.diagnostics.source import Source
from passthru.language.reader import read


def said(text, capsys):
    remarks_to(read([Source("a", text)], environment={}).config.settings)("remark\x1b[2J")
    shown = capsys.readouterr()
    return shown.out.count("passthru: remark"), shown.err.count("passthru: remark")


@pytest.mark.parametrize(
    ("text", "output", "errors"),
    [
        ("", 0, 1),
        ("dump /tmp", 0, 1),
        ("logger info stderr", 0, 1),
        ("logger warn stdout", 1, 0),
        ("logger warning,error stdout", 1, 0),
        ("logger info stdout logger warn stderr", 1, 1),
        ("logger info stdout logger info stdout", 1, 0),
        ("logger info slog", 0, 1),
        ("logger info slog logger info stderr", 0, 1),
        ("logger fatal,internal,error stderr", 0, 0),
        ("logger error stdout logger info none", 0, 0),
        ("logger debug,verbose stdout", 0, 0),
    ],
)
def test_a_remark_goes_where_its_filters_are(text, output, errors, capsys):
    assert said(text, capsys) == (output, errors)


def test_what_a_terminal_could_obey_is_replaced(capsys):
    remarks_to(read([Source("a", "logger info stdout")], environment={}).config.settings)("\x1b[2J")
    assert "\x1b" not in capsys.readouterr().out
