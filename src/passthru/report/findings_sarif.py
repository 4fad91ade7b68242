# SPDX-License-Identifier: Apache-2.0
"""Findings as SARIF 2.1.0, the format that code hosts and editors read (``--format sarif``).

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0".
"""

import json
from collections.abc import Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from urllib.parse import quote

from passthru.diagnostics.errors import PassthruError
from passthru.diagnostics.finding import Edit, Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.report.unicode import encodable

__all__ = ["findings_as_sarif"]

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"

_LEVELS = {
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFORMATION: "note",
}

_Json = dict[str, object]


def findings_as_sarif(
    findings: Iterable[Finding], rules: Sequence[Rule], problems: Sequence[PassthruError] = ()
) -> str:
    """The findings of one run as a SARIF log in ASCII with a line end.

    ``rules`` are all that were applied; ``problems`` are what kept files from being checked.
    """
    index = {rule.id: place for place, rule in enumerate(rules)}
    run = {
        "tool": {"driver": _driver(rules)},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(problems)],
        "results": [_result(finding, index) for finding in findings],
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _driver(rules: Sequence[Rule]) -> _Json:
    return {"name": "passthru", **_version(), "rules": [_rule(rule) for rule in rules]}


def _version() -> dict[str, str]:
    try:
        return {"version": version("passthru")}
    except PackageNotFoundError:  # run from a source tree that is not installed
        return {}


def _rule(rule: Rule) -> _Json:
    explain = f"passthru explain {rule.id}"
    return {
        "id": rule.id,
        "shortDescription": _message(rule.summary),
        "fullDescription": _message(rule.reason),
        "help": {
            "text": f"{rule.reason}\nAn example and its repair: {explain}",
            "markdown": f"{rule.reason}\n\nAn example and its repair: `{explain}`",
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
    }


def _invocation(problems: Sequence[PassthruError]) -> _Json:
    notifications = [{"level": "error", "message": _message(str(each))} for each in problems]
    return {
        "executionSuccessful": not problems,
        "toolExecutionNotifications": notifications,
    }


def _result(finding: Finding, index: dict[str, int]) -> _Json:
    # Viewers show a result's message and little else, so the fix is said there, too.
    fix = f"\nfix: {finding.fix}" if finding.fix is not None else ""
    result: _Json = {
        "ruleId": finding.id,
        "level": _LEVELS[finding.severity],
        "message": _message(finding.message + fix),
        "locations": [_location(finding.span)] if finding.span else [],
        "relatedLocations": [
            {"id": number, **_location(other.span, other)}
            for number, other in enumerate(finding.others, 1)
        ],
    }
    if finding.id in index:
        result["ruleIndex"] = index[finding.id]
    if finding.edits:
        result["fixes"] = [_fix(finding)]
    return result


def _location(span: Span | None, place: Place | None = None) -> _Json:
    location: _Json = {}
    if span is not None:
        location["physicalLocation"] = {
            "artifactLocation": _artifact(span.file),
            "region": _region(span),
        }
    if place is not None:
        location["message"] = _message(place.message)
    return location


def _fix(finding: Finding) -> _Json:
    """The edits of each file together; a fix is carried out whole."""
    edits_of: dict[str, list[Edit]] = {}
    for edit in finding.edits:
        edits_of.setdefault(edit.span.file, []).append(edit)
    return {
        "description": _message(finding.fix or finding.message),
        "artifactChanges": [
            {
                "artifactLocation": _artifact(file),
                "replacements": [_replacement(edit) for edit in edits],
            }
            for file, edits in edits_of.items()
        ],
    }


def _replacement(edit: Edit) -> _Json:
    return {
        "deletedRegion": _region(edit.span),
        "insertedContent": {"text": encodable(edit.text)},
    }


def _region(span: Span) -> _Json:
    end_line, end_column = span.end_position
    return {
        "startLine": span.line,
        "startColumn": span.column,
        "endLine": end_line,
        "endColumn": end_column,
    }


def _artifact(file: str) -> _Json:
    # A name's bytes are escaped as they are, so that it names the same file again.
    path = quote(file, errors="surrogateescape")
    return {"uri": f"file://{path}" if file.startswith("/") else path}


def _message(text: str) -> _Json:
    return {"text": encodable(text)}
