# SPDX-License-Identifier: Apache-2.0
import pytest

from map_pictures import broken_system, picture_of_texts, text_of, two_vms
from passthru.addresses import AddressRange
from passthru.board.model import HostRegion, InterruptLine, Trigger
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.source import Source, Span
from passthru.report.map_conflicts import Conflicts
from passthru.report.map_model import Column, ItemKind, Panel, Picture
from sample_board import BOARD


def panel(picture: Picture, title: str) -> Panel:
    return next(each for each in picture.panels if each.title == title)


def rows(column: Column) -> list[tuple[str, str, str]]:
    return [(item.place, item.name, item.size) for item in column.items]


def arrows(shown: Panel) -> list[tuple[str, str, str]]:
    """Each arrow as the VM, and the places at its two ends."""
    return [
        (
            shown.guests[link.vm].title,
            shown.guests[link.vm].items[link.guest].place,
            shown.host.items[link.host].place,
        )
        for link in shown.links
    ]


def test_a_guest_has_everything_in_its_address_map():
    guest = panel(two_vms(), "Addresses").guests[1]
    assert (guest.title, guest.remark) == ("control", "vm1.qvmconf")
    assert rows(guest) == [
        ("0x0", "rom", "64 KiB"),
        ("0x8000000", "gicd of vdev gic", ""),
        ("0x8010000", "gicc of vdev gic", ""),
        ("0x1c090000", "vdev pl011", "4 KiB"),
        ("0x1c0a0000", "vdev wdt-sp805", "4 KiB"),
        ("0x1c0d0000", "vdev virtio-net", ""),
        ("0x1c0f0000", "vdev virtio-console", ""),
        ("0x20000000", "pass rn", "8 KiB"),
        ("0x40000000", "ram", "64 MiB"),
        ("0x40000000", "load image.elf", ""),
        ("0x50000000", "pass rwxm", "16 MiB"),
        ("0x54000000", "pass rwxm", "16 MiB"),
        ("0xf0000000", "reserve", "16 MiB"),
        ("0xfe00b000", "pass rwn", "4 KiB"),
        ("0xfe201000", "pass rwn", "4 KiB"),
        ("0x600000000", "pass rwn", "64 KiB"),
    ]


def test_every_pass_has_an_arrow_to_where_it_lies():
    assert arrows(panel(two_vms(), "Addresses")) == [
        ("linux", "0x1f200000", "0xfe200000"),
        ("linux", "0xb0000000", "0x30000000"),
        ("linux", "0xb4000000", "0x34000000"),
        ("linux", "0xfe340000", "0xfe340000"),
        ("linux", "0xfe804000", "0xfe804000"),
        ("control", "0x20000000", "0xfe101000"),
        ("control", "0x50000000", "0x31000000"),
        ("control", "0x54000000", "0x36000000"),
        ("control", "0xfe00b000", "0xfe00b000"),
        ("control", "0xfe201000", "0xfe201000"),
        ("control", "0x600000000", "0x600000000"),
    ]


def test_the_host_has_its_memory_and_the_names_of_what_is_passed():
    host = panel(two_vms(), "Addresses").host
    assert (host.title, host.remark) == ("pi4-like.dts", "host, aarch64")
    found = {(item.place, item.name): item.kind for item in host.items}
    assert found["0x30000000", "guest@30000000"] is ItemKind.PASSED_RAM
    assert found["0xfe201000", "serial@7e201000"] is ItemKind.PASSED
    assert found["0x1000", "host allocates"] is ItemKind.HOST_RAM
    # 64 MiB of buses, windows and devices are one thing.
    devices = next(item for item in host.items if item.place == "0xfc000000")
    assert (devices.name, devices.size) == ("devices", "64 MiB")
    assert "/soc/serial@7e201000" in devices.told


def test_what_the_host_keeps_has_the_name_that_says_so():
    host = panel(two_vms(), "Addresses").host
    assert ("0x0", "memreserve", "4 KiB") in rows(host)


def test_interrupts_lead_to_vectors():
    shown = panel(two_vms(), "Interrupts")
    assert arrows(shown) == [
        ("linux", "gic:145", "145"),
        ("linux", "gic:146", "146"),
        ("linux", "gic:149", "149"),
        ("linux", "gic:158", "158"),
        ("control", "gic:65", "65"),
        ("control", "gic:153", "153"),
    ]
    assert ("153", "serial@7e201000", "level") in rows(shown.host)
    assert ("gic:37", "vdev pl011", "") in rows(shown.guests[0])


def test_an_interrupt_that_the_host_uses_says_by_whom():
    line = InterruptLine("ioapic", 7, Trigger.LEVEL, "parport0")
    board = BOARD._replace(interrupts=(line,))
    text = "vdev ioapic loc 0xf8000000 name io\npass loc io:0x378,8 intr io:7=7\n"
    shown = picture_of_texts(text, board=board)
    assert rows(panel(shown, "Interrupts").host) == [("7", "parport0 of the host has it", "level")]


