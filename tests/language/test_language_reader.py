# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.model import BlobType, MemoryKind, MemoryLocation
from passthru.language.options import BLOB_TYPES, CONTEXT_OPTIONS, TOP_OPTIONS
from passthru.language.variables import SET_VARIABLES
from passthru.language.vdevs import VDEV_TYPES


def read_text(*texts, environment=None, asinfo=None, version="8.0"):
    sources = [Source(f"file{place}", text) for place, text in enumerate(texts)]
    return read(sources, environment=environment or {}, asinfo=asinfo, version=version)


def config_of(*texts, version="8.0"):
    result = read_text(*texts, version=version)
    assert result.findings == ()
    assert result.complete
    return result.config


def told(*texts, **how):
    return [(f.id, f.span.text) for f in read_text(*texts, **how).findings]


# Options and contexts


def test_an_empty_configuration_is_one_vm_with_nothing():
    config = config_of("")
    assert config.name == "qvm-guest"
    assert (config.cpus, config.memory, config.span.text) == ((), (), "")
    assert read([], environment={}).config.name == "qvm-guest"


def test_options_of_the_vm():
    config = config_of(
        "system alpha ram 0x80000000,512M rom 0xc0000,0x40000 ram 1G load ./Image\n"
        'initrd load 0x90000000,./initrd.gz cmdline "console=ttyS0 ro" dryrun'
    )
    assert config.name == "alpha"
    assert [memory[:3] for memory in config.memory] == [
        (MemoryKind.RAM, 0x80000000, 512 << 20),
        (MemoryKind.ROM, 0xC0000, 0x40000),
        (MemoryKind.RAM, None, 1 << 30),
    ]
    assert [load[:3] for load in config.loads] == [
        (None, None, "./Image"),
        (BlobType.INITRD, 0x90000000, "./initrd.gz"),
    ]
    assert config.loads[1].span.text == "initrd load 0x90000000,./initrd.gz"
    assert config.cmdline.value == "console=ttyS0 ro"
    assert config.dryrun


@pytest.mark.parametrize(
    ("text", "address", "path"),
    [
        ("a.bin", None, "a.bin"),
        ("/x,y.bin", None, "/x,y.bin"),
        ("linux,v1", None, "linux,v1"),
        ("0x1000,a,b", 0x1000, "a,b"),
        ("c0000,rom", 0xC0000, "rom"),
        ("1m,rom", 1 << 20, "rom"),
        ("5.10/Image,x", None, "5.10/Image,x"),
    ],
)
def test_a_file_to_load_may_have_an_address(text, address, path):
    load = config_of(f"ram 1G load {text}").loads[0]
    assert (load.address, load.path) == (address, path)


@pytest.mark.shows("pass-context")
def test_a_context_ends_only_where_another_begins():
    inside = config_of("cpu sched 8 ram 32m").cpus[0]
    around = config_of("cpu ram 32m sched 8").cpus[0]
    assert inside.sched.value == around.sched.value == "8"
    config = config_of("pass loc 0,4K,rwn ram 1G set exit-on-halt off intr gic:5 cpu cluster a")
    assert len(config.passes[0].locations) == len(config.passes[0].interrupts) == 1
    assert config.cpus[0].cluster.value == "a"


def test_a_context_goes_on_in_the_next_file():
    config = config_of("pass loc 0x1000,4K,rwn", "intr gic:7")
    assert config.passes[0].interrupts[0].line == 7


def test_cpu_options():
    config = config_of("cpu cpu cluster _cpu-1")
    assert [cpu.cluster and cpu.cluster.value for cpu in config.cpus] == [None, "_cpu-1"]
    (last,) = config_of("cpu runmask 1,2 partition p sched 10r", version="7.1").cpus
    assert (last.runmask.value, last.partition.value, last.sched.value) == ("1,2", "p", "10r")


