# SPDX-License-Identifier: Apache-2.0
"""`passthru check` on what nobody would write on purpose, and for readers that take little."""

import io
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passthru.cli.commands import HYPERVISORS
from passthru.cli.main import main

MISSING_LETTER = "system guest ram 0x80000000,512m load k pass loc 0x20000000,0x1000,rw\n"


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="guest.qvmconf"):
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write


PIECES = (
    b"system a",
    b"cpu",
    b"ram 1m",
    b"ram 0x80000000,512m",
    b"ram 1mx",
    b"load k",
    b"pass",
    b"loc",
    b"pci:0:3.0",
    b"0x2000,0x1000,rw",
    b"mem:0x3000,r=0x1000",
    b"io:4",
    b"intr",
    b"gic:4",
    b"vdev",
    b"pl011",
    b"ioapic",
    b"name",
    b"x",
    b"set",
    b"debug",
    b"on",
    b'"',
    b"#\n",
    b"\\\n",
    b"@M@",
    b"$env{HOME}",
    b"$asinfo_start{x}",
    b"addr=1,size=4K",
    b"\xff",
    b"# passthru: allow x\n",
)

HOSTILE_NAME = "evil\x1b]0;x\x07\udcff.qvmconf"
HOSTILE_TEXT = b"ram 1x\x1b[2J \x9b31m \xff\xfe load \x1b[31m\xc2\x9b pass \x1b"


@pytest.mark.parametrize("as_format", ["text", "json", "sarif"])
def test_no_character_that_a_terminal_would_obey_comes_through(file, capsys, as_format):
    assert main(["check", "--format", as_format, file(HOSTILE_TEXT, HOSTILE_NAME)]) == 65
    shown = capsys.readouterr()
    assert shown.out.encode()
    assert all(c.isprintable() or c == "\n" for c in shown.out + shown.err)
    if as_format != "text":
        # A lone surrogate would make this fail.
        assert json.dumps(json.loads(shown.out), ensure_ascii=False).encode()


def test_a_terminal_that_has_few_characters_gets_them(file, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["check", file("ram 1m pass loc 0x20000000,0x1000,r\u00e9")]) == 65
    stream.flush()
    assert b"?" in stream.buffer.getvalue()


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=80),
        st.lists(st.sampled_from(PIECES), max_size=20).map(b" ".join),
    ),
    st.sampled_from(HYPERVISORS),
    st.sampled_from(["text", "json", "sarif"]),
)
def test_any_bytes_give_a_report(file, capsys, data, hypervisor, as_format):
    status = main(["check", "--hypervisor", hypervisor, "--format", as_format, file(data)])
    shown = capsys.readouterr()
    assert status in (0, 65)
    assert shown.err == ""
    assert all(c.isprintable() or c == "\n" for c in shown.out)
    if as_format != "text":
        json.loads(shown.out)
    assert bool(re.search(r'"(severity|level)": "error"|: error: ', shown.out)) or status == 0


def test_who_stops_reading_gets_no_more(file):
    name = file(MISSING_LETTER * 500)
    command = f"{sys.executable} -m passthru check --format json {name} | head -1"
    run = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("{\n", "")


@pytest.mark.parametrize("command", ["check", "plan", "map"])
def test_who_stops_reading_all_that_is_said_changes_no_status(file, command):
    program = f"{sys.executable} -m passthru {command} {file(MISSING_LETTER)} missing"
    read_end, write_end = os.pipe()
    os.close(read_end)
    run = subprocess.run(program, shell=True, stdout=write_end, stderr=write_end, check=False)
    os.close(write_end)
    assert run.returncode == 64


def test_a_mistake_in_each_of_many_devices_takes_no_time_of_its_own(file, capsys):
    name = file("".join(f"vdev pl011 loc {0x1000 * n:#x}z intr gic:37\n" for n in range(6000)))
    start = time.process_time()
    assert main(["check", "--format", "json", name]) == 65
    # Looking at all devices for each mistake would take ten seconds.
    assert time.process_time() - start < 5
    assert json.loads(capsys.readouterr().out)["summary"]["errors"] >= 6000


@pytest.mark.parametrize(
    "command", ["check guest.qvmconf", "get guest.qvmconf ram", "options", "--help", "check --help"]
)
def test_a_full_disk_is_told_in_one_line(file, command):
    file(MISSING_LETTER)
    program = f"{sys.executable} -m passthru {command} > /dev/full"
    run = subprocess.run(program, shell=True, capture_output=True, text=True, check=False)
    assert run.returncode == 64
    assert run.stderr == "passthru: cannot write the output: No space left on device\n"


@pytest.mark.parametrize(("closed", "said"), [(">&-", ""), ("2>&- >&-", "")])
def test_closed_streams_change_no_status(file, closed, said):
    program = f"{sys.executable} -m passthru check {file(MISSING_LETTER)} {closed}"
    run = subprocess.run(program, shell=True, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (65, said)
