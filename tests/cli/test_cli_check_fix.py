# SPDX-License-Identifier: Apache-2.0
"""`passthru check --fix`: what it writes, and what it leaves alone."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from passthru.cli.fixing import fix_source
from passthru.cli.main import main
from passthru.diagnostics.finding import Edit, Finding, Severity
from passthru.diagnostics.source import Source, Span

PIECES = (
    b"system a",
    b"ram 1m",
    b"ram addr=0x80000000,size=4K",
    b"ram 4KB",
    b"load k",
    b"pass",
    b"pci:0:3.0",
    b"loc 4000,0x1000,rw-xn",
    b"loc mem:0x3000,r=0x1000",
    b"loc io:4=5",
    b"intr 4",
    b"interrupt=3",
    b"addr=1,host=2,size=3",
    b"loc 0x1000,guestloc 0x2000,len 0x1000",
    b"vdev",
    b"pl011",
    b"name x",
    b"# c\n",
    b"loc 0x4000,0x1000,RWN",
    b"pass 0x1,0x2,0x3",
    b"intr gic:3,t",
)

BEFORE = "system guest # caf\u00e9\nram 0x80000000,512m\nload kernel\npass pci:0:3.0\n"
AFTER = BEFORE.replace("pass pci", "pass loc pci")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text=BEFORE, name="guest.qvmconf"):
        Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return name

    return write


def test_a_certain_fix_is_carried_out_and_told(file, capsys):
    name = file()
    assert main(["check", "--fix", name]) == 0
    assert Path(name).read_text() == AFTER
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err == "passthru: guest.qvmconf: fixed 1\n"
    assert [str(path) for path in Path().iterdir()] == [name]


def test_what_is_left_is_told_at_its_new_place(file, capsys):
    name = file(BEFORE + "pass pci:0:4.0 loc 0x20000000,0x1000,rw\n")
    assert main(["check", "--fix", "--format", "json", name]) == 65
    shown = capsys.readouterr()
    (finding,) = json.loads(shown.out)["findings"]
    assert (finding["id"], finding["line"], finding["column"]) == ("dma-status-missing", 5, 24)
    assert "fixed 2" in shown.err


def test_a_second_time_there_is_nothing_to_do(file, capsys):
    name = file()
    main(["check", "--fix", name])
    written = (Path(name).stat().st_mtime_ns, Path(name).stat().st_ino)
    capsys.readouterr()
    assert main(["check", "--fix", name]) == 0
    assert (Path(name).stat().st_mtime_ns, Path(name).stat().st_ino) == written
    assert capsys.readouterr() == ("", "")


def test_without_the_flag_nothing_is_written(file):
    name = file()
    main(["check", name])
    assert Path(name).read_text() == BEFORE


@pytest.mark.parametrize("allow", ["flag", "comment"])
def test_what_is_allowed_is_not_fixed(file, allow):
    if allow == "comment":
        text = BEFORE.rstrip() + " # passthru: allow missing-loc-keyword\n"
        name, words = file(text), []
    else:
        text, name, words = BEFORE, file(), ["--allow", "missing-loc-keyword"]
    assert main(["check", "--fix", *words, name]) == 0
    assert Path(name).read_text() == text


def test_bytes_that_are_no_text_and_line_ends_stay(file):
    name = file(b"ram 0x80000000,512m # \xff\xfe\r\nload kernel\r\npass pci:0:3.0")
    assert main(["check", "--fix", name]) == 0
    assert Path(name).read_bytes() == (
        b"ram 0x80000000,512m # \xff\xfe\r\nload kernel\r\npass loc pci:0:3.0"
    )


def test_mode_and_link_stay(file):
    target = Path(file(name="target.qvmconf"))
    target.chmod(0o640)
    link = Path("link.qvmconf")
    link.symlink_to(target)
    assert main(["check", "--fix", str(link)]) == 0
    assert link.is_symlink()
    assert target.read_text() == AFTER
    assert target.stat().st_mode & 0o777 == 0o640


def test_where_writing_fails_the_old_text_stays(file, capsys, monkeypatch):
    name = file()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["check", "--fix", name]) == 64
    shown = capsys.readouterr()
    assert "cannot write the configuration `guest.qvmconf`: No space left on device" in shown.err
    assert "missing-loc-keyword" in shown.out
    assert Path(name).read_text() == BEFORE
    assert [str(path) for path in Path().iterdir()] == [name]


def test_a_fixed_standard_input_goes_to_the_standard_output(tmp_path, capfdbinary):
    source = tmp_path / "input"
    source.write_bytes(b"ram 1m load a\xff pass pci:0:3.0 loc 0x20000000,0x1000,rw\n")
    kept, given = os.dup(0), os.open(source, os.O_RDONLY)
    os.dup2(given, 0)
    try:
        assert main(["check", "--fix", "-"]) == 65
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(given)
    shown = capfdbinary.readouterr()
    assert shown.out == b"ram 1m load a\xff pass loc pci:0:3.0 loc 0x20000000,0x1000,rw\n"
    assert b"[dma-status-missing]" in shown.err
    assert b"1 error in 1 file" in shown.err


def _grow(source):
    """A mistake that every repair brings back."""
    end = len(source.text)
    edit = Edit(Span(source, end, end), "x")
    return (Finding("x", Severity.WARNING, "too short", Span(source, 0, 1), edits=(edit,)),)


def test_repairs_without_end_come_to_one():
    fixed, count = fix_source(Source("x", "x"), _grow)
    assert (fixed.text, count) == ("x" * 11, 10)


def test_a_repair_that_changes_nothing_ends():
    def same(source):
        edit = Edit(Span(source, 0, 1), "x")
        return (Finding("x", Severity.WARNING, "", Span(source, 0, 1), edits=(edit,)),)

    assert fix_source(Source("x", "x"), same)[1] == 0


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(PIECES), max_size=20).map(b" ".join))
def test_what_is_fixed_stays_fixed(file, capsys, data):
    name = file(data)
    main(["check", "--fix", name])
    shown = capsys.readouterr()
    fixed = Path(name).read_bytes()
    assert (fixed != data) == ("fixed" in shown.err)
    main(["check", "--fix", name])
    assert Path(name).read_bytes() == fixed
    capsys.readouterr()
