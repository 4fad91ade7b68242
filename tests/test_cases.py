# SPDX-License-Identifier: Apache-2.0
"""Small inputs of which it is written in their first lines what `check` must say."""

import json
import re
from pathlib import Path

import pytest

from passthru.cli.main import main

CASES = Path(__file__).parents[2] / "shared/cases"
FILES = sorted(CASES.glob("**/*.qvmconf"))


def text_of(file: Path) -> str:
    data = file.read_bytes()
    is_utf_16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
    return data.decode("utf-16" if is_utf_16 else "utf-8", "replace")


def said(text: str, key: str) -> list[str]:
    return [match.strip() for match in re.findall(rf"^#{key}:(.*)$", text, re.MULTILINE)]


EXPECTED = [file for file in FILES if said(text_of(file), "expect")]


@pytest.mark.skipif(not EXPECTED, reason="../shared/cases is not here")
@pytest.mark.parametrize("file", EXPECTED or [CASES], ids=lambda file: file.stem)
def test_case(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = text_of(file)
    words = ["check", "--format", "json"]
    for board in said(text, "board"):
        words += ["--board", str(file.parent / board)]
    for hypervisor in said(text, "hypervisor"):
        words += ["--hypervisor", hypervisor]
    main([*words, str(file), *(str(file.parent / name) for name in said(text, "with"))])
    found = json.loads(capsys.readouterr().out)["findings"]
    ids = {
        severity: {each["id"] for each in found if each["severity"] == severity}
        for severity in ("error", "warning")
    }
    assert ids["error"] == set(said(text, "expect")[0].split())
    assert set(" ".join(said(text, "expect-warning")).split()) <= ids["warning"]
    assert not set(" ".join(said(text, "no-warning")).split()) & ids["warning"]
    for most in said(text, "most"):
        assert len(found) <= int(most)
    for line in said(text, "get"):
        query, _, value = line.partition(" = ")
        main(["get", str(file), *query.split()])
        assert capsys.readouterr().out.strip() == value
