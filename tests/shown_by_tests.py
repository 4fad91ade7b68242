# SPDX-License-Identifier: Apache-2.0
"""Which tests carry ``@pytest.mark.shows(ROW, …, case=…)``, as pytest itself collects them.

``case`` is what the ids of the meant cases begin with, where only some cases of a test are meant.
As a program it prints what it finds as JSON.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
_MARKER = "mark.shows("


class Shown(NamedTuple):
    """A test shows a row of the reference; ``case`` is None if all of its cases do."""

    row: str
    file: str
    line: int
    test: str
    case: str | None
    cases: int
    """How many cases are meant: none if no id begins with ``case``."""
    on_bench: bool
    may_be_skipped: bool


def shown_by_tests() -> tuple[Shown, ...]:
    """Everything that is marked, in the order of files and lines."""
    # A process of its own: pytest collects once in a process.
    done = subprocess.run(
        [sys.executable, str(Path(__file__))],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(ROOT / "src")},
    )
    if done.returncode != 0:
        raise RuntimeError(f"the tests cannot be collected:\n{done.stderr}")
    return tuple(Shown(**each) for each in json.loads(done.stdout))


class _Collection:
    """Keeps what pytest collects."""

    def __init__(self) -> None:
        self.items: list[pytest.Item] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.items = session.items


def _marked_files() -> list[str]:
    files = sorted(TESTS.rglob("test_*.py"))
    return [str(file) for file in files if _MARKER in file.read_text(encoding="utf-8")]


def _collected() -> list[pytest.Item]:
    files = _marked_files()
    if not files:
        return []
    collection = _Collection()
    with contextlib.redirect_stdout(sys.stderr):
        status = pytest.main(
            ["--collect-only", "-qq", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *files],
            plugins=[collection],
        )
    if status != pytest.ExitCode.OK:
        sys.exit(int(status))
    return collection.items


def _shown(items: list[pytest.Item]) -> Iterator[Shown]:
    tests: dict[tuple[str, str], list[pytest.Item]] = {}
    for item in items:
        file, _, test = item.location
        tests.setdefault((file, test.partition("[")[0]), []).append(item)
    for (file, test), cases in tests.items():
        skips = ("skip", "skipif", "xfail")
        for mark in cases[0].iter_markers("shows"):
            case = mark.kwargs.get("case")
            meant = [each for each in cases if case is None or _id(each).startswith(case)]
            yield from (
                Shown(
                    row,
                    file,
                    cases[0].location[1] or 0,
                    test,
                    case,
                    len(meant),
                    cases[0].get_closest_marker("bench") is not None,
                    any(each.get_closest_marker(skip) for each in meant for skip in skips),
                )
                for row in mark.args
            )


def _id(item: pytest.Item) -> str:
    """What pytest puts in brackets for this case."""
    return item.name.partition("[")[2].removesuffix("]")


if __name__ == "__main__":
    everything = sorted(
        _shown(_collected()), key=lambda each: (each.file, each.line, each.case or "")
    )
    print(json.dumps([each._asdict() for each in everything]))
