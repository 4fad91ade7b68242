# SPDX-License-Identifier: Apache-2.0
"""What the fuzzer does with each input; the tests run it without the fuzzer."""

import json
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path

from passthru.cli.fixing import fix_source
from passthru.diagnostics.edits import repair
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source, Span
from passthru.language.buildfile import configurations_in_buildfile
from passthru.language.layout import format_text
from passthru.language.options import BLOB_TYPES, CONTEXT_OPTIONS, TOP_OPTIONS
from passthru.language.reader import read
from passthru.language.suppression import without_allowed
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES
from passthru.language.words import TokenKind, tokens
from passthru.report.findings_json import findings_as_json
from passthru.report.findings_sarif import findings_as_sarif
from passthru.report.text import findings_as_text
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.registry import RULES

ENVIRONMENT = {"HOST_DEV": "/dev/ser3", "QUOTED": 'a "b', "EMPTY": ""}
KNOWN_IDS = frozenset(rule.id for rule in RULES)


def examine(data: bytes) -> None:
    """Do with ``data`` all that the commands do with a file; AssertionError if it is not right."""
    source = Source("fuzz.qvmconf", data.decode("utf-8", "surrogateescape"))
    findings = [found for each in Hypervisor for found in findings_in(source, each)]
    for span in spans_of(findings):
        assert span.source is source, span
        assert 0 <= span.start <= span.end <= len(source.text), span
    examine_reports(findings)
    examine_fixes(source)
    examine_layout(source)
    for inline in configurations_in_buildfile(source):
        findings_in(inline, Hypervisor.QNX_8_0)


def findings_in(source: Source, hypervisor: Hypervisor) -> tuple[Finding, ...]:
    """Everything that is told about the text without a board."""
    result = read([source], environment=ENVIRONMENT, version=hypervisor.version)
    ruled = check_configuration(result.config, hypervisor, complete=result.complete)
    found = (*result.findings, *ruled)
    for finding in found:
        assert finding.id in KNOWN_IDS, finding.id
    return without_allowed(found, [source], frozenset(), KNOWN_IDS)[0]


def spans_of(findings: Iterable[Finding]) -> Iterator[Span]:
    """Every place that the findings name."""
    for finding in findings:
        places = (finding.span, *(other.span for other in finding.others))
        yield from (span for span in places if span is not None)
        yield from (edit.span for edit in finding.edits)


def examine_reports(findings: list[Finding]) -> None:
    """Reports can be sent anywhere: valid JSON in UTF-8, and nothing that a terminal obeys."""
    json.loads(findings_as_json(findings).encode())
    ids = {finding.id for finding in findings}
    rules = tuple(rule for rule in RULES if rule.id in ids)
    json.loads(findings_as_sarif(findings, rules).encode())
    text = findings_as_text(findings)
    assert all(line.isprintable() for line in text.split("\n")), text


def examine_fixes(source: Source) -> None:
    """Carrying out what is certain comes to an end."""

    def check(text: Source) -> tuple[Finding, ...]:
        return findings_in(text, Hypervisor.QNX_8_0)

    fixed, _ = fix_source(source, check)
    left = repair(check(fixed)).texts.get(fixed, fixed.text)
    assert left == fixed.text


def examine_layout(source: Source) -> None:
    """The formatter loses nothing, and formatting twice is formatting once."""
    formatted = format_text(source)
    assert words_and_comments(formatted) == words_and_comments(source.text)
    assert format_text(Source(source.name, formatted)) == formatted


def words_and_comments(text: str) -> list[tuple[TokenKind, str]]:
    """All of a text but its blanks, those at the ends of comments included."""
    return [
        (token.kind, token.span.text.rstrip())
        for token in tokens(Source("", text))
        if token.kind is not TokenKind.BLANK
    ]


def write_seeds(corpus: Path) -> None:
    """The examples of the findings, as texts to start from."""
    for rule in RULES:
        directory = files("passthru.rules") / "examples" / rule.id
        for name in ("wrong.qvmconf", "repaired.qvmconf"):
            (corpus / f"{rule.id}-{name}").write_bytes((directory / name).read_bytes())


def write_dictionary(path: Path) -> None:
    """The words of the language for libFuzzer, which puts them into its inputs."""
    vdev_options = {name for vdev in VDEV_TYPES.values() for name in vdev.options}
    context_options = {name for options in CONTEXT_OPTIONS.values() for name in options}
    words = {*TOP_OPTIONS, *context_options, *vdev_options, *BLOB_TYPES, *VDEV_TYPES}
    words |= {*SET_VARIABLES, "mem:", "io:", "pci:", "$env{", "$asinfo_start{", "0x", "0d"}
    path.write_text("".join(f'"{word} "\n"{word}"\n' for word in sorted(words)))
