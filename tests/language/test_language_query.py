# SPDX-License-Identifier: Apache-2.0
import pytest

from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.locations import Space
from passthru.language.query import QUERIES, BadQueryError, DevicePlace, ask

TEXT = """\
system guest
cpu sched 10
cpu cluster big
ram 0x80000000,512m
ram 1m
rom 0xc0000,256k
load boot.bin
guest load 0x80080000,kernel.elf
initrd load disk.gz
fdt pass loc 0x90000000,0x1000,rn
cmdline "console=ttyAMA0 debug"
vdev ioapic loc 0xf8000000 intr apic name chip
vdev pl011 loc 0x1c090000 intr gic:37 hostdev >-
vdev pl011 loc 0x1c0a0000 intr gic:38 name second
vdev 8259 loc 0x20
vdev virtio-net name p0 peer /dev/qvm/other/p0 loc pci:0:4.0
vdev vendor colour blue
pass loc 0x1000,0x1000,rwn=0x2000 loc io:0x60,4,rw intr gic:40,u=150 sched 20
pass loc pci:0:3.0
reserve loc 0xa0000,0x20000 intr gic:50
set exit-on-halt off
logger error stderr
unsupported instruction ignore
"""

CONFIG = read([Source("x", TEXT)], environment={}).config
EMPTY = read([Source("x", "cpu")], environment={}).config


def values(query, config=CONFIG):
    return ask(config, query.split()).values


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("system", ("guest",)),
        ("cmdline", ("console=ttyAMA0 debug",)),
        ("image", ("kernel.elf",)),
        ("guest", ("kernel.elf",)),
        ("initrd", ("disk.gz",)),
        ("acpi", ()),
        ("cpus", (2,)),
        ("cpu sched", ("10",)),
        ("cpu 0 sched", ("10",)),
        ("cpu 1 sched", ()),
        ("cpu 1 cluster", ("big",)),
        ("ram total", (513 << 20,)),
        ("ram 1 total", (1 << 20,)),
        ("rom total", (256 << 10,)),
        ("vdevs", ("ioapic", "pl011", "pl011", "8259", "virtio-net", "vendor")),
        ("vdev pl011 loc", tuple(DevicePlace(Space.MEMORY, x) for x in (0x1C090000, 0x1C0A0000))),
        ("vdev second loc", (DevicePlace(Space.MEMORY, 0x1C0A0000),)),
        ("vdev 2 loc", (DevicePlace(Space.MEMORY, 0x1C0A0000),)),
        ("vdev 8259 loc", (DevicePlace(Space.PORT, 0x20),)),
        ("vdev pl011 hostdev", (">-",)),
        ("vdev name", ("chip", "second", "p0")),
        ("vdev virtio-net peer", ("/dev/qvm/other/p0",)),
        ("vdev vendor colour", ("blue",)),
        ("vdev vendor nothing", ()),
        ("vdev unheard-of", ()),
        ("vdev smmu loc", ()),
        ("vdev 9", ()),
        ("vdev 3", (CONFIG.vdevs[3],)),
        ("pass 1 sched", ("20",)),
        ("pass 7 loc", ()),
        ("set exit-on-halt", ("off",)),
        ("set unheard-of", ()),
        ("dryrun", (False,)),
        ("ram", CONFIG.memory[:2]),
        ("ram 0", CONFIG.memory[:1]),
        ("rom", CONFIG.memory[2:]),
        ("cpu", CONFIG.cpus),
        ("load", CONFIG.loads),
        ("load 2", CONFIG.loads[2:]),
        ("pass", CONFIG.passes),
        ("pass 1", CONFIG.passes[1:2]),
        ("fdt", CONFIG.passes[0].locations),
        ("pass 1 loc", CONFIG.passes[1].locations),
        ("pass intr", CONFIG.passes[1].interrupts),
        ("pass 2 loc", CONFIG.passes[2].locations),
        ("reserve", CONFIG.reserves),
        ("reserve 0 loc", CONFIG.reserves[0].locations),
        ("reserve intr", CONFIG.reserves[0].interrupts),
        ("vdev", CONFIG.vdevs),
        ("vdev pl011", CONFIG.vdevs[1:3]),
        ("vdev pl011 intr", CONFIG.vdevs[1].interrupts + CONFIG.vdevs[2].interrupts),
        ("vdev virtio-net loc", CONFIG.vdevs[4].locations),
        ("set", CONFIG.variables),
        ("logger", CONFIG.settings[:1]),
        ("unsupported", CONFIG.settings[1:]),
    ],
)
def test_what_a_configuration_answers(query, expected):
    assert values(query) == expected


@pytest.mark.parametrize(
    ("text", "image"),
    [
        ("ram 1m load a load b", ("a",)),
        ("ram 1m initrd load a load b", ("b",)),
        ("ram 1m load a guest load b", ("b",)),
        ("ram 1m initrd load a", ()),
        ("ram 1m", ()),
    ],
)
def test_the_image_is_what_the_guest_starts(text, image):
    assert values("image", read([Source("x", text)], environment={}).config) == image


def test_a_passed_image_is_where_it_is():
    config = read([Source("x", "guest pass loc 0x1000,0x1000,rn")], environment={}).config
    assert values("image", config) == config.passes[0].locations


def test_without_a_cpu_there_is_one():
    assert values("cpus", read([Source("x", "ram 1m")], environment={}).config) == (1,)


@pytest.mark.parametrize("word", QUERIES)
def test_every_query_has_an_answer_in_every_configuration(word):
    ask(CONFIG, [word])
    answer = ask(EMPTY, [word])
    if word not in ("cpus", "cpu", "dryrun"):
        assert answer.values == ()


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "it can be system, cmdline"),
        ("sistem", "the nearest is `system`"),
        ("system name", "the query ends before it"),
        ("ram totel", "the nearest is `total`"),
        ("ram total x", "behind `ram total`"),
        ("pass 0 lok", "it can be loc, intr, sched"),
        ("pass first", "a number from 0"),
        ("reserve sched", "it can be loc, intr"),
        ("load 0 path", "`path` behind `load 0`"),
        ("vdev pl01", "the nearest is `pl011`"),
        ("vdev pl011 lok", "the nearest is `loc`"),
        ("vdev pl011 loc x", "the query ends before it"),
        ("vdev 8259 hostdev", "it can be intr, loc, log, name"),
        ("set exit-on-hald", "the nearest is `exit-on-halt`"),
        ("set exit-on-halt x", "the query ends before it"),
    ],
)
def test_a_wrong_query_is_told_what_would_be_right(query, says):
    with pytest.raises(BadQueryError) as caught:
        ask(CONFIG, query.split())
    assert says in str(caught.value)
    assert caught.value.exit_status == 2


@pytest.mark.parametrize(
    ("query", "single"),
    [
        ("system", True),
        ("ram total", True),
        ("ram", False),
        ("set exit-on-halt", True),
        ("set debug", False),
        ("vdev pl011 loc", False),
    ],
)
def test_whether_there_can_be_several_depends_on_the_query_alone(query, single):
    assert ask(CONFIG, query.split()).single is single
    assert ask(EMPTY, query.split()).single is single
