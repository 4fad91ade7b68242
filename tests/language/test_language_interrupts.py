# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language.interrupts import read_interrupts
from passthru.language.words import Word


def read(text, *, version="8.0", several=False):
    findings = []
    word = Word(text, Source("a", text), 0, len(text))
    read_in = read_interrupts(word, findings, controller="gic", version=version, several=several)
    return [interrupt[:4] for interrupt in read_in], findings


@pytest.mark.shows("intr-attributes")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("gic:37", ("gic", 37, False, None)),
        ("gic:44=150", ("gic", 44, False, 150)),
        ("gic:44,u=150", ("gic", 44, True, 150)),
        ("gic:44,u", ("gic", 44, True, None)),
        ("gic:44,=150", ("gic", 44, False, 150)),
        ("gic:0x2c=0x96", ("gic", 44, False, 150)),
        ("my-ioapic.1:4", ("my-ioapic.1", 4, False, None)),
        ("8259:4", ("8259", 4, False, None)),
        ("apic", ("apic", None, False, None)),
    ],
)
def test_interrupts(text, expected):
    interrupts, findings = read(text)
    assert interrupts == [expected]
    assert findings == []


def test_a_list_is_for_virtual_devices():
    assert read("a:0,a:8,a:10", several=True)[0] == [
        ("a", 0, False, None),
        ("a", 8, False, None),
        ("a", 10, False, None),
    ]
    interrupts, (finding,) = read("a:0,b:8")
    assert interrupts == []
    assert (finding.id, finding.fix) == ("bad-interrupt", "a:0 intr b:8")


@pytest.mark.parametrize(
    ("text", "finding_id", "place"),
    [
        ("", "bad-interrupt", ""),
        ("gic", "bad-interrupt", "gic"),
        (":4", "bad-interrupt", ":4"),
        ("a:b:4", "bad-interrupt", "a:b:4"),
        ("gic:", "bad-number", ""),
        ("gic:x", "bad-number", "x"),
        ("gic:4k", "bad-number", "4k"),
        ("gic:4=", "bad-number", ""),
        ("gic:4=abc", "bad-number", "abc"),
        ("gic:4294967296", "bad-number", "4294967296"),
        ("gic:4,x", "bad-interrupt", "x"),
    ],
)
def test_a_wrong_interrupt_gives_one_error_at_its_place(text, finding_id, place):
    interrupts, (finding,) = read(text)
    assert interrupts == []
    assert (finding.id, finding.severity) == (finding_id, Severity.ERROR)
    assert finding.span.text == place


def test_a_bare_line_belongs_to_the_assumed_controller():
    interrupts, (finding,) = read("39")
    assert interrupts == [("gic", 39, False, None)]
    assert (finding.id, finding.fix) == ("missing-interrupt-controller", "gic:39")


def test_the_service_thread_attribute_is_an_old_one():
    interrupts, (finding,) = read("gic:4,t=9")
    assert interrupts == [("gic", 4, False, 9)]
    assert (finding.id, finding.span.text) == ("version-only", "t")


@pytest.mark.shows("intr-attributes")
@given(st.integers(0, (1 << 32) - 1), st.booleans(), st.none() | st.integers(0, (1 << 32) - 1))
def test_interrupts_are_read_back(line, unmask, vector):
    text = f"gic:{line}" + ",u" * unmask + ("" if vector is None else f"={vector}")
    assert read(text) == ([("gic", line, unmask, vector)], [])


@given(st.text(alphabet="gic:0123,u=xt", max_size=20), st.booleans())
def test_any_interrupt_is_read_or_found_wrong(text, several):
    interrupts, findings = read(text, several=several)
    assert interrupts or any(finding.severity is Severity.ERROR for finding in findings)
