# SPDX-License-Identifier: Apache-2.0
import io
import json
import sys

import pytest

from passthru.cli.main import main
from passthru.language import open_source, read

TEXT = """\
system guest
cpu sched 10
ram 0x80000000,512m ram 1m
load 0x80080000,"my kernel"
initrd load disk.gz
cmdline "console=ttyAMA0 debug"
vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-
vdev ser8250 loc 0x3f8 intr gic:4
vdev virtio-net name p0 loc pci:0:4.0
vdev ioapic loc 0xf8000000 intr apic name chip
pass loc 0x1000,0x1000,rwn=0x2000 loc io:0x60,4,rw intr gic:40,u=150 sched 20
pass loc pci:0:3.0=pci:0:2.0 loc pci:0x8086/0x1234 loc 0x5000,0x1000,rn
reserve loc 0xa0000,0x20000 intr gic:50
set exit-on-halt off
logger error,warn stderr
fdt generate
"""


@pytest.fixture
def guest(tmp_path):
    def write(text=TEXT):
        path = tmp_path / "guest.qvmconf"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("system", "guest"),
        ("ram", "0x80000000,0x20000000\n0x100000"),
        ("ram total", str(513 << 20)),
        ("cpu", "cpu sched 10"),
        ("cpus", "1"),
        ("image", "my kernel"),
        ("load", 'load "0x80080000,my kernel"\ninitrd load disk.gz'),
        ("cmdline", "console=ttyAMA0 debug"),
        ("vdevs", "pl011\nser8250\nvirtio-net\nioapic"),
        ("vdev pl011", "vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-"),
        ("vdev pl011 loc", "0x1c090000"),
        ("vdev ser8250 loc", "io:0x3f8"),
        ("vdev virtio-net name", "p0"),
        ("vdev virtio-net loc", "pci:0:4.0"),
        ("vdev ioapic intr", "apic"),
        ("pass 0 loc", "0x1000,0x1000,rwn=0x2000\nio:0x60,0x4,rw"),
        ("pass 0 intr", "gic:40,u=150"),
        (
            "pass",
            "pass loc 0x1000,0x1000,rwn=0x2000 loc io:0x60,0x4,rw intr gic:40,u=150 sched 20\n"
            "pass loc pci:0:3.0=pci:0:2.0 loc pci:0x8086/0x1234 loc 0x5000,0x1000,rn",
        ),
        ("reserve", "reserve loc 0xa0000,0x20000,rw intr gic:50"),
        ("set", "exit-on-halt off"),
        ("set exit-on-halt", "off"),
        ("logger", "logger error,warn stderr"),
        ("generate", "fdt generate"),
        ("dryrun", "off"),
    ],
)
def test_text_is_for_shells(guest, capsys, query, lines):
    assert main(["get", guest(), *query.split()]) == 0
    shown = capsys.readouterr()
    assert shown.out == lines + "\n"
    assert shown.err == ""


def test_a_quoted_query_is_the_same(guest, capsys):
    assert main(["get", f"@{guest()}", "vdev pl011 loc"]) == 0
    assert capsys.readouterr().out == "0x1c090000\n"


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("system", "guest"),
        ("ram total", 513 << 20),
        ("dryrun", False),
        ("set exit-on-halt", "off"),
        ("ram", [{"start": 0x80000000, "size": 512 << 20}, {"start": None, "size": 1 << 20}]),
        (
            "load",
            [
                {"blob": None, "address": 0x80080000, "path": "my kernel"},
                {"blob": "initrd", "address": None, "path": "disk.gz"},
            ],
        ),
        (
            "vdev pl011",
            [
                {
                    "type": "pl011",
                    "name": None,
                    "loc": [{"type": "mem", "start": 0x1C090000}],
                    "intr": [
                        {"controller": "gic", "line": 37, "immediate_unmask": False, "vector": None}
                    ],
                    "options": [{"name": "hostdev", "value": ">-"}],
                }
            ],
        ),
        (
            "pass loc",
            [
                {"type": "mem", "guest": 0x1000, "size": 0x1000, "access": "rwn", "host": 0x2000},
                {"type": "io", "start": 0x60, "size": 4, "access": "rw"},
                {"type": "pci", "guest": "pci:0:3.0", "host": "pci:0:2.0"},
                {"type": "pci", "guest": None, "host": "pci:0x8086/0x1234"},
                {"type": "mem", "guest": 0x5000, "size": 0x1000, "access": "rn", "host": 0x5000},
            ],
        ),
        ("cpu", [{"cluster": None, "runmask": None, "partition": None, "sched": "10"}]),
        ("set", [{"name": "exit-on-halt", "value": "off"}]),
        ("logger", [{"name": "logger", "values": ["error,warn", "stderr"], "blob": None}]),
    ],
)
def test_json_is_typed(guest, capsys, query, value):
    assert main(["get", "--format", "json", guest(), *query.split()]) == 0
    assert json.loads(capsys.readouterr().out) == value


