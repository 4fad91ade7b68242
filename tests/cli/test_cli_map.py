# SPDX-License-Identifier: Apache-2.0
import io
import os
import re
import shlex
from pathlib import Path

import pytest

from map_pictures import MAPS, PI
from passthru.cli.main import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/map.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"```sh\npassthru (map [^\n]*)\n```\n\n```\n(.*?)```", PAGE, re.DOTALL)

LINUX, CONTROL, BROKEN = (str(MAPS / f"{name}.qvmconf") for name in ("linux", "control", "broken"))


@pytest.mark.parametrize(("words", "printed"), SHOWN, ids=[words for words, _ in SHOWN])
def test_the_command_prints_what_the_page_shows(words, printed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    main(shlex.split(words))
    assert capsys.readouterr().out == printed


def test_the_page_shows_an_example() -> None:
    assert SHOWN


def test_the_page_has_a_row_for_every_kind() -> None:
    from passthru.report.map_model import ItemKind

    for kind in ItemKind:
        assert f"| {kind.value} |" in PAGE


def test_a_clean_system_is_drawn_in_the_terminal(capsys):
    assert main(["map", LINUX, CONTROL, "--board", str(PI)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("linux and control on pi4-like.dts\n")
    assert "0xfe340000 pass rwn" in out
    assert "─▶ │   0xfe340000 mmc@7e340" in out
    assert max(map(len, out.splitlines())) <= 80
    assert err == ""


@pytest.mark.parametrize(("name", "start"), [("x.svg", "<svg "), ("x.html", "<!DOCTYPE html>")])
@pytest.mark.parametrize("option", ["-o", "--output"])
def test_files_are_written(name, start, option, tmp_path, capsys):
    file = tmp_path / name
    assert main(["map", LINUX, CONTROL, "--board", str(PI), option, str(file)]) == 0
    assert file.read_text(encoding="utf-8").startswith(start)
    assert f"{LINUX}:11: pass loc" in file.read_text(encoding="utf-8")
    assert capsys.readouterr() == ("", "")


def test_a_broken_system_is_drawn_and_has_the_status_of_one(capsys):
    assert main(["map", BROKEN, "--board", str(PI)]) == 65
    out, err = capsys.readouterr()
    assert "!2 0xfe202000 pass" in out
    assert "[host-memory-claimed-twice]" in out
    assert "[host-memory-in-use]" in out
    assert err == "passthru: 8 errors; `passthru check` tells the reasons and fixes\n"


def test_the_machine_of_run_is_drawn_for_arm64_too(capsys):
    files = [str(ROOT / f"tests/cli/plans/arm64-gateway-{name}.qvmconf") for name in VMS]
    assert main(["map", *files, "--board", str(ROOT / "examples/gateway/board.dts")]) == 0
    kvm = capsys.readouterr().out
    assert "0x2f000000 gic distri" in kvm
    assert "0x80a0000 gic redist" in kvm
    main(["map", *files, "--hypervisor", "qnx-8.0"])
    assert "gic distri" not in capsys.readouterr().out


VMS = ("control", "linux")


def test_what_is_allowed_is_no_conflict(tmp_path, capsys):
    file = tmp_path / "a.qvmconf"
    text = "ram 0x80000000,1m\nram 0x80000000,1m # passthru: allow address-overlap\n"
    file.write_text(text + "load a vdev gic\n")
    assert main(["map", str(file)]) == 0
    assert "!1" not in capsys.readouterr().out
    file.write_text(text.partition("#")[0] + "\nload a vdev gic\n")
    assert main(["map", str(file)]) == 65
    assert "!1" in capsys.readouterr().out


def test_the_board_gives_named_memory_its_place(tmp_path, capsys):
    file = tmp_path / "a.qvmconf"
    file.write_text("vdev gic\npass loc 0x90000000,$asinfo_length{fdt},rmn=$asinfo_start{fdt}\n")
    board = str(ROOT / "tests/boards/qnx-arm-asinfo.txt")
    assert main(["map", str(file), "--board", board, "--hypervisor", "qnx-8.0"]) == 0
    assert "─▶ │   0x48000000 " in capsys.readouterr().out


def test_who_runs_the_vms_decides_what_is_in_them(capsys):
    first = str(ROOT / "examples/first.qvmconf")
    main(["map", first])
    assert "kvm's own" in capsys.readouterr().out
    main(["map", first, "--hypervisor", "qnx-8.0"])
    assert "kvm's own" not in capsys.readouterr().out


def test_a_guest_without_a_machine_of_run_is_read_as_qvm_does_unless_kvm_is_named(capsys):
    assert main(["map", LINUX, "--board", str(PI)]) == 0
    capsys.readouterr()
    assert main(["map", LINUX, "--board", str(PI), "--hypervisor", "kvm"]) == 65
    assert "errors; `passthru check` tells" in capsys.readouterr().err


def test_a_terminal_of_few_characters_gets_lines_and_arrows_all_the_same(monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    assert main(["map", LINUX, "--board", str(PI)]) == 0
    lines = stream.buffer.getvalue().decode("ascii").splitlines()
    assert any(line.startswith("| 0x") and "------> |   0x" in line for line in lines)
    assert any(re.fullmatch(r": +\S+ \wiB empty +:( .*)?", line) for line in lines)
    assert max(map(len, lines)) <= 80


def test_the_standard_input_is_a_file_too(tmp_path, capsys):
    file = tmp_path / "piped"
    file.write_text("system piped\nram 0x80000000,1m\nload a vdev gic\n")
    kept, opened = os.dup(0), os.open(file, os.O_RDONLY)
    os.dup2(opened, 0)
    try:
        assert main(["map", "-"]) == 0
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(opened)
    assert capsys.readouterr().out.startswith("piped, on no board in particular\n")


def test_what_can_be_read_is_drawn(tmp_path, capsys):
    missing = str(tmp_path / "missing")
    assert main(["map", missing, LINUX]) == 64
    out, err = capsys.readouterr()
    assert "Addresses of linux" in out
    assert missing in err
    assert main(["map", missing]) == 64
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "which FILE shall be drawn?"),
        ([LINUX, "-o", "x.png"], "`x.png` ends in neither .svg nor .html"),
        ([LINUX, "--hypervisor", "xen"], "`xen` is unknown"),
        ([LINUX, "--bord", "x"], "the nearest is `--board`"),
    ],
)
def test_wrong_usage(words, said, capsys):
    assert main(["map", *words]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(("board", "status"), [("missing.dts", 64), (LINUX, 65)])
def test_what_is_no_board(board, status, capsys):
    assert main(["map", LINUX, "--board", board]) == status
    assert board in capsys.readouterr().err


def test_a_file_that_cannot_be_written(tmp_path, capsys):
    file = str(tmp_path / "missing" / "x.svg")
    assert main(["map", LINUX, "-o", file]) == 64
    said = f"passthru: cannot write the picture `{file}`: No such file or directory\n"
    assert capsys.readouterr().err == said


def test_help(capsys):
    assert main(["map", "--help"]) == 0
    assert capsys.readouterr().out.startswith("usage: passthru map ")
