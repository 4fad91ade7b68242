# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.buildfile import configurations_in_buildfile

HOST_IMAGE = r"""
[virtual=aarch64le,elf +compress] .bootstrap = {
    startup-board -Q enable # not a "name = {
    PATH=/proc/boot procnto-smp-instr
}
[+script] startup-script = {
    set -e
    qvm @/guests/linux.qvmconf &
}
# commented.qvmconf = { system never }
[uid=0 perms="]0644" type=file]
/guests/linux.qvmconf = {
system linux   # first
ram 0x80000000,512m
load /guests/Image
cmdline "console=ttyAMA0 root=\\"x\\" {y\}"
vdev pl011 loc 0x1c090000
    intr gic:37 hostdev $env{TTY\} name a
}
"/guests/other \"one\"" = {
ram 1m,511m cpu
}
libc.so=libc.so.6
/etc/list={ram ram ram}
/guests/empty.qvmconf={
}
"""


def test_configurations_are_found_by_name_and_by_content():
    sources = configurations_in_buildfile(Source("host.build", HOST_IMAGE))
    assert [source.name for source in sources] == ["host.build"] * 3
    names = [read([source], environment={"TTY": "x"}).config.name for source in sources]
    assert names == ["linux", "qvm-guest", "qvm-guest"]


def test_places_are_those_of_the_buildfile():
    source = configurations_in_buildfile(Source("host.build", HOST_IMAGE))[0]
    result = read([source], environment={"TTY": "/dev/ser1"})
    assert result.findings == ()
    config = result.config
    lines = HOST_IMAGE.split("\n")
    assert lines[config.system.span.line - 1] == "system linux   # first"
    assert config.cmdline.value == 'console=ttyAMA0 root="x" {y}'
    (vdev,) = config.vdevs
    assert vdev.values("hostdev") == ("/dev/ser1",)
    line, column = vdev.name.span.line, vdev.name.span.column
    assert lines[line - 1][column - 1 :] == "a", "a column behind an escape"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("a.qvmconf={", [""]),
        ("a.qvmconf = {ram 1m}", ["ram 1m"]),
        ("a.qvmconf = {ram 1m} b = {cpu} c.qvmconf={cpu}", ["ram 1m", "cpu"]),
        ("a.qvmconf = {{ram} 1m}", ["{ram"]),
        (r"a.qvmconf = {a\}b\\c\}", [r"a}b\c}"]),
        ("a.qvmconf=path/to/a.qvmconf", []),
        ("[a={b}] c.qvmconf={cpu}", ["cpu"]),
        ('[+x "]" y] c.qvmconf={cpu}', ["cpu"]),
        ("# x.qvmconf = {\nc.qvmconf={cpu}", ["cpu"]),
        ("x#y.qvmconf={cpu}", ["cpu"]),
        ("x = {guest load a ram 1m}", ["guest load a ram 1m"]),
        ("x = {\n#!/bin/sh\nram 1m\n}", ["#!/bin/sh\nram 1m"]),
        ("x = {unknown ram 1m}", []),
        ("x = {set a b}", []),
    ],
)
def test_inline_files(text, expected):
    sources = configurations_in_buildfile(Source("b", text))
    assert [source.text.strip() for source in sources] == expected


@given(st.text(alphabet=st.sampled_from('a.={}[]#"\\ \n'), max_size=40))
def test_any_text_keeps_its_lines_and_never_raises(text):
    for source in configurations_in_buildfile(Source("b", "x.qvmconf={" + text)):
        # A backslash before a line end is dropped and the line end stays.
        assert source.text.count("\n") == text.count("\n")


@given(st.text(alphabet=st.sampled_from('ab{}\\"# \n'), max_size=40))
def test_an_inline_file_is_read_as_it_would_be_alone(text):
    escaped = text.replace("\\", "\\\\").replace("}", "\\}")
    (source,) = configurations_in_buildfile(Source("b", "x.qvmconf={\n" + escaped + "\n}\n"))
    alone = Source("b", "\n" + text + "\n\n")
    inside, outside = (read([each], environment={}) for each in (source, alone))
    assert [f.message for f in inside.findings] == [f.message for f in outside.findings]
    assert [f.span.line for f in inside.findings] == [f.span.line for f in outside.findings]