def test_ports_and_functions_have_panels_of_their_own():
    shown = picture_of_texts(text_of("desk"), board=BOARD, kvm=True)
    assert [each.title for each in shown.panels] == [
        "Addresses",
        "Interrupts",
        "Ports",
        "PCI functions",
    ]
    assert arrows(panel(shown, "Ports")) == [
        ("desk", "0x2e8", "0x2e8"),
        ("desk", "0x378", "0x378"),
        ("desk", "0xc000", "0xc040"),
    ]
    functions = panel(shown, "PCI functions")
    assert arrows(functions)[:2] == [
        ("desk", "pci:0:5.0", "pci:0:5.0"),
        ("desk", "pci:0:3.0", "pci:0:3.0"),
    ]
    assert rows(functions.host)[0] == ("pci:0:3.0", "1b36:0010 vfio-pci", "group 3")
    bars = [each for each in arrows(panel(shown, "Addresses")) if each[1].startswith("0x800")]
    assert [host for _, _, host in bars] == ["0xfeb80000", "0xfeba0000", "0xfebd4000"]


def test_host_ports_have_the_names_of_their_owners():
    board = BOARD._replace(ports=(HostRegion(AddressRange(0x378, 3), "parport0"),))
    shown = picture_of_texts("pass loc io:0x378,8\n", board=board)
    assert rows(panel(shown, "Ports").host) == [("0x378", "parport0", "8 ports")]


def test_functions_without_a_board_are_as_the_text_has_them():
    shown = picture_of_texts("pass loc pci:0:14.0 pass loc pci:0:3.0 pass loc pci:0x8086/0x10d3")
    host = panel(shown, "PCI functions").host
    assert [item.place for item in host.items] == ["pci:0:3.0", "pci:0:14.0", "pci:0x8086/0x10d3"]


def test_one_range_of_the_host_is_one_thing_however_many_have_it():
    text = "system {} ram 0x80000000,1m pass loc 0xa0000000,0x1000,rn=0x50000000\n"
    shown = panel(picture_of_texts(text.format("a"), text.format("b")), "Addresses")
    assert [item.place for item in shown.host.items] == ["0x50000000"]
    assert arrows(shown) == [("a", "0xa0000000", "0x50000000"), ("b", "0xa0000000", "0x50000000")]
    assert {"passed to a:", "passed to b:"} <= set(shown.host.items[0].told)


DEVICES = BOARD._replace(
    memory=(
        HostRegion(AddressRange(0x10000000, 0x1000), "/uart"),
        HostRegion(AddressRange(0x10001000, 0x1000), "/timer"),
        HostRegion(AddressRange(0x10004000, 0x1000), "/bus/spi"),
        HostRegion(AddressRange(0x18000000, 0x1000), "/far"),
    ),
    allocated=(),
    reserved=(),
)


@pytest.mark.parametrize(
    ("passed", "blocks"),
    [
        (0x10001000, [("0x10000000", "devices", "20 KiB"), ("0x18000000", "far", "4 KiB")]),
        (
            0x10003000,  # what is in a hole is not in a device
            [
                ("0x10000000", "devices", "8 KiB"),
                ("0x10004000", "spi", "4 KiB"),
                ("0x18000000", "far", "4 KiB"),
            ],
        ),
    ],
)
def test_neighbours_on_the_host_are_one_thing_unless_a_hole_is_wanted(passed, blocks):
    shown = picture_of_texts(f"pass loc {passed:#x},0x1000,rwn", board=DEVICES)
    host = panel(shown, "Addresses").host
    found = [item for item in host.items if item.kind is ItemKind.HOST_DEVICES]
    assert rows(Column("", "", tuple(found))) == blocks


@pytest.mark.parametrize(
    ("board", "passed", "name"),
    [
        (BOARD, "0xfebd4000,0x4000", "BAR 0 pci:0:3.0"),
        (BOARD, "0x20000000,0x1000", "Reserved"),
        (BOARD, "0x24000000,0x1000", "the host's RAM"),
        (BOARD, "0xa0000,0x1000", "PCI Bus 0000:00"),
        (BOARD, "0x700000000,0x1000", "nothing known there"),
        (DEVICES, "0x10004000,0x1000", "spi"),
        (None, "0x10004000,0x1000", ""),
    ],
)
def test_what_is_passed_has_the_name_that_the_board_has_for_it(board, passed, name):
    shown = picture_of_texts(f"pass loc {passed},rwn", board=board)
    host = panel(shown, "Addresses").host
    assert [item.name for item in host.items if item.kind is ItemKind.PASSED] == [name]


