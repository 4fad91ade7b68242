# SPDX-License-Identifier: Apache-2.0
"""The system of two guests in examples/: clean as it is, and with a mistake for each finding."""

import os
from pathlib import Path

import pytest

from passthru.cli.main import main

ROOT = Path(__file__).parent.parent
BOARD = "examples/gateway/board.dts"
# In the order in which a shell gives *.qvmconf, so that everyone sees what is shown here.
CLEAN = ("examples/gateway/control.qvmconf", "examples/gateway/linux.qvmconf")
BROKEN = ("examples/gateway-broken/control.qvmconf", "examples/gateway-broken/linux.qvmconf")
FINDINGS = ROOT / "examples/gateway-broken/findings.txt"
PICTURE = ROOT / "docs/gateway.svg"


@pytest.fixture(autouse=True)
def in_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def is_current(file: Path, text: str) -> bool:
    """Whether ``file`` has ``text``; it is written where the environment asks for that."""
    if os.environ.get("PASSTHRU_REGENERATE"):
        file.write_text(text, encoding="utf-8")
    return file.read_text(encoding="utf-8") == text


def test_the_system_is_clean(capsys):
    assert main(["check", "--board", BOARD, *CLEAN]) == 0
    assert capsys.readouterr().out == ""


def test_the_system_is_planned_without_a_word_of_what_is_wrong(capsys):
    assert main(["plan", "--board", BOARD, *CLEAN]) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert "VM control: " in told.out
    assert "VM linux: " in told.out


def test_each_of_the_eight_mistakes_is_found(capsys):
    # The wrong interrupt is told beside its device, and where another VM has it, too.
    assert main(["check", "--board", BOARD, *BROKEN]) == 65
    found = capsys.readouterr().out
    assert is_current(FINDINGS, found)
    assert found.splitlines()[-1] == "5 errors, 4 warnings in 2 files"


def test_the_mistakes_are_what_distinguishes_the_broken_copy():
    changed = 0
    for clean, broken in zip(CLEAN, BROKEN, strict=True):
        lines = zip((ROOT / clean).open(), (ROOT / broken).open(), strict=True)
        changed += sum(one != other and not one.startswith("#") for one, other in lines)
    assert changed == 8


def test_the_picture_in_the_readme_is_current(tmp_path):
    drawn = tmp_path / "gateway.svg"
    assert main(["map", "--board", BOARD, *CLEAN, "-o", str(drawn)]) == 0
    assert is_current(PICTURE, drawn.read_text(encoding="utf-8"))
    assert "docs/gateway.svg" in (ROOT / "README.md").read_text()
