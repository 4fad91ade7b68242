# SPDX-License-Identifier: Apache-2.0
"""``docs/conformance.md``: each sentence of the reference, its verdicts, and who shows them."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from conformance import Row, Section, Verdict
from shown_by_tests import Shown

_HEAD = """\
# The reference of `pass`, sentence by sentence

A row stands for one sentence of the page about `pass` in the documentation of QNX Hypervisor 8.0,
in other words. What stands in italics behind it is ours. The verdicts are for hosts with Linux
and KVM:

| verdict | |
|---|---|
| enforced | `run` does it, and the kernel or the hardware holds the guest to it |
| enforced by trapping | the same, with an exit of the guest at each access |
| advisory | `run` takes it and tells that nothing can hold the guest to it |
| refused | `run` says so and does not start |
| checked | about configurations or hosts: it is read so; what breaks it is found before a start |
| not yet | it is not built, or on arm64 not shown by a test; `check` and `plan` read it |
| no claim | nothing in it that a program could do or find, or for the other architecture only |

A test that is named with “bench” boots a virtual host. Where a case stands beside a test, only
the cases of the test that begin so are meant. This page is made by `scripts/write-docs` from
`tests/conformance.toml` and from the tests that carry the marker `shows`.
"""

_NOT_YET = "not yet"


def conformance_page(sections: Sequence[Section], shown: Sequence[Shown]) -> str:
    """The page as Markdown, made from the rows and the marked tests."""
    tables = [_section(each, shown) for each in sections]
    rows = [row for section in sections for row in section.rows]
    return "\n".join([_HEAD, *tables, _last_line(rows, {each.row for each in shown})])


def _section(section: Section, shown: Sequence[Shown]) -> str:
    lines = [
        f"## {section.title}\n",
        "| | sentence | x86-64 | arm64 | shown by |",
        "|---|---|---|---|---|",
        *(_line(row, [each for each in shown if each.row == row.id]) for row in section.rows),
    ]
    return "\n".join(lines) + "\n"


def _line(row: Row, shown: Sequence[Shown]) -> str:
    note = f" *{row.note}*" if row.note else ""
    if row.claims_nothing:
        tests = ""
    else:
        tests = "<br>".join(dict.fromkeys(map(_link, shown))) or _NOT_YET
    cells = (f"`{row.id}`", row.says + note, row.x86_64.value, row.arm64.value, tests)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _link(shown: Shown) -> str:
    file, test = (_plain(each) for each in (PurePosixPath(shown.file).stem, shown.test))
    case = f" `{shown.case}`" if shown.case else ""
    bench = " (bench)" if shown.on_bench else ""
    return f"[{file}: {test}](../{shown.file}){case}{bench}"


def _plain(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _last_line(rows: Sequence[Row], with_test: set[str]) -> str:
    claims = [row for row in rows if not row.claims_nothing]
    without = [row for row in claims if row.id not in with_test]
    x86_64 = _counted([row.x86_64 for row in claims])
    arm64 = _counted([row.arm64 for row in claims])
    return (
        f"Of {len(claims)} sentences that claim something, {len(without)} have no test yet. "
        f"On x86-64 {x86_64}; on arm64 {arm64}.\n"
    )


def _counted(verdicts: Sequence[Verdict]) -> str:
    refused, not_yet = verdicts.count(Verdict.REFUSED), verdicts.count(Verdict.NOT_YET)
    return f"{refused} are refused and {not_yet} not yet built"
