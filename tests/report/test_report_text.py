# SPDX-License-Identifier: Apache-2.0
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.source import Source, Span
from passthru.report.text import findings_as_text, printable, summary_as_text

SOURCE = Source("vm.qvmconf", "ram 1m\n\tpass loc pci:0:9.0\nload x\n")
SPAN = Span(SOURCE, 17, 26)

FINDING = Finding(
    id="pci-not-found",
    severity=Severity.ERROR,
    message="no such function",
    span=SPAN,
    vm="a",
    others=(Place("first use", Span(SOURCE, 0, 3)), Place("the host has pci:0:3.0")),
    reason="Because.",
    fix="one\ntwo",
)


def test_a_finding_in_the_manner_of_compilers() -> None:
    assert findings_as_text([FINDING]) == (
        "vm.qvmconf:2:11: error: no such function [pci-not-found]\n"
        "    2 |  pass loc pci:0:9.0\n"
        "      |           ^^^^^^^^^\n"
        "  vm.qvmconf:1:1: note: first use\n"
        "    1 | ram 1m\n"
        "      | ^^^\n"
        "  note: the host has pci:0:3.0\n"
        "  reason: Because.\n"
        "  fix:\n"
        "    one\n"
        "    two\n"
    )


def test_colours_only_when_told() -> None:
    assert "\x1b[" not in findings_as_text([FINDING])
    assert "\x1b[1;31merror\x1b[0m" in findings_as_text([FINDING], colours=True)


def test_nothing_that_a_terminal_would_obey_comes_through() -> None:
    source = Source("evil\x1b]0;x\x07.conf", "pass \x1b[2J\x9b31m x")
    finding = FINDING._replace(
        message="bad \x1b[31m", fix="rm\r\x1b[0m", others=(), span=Span(source, 5, 9)
    )
    text = findings_as_text([finding])
    assert all(character.isprintable() or character == "\n" for character in text)


def test_replacement_keeps_columns() -> None:
    assert len(printable("a\tb\x1bc\x00")) == 6
    assert printable("a\tb") == "a b"


def test_long_lines_are_cut_around_the_place() -> None:
    source = Source("x", "y" * 5000 + "HERE" + "z" * 5000)
    lines = findings_as_text([FINDING._replace(span=Span(source, 5000, 5004), others=())]).split(
        "\n"
    )
    assert len(lines[1]) < 200
    start = lines[2].index("^")
    assert lines[1][start : start + 4] == "HERE"


def test_a_span_over_several_lines_is_underlined_on_its_first() -> None:
    source = Source("x", 'cmdline "a\nb"\n')
    lines = findings_as_text([FINDING._replace(span=Span(source, 8, 13), others=())]).split("\n")
    assert lines[2] == "      |         ^^"


def test_order_is_by_place_and_findings_without_one_come_last() -> None:
    late = FINDING._replace(span=Span(SOURCE, 28, 32), others=(), id="late")
    placeless = FINDING._replace(span=None, others=(), id="placeless")
    text = findings_as_text([placeless, late, FINDING])
    assert text.index("pci-not-found") < text.index("late") < text.index("placeless")
    assert "\na: error:" in text


def test_summary() -> None:
    warning = FINDING._replace(severity=Severity.WARNING)
    assert summary_as_text([FINDING, warning, FINDING]) == "2 errors, 1 warning"
    assert summary_as_text([]) == ""
