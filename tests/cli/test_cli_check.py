# SPDX-License-Identifier: Apache-2.0
"""`passthru check`: what it tells, where, and with which exit status."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from passthru.cli.main import main
from passthru.rules.registry import RULES

CLEAN = """\
system guest
ram 0x80000000,512m
load kernel
vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-
"""
MISSING_LOC = CLEAN + "pass pci:0:3.0\n"
IN_NEIGHBOUR = MISSING_LOC.replace("guest", "neighbour")
MISSING_LETTER = CLEAN + "pass loc 0x20000000,0x1000,rw\n"
NEIGHBOUR = CLEAN.replace("guest", "neighbour")
REPEATED = CLEAN.replace("hostdev", "loc 0x1c0a0000 hostdev")


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="guest.qvmconf"):
        data = text if isinstance(text, bytes) else text.encode()
        Path(name).write_bytes(data)
        return name

    return write


@pytest.fixture
def standard_input(monkeypatch, tmp_path):
    """Gives a text to the number 0, which is what is read for `-`."""
    kept = os.dup(0)

    def give(text):
        path = tmp_path / "standard-input"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        descriptor = os.open(path, os.O_RDONLY)
        os.dup2(descriptor, 0)
        os.close(descriptor)

    yield give
    os.dup2(kept, 0)
    os.close(kept)


def ids(capsys):
    return [each["id"] for each in json.loads(capsys.readouterr().out)["findings"]]


@pytest.mark.parametrize(
    ("text", "status", "found"),
    [
        ("", 0, []),
        (CLEAN, 0, []),
        (CLEAN.replace("\n", "\r\n"), 0, []),
        (MISSING_LOC, 0, ["missing-loc-keyword"]),
        (MISSING_LETTER, 65, ["dma-status-missing"]),
        (REPEATED, 0, ["option-repeated"]),
        (CLEAN.replace("hostdev >-", "hostdev"), 65, ["missing-argument"]),
    ],
)
def test_findings_and_exit_status(file, capsys, text, status, found):
    assert main(["check", "--format", "json", file(text)]) == status
    assert ids(capsys) == found


@pytest.mark.parametrize(
    ("mistake", "found"),
    [
        # Each of these would bring something after it if the missing part were not minded.
        ("vdev ser8250 loc 0x3g8 intr gic:50", "bad-number"),
        ("vdev virtio-blk loc 0x1c0d0000 intr gic:4x hostdev /dev/hd1", "bad-number"),
        ("vdev pl011 loc 0x1c0a0000 intr", "missing-argument"),
        ("pass loc pci:0:3.9 loc pci:0:3.1", "bad-number"),
        ("pass loc 0x20000000,0x1000,rwq", "unknown-access-type"),
        ("pass loc 0x20000000,0x1000,rwN", "unknown-access-type"),
        ("ram 1mx ram 1m", "bad-number"),
        ("vdev virtio-console loc 0x1c0d0000 intr gic:41 hostdef /dev/x", "unknown-option"),
    ],
)
def test_one_mistake_gives_one_finding(file, capsys, mistake, found):
    assert main(["check", "--format", "json", file(CLEAN + mistake)]) == 65
    assert ids(capsys) == [found]


@pytest.mark.parametrize(
    "unknown",
    [
        "vdev virtio-blk loc @PLACE@ intr gic:41 hostdev /dev/hd1",
        "vdev ioapic loc 0xf8000000 intr apic name @CHIP@ vdev hpet loc 0xf8008000 intr chip:2",
        "ram @SIZE@ load 0x1000,more",
    ],
)
def test_what_a_marker_stands_for_is_not_missed(file, capsys, unknown):
    text = "system guest ram 0x80000000,512m load kernel " + unknown
    assert main(["check", "--format", "json", file(text)]) == 0
    assert ids(capsys) == ["unexpanded-marker"]


def test_after_an_error_the_rest_is_checked(file, capsys):
    text = CLEAN + "vdev ser8250 loc 0x3g8 intr gic:50\npass loc 0x20000000,0x1000,rw\n"
    assert main(["check", "--format", "json", file(text)]) == 65
    assert ids(capsys) == ["bad-number", "dma-status-missing"]


def test_text_has_the_place_and_ends_with_the_sum(file, capsys):
    third = CLEAN.replace("guest", "third")
    names = [file(IN_NEIGHBOUR, "a"), file(MISSING_LETTER, "b"), file(third, "c")]
    assert main(["check", *names]) == 65
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("a:5:6: warning: ")
    assert lines[0].endswith("[missing-loc-keyword]")
    assert lines[1:3] == ["    5 | pass pci:0:3.0", "      |      ^^^^^^^^^"]
    assert "b:5:10: error: " in shown.out
    assert lines[-1] == "1 error, 1 warning in 3 files"
    assert shown.err == ""


def test_nothing_wrong_is_no_word_in_a_pipe_and_one_line_on_a_terminal(file, capsys, monkeypatch):
    assert main(["check", file(CLEAN)]) == 0
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert main(["check", file(CLEAN)]) == 0
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "is_terminal", "coloured"),
    [
        ({}, True, True),
        ({}, False, False),
        ({"NO_COLOR": "1"}, True, False),
        ({"NO_COLOR": ""}, True, True),
        ({"TERM": "dumb"}, True, False),
    ],
)
def test_colours(file, capsys, monkeypatch, environment, is_terminal, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: is_terminal)
    main(["check", file(MISSING_LETTER)])
    assert ("\x1b[" in capsys.readouterr().out) is coloured


def test_the_json_is_that_of_the_issue(file, capsys):
    main(["check", "--format=json", file(REPEATED)])
    document = json.loads(capsys.readouterr().out)
    (finding,) = document["findings"]
    assert document["version"] == 1
    assert document["summary"] == {"errors": 0, "warnings": 1, "information": 0}
    assert finding["severity"] == "warning"
    assert (finding["file"], finding["line"], finding["column"]) == ("guest.qvmconf", 4, 39)
    assert (finding["end_line"], finding["end_column"]) == (4, 42)
    assert finding["vm"] == "guest"
    (other,) = finding["others"]
    assert (other["file"], other["line"], other["column"]) == ("guest.qvmconf", 4, 12)


@pytest.mark.parametrize("text", ["ram 1x", "ram 0x80000000,64m pass loc 0x20000000,0x1000,rw"])
def test_a_vm_without_a_name_has_none(file, capsys, text):
    main(["check", "--format=json", file(text)])
    (finding,) = json.loads(capsys.readouterr().out)["findings"]
    assert finding["vm"] is None


def test_sarif_has_the_findings_of_all_files(file, capsys):
    names = [file(IN_NEIGHBOUR, "a"), file(MISSING_LETTER)]
    assert main(["check", "--format", "sarif", *names]) == 65
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert [each["ruleId"] for each in run["results"]] == [
        "missing-loc-keyword",
        "dma-status-missing",
    ]
    assert len(run["tool"]["driver"]["rules"]) == len(RULES)
    assert all("ruleIndex" in each for each in run["results"])
    assert run["results"][0]["fixes"]


def test_files_are_checked_though_another_cannot_be_read(file, capsys):
    assert main(["check", "/nowhere/\x1b[2J", file(MISSING_LETTER)]) == 64
    shown = capsys.readouterr()
    assert "dma-status-missing" in shown.out
    assert "1 error in 1 file" in shown.out
    assert "/nowhere/" in shown.err
    assert "\x1b" not in shown.err


def test_an_at_sign_before_a_name_is_as_qvm_has_it(file, capsys):
    assert main(["check", f"@{file(MISSING_LETTER)}"]) == 65
    assert capsys.readouterr().out.startswith("guest.qvmconf:5:10: ")


def test_behind_two_dashes_all_are_files(file, capsys):
    assert main(["check", "--", file(MISSING_LETTER, "--fix")]) == 65
    assert capsys.readouterr().out.startswith("--fix:5:10: ")


@pytest.mark.parametrize("name", ["-", "@-"])
def test_the_standard_input(standard_input, capsys, name):
    standard_input(MISSING_LETTER)
    assert main(["check", name]) == 65
    assert capsys.readouterr().out.startswith("<stdin>:5:10: ")


def test_the_environment_is_that_of_the_command(file, capsys, monkeypatch):
    name = file("ram $env{PASSTHRU_TEST_SIZE}")
    monkeypatch.delenv("PASSTHRU_TEST_SIZE", raising=False)
    assert main(["check", "--format=json", name]) == 65
    assert ids(capsys) == ["unknown-variable"]
    monkeypatch.setenv("PASSTHRU_TEST_SIZE", "1m")
    assert main(["check", name]) == 0


@pytest.mark.parametrize(
    ("hypervisor", "found"),
    [
        ("qnx-7.0", ["version-only"]),
        ("qnx-7.1", ["version-only"]),
        ("qnx-8.0", []),
        (None, []),
    ],
)
def test_the_hypervisor_chooses_the_version(file, capsys, hypervisor, found):
    words = ["--hypervisor", hypervisor] if hypervisor else []
    assert main(["check", "--format=json", *words, file(CLEAN + "cpu cluster big")]) == 0
    assert ids(capsys) == found


def test_only_kvm_hears_what_linux_cannot_do(file, capsys):
    name = file(CLEAN + "safety required\n")
    main(["check", "--format=json", "--hypervisor", "qnx-7.1", name])
    assert ids(capsys) == []
    main(["check", "--format=json", "--hypervisor", "kvm", name])
    assert ids(capsys) != []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "which FILE"),
        (["--fixx", "x"], "the nearest is `--fix`"),
        (["--fix=yes", "x"], "takes no argument"),
        (["x", "--format"], "needs one of some words behind it"),
        (["--format", "xml", "x"], "it takes text, json, sarif"),
        (["--hypervisor", "qnx-8.1", "x"], "the nearest is `qnx-"),
        (["--hypervisor", "xen", "x"], "it takes qnx-7.0, qnx-7.1, qnx-8.0, kvm"),
        (["--allow", "option-repeatet", "x"], "the nearest is `option-repeated`"),
        (["--allow", "\x1b[2J", "x"], "no finding has this id"),
    ],
)
def test_wrong_usage(capsys, words, says):
    assert main(["check", *words]) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert "\x1b" not in shown.err
    assert shown.out == ""


def test_help(capsys):
    assert main(["check", "--help"]) == 0
    assert "usage: passthru check" in capsys.readouterr().out


def test_what_is_allowed_is_not_told(file, capsys):
    name = file(MISSING_LETTER + "pass pci:0:4.0")
    words = ["check", "--format=json", "--allow", "dma-status-missing"]
    assert main([*words, name]) == 0
    assert ids(capsys) == ["missing-loc-keyword"]
    assert main([*words, "--allow", "missing-loc-keyword", name]) == 0
    assert ids(capsys) == []


@pytest.mark.parametrize(
    ("comment", "status", "found"),
    [
        ("# passthru: allow dma-status-missing", 0, []),
        ("# passthru: allow missing-length", 65, ["dma-status-missing", "unused-allowance"]),
        ("# passthru: allow dma-status-mising", 65, ["dma-status-missing", "unused-allowance"]),
    ],
)
def test_a_comment_allows_what_stands_on_its_line(file, capsys, comment, status, found):
    name = file(MISSING_LETTER.rstrip() + f"  {comment}\n")
    assert main(["check", "--format=json", name]) == status
    assert ids(capsys) == found


def test_an_allowance_can_be_allowed_to_be_unused(file, capsys):
    name = file(CLEAN + "# passthru: allow missing-length\ncpu\n")
    assert main(["check", "--allow", "unused-allowance", name]) == 0
    assert capsys.readouterr().out == ""


BUILDFILE = """\
[uid=0]
/etc/passwd=passwd
[perms=0644] /vm/guest.qvmconf = {
system guest
ram 0x80000000,512m
load kernel
pass loc 0x20000000,0x1000,rw
}
"""


def test_configurations_in_a_buildfile_are_told_at_their_place_there(file, capsys):
    name = file(BUILDFILE, "host.build")
    assert main(["check", "--from-buildfile", name]) == 65
    assert capsys.readouterr().out.startswith("host.build:7:10: error: ")
    capsys.readouterr()
    other = BUILDFILE.replace("guest", "other").replace("0x20000000", "0x21000000")
    file(BUILDFILE + other, name)
    assert main(["check", "--from-buildfile", name]) == 65
    assert "2 errors in 1 file\n" in capsys.readouterr().out
    file(BUILDFILE, name)
    assert main(["check", "--fix", "--from-buildfile", name, file(NEIGHBOUR)]) == 65
    assert Path(name).read_text() == BUILDFILE
    assert "1 error in 2 files" in capsys.readouterr().out


def test_a_buildfile_without_configurations_is_told(file, capsys):
    assert main(["check", "--from-buildfile", file("/a=b\n", "host.build")]) == 64
    assert "no configuration in the buildfile `host.build`" in capsys.readouterr().err


SLOW_TO_IMPORT = {"argparse", "dataclasses", "enum", "json", "pathlib", "re", "typing"}


def test_a_clean_configuration_loads_no_module_that_it_does_not_need(file):
    program = (
        "import sys\nat_birth = set(sys.modules)\nfrom passthru.cli.main import main\n"
        "status = main(sys.argv[1:])\nprint(*sorted(set(sys.modules) - at_birth))\n"
        "sys.exit(status)"
    )
    command = [sys.executable, "-c", program, "check", file(CLEAN)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert loaded & SLOW_TO_IMPORT == set()
    assert not {name for name in loaded if name.startswith("passthru.report")}
    assert "passthru.rules.registry" not in loaded
    assert "passthru.rules.check" in loaded, "nothing was checked"
