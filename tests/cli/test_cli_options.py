# SPDX-License-Identifier: Apache-2.0
import json

import pytest

from passthru.cli.main import main
from passthru.language.access import ACCESS_LETTERS
from passthru.language.options import BLOB_TYPES, CONTEXT_OPTIONS, TOP_OPTIONS
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES
from passthru.report.language_entries import ACCESS_HELP, all_entries


def shown(capsys, *words):
    assert main(["options", *words]) == 0
    return capsys.readouterr().out


def test_the_list_names_everything_by_context(capsys):
    text = shown(capsys)
    for title in (
        "Options of the VM",
        "Options of a pass",
        "Options of every vdev",
        "Virtual devices",
        "Variables for set",
        "Access letters of a location",
    ):
        assert f"{title}\n\n" in text
    words = set(text.split())
    assert words >= {*TOP_OPTIONS, *VDEV_TYPES, *SET_VARIABLES, *BLOB_TYPES, *ACCESS_LETTERS}
    for options in CONTEXT_OPTIONS.values():
        assert words >= set(options)


@pytest.mark.parametrize(
    ("words", "says", "says_not"),
    [
        ("pass", ["pass loc location", "pass intr", "pass sched"], ["reserve loc", "vdev loc"]),
        ("pass loc", ["pass loc location", "[=host address]", "vm/pass.html"], ["pass intr"]),
        ("loc", ["pass loc location", "reserve loc location", "vdev loc location"], ["intr"]),
        ("pass sched", ["only in 8.0", "the last one wins"], []),
        (
            "vdev pl011",
            ["vdev pl011", "only for ARM guests", "hostdev [<|>]device", "vdev name name"],
            ["ioapic hostvector"],
        ),
        ("pl011", ["vdev pl011", "PL011 serial port"], []),
        ("vdev gic msi", ["base,first,count"], ["hostvector"]),
        ("vdev ser8250", ["a location without prefix is io:"], ["that no documentation lists"]),
        ("set exit-on-halt", ["default: on", "on or off"], ["slog-buffer"]),
        ("exit-on-halt", ["default: on"], []),
        ("set debug", ["inside a vdev", "only in 8.0"], []),
        ("set", ["set variable value", "slog-buffer"], []),
        ("initrd", ["initial RAM disk"], []),
        ("access", ["access m", "rwxcstn", "No letter at all is rw"], []),
        ("numbers", ["0x4000", "4000 bytes"], []),
        ("logger", ["none since 7.1"], []),
        ("cpu runmask", ["only in 7.0, 7.1", "in other versions: `cluster`"], []),
        ("set gic-hwassist", ["only for ARM guests"], []),
        ("safety", ["none, warn, required", "only in 7.1"], []),
    ],
)
def test_all_that_is_known_of_one(capsys, words, says, says_not):
    for text in (shown(capsys, *words.split()), shown(capsys, words)):
        assert [each for each in says if each not in text] == []
        assert [each for each in says_not if each in text] == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["pas"], "the nearest is `pass`"),
        (["vdev", "pl01"], "the nearest is `vdev pl011`"),
        (["set", "exit-on-hald"], "the nearest is `set exit-on-halt`"),
        (["pass", "pass"], "the language has no `pass pass`"),
        (["\x1b[2J"], "the language has no"),
        (["--format", "sarif"], "it takes text, json"),
    ],
)
def test_what_is_not_there(capsys, words, says):
    assert main(["options", *words]) == 2
    output = capsys.readouterr()
    assert says in output.err
    assert "\x1b" not in output.err
    assert output.out == ""


def test_json_has_every_key(capsys):
    (entry,) = json.loads(shown(capsys, "--format", "json", "pass", "sched"))
    assert entry == {
        "name": "pass sched",
        "section": "Options of a pass",
        "arguments": "priority",
        "help": CONTEXT_OPTIONS_SCHED_HELP,
        "details": [],
        "default": None,
        "accumulates": False,
        "versions": ["8.0"],
        "instead": None,
        "architecture": None,
        "source": "vm/pass.html",
    }
    entries = json.loads(shown(capsys, "--format", "json"))
    assert len(entries) == len(all_entries())
    assert all(list(each) == list(entry) for each in entries)


CONTEXT_OPTIONS_SCHED_HELP = "Priority at which the passed interrupts are handled."


def test_every_entry_can_be_asked_for(capsys):
    for entry in all_entries():
        assert entry.help in shown(capsys, *entry.words), entry.name


def test_every_access_letter_is_explained():
    assert set(ACCESS_HELP) == set(ACCESS_LETTERS) | {"+", "-"}


def test_help(capsys):
    assert "usage: passthru options" in shown(capsys, "--help")
