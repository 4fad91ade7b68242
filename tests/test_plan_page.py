# SPDX-License-Identifier: Apache-2.0
"""What docs/plan.md shows is what the command prints, and it names every key of the document.

``PASSTHRU_REGENERATE=1`` writes the shown output anew.
"""

import json
import os
import re
import shlex
from pathlib import Path

import pytest

from passthru.cli.main import main

ROOT = Path(__file__).parent.parent
FILE = ROOT / "docs/plan.md"
PAGE = FILE.read_text(encoding="utf-8")

SHOWN = re.compile(r"```sh\npassthru (plan [^\n…]*)\n```\n\n```\n(.*?)```", re.DOTALL)
EXAMPLES = SHOWN.findall(PAGE)


def test_the_page_shows_a_plan_without_a_board_and_two_with_it() -> None:
    assert ["--board" in words for words, _ in EXAMPLES] == [False, True, True]


@pytest.mark.parametrize(("words", "printed"), EXAMPLES, ids=[words for words, _ in EXAMPLES])
def test_the_command_prints_what_the_page_shows(words, printed, monkeypatch, capsys) -> None:
    monkeypatch.chdir(ROOT)
    assert main(shlex.split(words)) == 0
    out = capsys.readouterr().out
    before = f"```sh\npassthru {words}\n```\n\n```\n"
    if os.environ.get("PASSTHRU_REGENERATE"):
        page = FILE.read_text(encoding="utf-8").replace(before + printed, before + out)
        FILE.write_text(page, encoding="utf-8")
    assert f"{before}{out}```" in FILE.read_text(encoding="utf-8")


def test_the_page_names_every_key_of_the_document() -> None:
    schema = json.loads((ROOT / "docs/plan.schema.json").read_text())
    parts = [schema, *(schema["$defs"][name] for name in schema["$defs"] if name != "finding")]
    keys = {key for part in parts for key in part["properties"]} - {"start", "size"}
    tables = PAGE[PAGE.index("## JSON") :]
    assert keys <= set(re.findall(r"`([a-z0-9_]+)`", tables))
