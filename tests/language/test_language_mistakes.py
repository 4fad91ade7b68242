# SPDX-License-Identifier: Apache-2.0
"""Every rule of the language: a text that it is told for, alone, and one that is nearly so."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.mistakes import LANGUAGE_RULES


def findings_of(text, version="8.0"):
    return read([Source("guest.qvmconf", text)], environment={}, version=version).findings


def with_edits(text, findings):
    """``text`` with the changes of all findings made."""
    edits = sorted(
        (edit for finding in findings for edit in finding.edits), reverse=True, key=place
    )
    for edit in edits:
        text = text[: edit.span.start] + edit.text + text[edit.span.end :]
    return text


def place(edit):
    return edit.span.start, edit.span.end


# id, a text with this mistake only, a text that is nearly so and right

CASES = [
    ("not-text", "system a\0", "system a # \udcfcber"),
    ("unterminated-quote", 'cmdline "console=ttyS0 ro', 'cmdline "console=ttyS0 ro"'),
    ("unexpanded-marker", "ram @SIZE@", 'cmdline "a@b"'),
    ("unknown-variable", "system $env{NAME}", 'cmdline "$NAME $(x) $other{x}"'),
    ("unknown-option", "sytem guest", "system sytem"),
    ("foreign-syntax", "system name=guest", 'system "name=guest"'),
    ("missing-argument", "system\nram 1G", 'system\n"ram"'),
    ("option-outside-context", "ram 1G cluster a", "cpu ram 1G cluster a"),
    ("option-repeated", "cpu sched 8 sched 6", "cpu sched 8 cpu sched 6"),
    ("option-order", "load ./Image ram 1G", "ram 1G load ./Image"),
    ("version-only", "cpu runmask 1,2", "cpu cluster _cpu-1"),
    ("bad-value", "set exit-on-halt maybe", "set exit-on-halt No"),
    ("bad-number", "ram 0x80000000,512T", "ram 0x80000000,512G"),
    ("ambiguous-number", "ram 4000,1G", "ram 0x4000,1G ram c0000,4K"),
    ("bad-location", "pass loc pci:0", "pass loc pci:0:1"),
    ("missing-loc-keyword", "pass pci:0:14.0", "pass loc pci:0:14.0"),
    ("missing-length", "pass loc mem:0x2000,r=0x1000", "vdev pl011 loc mem:0x2000"),
    ("host-address-ignored", "pass loc io:0x60,4=0x60", "pass loc io:0x60,4,rw"),
    ("unknown-access-type", "pass loc 0x1000,0x1000,rwz", "pass loc 0x1000,0x1000,rwt"),
    ("access-removed-nothing", "pass loc 0x1000,0x1000,rw-x", "pass loc 0x1000,0x1000,m-x"),
    ("bad-interrupt", "pass intr gic:4,v", "pass intr gic:4,u"),
    ("missing-interrupt-controller", "reserve intr 39", "reserve intr gic:39"),
]


@pytest.mark.parametrize(("rule_id", "wrong", "right"), CASES, ids=[case[0] for case in CASES])
def test_a_mistake_is_told_alone_and_a_near_miss_is_not(rule_id, wrong, right):
    assert [finding.id for finding in findings_of(wrong)] == [rule_id]
    assert findings_of(right) == ()


def test_every_rule_of_the_language_has_a_case():
    assert sorted(rule.id for rule in LANGUAGE_RULES) == sorted(case[0] for case in CASES)


@pytest.mark.parametrize("rule", LANGUAGE_RULES, ids=lambda rule: rule.id)
def test_a_rule_says_in_sentences_what_and_why(rule):
    assert rule.summary.endswith(".")
    assert rule.reason.endswith(".")
    (wrong,) = (case[1] for case in CASES if case[0] == rule.id)
    (finding,) = findings_of(wrong)
    assert finding.reason == rule.reason
    assert finding.severity is rule.severity or rule.id == "unknown-variable"


def test_what_only_the_target_knows_is_information():
    (finding,) = findings_of("pass loc 0,4K,n=$asinfo_start{x}")
    assert (finding.id, finding.severity) == ("unknown-variable", Severity.INFORMATION)


# Changes of the text that are certain

REPAIRED = [
    ("pass pci:0:14.0", "pass loc pci:0:14.0"),
    ("pass mem:0x1000,0x1000,rwn", "pass loc mem:0x1000,0x1000,rwn"),
    ("pass 0x1000,0x1000,rwn", "pass loc 0x1000,0x1000,rwn"),
    ("pass loc mem:0x2000,r=0x1000", "pass loc mem:0x2000,0x1000,r=0x1000"),
    ("pass loc 0x2000", "pass loc 0x2000,0x1000"),
    ("pass loc 0x2000=0x1000", "pass loc 0x2000,0x1000=0x1000"),
    ("ram 4000,1G", "ram 0x4000,1G"),
    ("ram 16m,1G", "ram 0d16m,1G"),
    ("pass loc 4000,0x1000,rn=5000", "pass loc 0x4000,0x1000,rn=0x5000"),
    ("pass loc mem:4000,r=0x1000", "pass loc mem:0x4000,0x1000,r=0x1000"),
    ("pass loc io:0x60,4=0x60", "pass loc io:0x60,4"),
    ("pass loc io:0x60,4,rw,=0x60", "pass loc io:0x60,4,rw"),
    ("pass loc 0x1000,0x1000,RWn", "pass loc 0x1000,0x1000,rwn"),
    ("pass loc 0x1000,0x1000,rw-x", "pass loc 0x1000,0x1000,rw"),
    ("pass loc 0x1000,0x1000,rw-x-c=0x2000", "pass loc 0x1000,0x1000,rw=0x2000"),
    ("vdev ioapic name a reserve intr 4", "vdev ioapic name a reserve intr a:4"),
    ("pass intr 39=71", "pass intr gic:39=71"),
    ("pass intr gic:4,t=9", "pass intr gic:4=9"),
    ("cpu runmask 1", "cpu cluster _cpu-1"),
    ("ram 512MB", "ram 512M"),
    ("pass loc 16MiB,4K,rwn", "pass loc 0d16M,4K,rwn"),
    ("pass loc 0x1000,4KB,rwn", "pass loc 0x1000,4K,rwn"),
    ("reserve loc io 0xcf8,0x8", "reserve loc io:0xcf8,0x8"),
    ("pass loc 0x1000, 0x1000, rwn", "pass loc 0x1000,0x1000,rwn"),
    ("pass loc 0x1000 0x1000 rwn", "pass loc 0x1000,0x1000,rwn"),
    ("ram 0x80000000, 512M", "ram 0x80000000,512M"),
    ("pass intr gic 5", "pass intr gic:5"),
    ("pass loc pci:0:2.0=0:3.0", "pass loc pci:0:2.0=pci:0:3.0"),
    ("pass loc pci:00:1f.3", "pass loc pci:0:31.3"),
    ("RAM 1G", "ram 1G"),
    ("pass loc 0x1000,0x1000,rwn \\\n intr gic:5", "pass loc 0x1000,0x1000,rwn\n intr gic:5"),
    ("ram 1G\\\r\ncpu", "ram 1G\r\ncpu"),
    ("\\\nram 1G", "\nram 1G"),
    ("cmdline \\  # text\n 'x'", "cmdline  # text\n 'x'"),
    ("cmdline a=b root=/dev/vda rw # c", 'cmdline "a=b root=/dev/vda rw" # c'),
    ("pass loc 0x1000,0x1000,rwn = 0x2000", "pass loc 0x1000,0x1000,rwn=0x2000"),
    ("pass intr gic:5 =9", "pass intr gic:5=9"),
    ('cmdline = "a b"', 'cmdline "a b"'),
    ("set exit-on-halt= on", "set exit-on-halt on"),
    ("set exit_on_halt on", "set exit-on-halt on"),
    ("exit-on-halt on", "set exit-on-halt on"),
    ("cmdline a = b = c", "cmdline a=b=c"),
    ("cmdline mode = 5", "cmdline mode=5"),
    ("cmdline user = root", "cmdline user=root"),
    ('cmdline = "root=/dev/vda"', 'cmdline "root=/dev/vda"'),
    ("ram 0x80000000 512M", "ram 0x80000000,512M"),
    ("ram 2 GB", "ram 2G"),
    ("ram 1G load 0x80000 ./Image", "ram 1G load 0x80000,./Image"),
    ("vdev: pl011\n loc: 0x1000", "vdev pl011\n loc 0x1000"),
    ("pass loc 0x1000,0x1000,r,w,n", "pass loc 0x1000,0x1000,rwn"),
    ("pass loc 0x1000,0x1000,rwn,0x2000", "pass loc 0x1000,0x1000,rwn=0x2000"),
    ("pass loc 0x1000,0x1000,rwn,", "pass loc 0x1000,0x1000,rwn"),
    ("vdev pl011 loc 0x1000, intr gic:5,", "vdev pl011 loc 0x1000 intr gic:5"),
    ("pass intr gic:0x5=9,u", "pass intr gic:0x5,u=9"),
    ("pass loc pci:8086:1234", "pass loc pci:0x8086/0x1234"),
    ("pass loc 0000:00:1f.3", "pass loc pci:0:31.3"),
    ("pass pci 0:2.0", "pass loc pci:0:2.0"),
    ("pass\u00a0loc\u00a00x1000,0x1000,rwn", "pass loc 0x1000,0x1000,rwn"),
]


@pytest.mark.parametrize(("wrong", "right"), REPAIRED)
def test_a_certain_fix_repairs_the_text(wrong, right):
    findings = findings_of(wrong)
    assert findings
    assert with_edits(wrong, findings) == right
    assert findings_of(right) == ()


UNCERTAIN = [
    "pass loc 0x1000,0x1000,rw-xn",
    "pass loc 0x1000,0x1000,-x",
    "ram 0x80000000, # half a gigabyte\n512M",
    "pass loc 0x1000,0x1000,rq",
    "pass loc 0x1000,F000,rwn",
    "pass loc pci:0x8086/1234",
    "sytem guest",
    "ram 1G a\\ b",
    'cmdline "a b',
    "cpu runmask 1,2",
    "cpu partition p",
    'ram "4000,1G"',
    'cmdline "a" b',
    "cpu count=2",
    "pass addr=5000,size=0x1000",
    "pass 0x1000,0x1000,0xfe000000",
    "pass loc 0x1000,0x1000,0x2000",
    "pass loc 0x1000,0x1000,rwn = 0x2000 = 3",
    "pass loc 0x1000,0x1000,rwn\u00a0= 0x2000 = 3",
    "pass loc 0x1000,0x1000,rwn => 0x2000",
    "ram 4000 512M",
    "ram 0x80000000-0x90000000",
    "load guest ./Image ram 1G",
    "memory=512M",
    "pass loc 0x1000,0x1000,rwn guest=0x2000",
]


@pytest.mark.parametrize("text", UNCERTAIN)
def test_what_else_could_be_meant_is_not_changed(text):
    findings = findings_of(text)
    assert findings
    assert with_edits(text, findings) == text


def test_every_text_with_a_variable_is_left_alone():
    text = "pass loc 4000,$env{SIZE},rw"
    result = read([Source("a", text)], environment={"SIZE": "4K"})
    assert [finding.id for finding in result.findings] == ["ambiguous-number"]
    assert result.findings[0].edits == ()


# Syntax of other places

FOREIGN = [
    ("pass addr=0x1000,host=0x2000,size=0x3000", "pass loc 0x1000,0x3000=0x2000"),
    ("pass size=4K,host=0x2000,addr=16m,access=rwn", "pass loc 0d16m,4K,rwn=0x2000"),
    ("pass host=0x2000 size=4K flags=rw addr=0x1000", "pass loc 0x1000,4K,rw=0x2000"),
    ("pass addr = 0x1000, size = 4K", "pass loc 0x1000,4K"),
    ("pass addr=0x1000,size=0x1000,dma=no", "pass loc 0x1000,0x1000,rwn"),
    ("pass addr=0x1000,size=4K,irq=42", "pass loc 0x1000,4K intr gic:42"),
    ("pass addr=0xb0000000,size=4KB", "pass loc 0xb0000000,4K"),
    ("pass interrupt=42", "pass intr gic:42"),
    ("pass interrupt=pic:42,vector=74", "pass intr pic:42=74"),
    ("vdev ioapic name p pass irq=4", "vdev ioapic name p pass intr p:4"),
    ("pass loc 0xfe000000,guestloc 0x1000,len 4096", "pass loc 0x1000,4096=0xfe000000"),
    ("pass loc 0xfe000000, guestloc 0x1000, len 4K", "pass loc 0x1000,4K=0xfe000000"),
    (
        "pass loc 0xfe000000 guestloc 0x1000 len 4K intr gic:5",
        "pass loc 0x1000,4K=0xfe000000 intr gic:5",
    ),
    ("pass loc 0xfe000000,guestloc\n 0x1000,len\n 4K", "pass loc 0x1000,4K=0xfe000000"),
    ("pass loc addr=0x1000,size=0x2000", "pass loc 0x1000,0x2000"),
    ("pass 0x1000,0xfe000000,0x2000", "pass loc 0x1000,0x2000=0xfe000000"),
    ("pass 0x1000,0xfe000000,0x2000,rwn", "pass loc 0x1000,0x2000,rwn=0xfe000000"),
    ("pass pci=0:2.0", "pass loc pci:0:2.0"),
    ("pass port=0x60,size=4", "pass loc io:0x60,4"),
    ("pass loc=0x1000,0x1000,rwn", "pass loc 0x1000,0x1000,rwn"),
    ("system name=guest", "system guest"),
    ("system=guest", "system guest"),
    ("system = linux", "system linux"),
    ("ram addr=0x80000000,size=512M", "ram 0x80000000,512M"),
    ("ram addr=0x80000000 size=512M", "ram 0x80000000,512M"),
    ("ram start=0x80000000, length=512MB", "ram 0x80000000,512M"),
    ("ram size=512M cpu", "ram 512M cpu"),
    ("ram=512M", "ram 512M"),
    ("rom base=0xc0000,len=256K", "rom 0xc0000,256K"),
    ("vdev type=pl011 loc 0x1000", "vdev pl011 loc 0x1000"),
    ("vdev type=pl011,addr=0x1000,irq=37", "vdev pl011 loc 0x1000 intr gic:37"),
    ("vdev pl011,loc=0x1000,intr=gic:37", "vdev pl011 loc 0x1000 intr gic:37"),
    ("vdev pl011 addr=0x1000 irq=37", "vdev pl011 loc 0x1000 intr gic:37"),
    ("vdev pl011 loc=0x1000 intr=gic:37", "vdev pl011 loc 0x1000 intr gic:37"),
    ("vdev virtio-gpu loc=0x1000 scanout 1", "vdev virtio-gpu loc 0x1000 scanout 1"),
    ("ram 1G load file=./Image", "ram 1G load ./Image"),
    ("ram 1G load addr=0x80000,file=./Image", "ram 1G load 0x80000,./Image"),
    ("ram 1G initrd=./initrd.gz", "ram 1G initrd load ./initrd.gz"),
    ('cmdline="console=ttyS0 ro"', 'cmdline "console=ttyS0 ro"'),
    ("set exit-on-halt=on", "set exit-on-halt on"),
    ("cpu cluster=_all", "cpu cluster _all"),
]


def model(text):
    """What a text means, without the places in it."""
    config = read([Source("a", text)], environment={}).config
    return _without_spans(config)


def _without_spans(value):
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None) or range(len(value))
        kept = zip(fields, value, strict=True)
        return [_without_spans(item) for field, item in kept if field != "span"]
    return value


@pytest.mark.parametrize(("foreign", "right"), FOREIGN)
def test_foreign_syntax_is_put_right_and_understood(foreign, right):
    findings = findings_of(foreign)
    assert {finding.id for finding in findings} == {"foreign-syntax"}
    assert with_edits(foreign, findings) == right
    assert findings_of(right) == ()
    assert model(foreign) == model(right)


@pytest.mark.parametrize(
    ("foreign", "fix"),
    [
        ("cpu count=3", "cpu cpu"),
        ("cpu 3", "cpu cpu"),
        ("cpus 4", "cpu cpu cpu cpu"),
        ("name=guest", "system guest"),
        ("memory=512M", "ram 512M"),
        ("memory = 512M", "ram 512M"),
        ("ram 1G load guest ./Image", "guest load ./Image"),
        ("cpus=2", "cpu cpu"),
        ("pass addr=5000,size=0x1000", "loc 0x5000,0x1000"),
        ("pass addr=0x1000", "loc GUEST,LENGTH[,ACCESS][=HOST]"),
        ("pass addr=here,size=4K", "loc GUEST,LENGTH[,ACCESS][=HOST]"),
        ("pass addr=0x1000,size=4K,access=all", "loc GUEST,LENGTH[,ACCESS][=HOST]"),
        ("pass irq=any", "loc GUEST,LENGTH[,ACCESS][=HOST]"),
        ("ram addr=0x80000000", "[START,]LENGTH"),
        ("load addr=0x80000000 ram 1G", "[ADDRESS,]FILE"),
        ("pass 0x1000,0x1000,0xfe000000,rwn", "loc 0x1000,0x1000,rwn=0xfe000000"),
    ],
)
def test_foreign_syntax_that_is_not_clear_has_the_form_as_its_fix(foreign, fix):
    (finding,) = findings_of(foreign)
    assert (finding.id, finding.fix, finding.edits) == ("foreign-syntax", fix, ())


def test_as_many_cpus_are_there_as_are_asked_for():
    for text in ("cpu 3", "cpus 3", "cpu count=3"):
        assert len(read([Source("a", text)], environment={}).config.cpus) == 3


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("set exit-on-halt", "set exit-on-halt VALUE"),
        ("logger error", "logger error DESTINATION"),
        ("guest ./Image", "guest load FILE"),
        ("ram 1G load 0x1000,", "load 0x1000,FILE"),
        ("ram 1G\nload\nvdev ser8250 loc 0x3f8", "load [ADDRESS,]FILE"),
    ],
)
def test_the_form_of_an_option_without_its_argument_has_what_is_given(text, fix):
    (finding,) = findings_of(text)
    assert (finding.id, finding.fix) == ("missing-argument", fix)


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("ram 0x80000000-0x9fffffff", "0x80000000,0x20000000"),
        ("pass loc 0xfe201000-0xfe202000,rwn", "0xfe201000,0x1000"),
        ("ram 0x80000000+512M", "0x80000000,512M"),
        ("pass intr 42,gic:43,44", "gic:42 intr gic:43 intr gic:44"),
    ],
)
def test_another_notation_is_shown_in_this_one(text, fix):
    (finding,) = findings_of(text)
    assert (finding.fix, finding.edits) == (fix, ())


MULTI_LINE = st.sampled_from(
    (
        '"a\nb"', '"1\r\n2"', '"0x1,4,r\nq"', '"pci:\n1"', '"\x1b[1m', "pass", "loc", "intr",
        "vdev", "ram", "load", "system", "set", "cmdline", "=", ",", "mem:", "host=", "size=4K",
        "\n", "4000",
    )
)  # fmt: skip


@given(st.lists(MULTI_LINE, max_size=8).map(" ".join))
def test_what_is_told_is_on_one_line_whatever_it_repeats(text):
    for finding in findings_of(text):
        assert finding.message.isprintable()
        assert (finding.fix or "").isprintable()


PIECES = st.sampled_from(
    [
        *(
            "ram",
            "1G",
            "cpu",
            "pass",
            "loc",
            "0x1000,0x1000,rw-x",
        ),
        *(
            "4000,4KB,RW",
            "intr",
            "5",
            "gic:5,t",
            "=",
            "=9",
        ),
        *(
            "\\",
            '"a',
            'b"',
            '"',
            "\n",
            "#",
        ),
        *(
            "@M@",
            "system=x",
            "addr=0x1000",
            "size=4K,",
            "host=1m",
            "0x1,guestloc",
        ),
        *(
            "len",
            "4",
            "pci:1f:0.0",
            "$env{A}",
            "cmdline",
            "a=b",
        ),
        *(
            "runmask",
            "1",
            "vdev",
            "pl011",
            "set",
            "io",
        ),
        *(
            "0x60",
            "RAM",
            "mem:0x2000",
        ),
    ]
)


@given(st.lists(PIECES, max_size=20).map(" ".join))
def test_changes_are_about_the_text_that_was_read(text):
    source = Source("a", text)
    for finding in read([source], environment={"A": "0x1"}).findings:
        for span in (finding.span, *(edit.span for edit in finding.edits)):
            assert span.source is source
            assert 0 <= span.start <= span.end <= len(text)
        assert all(edit.span.text != edit.text for edit in finding.edits)


@given(st.lists(PIECES, max_size=12).map(" ".join))
def test_a_change_ends_its_finding(text):
    def told(text):
        return {(f.id, f.message, f.span.start) for f in findings_of(text)}

    for finding in findings_of(text):
        if finding.edits:
            repaired = with_edits(text, [finding])
            assert (finding.id, finding.message, finding.span.start) not in told(repaired)
