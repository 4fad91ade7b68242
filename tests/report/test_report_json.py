# SPDX-License-Identifier: Apache-2.0
"""The JSON of `check`, which other programs depend on."""

import json

import pytest

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.source import Source, Span
from passthru.report.findings_json import findings_as_json

SOURCE = Source("vm.qvmconf", "ram 1m\n\tpass loc pci:0:9.0\n")

FULL = Finding(
    id="pci-not-found",
    severity=Severity.ERROR,
    message="no such function",
    span=Span(SOURCE, 17, 26),
    vm="a",
    resource="pci:0:9.0",
    others=(
        Place("first use", Span(SOURCE, 0, 6), "b"),
        Place("the host has pci:0:3.0"),
    ),
    reason="Because.",
    fix="pci:0:3.0",
)
BARE = Finding("x", Severity.INFORMATION, "m")

GOLDEN = {
    "version": 1,
    "findings": [
        {
            "id": "pci-not-found",
            "severity": "error",
            "message": "no such function",
            "file": "vm.qvmconf",
            "line": 2,
            "column": 11,
            "end_line": 2,
            "end_column": 20,
            "vm": "a",
            "resource": "pci:0:9.0",
            "others": [
                {
                    "file": "vm.qvmconf",
                    "line": 1,
                    "column": 1,
                    "vm": "b",
                    "message": "first use",
                },
                {
                    "file": None,
                    "line": None,
                    "column": None,
                    "vm": None,
                    "message": "the host has pci:0:3.0",
                },
            ],
            "reason": "Because.",
            "fix": "pci:0:3.0",
        },
        {
            "id": "x",
            "severity": "information",
            "message": "m",
            "file": None,
            "line": None,
            "column": None,
            "end_line": None,
            "end_column": None,
            "vm": None,
            "resource": None,
            "others": [],
            "reason": None,
            "fix": None,
        },
    ],
    "summary": {"errors": 1, "warnings": 0, "information": 1},
}


def test_every_key_is_there_and_null_where_there_is_nothing():
    document = json.loads(findings_as_json([FULL, BARE]))
    assert document == GOLDEN
    assert [list(each) for each in document["findings"]] == [
        list(each) for each in GOLDEN["findings"]
    ]


def test_without_findings_the_document_is_whole():
    assert json.loads(findings_as_json([])) == {
        "version": 1,
        "findings": [],
        "summary": {"errors": 0, "warnings": 0, "information": 0},
    }


def test_a_span_over_lines_ends_where_it_ends():
    source = Source("x", 'cmdline "a\nbc" cpu')
    (finding,) = json.loads(findings_as_json([BARE._replace(span=Span(source, 8, 14))]))["findings"]
    assert (finding["line"], finding["column"]) == (1, 9)
    assert (finding["end_line"], finding["end_column"]) == (2, 4)


@pytest.mark.parametrize("hostile", ["\udcff", "\x1b[2J", "\x9b", "\x00"])
def test_what_is_no_text_becomes_plain_json(hostile):
    source = Source(f"a{hostile}b", f"ram {hostile} x")
    place = Place(hostile, Span(source, 0, 1), hostile)
    finding = Finding(
        "x", Severity.ERROR, hostile, Span(source, 4, 5), hostile, hostile, (place,), None, hostile
    )
    text = findings_as_json([finding])
    assert text.isascii()
    assert text.replace("\n", "").isprintable()
    told = json.loads(text)["findings"][0]
    # A lone surrogate would make this fail.
    assert json.dumps(told, ensure_ascii=False).encode("utf-8")
    assert (told["line"], told["column"], told["end_column"]) == (1, 5, 6)
    assert len(told["file"]) == len(source.name)