@pytest.mark.shows("pass-form", "pass-context")
def test_pass_and_reserve_collect_their_locations_and_interrupts():
    config = config_of(
        "pass loc 0x1000,4K,rwn loc 0x3000,4K,rwn intr gic:1 intr gic:2 sched 67\n"
        "guest pass loc 0x90000000,1M,r=0xa0000000\n"
        "reserve loc 0xa0000,0x20000 loc io:0xcf8,8 loc pci:0:1 intr gic:39"
    )
    first, second = config.passes
    assert [location.guest.start for location in first.locations] == [0x1000, 0x3000]
    assert [interrupt.line for interrupt in first.interrupts] == [1, 2]
    assert (first.blob, first.sched.value) == (None, "67")
    assert (second.blob, second.span.text) == (BlobType.GUEST, "guest pass")
    assert len(config.reserves[0].locations) == 3
    assert config.reserves[0].interrupts[0].line == 39


@pytest.mark.shows("blob-types")
def test_every_blob_type_stands_before_load_and_pass():
    for word, blob in BLOB_TYPES.items():
        config = config_of(f"ram 1G {word} load x {word} pass loc 0x0,4K,rn")
        assert config.loads[0].blob is blob
        assert config.passes[0].blob is blob


@pytest.mark.parametrize("written", ["pl011", "vdev-pl011", "vdev-pl011.so", "/lib/vdev-pl011.so"])
def test_a_vdev_has_its_plain_name(written):
    assert config_of(f"vdev {written} loc 0x1c090000").vdevs[0].type == "pl011"


def test_vdev_options():
    config = config_of(
        "vdev ioapic loc 0xf8000000 intr apic name myioapic\n"
        "vdev ser8250 hostdev >- hostdev </dev/ser3 loc 0x3f8 intr myioapic:4\n"
        "vdev hpet loc 0xf8008000 intr myioapic:0,myioapic:8\n"
        "vdev 8259 loc 0x20 vdev mc146818 reg 0x0b,0x02\n"
        "vdev pci-dummy reg 0/4=0xFFFF reg 8/1=1 clone pci:0:31.0\n"
        "vdev virtio-net peer /dev/x log error,warning stderr\n"
        "vdev gic version 2"
    )
    ioapic, serial, hpet, pic, rtc, dummy, net, gic = config.vdevs
    assert ioapic.name.value == "myioapic"
    assert (ioapic.interrupts[0].controller, ioapic.interrupts[0].line) == ("apic", None)
    assert isinstance(ioapic.locations[0], MemoryLocation)
    assert serial.values("hostdev") == (">-", "</dev/ser3")
    assert serial.locations[0].ports.start == 0x3F8
    assert [interrupt.line for interrupt in hpet.interrupts] == [0, 8]
    assert pic.locations[0].ports.start == 0x20
    assert rtc.values("reg") == ("0x0b,0x02",)
    assert dummy.values("reg") == ("0/4=0xFFFF", "8/1=1")
    assert net.values("log") == ("error,warning stderr",)
    assert net.options[0].span.text == "peer /dev/x"
    assert gic.values("version") == ("2",)


def test_a_vendors_vdev_takes_any_option():
    vdev = config_of(
        "vdev virtio-gpu\n  loc 0x1c0c0000\n  intr gic:44\n  scanout-display 1\n"
        "  fast\n  mode\n    0x3\n  data 5\n  debug on\n"
        "ram 1G load x"
    ).vdevs[0]
    assert [option[:2] for option in vdev.options] == [
        ("scanout-display", "1"),
        ("fast", None),
        ("mode", "0x3"),
        ("data", "5"),
        ("debug", "on"),
    ]
    assert vdev.locations[0].guest.start == 0x1C0C0000


def test_variables_and_settings():
    config = config_of(
        "set smmu-externally-managed on set pointer-authentication off\n"
        'logger error,fatal stderr logger info slog dump "|gzip >f" fdt generate\n'
        "unsupported instruction abort unsupported register fail user root"
    )
    assert [variable[:2] for variable in config.variables] == [
        ("smmu-externally-managed", "on"),
        ("pointer-authentication", "off"),
    ]
    assert [setting[:3] for setting in config.settings] == [
        ("logger", ("error,fatal", "stderr"), None),
        ("logger", ("info", "slog"), None),
        ("dump", ("|gzip >f",), None),
        ("generate", (), BlobType.FDT),
        ("unsupported", ("instruction", "abort"), None),
        ("unsupported", ("register", "fail"), None),
        ("user", ("root",), None),
    ]


def test_arguments_may_stand_on_the_next_line():
    vdev = config_of("vdev pl011 loc 0x1c050000 intr\n  gic:38").vdevs[0]
    assert vdev.interrupts[0].line == 38


