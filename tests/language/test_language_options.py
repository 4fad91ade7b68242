# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import pytest

from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.model import BlobType
from passthru.language.options import (
    ALL_VERSIONS,
    BLOB_TYPES,
    CONTEXT_OPTIONS,
    TOP_OPTIONS,
    Argument,
    ArgumentKind,
    Context,
)
from passthru.language.spelling import nearest
from passthru.language.variables import SET_VARIABLES, ValueType, is_value, parse_boolean
from passthru.language.vdevs import VDEV_TYPES

ROWS = [
    *TOP_OPTIONS.values(),
    *(option for options in CONTEXT_OPTIONS.values() for option in options.values()),
    *(option for vdev in VDEV_TYPES.values() for option in vdev.options.values()),
]

SAMPLES = {
    ArgumentKind.TEXT: "text",
    ArgumentKind.NUMBER: "3",
    ArgumentKind.MEMORY: "0x0,1G",
    ArgumentKind.FILE: "./x",
    ArgumentKind.LOCATION: "mem:0x1000,0x1000,rwn",
    ArgumentKind.INTERRUPT: "gic:5",
    ArgumentKind.PROCESSORS: "0,2",
    ArgumentKind.SCHEDULING: "20f",
    ArgumentKind.FREE: "word",
}


def sample(argument: Argument) -> str:
    return argument.choices[0] if argument.choices else SAMPLES[argument.kind]


def ids(text, version="8.0"):
    result = read([Source("a", text)], environment={}, version=version)
    return [finding.id for finding in result.findings]


@pytest.mark.parametrize("option", ROWS, ids=lambda row: f"{row.context.value}-{row.name}")
def test_every_row_says_what_it_is(option):
    assert option.help.endswith(".")
    assert option.source
    assert option.versions
    assert set(option.versions) <= set(ALL_VERSIONS)
    assert all(bool(a.choices) == a.kind.name.startswith("CHOICE") for a in option.arguments)


def text_for(option):
    words = [option.name, *(sample(argument) for argument in option.arguments)]
    if option.name == "set":
        words = ["set", "exit-on-halt", "on"]
    if option.name == "load":
        words = ["ram", "1G", *words]
    return " ".join(words)


@pytest.mark.parametrize("option", TOP_OPTIONS.values(), ids=lambda row: row.name)
def test_every_option_of_the_vm_is_read(option):
    assert ids(text_for(option), option.versions[-1]) == []
    if option.arguments and option.arguments[0].kind is not ArgumentKind.FREE:
        assert "missing-argument" in ids(option.name)


@pytest.mark.parametrize(
    ("opening", "option"),
    [
        *(
            (context.value, option)
            for context in (Context.CPU, Context.PASS, Context.RESERVE)
            for option in CONTEXT_OPTIONS[context].values()
        ),
        *(
            (f"vdev {vdev.name}", option)
            for vdev in VDEV_TYPES.values()
            for option in vdev.options.values()
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_every_option_of_a_context_is_read(opening, option):
    text = text_for(option)
    assert ids(f"{opening} {text}", option.versions[-1]) == []
    # A flag has nothing to miss.
    assert ids(f"{opening} {option.name}", option.versions[-1]) == (
        ["missing-argument"] if option.arguments else []
    )
    twice = ids(f"{opening} {text} {text}", option.versions[-1])
    assert twice == ([] if option.accumulates else ["option-repeated"])


def test_blob_types_are_those_of_the_model():
    assert (
        set(BLOB_TYPES)
        == {blob.value for blob in BlobType}
        == {"acpi", "data", "fdt", "guest", "initrd", "raw"}
    )


GOOD_AND_BAD = {
    ValueType.BOOLEAN: (["on", "0", "yes", "FALSE"], ["maybe", "", "2"]),
    ValueType.TRISTATE: (["on", "auto"], ["maybe"]),
    ValueType.NUMBER: (["0", "10000", "0xffffffffffffffff"], ["-1", "4K", "0d1", "x"]),
    ValueType.ADDRESS: (["0xff841000", "4K", "0d4096"], ["here", ""]),
    ValueType.STRING: (["", "anything"], []),
    ValueType.UNKNOWN: (["anything"], []),
}


@pytest.mark.parametrize("kind", list(ValueType))
def test_values_of_variables(kind):
    good, bad = GOOD_AND_BAD[kind]
    assert [is_value(kind, text) for text in good] == [True] * len(good)
    assert [is_value(kind, text) for text in bad] == [False] * len(bad)


@pytest.mark.parametrize("variable", SET_VARIABLES.values(), ids=lambda row: row.name)
def test_every_variable_is_read(variable):
    good = GOOD_AND_BAD[variable.type][0][-1]
    assert ids(f"set {variable.name} {good}", variable.versions[-1]) == []
    for bad in GOOD_AND_BAD[variable.type][1]:
        assert ids(f'set {variable.name} "{bad}"') == ["bad-value"]


def test_booleans():
    assert parse_boolean("on") is parse_boolean("Yes") is parse_boolean("1") is True
    assert parse_boolean("off") is parse_boolean("no") is parse_boolean("false") is False
    assert parse_boolean("auto") is None


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("lco", "loc"),
        ("lo", None),
        ("cmdlin", "cmdline"),
        ("comandline", None),
        ("SYSTEM", "system"),
        ("pas", "pass"),
        ("reserves", "reserve"),
        ("resrv", "reserve"),
        ("zzz", None),
        ("x" * 1000, None),
    ],
)
def test_nearest_option(word, meant):
    assert nearest(word, ["loc", "cmdline", "system", "pass", "reserve"]) == meant


def test_reading_imports_nothing_heavy():
    heavy = "dataclasses argparse pathlib json logging ctypes tomllib subprocess tempfile inspect"
    code = (
        "import sys, passthru.language\n"
        f"print([name for name in {heavy.split()!r} if name in sys.modules])"
    )
    # -S: site's path files import pathlib and more before anything of ours.
    src = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": src},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
