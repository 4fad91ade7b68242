# SPDX-License-Identifier: Apache-2.0
"""Nothing is in a table without a text that uses it."""

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language.access import ACCESS_LETTERS
from passthru.language.model import MemoryLocation, Vdev, VmConfig
from passthru.language.options import BLOB_TYPES, CONTEXT_OPTIONS, TOP_OPTIONS, Context
from passthru.language.reader import ReadResult, read
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES, VENDOR_VDEV_OPTIONS
from passthru.report.explanation import example_of
from passthru.report.map_conflicts import DRAWN
from passthru.report.subjects import SUBJECTS
from passthru.rules.registry import RULES

IDS = [rule.id for rule in RULES]
EVERY_OPTION = Path(__file__).parent / "every_option.qvmconf"
ANOTHER_TYPE = "of another type"


def read_text(text: str) -> ReadResult:
    return read([Source("text", text)], environment={})


def configurations() -> Iterator[VmConfig]:
    """Everything that this test-suite has to read in whole files."""
    yield read_text(EVERY_OPTION.read_text()).config
    for rule in RULES:
        for text in example_of(rule).configurations:
            yield read_text(text).config


def used(config: VmConfig) -> Iterator[tuple[str, str]]:
    """What of the tables has come into the model, each with the place where it stands."""
    places = {
        "system": config.system,
        "cpu": config.cpus,
        "load": config.loads,
        "cmdline": config.cmdline,
        "pass": config.passes,
        "reserve": config.reserves,
        "vdev": config.vdevs,
        "set": config.variables,
        "dryrun": config.dryrun,
    }
    yield from ((Context.VM.value, name) for name, value in places.items() if value)
    yield from ((Context.VM.value, memory.kind.value) for memory in config.memory)
    yield from ((Context.VM.value, setting.name) for setting in config.settings)
    yield from (("set", variable.name) for variable in config.variables)
    yield from (("blob", blob.blob.value) for blob in config.loads + config.passes if blob.blob)
    for cpu in config.cpus:
        options = ("cluster", "runmask", "partition", "sched")
        yield from (("cpu", name) for name in options if getattr(cpu, name) is not None)
    for context, opened in (("pass", config.passes), ("reserve", config.reserves)):
        for each in opened:
            yield from ((context, "loc") for _ in each.locations)
            yield from ((context, "intr") for _ in each.interrupts)
    for passed in config.passes:
        if passed.sched:
            yield "pass", "sched"
        for location in passed.locations:
            if isinstance(location, MemoryLocation):
                yield from (("access", letter) for letter in location.access.letters)
    for vdev in config.vdevs:
        yield from used_by_vdev(vdev)


def used_by_vdev(vdev: Vdev) -> Iterator[tuple[str, str]]:
    known = vdev.type if vdev.type in VDEV_TYPES else ANOTHER_TYPE
    yield "vdev types", vdev.type
    common = {"loc": vdev.locations, "intr": vdev.interrupts, "name": vdev.name}
    yield from (("vdev", name) for name, value in common.items() if value)
    for option in vdev.options:
        yield "vdev", option.name
        yield f"vdev {known}", option.name


def expected() -> Iterator[tuple[str, str]]:
    """Every row of every table."""
    yield from ((Context.VM.value, name) for name in TOP_OPTIONS)
    for context, options in CONTEXT_OPTIONS.items():
        yield from ((context.value, name) for name in options)
    yield from (("set", name) for name in SET_VARIABLES)
    yield from (("blob", name) for name in BLOB_TYPES)
    yield from (("access", letter) for letter in ACCESS_LETTERS)
    yield from (("vdev types", name) for name in VDEV_TYPES)
    own = {name: vdev.options for name, vdev in VDEV_TYPES.items()}
    for vdev_type, options in {**own, ANOTHER_TYPE: VENDOR_VDEV_OPTIONS}.items():
        names = options.keys() - CONTEXT_OPTIONS[Context.VDEV].keys()
        yield from ((f"vdev {vdev_type}", name) for name in names)


def test_every_row_of_the_tables_is_used_in_some_text() -> None:
    seen = {each for config in configurations() for each in used(config)}
    assert sorted(set(expected()) - seen) == []


def test_the_text_with_every_option_has_no_errors() -> None:
    result = read_text(EVERY_OPTION.read_text())
    assert [f.message for f in result.findings if f.severity is Severity.ERROR] == []


def test_ids_are_unique() -> None:
    assert len(set(IDS)) == len(IDS)


def test_every_rule_says_in_sentences_what_it_is_about() -> None:
    for rule in RULES:
        assert rule.summary.endswith("."), rule.id
        assert rule.reason.endswith("."), rule.id


def test_every_rule_has_an_example_and_every_example_a_rule() -> None:
    directories = {each.name: each for each in (files("passthru.rules") / "examples").iterdir()}
    assert sorted(directories) == sorted(IDS)
    for directory in directories.values():
        names = {each.name for each in directory.iterdir()}
        names -= {"board.dts", "board.json", "board.txt", "other.qvmconf", "guest.dts"}
        assert names == {"wrong.qvmconf", "finding.txt", "repaired.qvmconf"}, directory.name


def test_every_rule_has_one_subject() -> None:
    assert sorted(each for ids in SUBJECTS.values() for each in ids) == sorted(IDS)


def test_every_finding_that_pictures_draw_is_one_of_a_rule() -> None:
    assert set(DRAWN) <= set(IDS)
