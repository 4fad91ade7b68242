# SPDX-License-Identifier: Apache-2.0
"""The layout, rule by rule."""

import pytest

from passthru.diagnostics.source import Source
from passthru.language.layout import format_text

ACME = ["vdev acme", "    a /dev/x loc $env{A} b c d", "    e f g"]
LONG = "name " + "x" * 53


def lines(*written: str) -> str:
    return "".join(f"{line}\n" for line in written)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t\r\n", []),
        ("cpu", ["cpu"]),
        ("\n\n  system a\n\n\n\nram 1m\n\n", ["system a", "", "ram 1m"]),
        ("cpu sched 8 ram 32m", ["cpu sched 8", "ram 32m"]),
        ("cpu ram 32m sched 8", ["cpu", "ram 32m", "    sched 8"]),
        ("cpu\n  cpu\n\tcpu", ["cpu", "cpu", "cpu"]),
        ("ram\n 1m", ["ram 1m"]),
        ("set\nexit-on-halt\toff", ["set exit-on-halt off"]),
        ("guest\nload ./a initrd load b", ["guest load ./a", "initrd load b"]),
        ("fdt  generate cpu", ["fdt generate", "cpu"]),
        ("initrd pass\nloc 1,2", ["initrd pass", "    loc 1,2"]),
        ("pass pci:0:14.0 pass pci:0:23.0", ["pass pci:0:14.0", "pass pci:0:23.0"]),
        ("vdev smmu set debug off loc 1", ["vdev smmu set debug off loc 1"]),
        ("vdev smmu loc 1\n set debug off", ["vdev smmu", "    loc 1", "    set debug off"]),
        ("pass loc 1 set debug off", ["pass loc 1", "set debug off"]),
    ],
)
def test_options_have_their_lines(text, expected):
    assert format_text(Source("a", text)) == lines(*expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vdev gic  version 2", ["vdev gic version 2"]),
        ("vdev gic\nversion 2", ["vdev gic", "    version 2"]),
        ("vdev\ngic version 2", ["vdev gic", "    version 2"]),
        ("pass loc 1,2,rwn\n intr gic:4", ["pass", "    loc 1,2,rwn", "    intr gic:4"]),
        ("pass\n  loc 1,2,rwn intr\n  gic:4", ["pass", "    loc 1,2,rwn", "    intr gic:4"]),
        (f"vdev pl011 loc 0x1 {LONG}abc  # d", [f"vdev pl011 loc 0x1 {LONG}abc  # d"]),
        (f"vdev pl011 loc 0x1 {LONG}abcd", ["vdev pl011", "    loc 0x1", f"    {LONG}abcd"]),
        ('vdev pl011 name "a\nb" loc 1', ["vdev pl011", '    name "a', 'b"', "    loc 1"]),
        ("vdev acme a b c loc 1", ["vdev acme a b c loc 1"]),
        ("vdev acme\na b c loc 1", ["vdev acme", "    a b", "    c", "    loc 1"]),
    ],
)
def test_a_context_is_one_line_if_it_was_and_is_short(text, expected):
    assert format_text(Source("a", text)) == lines(*expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("#a  \n\n\n # b\ncpu#c", ["#a", "", "# b", "cpu  #c"]),
        ("pass # one\nloc 1 # two", ["pass  # one", "    loc 1  # two"]),
        ("pass\n# about\nloc 1", ["pass", "    # about", "    loc 1"]),
        ("loc # a\n# b\n\n1", ["loc  # a", "# b", "", "1"]),
        ("ram # a\n# b\n\n1m", ["ram  # a", "    # b", "    1m"]),
        ("pass\n loc # a\n1", ["pass", "    loc  # a", "        1"]),
        ("pass\n  loc 1\n  # intr\n# x\ncpu", ["pass", "    loc 1", "    # intr", "# x", "cpu"]),
        (" pass\n  loc 1\n # x\n cpu", ["pass", "    loc 1", "# x", "cpu"]),
        ("pass\n  loc 1\n\n  # intr\n\n", ["pass", "    loc 1", "", "    # intr"]),
        ("pass loc 1 pass loc 2 # both", ["pass loc 1", "pass loc 2  # both"]),
        ("vdev gic version 2 # is 2\nram 1m", ["vdev gic version 2  # is 2", "ram 1m"]),
    ],
)
def test_comments_stay_with_what_they_are_about(text, expected):
    assert format_text(Source("a", text)) == lines(*expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpus   2 ram 1m\nram 2m cpu", ["cpus 2 ram 1m", "ram 2m", "cpu"]),
        ("pass interrupt=42  loc 1\n intr p:1", ["pass interrupt=42 loc 1", "    intr p:1"]),
        ("pass loc 1,guestloc 2,len 3", ["pass loc 1,guestloc 2,len 3"]),
        ("pass\n  lco 1,2\nramm 1m", ["pass", "    lco 1,2", "ramm 1m"]),
        ("load a \\\nram 1m", ["load a \\", "ram 1m"]),
        ("load a\\ ram 1m", ["load a\\ ram 1m"]),
        ("ram = 1m cpu", ["ram = 1m cpu"]),
        ("vdev acme loc $env{A} name loc", ["vdev acme loc $env{A} name loc"]),
        ("vdev acme a\n/dev/x loc $env{A}  b c d\n e f g", ACME),
        ("logger\n@FILTERS@ stdout", ["logger", "    @FILTERS@ stdout"]),
        ("set a=b\nfoo 5", ["set a=b", "foo 5"]),
        ("vdev type=pl011\n hostdv a b", ["vdev type=pl011", "hostdv a b"]),
        ("vdev = pl011\n hostdv a b", ["vdev = pl011", "hostdv a b"]),
        ('cmdline "a b  # c \ncpu', ['cmdline "a b  # c', "cpu"]),
        ("user a  b\nc cpu", ["user a b", "c cpu"]),
        ("vdev pl011 loc $env{UART}  intr gic:1", ["vdev pl011 loc $env{UART} intr gic:1"]),
        ("@MARKER@\n  cpu", ["@MARKER@", "cpu"]),
    ],
)
def test_what_is_not_understood_keeps_its_line(text, expected):
    assert format_text(Source("a", text)) == lines(*expected)


def test_a_line_that_a_comment_is_for_is_neither_broken_nor_joined():
    text = lines(
        "pass loc 1,2 pass loc mem:0x3000 # passthru: allow missing-length",
        "# passthru: allow dma-status-missing",
        "pass loc 5,6 pass loc",
        "7,8",
    )
    assert format_text(Source("a", text)) == lines(
        "pass loc 1,2 pass loc mem:0x3000  # passthru: allow missing-length",
        "# passthru: allow dma-status-missing",
        "pass loc 5,6 pass loc",
        "    7,8",
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("cpu\r\nram 1m\nrom 1m", "cpu\r\nram 1m\r\nrom 1m\r\n"),
        ("cpu\nram 1m\r\n", "cpu\nram 1m\n"),
        ('\r\ncmdline "a\nb \r\nc"', 'cmdline "a\nb \r\nc"\r\n'),
        ('cmdline "a\r\nb"\ncpu', 'cmdline "a\r\nb"\ncpu\n'),
        ("\ufeff cpu", "\ufeffcpu\n"),
        ("cpu\rram 1m", "cpu\nram 1m\n"),
    ],
)
def test_line_ends_and_the_byte_order_mark(text, expected):
    assert format_text(Source("a", text)) == expected