def test_text_on_the_same_line_may_be_an_options_name():
    assert config_of("system load").name == "load"
    assert config_of('system\n"ram"').name == "ram"


def test_variables_in_the_text_are_replaced():
    result = read_text(
        "pass loc 0x10000000,$asinfo_length{guestmem1},rwn=$asinfo_start{guestmem1}\n"
        'vdev ser8250 hostdev $env{HOST_DEV} load "x $env{HOST_DEV}" ram 1G',
        environment={"HOST_DEV": "/dev/ser3"},
        asinfo={"guestmem1": AddressRange(0x90000000, 0x200000)},
    )
    location = result.config.passes[0].locations[0]
    assert location.guest == AddressRange(0x10000000, 0x200000)
    assert location.host == AddressRange(0x90000000, 0x200000)
    assert result.config.vdevs[0].values("hostdev") == ("/dev/ser3",)
    assert result.config.loads[0].path == "x /dev/ser3"


# Mistakes: each gives one finding, at its place


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("sytem x", ("unknown-option", "sytem")),
        ("ram 1G 512", ("unknown-option", "512")),
        ("ram 1G \\\ncpu", ("unknown-option", "\\")),
        ("@other.qvmconf", ("unknown-option", "@other.qvmconf")),
        ("pass lco 0x1000,0x1000,rwn", ("unknown-option", "lco")),
        ("vdev ser8250 hostdve >-", ("unknown-option", "hostdve")),
        ("vdev 8259 color red", ("unknown-option", "color")),
        ("vdev pl011 hostdve >-", ("unknown-option", "hostdve")),
        ("set smmu-externaly-managed on", ("unknown-option", "smmu-externaly-managed")),
        ("ram", ("missing-argument", "ram")),
        ("system\nram 1G", ("missing-argument", "system")),
        ("pass loc intr gic:5", ("missing-argument", "loc")),
        ("vdev pl011 hostdev\nloc 0x1000", ("missing-argument", "hostdev")),
        ("set exit-on-halt\ncpu", ("missing-argument", "exit-on-halt")),
        ("ram 1G load\ncpu", ("missing-argument", "load")),
        ("ram 1G load 0x1000,", ("missing-argument", "0x1000,")),
        ("initrd ./x.gz", ("missing-argument", "initrd")),
        ("ram 1G fdt", ("missing-argument", "fdt")),
        ("ram 0x80000000,512q", ("bad-number", "512q")),
        ("ram 0x80000000,0", ("bad-number", "0")),
        ("ram 0xffffffffffffffff,4K", ("bad-number", "4K")),
        ("ram 1G load 0xg,x", ("bad-number", "0xg")),
        ("vdev gic version three", ("bad-number", "three")),
        ("ram 4000,1G", ("ambiguous-number", "4000")),
        ("pass loc 0x1000,0x1000,rz", ("unknown-access-type", "rz")),
        ("pass loc 0x1000,0x1000,rw-xn", ("access-removed-nothing", "rw-xn")),
        ("pass loc mem:0x2000,r=0x1000", ("missing-length", "mem:0x2000,r=0x1000")),
        ("pass pci:0:14.0", ("missing-loc-keyword", "pci:0:14.0")),
        ("pass mem:0x1000,0x1000,rwn intr gic:5", ("missing-loc-keyword", "mem:0x1000,0x1000,rwn")),
        ("pass loc io:4=4", ("host-address-ignored", "io:4=4")),
        ("reserve loc io 0xcf8,0x8", ("bad-location", "io 0xcf8,0x8")),
        ("reserve intr 39", ("missing-interrupt-controller", "39")),
        ("pass intr gic", ("bad-interrupt", "gic")),
        ('cmdline "a b', ("unterminated-quote", '"a b')),
        ('"ram 1G', ("unterminated-quote", '"ram 1G')),
        ("ram @SIZE@", ("unexpanded-marker", "@SIZE@")),
        ("@VDEVS@", ("unexpanded-marker", "@VDEVS@")),
        ("system $env{NAME}", ("unknown-variable", "$env{NAME}")),
        ("pass loc 0,4K,rn=$asinfo_start{x}", ("unknown-variable", "$asinfo_start{x}")),
        ("cpu system x", ("option-order", "system x")),
        ("load x\ninitrd load y ram 1G", ("option-order", "load x")),
        ("load x", ("option-order", "load x")),
        ("vdev pl011 intr a:4 vdev ioapic name a", ("option-order", "a:4")),
        ("pass intr ioapic:4 vdev ioapic", ("option-order", "ioapic:4")),
        ("pass intr gic:4 vdev gic version 3", ("option-order", "gic:4")),
        ("loc 0x1000,0x1000", ("option-outside-context", "loc")),
        ("ram 1G sched 8", ("option-outside-context", "sched")),
        ("cpu intr gic:4 cluster x", ("option-outside-context", "intr")),
        ("pass cluster x", ("option-outside-context", "cluster")),
        ("cmdline a cmdline b", ("option-repeated", "cmdline")),
        ("cpu sched 8 sched 6", ("option-repeated", "sched")),
        ("vdev pl011 loc 0x1000 loc 0x2000", ("option-repeated", "loc")),
        ("set exit-on-halt on set exit-on-halt off", ("option-repeated", "set exit-on-halt off")),
        ("logger errors stderr", ("bad-value", "errors")),
        ("logger\ndebug stderr", ("missing-argument", "logger")),
        ("unsupported reference explode", ("bad-value", "explode")),
        ("set exit-on-halt maybe", ("bad-value", "maybe")),
        ("set message-block-timeout 10s", ("bad-value", "10s")),
        ("pass intr gic:4,t=9", ("version-only", "t")),
    ],
)
def test_one_mistake_gives_one_finding(text, expected):
    assert told(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "ram 0x80000000,1G load x",
        "pass loc 0x80000000,1G,m load x",
        "vdev ioapic name a vdev ser8250 intr a:4",
        "vdev ioapic intr apic",
        "cpu sched 8 cpu sched 6",
        "logger debug stderr vdev pl011 log debug stdout",
        "ram 1G ram 1G",
        "vdev acme-gpu loc 0x1000 loc 0x2000 mode 1 mode 2",
        "vdev virtio-blk dio enable",
        "unsupported instruction abort unsupported register abort",
        "vdev pl011 set debug on vdev gic set debug off",
        "set message-block-timeout 0x10 set host-paddr-gicd 4K",
        'cmdline "a@b $(x) $foo{bar}"',
    ],
)
def test_near_misses_are_right(text):
    config_of(text)


