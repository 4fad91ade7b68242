# SPDX-License-Identifier: Apache-2.0
"""What README.md and docs/checking.md show of the commands is what they print."""

import re
import shlex
from pathlib import Path

import pytest

from passthru.cli.main import main

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/checking.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

SHOWN = re.compile(
    r"```sh\npassthru ((?:check|get|options) [^\n]*)\n```\n\n```\n(.*?)```", re.DOTALL
)
EXAMPLES = [*SHOWN.findall(README), *SHOWN.findall(PAGE)]


def test_the_pages_show_examples() -> None:
    assert len(EXAMPLES) >= 6


@pytest.mark.parametrize(("words", "printed"), EXAMPLES, ids=[words for words, _ in EXAMPLES])
def test_a_command_prints_what_the_page_shows(words, printed, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    main(shlex.split(words))
    assert capsys.readouterr().out == printed


def test_the_example_of_the_library(capsys):
    code, printed = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", PAGE, re.DOTALL)[0]
    exec(code, {})
    assert capsys.readouterr().out == printed


def test_the_comments_allow_what_is_found(tmp_path, capsys):
    text = re.findall(r"```qvmconf\n(.*?)```", PAGE, re.DOTALL)[0]
    file = tmp_path / "guest.qvmconf"
    file.write_text(text)
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().out == ""
    file.write_text(re.sub("# passthru:.*", "", text))
    assert main(["check", str(file)]) == 65
    found = re.findall(r"\[([a-z-]+)\]$", capsys.readouterr().out, re.MULTILINE)
    assert sorted(found) == ["ambiguous-number", "dma-status-missing", "missing-length"]


def test_the_example_with_mistakes_has_those_that_it_says():
    text = (ROOT / "examples/mistakes.qvmconf").read_text()
    assert "four mistakes" in text
    shown = next(printed for words, printed in EXAMPLES if "mistakes.qvmconf" in words)
    assert shown.splitlines()[-1] == "4 errors in 1 file"


def test_the_example_for_a_board_is_right_without_it(monkeypatch, capsys):
    text = (ROOT / "examples/mistakes-on-board.qvmconf").read_text()
    assert "three mistakes" in text
    words, shown = next(each for each in EXAMPLES if "mistakes-on-board" in each[0])
    assert shown.splitlines()[-1] == "3 errors in 1 file"
    assert f"# passthru {words}\n" in text
    monkeypatch.chdir(ROOT)
    assert main(["check", "examples/mistakes-on-board.qvmconf"]) == 0


def test_the_readme_names_files_that_are_there():
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    words = [word.lstrip("@") for block in blocks for word in block.split()]
    named = [word for word in words if word.endswith((".qvmconf", ".dts", ".json"))]
    named = [word for word in named if "*" not in word]
    assert "examples/desk.qvmconf" in named
    written = {"cockpit.board.json"}  # by the command that names it
    assert [name for name in named if name not in written and not (ROOT / name).exists()] == []
