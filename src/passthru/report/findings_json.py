# SPDX-License-Identifier: Apache-2.0
"""Findings as JSON for other programs (``check --format json``), version 1.

``{"version", "findings": […], "summary": {"errors", "warnings", "information"}}``. Every key is
always there, with null where there is none. Lines and columns count from 1; the end is the
place just after the last character. Names and texts of other programs depend on this: it
changes only together with the version.
"""

import json
from collections.abc import Iterable

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.source import Span
from passthru.report.unicode import encodable

__all__ = ["VERSION", "finding_as_data", "findings_as_json"]

VERSION = 1


def findings_as_json(findings: Iterable[Finding]) -> str:
    """The findings, in the order given, as one JSON document in ASCII with a line end."""
    told = list(findings)
    document = {
        "version": VERSION,
        "findings": [finding_as_data(finding) for finding in told],
        "summary": {
            "errors": _count(told, Severity.ERROR),
            "warnings": _count(told, Severity.WARNING),
            "information": _count(told, Severity.INFORMATION),
        },
    }
    return json.dumps(document, indent=2) + "\n"


def finding_as_data(finding: Finding) -> dict[str, object]:
    """One finding as it is in the document."""
    end_line, end_column = finding.span.end_position if finding.span else (None, None)
    return {
        "id": finding.id,
        "severity": finding.severity.value,
        "message": encodable(finding.message),
        **_place(finding.span),
        "end_line": end_line,
        "end_column": end_column,
        "vm": _text(finding.vm),
        "resource": _text(finding.resource),
        "others": [_other(other) for other in finding.others],
        "reason": _text(finding.reason),
        "fix": _text(finding.fix),
    }


def _other(other: Place) -> dict[str, object]:
    return {
        **_place(other.span),
        "vm": _text(other.vm),
        "message": encodable(other.message),
    }


def _place(span: Span | None) -> dict[str, object]:
    if span is None:
        return {"file": None, "line": None, "column": None}
    return {"file": encodable(span.file), "line": span.line, "column": span.column}


def _text(text: str | None) -> str | None:
    return None if text is None else encodable(text)


def _count(findings: Iterable[Finding], severity: Severity) -> int:
    return sum(finding.severity is severity for finding in findings)
