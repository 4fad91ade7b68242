# SPDX-License-Identifier: Apache-2.0
"""Every row of the option table is read, and arrives where it belongs in the model."""

import pytest

from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.access import ACCESS_LETTERS
from passthru.language.model import BlobType, MemoryKind
from passthru.language.options import CONTEXT_OPTIONS, TOP_OPTIONS, ArgumentKind, Context
from passthru.language.variables import SET_VARIABLES, ValueType
from passthru.language.vdevs import VDEV_TYPES


def config_of(text, version="8.0"):
    result = read([Source("a", text)], environment={}, version=version)
    assert [finding.message for finding in result.findings] == []
    return result.config


def setting(name):
    return lambda config: [s.values for s in config.settings if s.name == name]


# a text, where it arrives, and as what

TOP = {
    "system": ("system a", lambda config: config.system.value, "a"),
    "cpu": ("cpu cpu", lambda config: len(config.cpus), 2),
    "ram": ("ram 0x1000,4K", lambda config: config.memory[0][:3], (MemoryKind.RAM, 0x1000, 4096)),
    "rom": ("rom 4K", lambda config: config.memory[0][:3], (MemoryKind.ROM, None, 4096)),
    "load": (
        "ram 1G fdt load 0x1000,x",
        lambda config: config.loads[0][:3],
        (BlobType.FDT, 0x1000, "x"),
    ),
    "cmdline": ('cmdline "a b"', lambda config: config.cmdline.value, "a b"),
    "pass": ("raw pass", lambda config: config.passes[0].blob, BlobType.RAW),
    "reserve": ("reserve", lambda config: len(config.reserves), 1),
    "vdev": ("vdev vdev-x.so", lambda config: config.vdevs[0].type, "x"),
    "set": (
        "set exit-on-halt no",
        lambda config: config.variables[0][:2],
        ("exit-on-halt", "no"),
    ),
    "logger": ("logger info,debug slog", setting("logger"), [("info,debug", "slog")]),
    "dump": ("dump /tmp", setting("dump"), [("/tmp",)]),
    "dryrun": ("dryrun", lambda config: config.dryrun, True),
    "unsupported": (
        "unsupported register fail",
        setting("unsupported"),
        [("register", "fail")],
    ),
    "safety": ("safety required", setting("safety"), [("required",)]),
    "generate": ("fdt generate", lambda config: config.settings[0].blob, BlobType.FDT),
    "user": ("user a b", setting("user"), [("a", "b")]),
    "debug": ("debug 1", setting("debug"), [("1",)]),
    "id": ("id 1", setting("id"), [("1",)]),
    "threads": ("threads 4", setting("threads"), [("4",)]),
    "rsvd": ("rsvd 1", setting("rsvd"), [("1",)]),
}


@pytest.mark.parametrize("name", TOP_OPTIONS)
def test_an_option_of_the_vm_arrives(name):
    text, part, expected = TOP[name]
    assert part(config_of(text, TOP_OPTIONS[name].versions[-1])) == expected


@pytest.mark.parametrize("name", CONTEXT_OPTIONS[Context.CPU])
def test_an_option_of_cpu_arrives(name):
    version = CONTEXT_OPTIONS[Context.CPU][name].versions[-1]
    first, second = config_of(f"cpu {name} 1 cpu", version).cpus
    assert getattr(first, name).value == "1"
    assert first[:4].count(None) == 3
    assert second[:4] == (None,) * 4


WHOLE = {
    "loc": ("0x1000,0x1000,rwn", lambda part: part.locations[0].guest[:], (0x1000, 0x1000)),
    "intr": ("gic:5", lambda part: part.interrupts[0][:2], ("gic", 5)),
    "sched": ("10", lambda part: part.sched.value, "10"),
}


@pytest.mark.parametrize("name", CONTEXT_OPTIONS[Context.PASS])
def test_an_option_of_pass_arrives(name):
    value, part, expected = WHOLE[name]
    assert part(config_of(f"pass {name} {value}").passes[0]) == expected


@pytest.mark.parametrize("name", CONTEXT_OPTIONS[Context.RESERVE])
def test_an_option_of_reserve_arrives(name):
    value, part, expected = WHOLE[name]
    assert part(config_of(f"reserve {name} {value}").reserves[0]) == expected


VDEV_ROWS = [(vdev, option) for vdev in VDEV_TYPES.values() for option in vdev.options.values()]


