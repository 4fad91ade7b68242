# SPDX-License-Identifier: Apache-2.0
import pytest

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source, Span
from passthru.language.suppression import UNUSED_ALLOWANCE, allowed_here, without_allowed

KNOWN = frozenset({"missing-length", "not-page-aligned", "device-shared", UNUSED_ALLOWANCE.id})


def finding(source: Source, at: str, rule: str = "missing-length") -> Finding:
    start = source.text.index(at)
    return Finding(rule, Severity.WARNING, "something", Span(source, start, start + len(at)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu # passthru: allow a-b", [("a-b", 1)]),
        ("cpu #passthru:allow a-b\r\n", [("a-b", 1)]),
        ("cpu\n#  passthru:  allow  a, b ,,c \ncpu", [("a", 3), ("b", 3), ("c", 3)]),
        ("# passthru: allow a\n\n# why\n# passthru: allow b\n\ncpu", [("a", 6), ("b", 6)]),
        ('cmdline "a\nb" # passthru: allow a', [("a", 2)]),
        ('# passthru: allow a\ncmdline "a\nb"', [("a", 2)]),
        ("cpu\n# passthru: allow a", [("a", 2)]),
        ("cpu # passthru: allowed a", []),
        ("cpu # passthru: the guest's UART", []),
        ("cpu # passthru: allow", []),
        ("cpu # see passthru: allow a", []),
        ('cmdline "# passthru: allow a"', []),
        ("cpu # nothing", []),
    ],
)
def test_comments_that_allow(text, expected):
    allowances = allowed_here(Source("a", text))
    assert [(each.id, each.line) for each in allowances] == expected
    assert [each.span.text for each in allowances] == [text for text, _ in expected]


@pytest.mark.parametrize(
    "text",
    [
        "pass loc mem:0x2000,r=0x1000  # passthru: allow missing-length",
        "# passthru: allow not-page-aligned, missing-length\n\npass loc mem:0x2000,r=0x1000",
    ],
)
def test_an_allowed_finding_is_not_told(text):
    source = Source("a", text)
    found = finding(source, "mem:0x2000")
    kept, suppressed = without_allowed([found], [source])
    assert suppressed == (found,)
    assert all(each.id == UNUSED_ALLOWANCE.id for each in kept)


@pytest.mark.parametrize(
    "text",
    [
        "pass loc mem:0x2000,r=0x1000\n# passthru: allow missing-length",
        "pass # passthru: allow missing-length\n loc mem:0x2000,r=0x1000",
        "pass loc mem:0x2000,r=0x1000 # passthru: allow device-shared",
        "pass loc\nmem:0x2000,r=0x1000\nintr gic:4 # passthru: allow missing-length",
    ],
)
def test_another_line_or_another_finding_is_told_and_so_is_the_useless_comment(text):
    source = Source("a", text)
    found = finding(source, "mem:0x2000")
    (told, useless), suppressed = without_allowed([found], [source], (), KNOWN)
    assert suppressed == ()
    assert told is found
    assert (useless.id, useless.severity) == (UNUSED_ALLOWANCE.id, Severity.INFORMATION)
    assert "nothing is found on line" in useless.message


def test_one_comment_allows_every_such_finding_of_its_line_and_source():
    source, other = (Source("a", "pass loc x loc y # passthru: allow missing-length"),) * 2
    other = Source("a", "pass loc x")
    findings = [finding(source, "x"), finding(source, "y"), finding(other, "x")]
    kept, suppressed = without_allowed(findings, [source, other])
    assert suppressed == tuple(findings[:2])
    assert kept == (findings[2],)


def test_ids_can_be_allowed_everywhere():
    source = Source("a", "cpu\ncpu # passthru: allow device-shared")
    found = [finding(source, "cpu"), Finding("missing-length", Severity.ERROR, "no place")]
    kept, suppressed = without_allowed(found, [source], ["missing-length", UNUSED_ALLOWANCE.id])
    assert kept == ()
    assert suppressed == tuple(found)


def test_a_misspelt_id_is_told_with_what_was_meant():
    source = Source("a", "cpu # passthru: allow missing-lenght, because-i-say-so")
    (first, second), _ = without_allowed([], [source], (), KNOWN)
    assert first.span.text == "missing-lenght"
    assert first.fix == "missing-length"
    assert "the nearest is `missing-length`" in first.message
    assert second.fix is None
    assert "no finding has the id `because-i-say-so`" in second.message


def test_text_that_allows_nothing_is_passed_on():
    source = Source("a", "cpu")
    findings = (finding(source, "cpu"),)
    assert without_allowed(findings, [source]) == (findings, ())
