# SPDX-License-Identifier: Apache-2.0
"""The work of a check grows with its text, and no faster: counted in steps, not in time."""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from passthru.cli.checking import check_together, examine_source
from passthru.diagnostics.edits import repair
from passthru.diagnostics.source import Source
from passthru.language.layout import format_text
from passthru.language.suppression import without_allowed
from passthru.report import text
from passthru.report.findings_json import findings_as_json
from passthru.report.text import findings_as_text
from passthru.rules.hypervisor import Hypervisor

HEAD = "system a ram 0x80000000,64M "
WORDS = ("wrng{} cpu", "pass loc 0x10z{}", "vdev acme{} loc", "pass pci:0:{}.0", "intr gic:{}")
SMALL, LARGE = 100, 400


def one_line(words: str, count: int) -> Source:
    return Source("a", HEAD + " ".join(words.format(number) for number in range(count)))


def many_lines(words: str, count: int) -> Source:
    comment = " # passthru: allow unknown-option, missing-loc-keyword, bad-number"
    lines = (words.format(number) + comment for number in range(count))
    return Source("a", HEAD + "\n" + "\n".join(lines))


def findings(source: Source):
    examined = [examine_source(source, Hypervisor.QNX_8_0, None)]
    return [found for each in check_together(examined, None) for found in each.findings]


def steps(work: Callable[[], object]) -> int:
    """How many calls of Python's and of C's functions the work takes."""
    count = 0

    def call(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(call)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("made", [one_line, many_lines])
def test_four_times_the_text_takes_four_times_the_steps(
    made: Callable[[str, int], Source], words: str
) -> None:
    def checked(count: int) -> int:
        def work() -> None:
            source = made(words, count)
            found = findings(source)
            kept, _ = without_allowed(found, [source])
            findings_as_text(kept)
            findings_as_json(kept)
            repair(found)
            format_text(source)

        return steps(work)

    small = checked(SMALL)
    assert checked(LARGE) < 5 * small


@pytest.mark.parametrize("words", WORDS)
def test_of_a_long_line_each_finding_looks_at_its_own_part(
    monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    looked_at = 0
    printable = text.printable

    def counting(piece: str) -> str:
        nonlocal looked_at
        looked_at += len(piece)
        return printable(piece)

    monkeypatch.setattr(text, "printable", counting)

    def characters(count: int) -> int:
        nonlocal looked_at
        looked_at = 0
        findings_as_text(findings(one_line(words, count)))
        return looked_at

    small = characters(SMALL)
    assert characters(LARGE) < 5 * small