@pytest.mark.parametrize(
    ("vdev", "option"), VDEV_ROWS, ids=[f"{vdev.name}-{option.name}" for vdev, option in VDEV_ROWS]
)
def test_an_option_of_a_virtual_device_arrives(vdev, option):
    kinds = {
        ArgumentKind.LOCATION: ("mem:0x1000", lambda part: part.locations[0].guest.start, 0x1000),
        ArgumentKind.INTERRUPT: ("gic:5", lambda part: part.interrupts[0].line, 5),
        ArgumentKind.NUMBER: ("3", lambda part: part.values(option.name), ("3",)),
        ArgumentKind.TEXT: ("x", lambda part: part.values(option.name), ("x",)),
        ArgumentKind.CHOICES: ("info slog", lambda part: part.values(option.name), ("info slog",)),
    }
    if not option.arguments:
        (made,) = config_of(f"vdev {vdev.name} {option.name} name x").vdevs
        assert [(each.name, each.value) for each in made.options] == [(option.name, None)]
        assert made.name is not None
        assert made.name.value == "x"
        return
    value, part, expected = kinds[option.arguments[0].kind]
    if option.name == "name":
        part, expected = (lambda vdev: vdev.name.value), "x"
    config = config_of(f"vdev {vdev.name} {option.name} {value}", option.versions[-1])
    (made,) = config.vdevs
    assert made.type == vdev.name
    assert part(made) == expected


VALUES = {
    ValueType.BOOLEAN: "off",
    ValueType.TRISTATE: "auto",
    ValueType.NUMBER: "0x10",
    ValueType.ADDRESS: "0xff841000",
    ValueType.STRING: "/tmp/x",
    ValueType.UNKNOWN: "on",
}


@pytest.mark.parametrize("variable", SET_VARIABLES.values(), ids=lambda row: row.name)
def test_a_variable_arrives(variable):
    value = VALUES[variable.type]
    config = config_of(f"set {variable.name} {value}", variable.versions[-1])
    assert [each[:2] for each in config.variables] == [(variable.name, value)]


@pytest.mark.parametrize("letter", ACCESS_LETTERS)
def test_an_access_letter_arrives_and_can_be_removed(letter):
    with_it, without_it = (
        config_of(f"pass loc 0x1000,0x1000,{letter} loc 0x2000,0x1000,rwxcedmnst-{letter}")
        .passes[0]
        .locations
    )
    assert letter in with_it.access.letters
    assert set(without_it.access.letters) == set("rwxcemdnst") - {letter}


def test_the_access_letters_are_those_of_the_reference():
    assert sorted(ACCESS_LETTERS) == sorted("rwxcemdnst")


# How a text may be laid out

LAYOUTS = [
    "pass loc 0x1000,0x1000,rwn intr gic:5 sched 10 ram 1G",
    "pass\n  loc\n    0x1000,0x1000,rwn\n  intr\n    gic:5\n  sched\n    10\nram\n1G\n",
    "pass\r\n\tloc 0x1000,0x1000,rwn\r\n\tintr gic:5\r\n\tsched 10\r\nram 1G\r\n",
    "# größer ä\npass # ö\n loc 0x1000,0x1000,rwn#x\n intr gic:5 sched 10 # \u4e2d\nram 1G # end",
    '"pass" loc "0x1000,0x1000,rwn" intr gic:"5" sched "10" ram "1G"',
    "\ufeffpass loc 0x1000,0x1000,rwn intr gic:5 sched 10 ram 1G",
    "pass ram 1G loc 0x1000,0x1000,rwn intr gic:5 sched 10",
    "pass loc mem:0x1000,4K,+rw+n,=0x1000 intr gic:5 sched 10 ram 0d1073741824",
]


@pytest.mark.parametrize("text", LAYOUTS)
def test_layout_has_no_meaning(text):
    config = config_of(text)
    (passed,) = config.passes
    assert passed.locations[0].guest[:] == (0x1000, 0x1000)
    assert passed.locations[0].access.letters == "rwn"
    assert (passed.interrupts[0].line, passed.sched.value) == (5, "10")
    assert config.memory[0].size == 1 << 30


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "   \t\r\n", "\ufeff"])
def test_an_empty_text_is_a_vm_with_nothing(text):
    config = config_of(text)
    assert (config.name, config.memory, config.cpus) == ("qvm-guest", (), ())


def test_a_command_line_may_run_over_lines_inside_quotes():
    config = config_of('cmdline "console=ttyS0 \\\n  ro \\\r\n quiet"\nram 1G')
    assert config.cmdline.value == "console=ttyS0   ro  quiet"
    assert config.memory[0].size == 1 << 30
