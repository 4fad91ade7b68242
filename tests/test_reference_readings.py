# SPDX-License-Identifier: Apache-2.0
"""What docs/reference-readings.md says of its examples is what `check` and `get` print."""

import json
import re
from pathlib import Path

import pytest

from passthru.cli.main import main

PAGE = (Path(__file__).parents[1] / "docs/reference-readings.md").read_text(encoding="utf-8")
(GUEST,) = re.findall(r"```qvmconf\n(.*?)```", PAGE, re.DOTALL)
ROW = re.compile(r"^\| `([^`]+)` \| (none|`([a-z-]+)` (\w+)) \| `([^`]+)` \|$", re.MULTILINE)
ROWS = ROW.findall(PAGE)


def test_every_row_of_the_page_is_an_example() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(ROWS) >= 15


@pytest.mark.parametrize(("text", "finding", "rule", "severity", "read_as"), ROWS)
def test_an_example_is_read_as_the_page_says(
    text: str,
    finding: str,
    rule: str,
    severity: str,
    read_as: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "guest.qvmconf"
    file.write_text(GUEST + text)
    main(["check", "--format", "json", str(file)])
    found = [
        (each["id"], each["severity"]) for each in json.loads(capsys.readouterr().out)["findings"]
    ]
    assert found == ([] if finding == "none" else [(rule, severity)])
    assert main(["get", str(file), "pass"]) == 0
    assert re.sub("^(initrd )?pass ", "", capsys.readouterr().out) == f"{read_as}\n"
