# SPDX-License-Identifier: Apache-2.0
"""Broken texts and exactly what is told about each: one mistake is one finding."""

import pytest

from passthru.diagnostics.source import Source
from passthru.language import read

BROKEN = [
    # words
    ('cmdline "a b\nram 1G', ["unterminated-quote"]),
    ('ram 1G load "./Image\ncpu', ["unterminated-quote"]),
    ('cmdline "a" "b"', ["unknown-option"]),
    ("ram 1G ; cpu", ["unknown-option"]),
    ("// a comment\nram 1G", ["unknown-option"]),
    ("ram 1G // a comment", ["unknown-option"]),
    ("ram 1G,", ["bad-number"]),
    ("ram 1G, cpu", ["bad-number"]),
    ("ram 0x80000000, 512M", ["foreign-syntax"]),
    ("ram 0x80000000,\n 512M # c", ["foreign-syntax"]),
    ("{ ram 1G }", ["unknown-option"] * 2),
    ("ram 1G \\\n cpu", ["unknown-option"]),
    ("ram \\\n 1G", ["unknown-option"]),
    ("pass loc \\\n 0x1000,0x1000,rwn \\\n intr gic:5", ["unknown-option", "unknown-option"]),
    ("ram 1G\\", ["unknown-option"]),
    ("pass loc 0x1000,4K,rwn => 0x1000", ["unknown-option"]),
    ("pass\u00a0loc 0x1000,4K,rwn", ["unknown-option"]),
    # options
    ("sytem linux ram 1G", ["unknown-option"]),
    ("sytem guest", ["unknown-option"]),
    ("SYSTEM linux\nram 1G", ["unknown-option"]),
    ("vdef pl011 loc 0x1000 intr gic:37", ["unknown-option"]),
    ("pas loc 0x1000,0x1000,rwn intr gic:5", ["unknown-option"]),
    ("resreve loc 0xa0000,0x20000", ["unknown-option"]),
    ("cpus sched 10", ["unknown-option"]),
    ("ram 1G\ninitd load ./x", ["unknown-option"]),
    ("colour red\nram 1G", ["unknown-option"]),
    ("colour red ram 1G", ["unknown-option"]),
    ("pass irq 42", ["unknown-option"]),
    ("pass interupt gic:42", ["unknown-option"]),
    ("vdev ser8250 loc 0x3f8 irq 4", ["unknown-option"]),
    ("vdev pl011 hostdve >- loc 0x1000", ["unknown-option"]),
    ("kernel ./Image", ["unknown-option"]),
    ("memory 1G cpu", ["unknown-option"]),
    ("bootargs console=ttyS0 ro", ["unknown-option"]),
    ("include other.qvmconf", ["unknown-option"]),
    ("@other.qvmconf ram 1G", ["unknown-option"]),
    ("cmdline console=ttyAMA0 root=/dev/vda rw", ["unknown-option"]),
    ("vdev pl011 loc 0x1000\ncmdline console=ttyAMA0 root=/dev/vda", ["unknown-option"]),
    ("set smmu-external-managed on", ["unknown-option"]),
    ("set exit-on-hlt off", ["unknown-option"]),
    ("set fdt-dump-fil /tmp/x", ["unknown-option"]),
    ("smmu-externally-managed on", ["unknown-option"]),
    ("import other.qvmconf", ["unknown-option"]),
    ("vdev: pl011\n loc: 0x1000\n intr: gic:37", ["unknown-option"] * 3),
    ("dtb ./board.dtb", ["unknown-option"]),
    ("vdev pl011 loc 0x1000 =\n intr gic:37", ["unknown-option"]),
    ("cpus 4\nram 1G", ["foreign-syntax"]),
    ("cpu 2", ["foreign-syntax"]),
    ("cpu sched 10 5", ["unknown-option"]),
    ("load guest ./Image ram 1G", ["foreign-syntax"]),
    ("cmdline mode = 5", ["foreign-syntax"]),
    # arguments
    ("system", ["missing-argument"]),
    ("ram\ncpu", ["missing-argument"]),
    ("ram cpu", ["missing-argument"]),
    ("pass loc\nintr gic:5", ["missing-argument"]),
    ("pass loc 0x1000,0x1000,rwn intr", ["missing-argument"]),
    ("vdev\nram 1G", ["missing-argument"]),
    ("vdev pl011 hostdev\nintr gic:5", ["missing-argument"]),
    ("set exit-on-halt", ["missing-argument"]),
    ("logger error", ["missing-argument"]),
    ("unsupported abort", ["missing-argument"]),
    ("cpu sched\ncpu", ["missing-argument"]),
    ("fdt ./board.dtb", ["missing-argument"]),
    ("initrd\nload ./x ram 1G", ["option-order"]),
    # contexts and order
    ("loc 0x1000,0x1000 intr gic:5", ["option-outside-context"] * 2),
    ("cluster a", ["option-outside-context"]),
    ("vdev pl011 loc 0x1000 cpu hostdev >-", ["unknown-option"]),
    ("reserve loc 0xa0000,0x1000 sched 10", ["option-outside-context"]),
    ("ram 1G system linux", ["option-order"]),
    ("set exit-on-halt on system linux", ["option-order"]),
    ("load ./Image", ["option-order"]),
    ("load ./Image initrd load ./initrd ram 1G", ["option-order"]),
    ("vdev ser8250 intr a:4 vdev ioapic name a", ["option-order"]),
    ("vdev pl011 loc 0x1000 loc 0x2000 loc 0x3000", ["option-repeated"] * 2),
    ("system a system b", ["option-order"]),
    # numbers
    ("ram 0x80000000,512q", ["bad-number"]),
    ("ram 0x8000000h,512M", ["bad-number"]),
    ("ram 0x80000000,512MB", ["bad-number"]),
    ("ram 0x80000000:512M", ["bad-number"]),
    ("ram 80000000,512M", ["ambiguous-number"]),
    ("ram 0x80000000-0x9fffffff", ["bad-number"]),
    ("ram 0x80000000,-1", ["bad-number"]),
    ("ram 0x80000000,1.5G", ["bad-number"]),
    ("ram one", ["bad-number"]),
    ("vdev gic version v3", ["bad-number"]),
    ("vdev virtio-blk threads four", ["bad-number"]),
    # locations and interrupts
    ("pass mem loc 0x1000,0x1000,rwn", ["unknown-option"]),
    ("pass loc pci:8086:1234", ["bad-location"]),
    ("pass loc 0000:00:03.0", ["bad-location"]),
    ("pass loc 0x1000,0x1000, intr gic:5", ["bad-location"]),
    ("vdev virtio-net loc 0x1000, intr gic:40, name a", ["bad-location", "bad-interrupt"]),
    ("pass intr gic:5=9,u", ["bad-interrupt"]),
    ("pass intr 42,43", ["bad-interrupt"]),
    ("pass loc 0x1000", ["missing-length"]),
    ("pass loc 0x1000,rwn", ["missing-length"]),
    ("pass loc 0x1000,0x1000,0x2000", ["bad-location"]),
    ("pass loc 0x1000,0x1000,rwn,0x2000", ["bad-location"]),
    ("pass loc 0x1000 0x1000 rwn", ["foreign-syntax"]),
    ("pass loc 0x1000, 0x1000, rwn intr gic:5", ["foreign-syntax"]),
    ("pass loc mem 0x1000,0x1000,rwn", ["bad-location"]),
    ("pass loc pci 0:2.0", ["bad-location"]),
    ("pass loc 0:2.0", ["bad-location"]),
    ("pass loc PCI:0:2.0", ["bad-location"]),
    ("pass loc pci:0:2.0=0:2.0", ["bad-location"]),
    ("pass loc pci:0:2", []),
    ("pass loc /dev/mem", ["bad-number"]),
    ("pass loc 0x1000,0x1000,rwn = 0x2000", ["foreign-syntax"]),
    ("pass intr gic 5", ["bad-interrupt"]),
    ("pass intr gic:5:6", ["bad-interrupt"]),
    ("pass intr gic:5,gic:6", ["bad-interrupt"]),
    ("pass intr 5", ["missing-interrupt-controller"]),
    ("pass intr gic:5=x", ["bad-number"]),
    ("pass intr gic:5,level", ["bad-interrupt"]),
    ("pass pci:0:2.0 intr gic:5", ["missing-loc-keyword"]),
    ("pass 0x1000,0x1000,rwn", ["missing-loc-keyword"]),
    # values
    ("logger warnings stderr", ["bad-value"]),
    ("cpu runmask 0x3", ["version-only", "bad-value"]),
    ("cpu runmask 0;1", ["version-only", "bad-value"]),
    ("cpu sched high", ["bad-value"]),
    ("cpu sched 20x", ["bad-value"]),
    ("cpu sched 0x1f", ["bad-value"]),
    ("cpu sched 30,8,10,100000000", ["bad-value"]),
    ("logger error,fatal file", ["bad-value"]),
    ("unsupported memory ignore", ["bad-value"]),
    ("unsupported reference panic", ["bad-value"]),
    ("set exit-on-halt 2", ["bad-value"]),
    ("vdev pl011 log error nowhere", ["bad-value"]),
]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_what_is_told_about_a_broken_text(text, expected):
    found = [finding.id for finding in read([Source("a", text)], environment={}).findings]
    assert found == expected


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n  "])
@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_reading_goes_on_behind_a_mistake(text, expected, line_end):
    after = "vdev virtio-net loc 0x7000 name behind"
    config = read([Source("a", f"{text}{line_end}{after}{line_end}")], environment={}).config
    assert [(vdev.type, vdev.name.value) for vdev in config.vdevs[-1:]] == [
        ("virtio-net", "behind")
    ]


@pytest.mark.parametrize(("text", "expected"), BROKEN)
def test_a_mistake_is_told_at_its_place_whatever_the_line_ends(text, expected):
    def places(text):
        findings = read([Source("a", text)], environment={}).findings
        return [(finding.id, finding.span.line) for finding in findings]

    assert places(text) == places(text.replace("\n", "\r\n"))