def test_json_of_contexts(guest, capsys):
    main(["get", "--format", "json", guest(), "reserve"])
    (reserve,) = json.loads(capsys.readouterr().out)
    assert reserve["loc"][0]["guest"] == 0xA0000
    main(["get", "--format", "json", guest(), "pass"])
    first, _ = json.loads(capsys.readouterr().out)
    assert (first["blob"], first["sched"], len(first["loc"])) == (None, "20", 2)


@pytest.mark.parametrize(("query", "nothing"), [("system", "null"), ("pass", "[]")])
def test_where_there_is_no_value(guest, capsys, query, nothing):
    assert main(["get", guest("ram 1m"), query]) == 1
    assert capsys.readouterr() == ("", "")
    assert main(["get", "--format", "json", guest("ram 1m"), query]) == 1
    assert capsys.readouterr().out == nothing + "\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sistem"], "the nearest is `system`"),
        ([], "QUERY is missing"),
        (["--formt", "json", "system"], "the nearest is `--format`"),
        (["--format", "yaml", "system"], "it takes text, json"),
        (["--format"], "needs one of some words"),
    ],
)
def test_a_wrong_question(guest, capsys, words, says):
    assert main(["get", guest(), *words]) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert shown.out == ""


def test_errors_are_told_and_the_rest_is_answered(guest, capsys):
    path = guest("system guest ram 1x load kernel")
    assert main(["get", path, "system"]) == 65
    shown = capsys.readouterr()
    assert shown.out == "guest\n"
    assert shown.err == f"passthru: {path} has 1 error; `passthru check` tells more\n"


def test_a_value_that_only_the_target_knows_is_told(guest, capsys):
    assert main(["get", guest("ram 0,1m ram $asinfo_start{x},1m"), "ram total"]) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{1 << 20}\n"
    assert "known on the target only" in shown.err


def test_the_environment_counts(guest, capsys, monkeypatch):
    monkeypatch.setenv("SIZE", "3m")
    assert main(["get", guest("ram $env{SIZE}"), "ram total"]) == 0
    assert capsys.readouterr().out == f"{3 << 20}\n"


def test_a_file_that_is_not_there(capsys):
    assert main(["get", "/nowhere/x\x1b[2J", "system"]) == 64
    shown = capsys.readouterr()
    assert "/nowhere/x" in shown.err
    assert "\x1b" not in shown.err


def test_bytes_go_through_a_pipe_as_they_are_and_not_to_a_terminal(guest, tmp_path, monkeypatch):
    path = tmp_path / "hostile.qvmconf"
    path.write_bytes(b'ram 1m load "caf\xe9\x1b[2J"')
    seen = {}
    for is_terminal in (False, True):
        stream = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        stream.isatty = lambda is_terminal=is_terminal: is_terminal
        monkeypatch.setattr(sys, "stdout", stream)
        assert main(["get", str(path), "image"]) == 0
        stream.flush()
        seen[is_terminal] = stream.buffer.getvalue()
    assert seen[False] == b"caf\xe9\x1b[2J\n"
    assert seen[True].decode().strip().isprintable()


@pytest.mark.parametrize("query", ["vdev", "pass", "reserve"])
def test_contexts_are_printed_in_the_language_itself(guest, tmp_path, capsys, query):
    before = read([open_source(guest())], environment={}).config
    main(["get", guest(), query])
    again = tmp_path / "again.qvmconf"
    again.write_text(capsys.readouterr().out)
    after = read([open_source(str(again))], environment={}).config
    if query == "vdev":
        assert [(v.type, v.options) for v in after.vdevs] != []
        assert [v.locations[0]._replace(span=None) for v in after.vdevs] == [
            v.locations[0]._replace(span=None) for v in before.vdevs
        ]
    else:
        contexts = (after.passes, before.passes)
        if query == "reserve":
            contexts = (after.reserves, before.reserves)
        one, other = ([place_values(each) for each in some] for some in contexts)
        assert one == other


def place_values(context):
    return [each._replace(span=None) for each in (*context.locations, *context.interrupts)]


def test_help(capsys):
    assert main(["get", "--help"]) == 0
    assert "Exit status" in capsys.readouterr().out
