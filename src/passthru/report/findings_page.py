# SPDX-License-Identifier: Apache-2.0
"""The page of all findings, ``docs/findings.md``."""

from passthru.diagnostics.rule import Rule
from passthru.report.explanation import example_of, finding_of
from passthru.report.subjects import rules_by_subject

__all__ = ["findings_page"]

_HEAD = """\
# The findings

Everything that `passthru` has to say about a configuration, by subject. An id never changes its
meaning. `passthru explain ID` prints what stands here.

An **error** keeps the VM from starting, or from doing what was asked; a **warning** is about what
probably is not meant; **information** is about what is not obvious. Findings are left out with
`--allow ID`, or with a comment `# passthru: allow ID` on their line or on the line before it.

The examples are whole configurations: the wrong one has this finding and no other, the repaired
one has none. Where its first line names a hypervisor, the finding comes up with `--hypervisor`;
where it names a host, only a host can show it. Where a board stands before it, the finding comes
up with `--board`; where another VM does, the finding is about both.
"""


def findings_page() -> str:
    """The page as Markdown, made from the rules and their examples."""
    sections = [_HEAD, _contents()]
    for subject, rules in rules_by_subject():
        sections.append(f"## {subject}\n")
        sections.extend(_section(rule) for rule in rules)
    return "\n".join(sections)


def _contents() -> str:
    lines = ["| finding | | when |", "|---|---|---|"]
    for subject, rules in rules_by_subject():
        lines.append(f"| **{subject}** | | |")
        lines.extend(
            f"| [`{rule.id}`](#{rule.id}) | {rule.severity.value} | {_in_table(rule.summary)} |"
            for rule in rules
        )
    return "\n".join(lines) + "\n"


def _in_table(text: str) -> str:
    return text.replace("|", "\\|")


def _section(rule: Rule) -> str:
    example = example_of(rule)
    parts = (
        f"### {rule.id}",
        f"**{rule.severity.value}**: {rule.summary}",
        rule.reason,
        *(
            f"{file.title}, `{file.name}`:\n\n{_block(file.text, _language(file.name))}"
            for file in example.files_beside
        ),
        "Wrong:",
        _block(example.wrong, "qvmconf"),
        f"`{example.command}` says:",
        _block(finding_of(rule), "text"),
        "Repaired:",
        _block(example.repaired, "qvmconf"),
    )
    return "\n\n".join(parts) + "\n"


def _language(name: str) -> str:
    """The language of the file, as Markdown names it."""
    suffix = name.rpartition(".")[2]
    return {"txt": "text"}.get(suffix, suffix)


def _block(text: str, language: str) -> str:
    return f"```{language}\n{text.rstrip(chr(10))}\n```"
