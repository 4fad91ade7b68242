# SPDX-License-Identifier: Apache-2.0
"""The README's first configuration does what the README says."""

import re
from pathlib import Path

import pytest

from passthru.cli import bench

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
EXAMPLE = ROOT / "examples/first.qvmconf"


def shape(text: str) -> list[str]:
    """The guest's lines and the word about its end, with their counts left open."""
    lines = re.findall(r"^(?:guest: |passthru: the guest ).*", text.replace("\r", ""), re.MULTILINE)
    return [re.sub(r"\b\d+ (interrupts|MiB)", r"N \1", line) for line in lines]


def test_the_readme_shows_the_example() -> None:
    block = re.search(r"```qvmconf\n(.*?)```", README, re.DOTALL)
    assert block is not None
    assert block[1] == EXAMPLE.read_text()


@pytest.mark.bench
def test_the_example_gets_what_the_readme_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bench.main(["guest", "guest"]) == 0
    assert bench.main(["run", str(EXAMPLE)]) == 0

    printed = capfdbinary.readouterr().out.decode()
    blocks = re.findall(r"^```\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    (shown,) = (block for block in blocks if block.startswith("guest: "))
    assert len(shape(shown)) == 7
    assert shape(printed) == shape(shown), printed


@pytest.mark.bench
def test_the_plan_of_the_example_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bench.main(["run", str(EXAMPLE), "--plan"]) == 0

    printed = capfdbinary.readouterr().out.decode()
    for part in ("0x50000000", "0x28000000", "pci:0:3.0", "pci:0:14.0", "enforced"):
        assert part in printed, printed