def test_a_thing_tells_its_line():
    item = panel(two_vms(), "Addresses").guests[0].items[-1]
    assert item.told == (
        "pass mem:0xfe804000 0xfe804000..0xfe805000 (4 KiB)",
        "host 0xfe804000..0xfe805000",
        "vm0.qvmconf:13: pass loc mem:0xfe804000,0x1000,rwn intr gic:149",
    )


def test_a_clean_system_has_no_conflicts():
    shown = two_vms()
    assert shown.conflicts == ()
    columns = [each for one in shown.panels for each in (*one.guests, one.host)]
    assert not any(item.conflicts for each in columns for item in each.items)
    assert not any(link.conflicts for one in shown.panels for link in one.links)


def test_conflicts_are_at_their_things():
    shown = broken_system()
    number = {each.number: each.id for each in shown.conflicts}
    marked = {
        (each.title, item.place, number[conflict])
        for one in shown.panels
        for each in (*one.guests, one.host)
        for item in each.items
        for conflict in item.conflicts
    }
    assert marked == {
        ("broken", "0x1c090000", "address-overlap"),
        ("broken", "0x80000000", "address-overlap"),
        ("broken", "0x81000000", "address-overlap"),
        ("broken", "0xb0000000", "address-overlap"),
        ("broken", "0x90000000", "load-outside-memory"),
        ("broken", "0xfe201000", "host-memory-claimed-twice"),
        ("broken", "0xfe202000", "host-memory-claimed-twice"),
        ("pi4-like.dts", "0xfe201000", "host-memory-claimed-twice"),
        ("broken", "gic:37", "interrupt-claimed-twice"),
        ("broken", "gic:153", "host-interrupt-claimed-twice"),
        ("broken", "gic:155", "host-interrupt-claimed-twice"),
        ("pi4-like.dts", "153", "host-interrupt-claimed-twice"),
    }
    red = [
        (one.guests[link.vm].title, one.guests[link.vm].items[link.guest].place)
        for one in shown.panels
        for link in one.links
        if link.conflicts
    ]
    assert red == [
        ("broken", "0xfe201000"),
        ("broken", "0xfe202000"),
        ("broken", "gic:153"),
        ("broken", "gic:155"),
    ]


SOURCE = Source("a.qvmconf", "pass loc one\npass loc two\n")
ONE, TWO = Span(SOURCE, 9, 12), Span(SOURCE, 22, 25)


@pytest.mark.parametrize(
    ("id_", "severity", "guest", "host"),
    [
        ("address-overlap", Severity.ERROR, (1,), ()),
        ("host-memory-in-use", Severity.ERROR, (1,), (1,)),
        ("iommu-group-split", Severity.WARNING, (1,), (1,)),
        ("host-memory-claimed-twice", Severity.INFORMATION, (), ()),
        ("dma-status-missing", Severity.ERROR, (), ()),
    ],
)
def test_which_findings_are_conflicts_and_on_which_side(id_, severity, guest, host):
    conflicts = Conflicts([Finding(id_, severity, "message", ONE)])
    assert (conflicts.of_guest(ONE), conflicts.of_host(ONE)) == (guest, host)
    assert conflicts.of_guest(TWO) == conflicts.of_guest(None) == ()


@pytest.mark.parametrize(
    ("id_", "marked"), [("address-overlap", (1,)), ("load-outside-memory", ())]
)
def test_the_other_party_is_in_a_conflict_and_a_hint_is_not(id_, marked):
    other = Place("the other one", TWO)
    conflicts = Conflicts([Finding(id_, Severity.ERROR, "message", ONE, others=(other,))])
    assert conflicts.of_guest(TWO) == marked


def test_what_is_not_drawn_is_said():
    text = "ram 0x1000,1m guest load some/kernel initrd load 0x2000,x pass loc 0x8000000,0x1000"
    shown = picture_of_texts(text)
    assert shown.remarks == (
        "qvm-guest: not drawn is what goes where its own content says: kernel.",
        "1 other finding is no conflict of places: `passthru check` tells more.",
    )
    overlapping = picture_of_texts("ram 0x1000,1m ram 0x1000,1m")
    assert [each.id for each in overlapping.conflicts] == ["address-overlap"]
    assert overlapping.remarks == ()
    unknown = picture_of_texts("ram 1m\n", board=BOARD._replace(memory=()))
    assert "does not tell its memory map" in unknown.remarks[0]


def test_titles():
    text = "system {}\nram 0x80000000,1m\n"
    assert picture_of_texts(text.format("a")).title == "a, on no board in particular"
    two = picture_of_texts(text.format("a"), text.format("b"), board=BOARD)
    assert two.title == "a and b on sample"
    many = picture_of_texts(*(text.format(name) for name in "abc"), board=BOARD)
    assert many.title == "3 VMs on sample"


def test_an_empty_configuration_has_a_picture():
    shown = picture_of_texts("")
    assert [each.title for each in shown.panels] == ["Addresses"]
    assert (shown.panels[0].host.items, shown.panels[0].links) == ((), ())
