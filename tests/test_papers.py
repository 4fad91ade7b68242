# SPDX-License-Identifier: Apache-2.0
"""What ARCHITECTURE.md and CONTRIBUTING.md name is there, and every package is in the table."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/passthru"
PAPERS = ("ARCHITECTURE.md", "CONTRIBUTING.md")

FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`([\w.-]+/[\w./-]*|\w+\.(?:py|toml|md))`")
"""A path in backquotes: it has a slash, or is a file's name."""

PACKAGE_ROW = re.compile(r"^\| ((?:`[\w.]+/?`(?:, )?)+) \| [^|]+ \| [^|]+ \|$", re.MULTILINE)
ROOM_ROW = re.compile(r"^\| `(\w+/)` \| ([^|]+) \|$", re.MULTILINE)
FAMILY = re.compile(r"`(\w+_?)…`")
"""The start of file names."""

INSIDE = ("errors.py", "platform.py")
"""Names of files that several packages have."""


def text_of(paper: str) -> str:
    return FENCED.sub("", (ROOT / paper).read_text(encoding="utf-8"))


def is_there(name: str) -> bool:
    """Below the repository or the source, or, of a file's name alone, anywhere in the source."""
    if name in INSIDE:
        return any(SOURCE.rglob(name))
    return (ROOT / name).exists() or (SOURCE / name).exists()


@pytest.mark.parametrize("paper", PAPERS)
def test_every_path_that_a_paper_names_is_there(paper: str) -> None:
    named = set(NAMED.findall(text_of(paper)))
    assert len(named) > 15
    assert sorted(name for name in named if not is_there(name)) == []


def test_every_family_that_the_architecture_names_is_there() -> None:
    rows = ROOM_ROW.findall(text_of("ARCHITECTURE.md"))
    families = {(package, start) for package, named in rows for start in FAMILY.findall(named)}
    assert len(families) > 10
    few = [each for each in families if len([*(SOURCE / each[0]).glob(f"{each[1]}*.py")]) < 2]
    assert sorted(few) == []


def test_the_table_has_every_package_and_module() -> None:
    (table,) = re.findall(
        r"^## The packages$(.*?)^In a package,", text_of("ARCHITECTURE.md"), re.M | re.S
    )
    named = [name for row in PACKAGE_ROW.findall(table) for name in re.findall(r"`([^`]+)`", row)]
    packages = {f"{path.parent.name}/" for path in SOURCE.glob("*/__init__.py")}
    modules = {path.name for path in SOURCE.glob("*.py") if not path.name.startswith("__")}
    assert sorted(named) == sorted(packages | modules)