def test_the_finding_says_what_why_and_what_instead():
    (finding,) = read_text("pass lco 0x1000,0x1000,rwn").findings
    assert finding.severity is Severity.ERROR
    assert finding.message == "`lco` is no option of `pass`; the nearest is `loc`"
    assert finding.reason
    assert finding.fix == "loc"


def test_reading_goes_on_after_a_mistake():
    result = read_text(
        "system x\nram 1q\ncolour red\nram 512M\ncpu\npass loc 0x0,0x1000,rq loc 1m,4K,n"
    )
    assert [f.id for f in result.findings] == [
        "bad-number",
        "unknown-option",
        "unknown-access-type",
    ]
    assert result.config.memory[0].size == 512 << 20
    assert len(result.config.cpus) == 1
    assert len(result.config.passes[0].locations) == 1
    assert not result.complete


def test_each_line_with_a_mistake_is_told():
    assert told("colour red blue\nshape round\nram 1G") == [
        ("unknown-option", "colour"),
        ("unknown-option", "shape"),
    ]


def test_a_variable_of_a_vdev_is_set_for_each():
    config = config_of("vdev pl011 set debug on vdev gic set debug off")
    assert [variable.value for variable in config.variables] == ["on", "off"]
    assert told("vdev pl011 set debug on set debug off") == [("option-repeated", "set debug off")]


def test_findings_come_in_the_order_of_the_text():
    result = read_text("load x vdev pl011 intr a:1 hostdve 1", "vdev ioapic name a ram 1q")
    assert [(f.span.file, f.id) for f in result.findings] == [
        ("file0", "option-order"),
        ("file0", "option-order"),
        ("file0", "unknown-option"),
        ("file1", "bad-number"),
    ]


