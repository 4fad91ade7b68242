# SPDX-License-Identifier: Apache-2.0
import json
import re
import sys
from pathlib import Path

import pytest

from passthru.board.snapshot import read_snapshot
from passthru.cli.main import main
from recorded_hosts import ARM64, BOARDS, X86_64, write_host

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(tmp_path: Path) -> str:
    return write_host(tmp_path / "host", X86_64)


def test_capture_writes_to_the_standard_output_and_tells_what_it_missed(
    tree: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["board", "capture", tree]) == 0
    out, err = capfd.readouterr()
    assert read_snapshot(out.encode(), "x").name == "pc"
    assert err == (
        "passthru: not seen: registers and interrupts of PNP0C0C:00: "
        "sysfs does not tell them for ACPI\n"
    )


@pytest.mark.parametrize("option", ["-o", "--output"])
def test_capture_writes_a_file_that_show_reads(
    tmp_path: Path, tree: str, option: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pc.board.json"
    assert main(["board", "capture", tree, option, str(file)]) == 0
    assert capfd.readouterr().out == ""
    assert main(["board", "show", str(file)]) == 0
    shown = capfd.readouterr().out
    assert shown.startswith("Board pc: x86_64, 2 processors\n")
    assert main(["board", "show", tree]) == 0
    assert capfd.readouterr().out == shown
    assert main(["board", "show", "--format", "json", str(file)]) == 0
    assert capfd.readouterr().out == file.read_text()


def test_a_recording_gives_the_same_board_elsewhere(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    tree = write_host(tmp_path / "host", ARM64)
    raw, first, second = (str(tmp_path / name) for name in ("raw", "1.json", "2.json"))
    assert main(["board", "capture", tree, "--raw", raw, "-o", first]) == 0
    assert main(["board", "capture", raw, "-o", second]) == 0
    assert Path(first).read_bytes() == Path(second).read_bytes()
    capfd.readouterr()
    assert main(["board", "capture", tree, "--raw", raw]) == 64
    assert "it is not empty" in capfd.readouterr().err


QNX = ["qnx-arm-asinfo.txt", "qnx-arm-irqs.txt", "qnx-arm-info.txt"]


@pytest.mark.parametrize("names", [QNX, QNX[::-1]])
def test_texts_of_qnx_are_merged(
    tmp_path: Path, names: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "target.board.json"
    paths = [str(BOARDS / name) for name in names]
    assert main(["board", "import", "--qnx", "-o", str(file), *paths]) == 0
    out, err = capfd.readouterr()
    assert out == ""
    assert "not seen: PCI functions: no output of pci-tool -v is there" in err
    board = read_snapshot(file.read_bytes(), "target")
    assert (board.name, board.cpu_count) == (names[0], 2)
    assert len(board.asinfo) == 13
    assert [line.vector for line in board.interrupts] == [0, 0x1B, 0x21, 0x4F]
    assert main(["board", "import", "--qnx", *paths]) == 0
    assert capfd.readouterr().out == file.read_text()


def test_texts_of_one_name_are_kept_apart(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for folder, text in (("a", (BOARDS / QNX[0]).read_text()), ("b", "what is this\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "out.txt").write_text(text)
    paths = [str(tmp_path / folder / "out.txt") for folder in "ab"]
    assert main(["board", "import", "--qnx", *paths]) == 0
    out, err = capfd.readouterr()
    assert len(read_snapshot(out.encode(), "x").asinfo) == 13
    assert f"{paths[1]}: lines of no known output: 1" in err


@pytest.mark.parametrize(
    ("content", "status", "problem"),
    [
        (b"hello\n", 65, "nothing in x.txt is the output of pidin"),
        (b"\x7fELF\0", 65, "it is no text"),
        (None, 64, "No such file"),
    ],
)
def test_files_that_are_no_texts_of_qnx(
    tmp_path: Path,
    content: bytes | None,
    status: int,
    problem: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "x.txt"
    if content is not None:
        file.write_bytes(content)
    assert main(["board", "import", "--qnx", str(file)]) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert problem in err


def test_this_host_is_captured_alike_twice_and_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "1.board.json", tmp_path / "2.board.json"]
    for file in files:
        assert main(["board", "capture", "-o", str(file)]) == 0
    assert files[0].read_bytes() == files[1].read_bytes()
    capfd.readouterr()
    assert main(["board", "show", "--live"]) == 0
    name = json.loads(files[0].read_text())["name"]
    assert capfd.readouterr().out.startswith(f"Board {name}: ")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ([], "say `capture`, `import` or `show`"),
        (["captur"], "the nearest is `capture`"),
        (["capture", "a", "b"], "capture takes one TREE"),
        (["capture", "--live"], "`--live` is not for capture"),
        (["capture", "--qnx"], "`--qnx` is not for capture"),
        (["import", "a.txt"], "import needs `--qnx`"),
        (["import", "--qnx"], "import takes at least one FILE"),
        (["import", "--qnx", "a", "--raw", "b"], "`--raw` is not for import"),
        (["show", "--qnx", "a"], "`--qnx` is not for show"),
        (["show"], "show takes one FILE or --live"),
        (["show", "--live", "file"], "show takes one FILE or --live"),
        (["show", "file", "-o", "x"], "`--output` is not for show"),
        (["show", "--format", "xml", "file"], "it takes text, json"),
    ],
)
def test_wrong_usage(arguments: list[str], problem: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["board", *arguments]) == 2
    assert problem in capfd.readouterr().err


def test_help_is_on_the_standard_output(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["board", "--help"]) == 0
    assert capfd.readouterr().out.startswith("usage: passthru board capture")


@pytest.mark.parametrize(
    ("content", "status", "problem"),
    [
        ('{"format": "passthru board", "version": 6}', 65, "is a board of version 6"),
        ('{"format": "passthru board", "version": 2}', 65, "`name` is missing"),
        ('{"format": "passthru board", "version": 1}', 65, "`name` is missing"),
        ("{", 65, "damaged"),
        (None, 64, "No such file"),
    ],
)
def test_files_that_are_no_board(
    tmp_path: Path,
    content: str | None,
    status: int,
    problem: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "x.board.json"
    if content is not None:
        file.write_text(content)
    assert main(["board", "show", str(file)]) == status
    out, err = capfd.readouterr()
    assert out == ""
    assert problem in err


def test_directories_that_are_no_host(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for action in ("show", "capture"):
        assert main(["board", action, str(tmp_path)]) == 65
        assert f"`{tmp_path}` is no board" in capfd.readouterr().err


def test_a_board_that_cannot_be_written(
    tmp_path: Path, tree: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["board", "capture", tree, "-o", str(tmp_path / "no/where.json")]) == 64
    assert "cannot write the board" in capfd.readouterr().err


def test_a_run_does_not_load_what_only_captures_need() -> None:
    # The import budget of `run` is held in test_cli_run.py; this names the ways into it.
    import subprocess

    code = "import sys, passthru.cli.run; print(*[m for m in sys.modules if 'passthru.board' in m])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(done.stdout.split()) == {
        "passthru.board",
        "passthru.board.host_files",
        "passthru.board.linux",
        "passthru.board.model",
    }


def test_the_page_shows_parts_of_what_is_printed(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs/boards.md").read_text(encoding="utf-8")
    example = r"```sh\npassthru (board show [^\n]*dts)\n```\n\n```\n(.*?)```"
    ((command, parts),) = re.findall(example, page, re.DOTALL)
    assert main(command.split()) == 0
    printed = capsys.readouterr().out
    place = 0
    for part in parts.split("…\n"):
        place = printed.index(part, place) + len(part)
