# SPDX-License-Identifier: Apache-2.0
"""The table of conformance says what the code does, and the tests that it names are there."""

import re

import pytest

from conformance import OF_A_RUN, Row, Section, Verdict, rows
from conformance_page import conformance_page
from passthru.board.model import InterruptLine, Trigger, UioDevice
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language.access import ACCESS_LETTERS
from passthru.language.model import MemoryLocation
from passthru.language.options import BLOB_TYPES
from passthru.language.reader import read
from passthru.plan.arm_planner import plan_arm_vm
from passthru.plan.verdicts import access_verdicts
from passthru.rules.check import check
from sample_board import BASE, BOARD, check_text
from shown_by_tests import Shown, shown_by_tests

ROWS = tuple(rows())
OF_THE_MACHINE = ("tests/bench/", "tests/host/", "tests/vmm/")
LINES = {5: Trigger.LEVEL, 6: Trigger.EDGE, 34: Trigger.LEVEL, 79: Trigger.EDGE}
WITH_UIO = BOARD._replace(
    interrupts=tuple(InterruptLine("ioapic", *line, owner="uio") for line in LINES.items()),
    uio=(UioDevice("uio0", "device", "uio", tuple(LINES), ()),),
)
"""The host of the other tests, and a device that delivers interrupts."""
ARM = WITH_UIO._replace(
    architecture="aarch64",
    interrupts=tuple(each._replace(controller="gic") for each in WITH_UIO.interrupts),
)
NOT_WITH_KVM = {"not-supported-by-run", "dma-manager-missing"}
"""The findings by which `run` refuses what it cannot do or hold to."""


@pytest.fixture(scope="module")
def shown() -> tuple[Shown, ...]:
    return shown_by_tests()


def test_a_row_has_an_id_of_its_own_and_says_something() -> None:
    ids = [row.id for row in ROWS]
    assert sorted(set(ids)) == sorted(ids)
    for row in ROWS:
        assert re.fullmatch("[a-z0-9]+(-[a-z0-9]+)*", row.id)
        assert row.says.endswith((".", "…")), row.id
        assert row.note.endswith(".") or not row.note, row.id


def test_every_access_type_and_every_type_of_data_has_a_row() -> None:
    ids = {row.id for row in ROWS}
    assert {f"access-{letter}" for letter in ACCESS_LETTERS} <= ids
    assert {f"blob-{name}" for name in BLOB_TYPES} <= ids


def test_every_marker_names_a_row_that_claims_something(shown: tuple[Shown, ...]) -> None:
    claims = {row.id for row in ROWS if not row.claims_nothing}
    assert [each for each in shown if each.row not in claims] == []


def test_every_marker_means_a_case_that_is_run(shown: tuple[Shown, ...]) -> None:
    assert [each for each in shown if each.cases == 0 or each.may_be_skipped] == []


def test_what_is_enforced_is_shown_by_a_test_of_the_machine(shown: tuple[Shown, ...]) -> None:
    tested = {each.row for each in shown if each.file.startswith(OF_THE_MACHINE)}
    enforced = {row.id for row in ROWS if {Verdict.ENFORCED, Verdict.TRAPPED} & set(row.verdicts)}
    assert sorted(enforced - tested) == []


def test_rows_of_a_run_have_an_example_and_no_others() -> None:
    assert [row.id for row in ROWS if (row.x86_64 in OF_A_RUN) != bool(row.example)] == []


@pytest.mark.parametrize("row", [row for row in ROWS if row.example], ids=lambda row: row.id)
def test_run_refuses_what_the_table_calls_refused_and_nothing_else(row: Row) -> None:
    checked = check_text(row.example, WITH_UIO)
    errors = {each.id for each in checked.findings if each.severity is Severity.ERROR}
    if row.x86_64 is Verdict.REFUSED:
        assert errors
        assert errors <= NOT_WITH_KVM
    else:
        assert errors == set()


@pytest.mark.parametrize("row", [row for row in ROWS if row.letter], ids=lambda row: row.id)
def test_the_verdict_of_a_letter_is_that_of_a_plan(row: Row) -> None:
    config = check_text(row.example).config
    (location,) = config.passes[0].locations
    assert isinstance(location, MemoryLocation)
    managed = [v.value for v in config.variables if v.name == "smmu-externally-managed"]
    found = access_verdicts(location.access, host_is_ram=True, externally_managed=managed == ["on"])
    verdicts = {each.letter: each.enforcement.value for each in found}
    assert verdicts[row.letter] == row.x86_64.value


SHOWN_ON_ARM64 = ("tests/bench/test_bench_arm64", "tests/vmm/aarch64/")


@pytest.mark.parametrize("row", [row for row in ROWS if row.arm64 in OF_A_RUN], ids=lambda r: r.id)
def test_run_refuses_on_arm64_what_the_table_calls_refused_and_nothing_else(row: Row) -> None:
    result = read([Source("test.qvmconf", BASE + row.arm64_example)], environment={})
    planned = plan_arm_vm(result.config, ARM)
    found = (*result.findings, *planned.findings, *check(result.config, planned.plan, ARM))
    errors = {each.id for each in found if each.severity is Severity.ERROR}
    if row.arm64 is Verdict.REFUSED:
        assert errors
        assert errors <= NOT_WITH_KVM
    else:
        assert errors == set()


@pytest.mark.parametrize(
    "row",
    [row for row in ROWS if row.letter and row.arm64 in OF_A_RUN],
    ids=lambda row: row.id,
)
def test_the_verdict_of_a_letter_on_arm64_is_that_of_a_plan(row: Row) -> None:
    config = check_text(row.arm64_example).config
    (location,) = config.passes[0].locations
    assert isinstance(location, MemoryLocation)
    managed = [v.value for v in config.variables if v.name == "smmu-externally-managed"]
    found = access_verdicts(
        location.access,
        host_is_ram=False,
        externally_managed=managed == ["on"],
        architecture="aarch64",
    )
    verdicts = {each.letter: each.enforcement.value for each in found}
    assert verdicts[row.letter] == row.arm64.value


def test_what_is_enforced_on_arm64_is_shown_by_a_machine_of_that_kind(
    shown: tuple[Shown, ...],
) -> None:
    tested = {each.row for each in shown if each.file.startswith(SHOWN_ON_ARM64)}
    enforced = {row.id for row in ROWS if row.arm64 in (Verdict.ENFORCED, Verdict.TRAPPED)}
    assert sorted(enforced - tested) == []


def test_the_page_counts_what_has_no_test_and_what_is_not_built() -> None:
    table = (
        Section("One", (Row("a", "A.", Verdict.ENFORCED, Verdict.NOT_YET, "W."),)),
        Section(
            "Two",
            (
                Row("b", "B | c.", Verdict.REFUSED, Verdict.NOT_YET),
                Row("c", "C.", Verdict.NO_CLAIM, Verdict.NO_CLAIM),
            ),
        ),
    )
    test = Shown("a", "tests/x/test_x.py", 7, "test_it_is_so", "on", 2, True, False)
    lines = conformance_page(table, [test, test]).splitlines()
    assert [line for line in lines if line.startswith("| `")] == [
        "| `a` | A. *W.* | enforced | not yet | [x: it is so](../tests/x/test_x.py) `on` (bench) |",
        "| `b` | B \\| c. | refused | not yet | not yet |",
        "| `c` | C. | no claim | no claim |  |",
    ]
    assert lines[-1] == (
        "Of 2 sentences that claim something, 1 have no test yet. On x86-64 1 are refused and "
        "0 not yet built; on arm64 0 are refused and 2 not yet built."
    )