def test_the_last_one_wins_and_the_warning_names_both():
    result = read_text('cmdline "a"\ncmdline "b"')
    assert result.config.cmdline.value == "b"
    (finding,) = result.findings
    assert finding.severity is Severity.WARNING
    assert (finding.span.line, finding.others[0].span.line) == (2, 1)
    vdev = read_text("vdev pl011 loc 0x1000 loc 0x2000 intr gic:1 intr gic:2").config.vdevs[0]
    assert [location.guest.start for location in vdev.locations] == [0x2000]
    assert [interrupt.line for interrupt in vdev.interrupts] == [2]
    assert read_text("set exit-on-halt on set exit-on-halt off").config.variables[0].value == "off"


def test_a_later_file_may_override_an_earlier_one():
    assert config_of("cmdline a", "cmdline b").cmdline.value == "b"


def test_an_argument_is_in_the_file_of_its_option():
    assert told("system x ram", "1G") == [("missing-argument", "ram"), ("unknown-option", "1G")]
    assert told("initrd", "load x ram 1G")[0] == ("missing-argument", "initrd")


def test_order_counts_over_all_files():
    assert told("ram 1G", "load x") == []
    assert told("load x", "ram 1G") == [("option-order", "load x")]
    assert told("ram 1G", "system x") == [("option-order", "system x")]


def test_an_order_finding_names_the_late_option():
    (finding,) = read_text("load x ram 1G").findings
    assert finding.others[0].span.text == "ram 1G"
    (finding,) = read_text("vdev pl011 intr a:4 vdev ioapic name a").findings
    assert finding.others[0].span.text == "vdev ioapic"


def test_a_bare_line_belongs_to_the_last_controller():
    result = read_text("vdev ioapic name pic1 reserve intr 4")
    assert result.config.reserves[0].interrupts[0].controller == "pic1"


def test_unknown_values_are_told_once_and_leave_the_model_out():
    text = "pass loc 0x0,$asinfo_length{a},rn=$asinfo_start{a} loc 0x0,4K,n=$asinfo_start{a}"
    result = read_text(text)
    assert [(f.id, f.severity) for f in result.findings] == [
        ("unknown-variable", Severity.INFORMATION)
    ]
    assert result.config.passes[0].locations == ()
    assert not result.complete
    on_a_host = read_text(text, asinfo={})
    assert [f.severity for f in on_a_host.findings] == [Severity.ERROR]
    assert not read_text("ram @SIZE@").complete


def test_a_path_is_no_name_of_a_memory_range():
    (finding,) = read_text("ram 0x0,$asinfo_length{/ram/guest}").findings
    assert (finding.severity, finding.fix) == (Severity.ERROR, "$asinfo_length{guest}")


# Any text can be read

WORDS = st.sampled_from(
    [
        *TOP_OPTIONS,
        *BLOB_TYPES,
        *(name for options in CONTEXT_OPTIONS.values() for name in options),
        *(name for vdev in VDEV_TYPES.values() for name in vdev.options),
        *VDEV_TYPES,
        *SET_VARIABLES,
        *(
            "0x1000,0x1000,rwn=0x2000",
            "pci:0:3.0",
            "io:4",
            "gic:37",
            "apic",
            "on",
            "4000",
            "virtio-gpu",
        ),
        *(
            '"a b"',
            '"',
            "# c\n",
            "\n",
            "@X@",
            "$env{A}",
            "$asinfo_start{b}",
            "\\",
            "io",
            "xyz",
            ">-",
        ),
    ]
)


@given(st.lists(st.text(max_size=60), max_size=3))
@example(['"', '\\"', "\x00"])
def test_any_text_gives_findings_and_no_exception(texts):
    for finding in read_text(*texts).findings:
        assert finding.span.file.startswith("file")
        assert finding.message
        assert finding.reason


@given(st.lists(st.lists(WORDS, max_size=25).map(" ".join), max_size=2))
def test_any_words_give_findings_and_no_exception(texts):
    result = read_text(*texts, environment={"A": "x y"}, asinfo={"b": AddressRange(1, 2)})
    for finding in result.findings:
        assert 0 <= finding.span.start <= finding.span.end <= len(finding.span.source.text)


@given(st.binary(max_size=80))
def test_any_bytes_can_be_read(data):
    read_text(data.decode("utf-8", "surrogateescape"))
