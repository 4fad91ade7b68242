# SPDX-License-Identifier: Apache-2.0
"""`passthru fmt`: what it writes, what it leaves alone, and what it says."""

import os
import shutil
import stat
import subprocess
import sys

import pytest

from passthru.cli.main import main

MESSY = "system  a\nvdev pl011\n  loc 0x1c090000\n\n\n\n  intr gic:37"
TIDY = "system a\nvdev pl011\n    loc 0x1c090000\n\n    intr gic:37\n"


@pytest.fixture
def file(tmp_path):
    def write(text=MESSY, name="guest.qvmconf"):
        path = tmp_path / name
        path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return path

    return write


def test_files_are_put_in_order_in_place(file, capfd):
    one, other = file(), file(TIDY.replace("a", "b", 1), "other.qvmconf")
    assert main(["fmt", str(one), str(other)]) == 0
    assert one.read_text() == TIDY
    assert capfd.readouterr() == ("", "")


def test_a_file_may_be_named_as_qvm_takes_it(file):
    path = file()
    assert main(["fmt", f"@{path}"]) == 0
    assert path.read_text() == TIDY


def test_a_file_that_is_right_is_not_touched(file):
    path = file(TIDY)
    before = path.stat()
    assert main(["fmt", str(path)]) == 0
    after = path.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_mode_and_link_stay_and_nothing_is_left_beside(file, tmp_path):
    path = file()
    path.chmod(0o640)
    link = tmp_path / "link.qvmconf"
    link.symlink_to(path.name)
    assert main(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert path.read_text() == TIDY
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert set(tmp_path.iterdir()) == {path, link}


def test_bytes_that_are_no_text_and_line_ends_stay(file):
    path = file("system \udc80\udcff \r\n  cpu # \udcfe\r\n")
    assert main(["fmt", str(path)]) == 0
    assert path.read_bytes() == b"system \x80\xff\r\ncpu  # \xfe\r\n"


def test_a_file_with_mistakes_is_put_in_order(file):
    path = file('system a cpus 2\n  ram 1m  cmdline "open')
    assert main(["fmt", str(path)]) == 0
    assert path.read_text() == 'system a cpus 2\nram 1m\ncmdline "open\n'


@pytest.mark.parametrize(("text", "status", "named"), [(MESSY, 1, True), (TIDY, 0, False)])
def test_check_names_what_would_change_and_writes_nothing(file, capfd, text, status, named):
    path = file(text)
    assert main(["fmt", "--check", str(path)]) == status
    assert capfd.readouterr().out == (f"{path}\n" if named else "")
    assert path.read_text() == text


def test_the_difference_is_a_patch(file, capfdbinary, tmp_path):
    path = file(MESSY + "\x0c\nload \udc80\x1c#x\n# end")
    shutil.copy(path, tmp_path / "copy")
    assert main(["fmt", "--diff", str(path)]) == 0
    patch = capfdbinary.readouterr().out
    assert patch.startswith(f"--- {path}\n+++ {path} (formatted)\n@@ ".encode())
    assert b"\n\\ No newline at end of file\n" in patch
    assert path.read_bytes() == (tmp_path / "copy").read_bytes()
    if shutil.which("patch"):
        subprocess.run(["patch", "-s", str(tmp_path / "copy")], input=patch, check=True)
        assert main(["fmt", str(path)]) == 0
        assert path.read_bytes() == (tmp_path / "copy").read_bytes()


def test_check_with_the_difference_has_the_status_of_check(file, capfd):
    path = file()
    assert main(["fmt", "--check", "--diff", str(path)]) == 1
    assert "\n+    loc 0x1c090000\n" in capfd.readouterr().out
    assert main(["fmt", str(path)]) == 0
    assert main(["fmt", "--check", "--diff", str(path)]) == 0
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize("text", [MESSY, TIDY, "cpu # \udc80"])
def test_the_standard_input_goes_to_the_standard_output(text):
    command = [sys.executable, "-m", "passthru", "fmt", "-"]
    given = text.encode("utf-8", "surrogateescape")
    run = subprocess.run(command, input=given, capture_output=True, check=True)
    assert run.stderr == b""
    assert run.stdout == (b"cpu  # \x80\n" if "\udc80" in text else TIDY.encode())


def test_a_file_may_have_any_name(file, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths = [file(name="<stdin>"), file(name="-x")]
    assert main(["fmt", "<stdin>", "--", "-x"]) == 0
    assert [path.read_text() for path in paths] == [TIDY, TIDY]
    assert capfd.readouterr().out == ""


def test_nothing_is_written_if_one_file_cannot_be_read(file, capfd):
    path = file()
    assert main(["fmt", str(path), "/nowhere/guest.qvmconf"]) == 64
    assert "/nowhere/guest.qvmconf" in capfd.readouterr().err
    assert path.read_text() == MESSY


def test_a_file_that_cannot_be_replaced_is_told(file, tmp_path, capfd, monkeypatch):
    path = file()

    def full(*_arguments, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["fmt", str(path)]) == 64
    told = capfd.readouterr().err
    assert str(path) in told
    assert "No space left on device" in told
    assert path.read_text() == MESSY
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "which FILE"),
        (["--chek", "x"], "the nearest is `--check`"),
        (["--check=1", "x"], "`--check` takes no argument"),
    ],
)
def test_wrong_usage(capfd, words, says):
    assert main(["fmt", *words]) == 2
    told = capfd.readouterr()
    assert says in told.err
    assert told.out == ""


def test_help_tells_the_exit_statuses(capfd):
    assert main(["fmt", "--help"]) == 0
    told = capfd.readouterr().out
    assert told.startswith("usage: passthru fmt [--check] [--diff] FILE…")
    assert "1 with --check" in told
