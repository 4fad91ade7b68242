# SPDX-License-Identifier: Apache-2.0
"""Rules about several VMs: each trips on one set, and stays silent on its neighbour."""
# ruff: noqa: E501 - a table of cases is read by rows

from typing import NamedTuple

import pytest

from passthru.addresses import AddressRange
from passthru.board.model import BarKind, Board, HostRegion
from passthru.diagnostics.finding import Severity
from passthru.rules.system import check_system
from sample_board import AUDIO, BOARD, DISK, LPC, NVME, bar, platform_device, with_functions
from several_vms import TOLD_OF_SEVERAL_VMS, findings_together, vms_of

A, B = "system a ram 64m ", "system b ram 64m "
WARNING, ERROR = Severity.WARNING, Severity.ERROR

UART = platform_device("/soc/serial@fe201000", 0xFE201000)
COHERENT = platform_device("/soc/usb@fe208000", 0xFE208000)._replace(dma=("dma-coherent",))
STREAM = platform_device("/soc/dma@fe207000", 0xFE207000, streams=("smmu@9050000:0x100",))
DEVICES = BOARD._replace(devices=(UART, STREAM, COHERENT))
TWINS = with_functions(
    NVME, NVME._replace(address=NVME.address._replace(device=11), iommu_group=11)
)
PORTS = with_functions(DISK._replace(bars=(bar(4, BarKind.PORTS, 0xC060, 32),)))
NO_PCI = BOARD._replace(pci=(), iommu_groups=())

PAGE = "pass loc mem:0x10000000,0x1000,"
NET = "vdev virtio-net name net0 "
PEER = "vdev virtio-net name net1 peer "


class Case(NamedTuple):
    """The first VM and the second one; ``trip`` breaks the rule, ``near`` nothing.

    The finding is at ``at`` of the second VM, the other place at ``first_at`` of the first.
    """

    rule: str
    first: str
    trip: str
    at: str
    near: str
    first_at: str | None = None
    board: Board | None = None
    near_board: Board | None = None
    severity: Severity = ERROR


# fmt: off
CASES = (
    Case("peer-missing", NET, f"{PEER}/dev/qvm/a/net2", "peer /dev/qvm/a/net2", f"{PEER}/dev/qvm/a/net0", severity=WARNING),
    Case("peer-missing", NET, f"{PEER}/dev/qvm/c/net0", "peer /dev/qvm/c/net0", f"{PEER}/dev/vdevpeers/net0", severity=WARNING),
    Case("peer-missing", "", f"{PEER}/dev/qvm/b/net2", "peer /dev/qvm/b/net2", f"{PEER}/dev/qvm/b/net2 vdev virtio-net name net2", severity=WARNING),
    Case("peer-missing", NET, "vdev virtio-console hostdev /dev/qvm/a/net2", "hostdev /dev/qvm/a/net2", "vdev virtio-console hostdev >/dev/qvm/a/net0", severity=WARNING),
    Case("peer-missing", "vdev virtio-net name /dev/qvm/a/net0 ", f"{PEER}/dev/qvm/a/net", "peer /dev/qvm/a/net", f"{PEER}/dev/qvm/a/net0", severity=WARNING),
    Case("memory-oversubscribed", "ram 1g", "rom 960m", "rom 960m", "rom 768m", "ram 64m", BOARD._replace(memory=(), allocated=(), total_ram=1950 << 20)),
    Case("memory-oversubscribed", "ram 1g", "rom 768m", "rom 768m", "rom 768m", "ram 64m", BOARD._replace(total_ram=1800 << 20), BOARD),
    Case("memory-oversubscribed", "ram 1g", "rom 960m", "rom 960m", "rom 768m", "ram 64m", BOARD),
    Case("memory-oversubscribed", "", "ram 1900m", "ram 1900m", "ram 1900m", "ram 64m", BOARD, BOARD._replace(memory=())),
    Case("memory-oversubscribed", "", "ram 1900m", "ram 1900m", "ram 1900m", "ram 64m", BOARD, BOARD._replace(allocated=())),
    Case("host-memory-claimed-twice", f"{PAGE}rwn", f"{PAGE}rwn", "mem:0x10000000,0x1000,rwn", f"{PAGE}rwn=0x10001000", "mem:0x10000000,0x1000,rwn"),
    Case("host-memory-claimed-twice", f"{PAGE}rwn=0x20000000", "pass loc mem:0x50000000,64m,m=0x1fff0000", "mem:0x50000000,64m,m=0x1fff0000", "pass loc mem:0x50000000,64k,m=0x1fff0000", "mem:0x10000000,0x1000,rwn=0x20000000"),
    Case("host-memory-claimed-twice", f"{PAGE}rn", f"{PAGE}rn", "mem:0x10000000,0x1000,rn", "", "mem:0x10000000,0x1000,rn", severity=WARNING),
    Case("host-memory-claimed-twice", f"initrd {PAGE}r", f"initrd {PAGE}r", "mem:0x10000000,0x1000,r", "", "mem:0x10000000,0x1000,r", severity=WARNING),
    Case("host-memory-claimed-twice", f"initrd {PAGE}r", f"initrd {PAGE}rw", "mem:0x10000000,0x1000,rw", "", "mem:0x10000000,0x1000,r"),
    Case("host-memory-claimed-twice", f"{PAGE}rn", f"{PAGE}rwn", "mem:0x10000000,0x1000,rwn", "", "mem:0x10000000,0x1000,rn"),
    Case("host-memory-claimed-twice", f"{PAGE}rn", f"{PAGE}r", "mem:0x10000000,0x1000,r", "", "mem:0x10000000,0x1000,rn"),
    Case("host-memory-claimed-twice", f"{PAGE}rn", f"{PAGE}m-w", "mem:0x10000000,0x1000,m-w", "", "mem:0x10000000,0x1000,rn"),
    Case("host-memory-claimed-twice", f"initrd {PAGE}rcn=0x20000000", f"{PAGE}rwn=0x20000000", "mem:0x10000000,0x1000,rwn=0x20000000", "reserve loc mem:0x20000000,0x1000", "mem:0x10000000,0x1000,rcn=0x20000000", BOARD),
    Case("device-shared", f"{PAGE}rwn=0xfe201000", f"{PAGE}rwn=0xfe201000", "mem:0x10000000,0x1000,rwn=0xfe201000", f"{PAGE}rwn=0xfe202000", "mem:0x10000000,0x1000,rwn=0xfe201000", DEVICES, severity=WARNING),
    Case("device-shared", f"{PAGE}rn=0xfe201000", "pass loc mem:0x10000000,0x10,rn=0xfe201ff8", "mem:0x10000000,0x10,rn=0xfe201ff8", "pass loc mem:0x10000000,0x10,rn=0xfe202000", "mem:0x10000000,0x1000,rn=0xfe201000", DEVICES, severity=WARNING),
    Case("dma-device-shared", f"{PAGE}rwn=0xfe201000", f"{PAGE}rwd=0xfe201000", "mem:0x10000000,0x1000,rwd=0xfe201000", f"{PAGE}rwd=0xfe202000", "mem:0x10000000,0x1000,rwn=0xfe201000", DEVICES),
    Case("dma-device-shared", f"{PAGE}rwn=0xfe207000", f"{PAGE}rwn=0xfe207000", "mem:0x10000000,0x1000,rwn=0xfe207000", f"{PAGE}rwn=0xfe208000", "mem:0x10000000,0x1000,rwn=0xfe207000", DEVICES),
    Case("dma-device-shared", f"{PAGE}rwn=0xfe208000", f"{PAGE}rwn=0xfe208000", "mem:0x10000000,0x1000,rwn=0xfe208000", f"{PAGE}rwn=0xfe209000", "mem:0x10000000,0x1000,rwn=0xfe208000", DEVICES),
    Case("dma-device-shared", "pass loc pci:0x1234/0x11e9", "pass loc pci:0x1234/0x11e9/0", "pci:0x1234/0x11e9/0", "pass loc pci:0x1234/0x11e9/1", "pci:0x1234/0x11e9"),
    Case("dma-device-shared", f"{PAGE}rwn=0xfebd4000", f"{PAGE}rwn=0xfebd4000", "mem:0x10000000,0x1000,rwn=0xfebd4000", f"{PAGE}rwn=0xfebd5000", "mem:0x10000000,0x1000,rwn=0xfebd4000", BOARD),
    Case("dma-device-shared", f"{PAGE}rwn=0xfebd4000", "pass loc pci:0:3.0", "pci:0:3.0", "pass loc pci:0:4.0", "mem:0x10000000,0x1000,rwn=0xfebd4000", BOARD),
    Case("dma-device-shared", "pass loc pci:0:3.0", f"{PAGE}rwn=0xfebd7000", "mem:0x10000000,0x1000,rwn=0xfebd7000", f"{PAGE}rwn=0xfebd8000", "pci:0:3.0", BOARD),
    Case("dma-device-shared", "pass loc pci:0:3.0", "pass loc pci:0:5.0=pci:0:3.0", "pci:0:5.0=pci:0:3.0", "pass loc pci:0:3.0=pci:0:4.0", "pci:0:3.0"),
    Case("dma-device-shared", "pass loc pci:0:3.0", "pass loc pci:0x1b36/0x0010", "pci:0x1b36/0x0010", "pass loc pci:0x1b36/0x0010", "pci:0:3.0", BOARD, NO_PCI),
    Case("dma-device-shared", "pass loc pci:0x1b36/0x0010/1", "pass loc pci:0:11.0", "pci:0:11.0", "pass loc pci:0:3.0", "pci:0x1b36/0x0010/1", TWINS),
    Case("dma-device-shared", "pass loc pci:0x1b36/0x0010", "pass loc pci:0x1b36/0x0010", "pci:0x1b36/0x0010", "pass loc pci:0x1b36/0x0010", "pci:0x1b36/0x0010", None, TWINS),
    Case("dma-device-shared", "pass loc pci:0x1b36/0x0010/0", "pass loc pci:0x1b36/0x0010/0", "pci:0x1b36/0x0010/0", "pass loc pci:0x1b36/0x0010/1", "pci:0x1b36/0x0010/0"),
    Case("dma-device-shared", "pass loc io:0xc060,8", "pass loc pci:0:31.2", "pci:0:31.2", "", "io:0xc060,8", PORTS),
    Case("host-port-claimed-twice", "pass loc io:0x2f8,8", "pass loc io:0x2ff,2", "io:0x2ff,2", "pass loc io:0x300,8", "io:0x2f8,8"),
    Case("host-port-claimed-twice", "pass loc io:0x2f8,8", "pass loc io:0x2f8", "io:0x2f8", "vdev ser8250 loc io:0x2f8 reserve loc io:0x2f8", "io:0x2f8,8"),
    Case("host-interrupt-claimed-twice", "pass intr gic:40=150", "pass intr gic:41=150", "gic:41=150", "pass intr gic:40=151", "gic:40=150"),
    Case("host-interrupt-claimed-twice", "pass intr gic:40", "pass intr gic:40", "gic:40", "pass intr gic:41", "gic:40"),
    Case("host-interrupt-claimed-twice", "pass intr gic:40", "pass intr gic:9=40", "gic:9=40", "vdev pl011 loc 0x1c090000 intr gic:40", "gic:40"),
    Case("host-interrupt-claimed-twice", "vdev gic hostvector 64 pass intr gic:40", "pass intr gic:104", "gic:104", "pass intr gic:40", "gic:40"),
    Case("host-interrupt-claimed-twice", "vdev ioapic name x vdev ioapic name y pass intr y:2", "pass intr gic:26", "gic:26", "pass intr gic:2", "y:2"),
    Case("host-interrupt-claimed-twice", "pass intr gic:40", "pass intr gic:40", "gic:40", "pass intr mine:40", "gic:40"),
    Case("iommu-group-split", "pass loc pci:0:31.0", "pass loc pci:0:31.2", "pci:0:31.2", "pass loc pci:0:4.0", "pci:0:31.0", with_functions(LPC, DISK, AUDIO)),
    Case("iommu-group-split", "pass loc pci:0:31.0", "pass loc pci:0x8086/0x2922", "pci:0x8086/0x2922", "pass loc pci:0x8086/0x2922", "pci:0:31.0", with_functions(LPC, DISK), with_functions(LPC, DISK._replace(iommu_group=None))),
)
# fmt: on


@pytest.mark.shows("one-owner", "share-memory", "dma-system-wide", case="host-memory-claimed-twice")
@pytest.mark.shows("share-device-rarely", case="device-shared")
@pytest.mark.shows(
    "share-dma-device-never", "dma-one-system", "dma-system-wide", case="dma-device-shared"
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.trip[:60]}")
def test_rule_trips_once_at_the_second_vm(case: Case) -> None:
    (finding,) = findings_together(A + case.first, B + case.trip, board=case.board)
    assert finding.id == case.rule
    assert finding.severity is case.severity
    assert finding.vm == "b"
    assert finding.span is not None
    assert (finding.span.file, finding.span.text) == ("b.qvmconf", case.at)
    others = [(place.span and place.span.text, place.vm) for place in finding.others]
    assert others == ([(case.first_at, "a")] if case.first_at else [])
    assert finding.reason


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.near[:60]}")
def test_rule_is_silent_on_the_neighbour(case: Case) -> None:
    board = case.near_board or case.board
    assert findings_together(A + case.first, B + case.near, board=board) == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.trip[:60]}")
def test_the_order_of_the_files_decides_who_is_told(case: Case) -> None:
    if case.rule == "peer-missing":
        return  # it has one place only
    (finding,) = findings_together(B + case.trip, A + case.first, board=case.board)
    assert finding.id == case.rule
    assert finding.severity is case.severity
    assert finding.span is not None
    assert (finding.vm, finding.span.file) == ("a", "b.qvmconf")


def test_every_rule_about_several_vms_has_a_case() -> None:
    assert {case.rule for case in CASES} >= TOLD_OF_SEVERAL_VMS - {"system-name-taken"}


def test_two_vms_with_one_name() -> None:
    (finding,) = findings_together("system a", "system b", "system a")
    assert (finding.id, finding.resource, finding.vm) == ("system-name-taken", "a", "a")
    assert finding.span is not None
    assert str(finding.span) == "c.qvmconf:1"
    assert [str(place.span) for place in finding.others] == ["a.qvmconf:1"]


CARD = "vdev virtio-net loc 0x1c0b0000 intr gic:39"


def test_one_path_of_two_devices() -> None:
    (named, path) = findings_together(f"system a {CARD} name n", f"system a {CARD} name n")
    assert (named.id, named.severity) == ("system-name-taken", Severity.WARNING)
    assert (path.id, path.severity, path.resource) == (
        "device-path-taken",
        Severity.ERROR,
        "/dev/qvm/a/n",
    )
    assert str(path.span) == "b.qvmconf:1"
    assert [str(place.span) for place in path.others] == ["a.qvmconf:1"]
    (whole,) = findings_together(f"system a {CARD} name /dev/qvm/b/n", f"system b {CARD} name n")
    assert whole.resource == "/dev/qvm/b/n"


@pytest.mark.parametrize(
    "texts",
    [
        (f"system a {CARD} name n", f"system b {CARD} name n"),
        (f"system a {CARD} name n", f"system a2 {CARD} name m"),
        (f"system a {CARD}", f"system b {CARD}"),
        ("system a vdev ioapic name p", "system b vdev ioapic name p"),
        # Without a `system` the path is not known.
        (f"ram 64m {CARD} name n", f"ram 64m {CARD} name n"),
    ],
)
def test_paths_that_differ_or_are_not_known(texts: tuple[str, ...]) -> None:
    assert [each.id for each in findings_together(*texts)] == []


def test_vms_without_a_name_have_none_in_common() -> None:
    assert findings_together("ram 64m", "ram 64m") == ()


def test_a_vm_without_a_name_is_called_by_its_file() -> None:
    (finding,) = findings_together(f"ram 64m {PAGE}rwn", f"ram 64m {PAGE}rwn")
    assert "the VM of a.qvmconf" in finding.message
    assert finding.vm is None


def test_one_vm_has_no_conflict_with_another() -> None:
    text = (
        f"{A} {PAGE}rwn {PAGE}rwn=0x10000800 pass loc pci:0:3.0 loc pci:0:3.0 intr gic:4 intr gic:4"
    )
    assert findings_together(text) == ()
    assert findings_together(text, B) == ()


def test_one_vm_may_be_too_large_for_the_host() -> None:
    (finding,) = findings_together("system a ram 1g ram 1g", board=BOARD)
    assert finding.id == "memory-oversubscribed"
    assert finding.span is not None
    assert finding.span.start == len("system a ram 1g ")
    assert "2,048 MiB" in finding.message


def test_memory_is_counted_to_the_byte() -> None:
    exactly = sum(each.size for each in BOARD.allocated)
    assert findings_together(f"ram {exactly}", "cpu", board=BOARD) == ()
    (finding,) = findings_together(f"ram {exactly}", "ram 4096", board=BOARD)
    assert finding.fix == "give the VMs 1 MiB less"


def test_each_vm_after_the_first_is_told_once() -> None:
    text = "ram 64m pass loc mem:0x10000000,0x1000,rwn pass intr gic:40=150 pass loc pci:0:3.0"
    names = "abcdef"
    found = findings_together(*(f"system {name} {text}" for name in names))
    told = [(finding.vm, finding.id) for finding in found]
    ids = ["host-memory-claimed-twice", "host-interrupt-claimed-twice", "dma-device-shared"]
    assert told == [(name, rule) for name in names[1:] for rule in ids]
    assert all("VM `a`" in finding.message for finding in found)


def test_one_large_range_over_two_of_others_names_both() -> None:
    found = findings_together(
        "system a pass loc mem:0x10000000,0x1000,rwn",
        "system b pass loc mem:0x10002000,0x1000,rwn",
        "system c pass loc mem:0x10000000,0x4000,rwn",
    )
    (finding,) = found
    assert [place.vm for place in finding.others] == ["a", "b"]


def test_of_one_large_range_memory_and_device_are_told_apart() -> None:
    found = findings_together(
        "system a pass loc mem:0xfe201000,0x1000,rwn",
        "system b pass loc mem:0xfe300000,0x1000,rwn",
        "system c pass loc mem:0xfe200000,0x200000,rwn",
        board=DEVICES,
    )
    assert [(each.id, each.others[0].vm) for each in found] == [
        ("device-shared", "a"),
        ("host-memory-claimed-twice", "b"),
    ]


def test_of_nested_devices_the_inner_one_is_named() -> None:
    whole = platform_device("/soc/syscon@fe300000", 0xFE300000, size=0x10000)
    inner = platform_device("/soc/syscon@fe300000/leds@fe301000", 0xFE301000)
    text = "pass loc mem:0xfe301000,0x1000,rwn"
    board = BOARD._replace(devices=(whole, inner))
    (finding,) = findings_together(A + text, B + text, board=board)
    assert "leds@fe301000 (" in finding.message
    text = "pass loc mem:0xfe302000,0x1000,rwn"
    (finding,) = findings_together(A + text, B + text, board=board)
    assert "syscon@fe300000 (" in finding.message


def test_several_registers_of_one_function_are_one_conflict() -> None:
    (finding,) = findings_together(
        "system a pass loc pci:0:5.0",
        "system b pass loc mem:0xfeb80000,0x40000,rwn",
        board=BOARD,
    )
    assert finding.id == "dma-device-shared"
    assert len(finding.others) == 1


def test_a_function_that_two_vms_have_splits_no_group_besides() -> None:
    found = findings_together(
        "system a pass loc pci:0:31.0 loc pci:0:31.2",
        "system b pass loc pci:0:31.2",
        board=with_functions(LPC, DISK),
    )
    assert [each.id for each in found] == ["dma-device-shared"]


def test_a_group_is_split_once_for_each_vm() -> None:
    third = AUDIO._replace(iommu_group=9)
    found = findings_together(
        "system a pass loc pci:0:31.0",
        "system b pass loc pci:0:31.2 pass loc pci:0:4.0",
        board=with_functions(LPC, DISK, third),
    )
    assert [each.id for each in found] == ["iommu-group-split"]


@pytest.mark.parametrize(
    "location", ["pci:0:1.0", "pci:0x1b36/0x000c", "pci:0:30.0", "pci:0x1234/0x11e8"]
)
def test_what_other_findings_are_about_is_not_told_again(location: str) -> None:
    # A bridge by its place and by its ids, nothing at all, and two functions with those ids.
    text = f"pass loc {location}"
    assert findings_together(A + text, B + text, board=BOARD) == ()


def test_nothing_follows_from_text_that_is_missing() -> None:
    gic, peer = "vdev gic hostvector what pass intr gic:40", "peer /dev/qvm/a/net0"
    first = (
        "system a vdev virtio-net name net1 vdev nonsense-name-of what loc 0xzz pass intr gic:40"
    )
    vms = vms_of(first, f"system b {gic} vdev virtio-net {peer}")
    unsure = [vm._replace(complete=False) for vm in vms]
    assert check_system(unsure, None) == ()


def test_a_vm_without_a_name_may_be_the_one_that_is_meant() -> None:
    assert findings_together("vdev virtio-net name net0", f"{B} {PEER}/dev/qvm/a/net0") == ()


def test_other_paths_lead_to_no_vm() -> None:
    for path in ("/dev/ser1", "/dev/qvm/a", "/dev/qvm/a/net0/more", "net0", ">-"):
        assert findings_together(A, f"{B} vdev virtio-console hostdev {path}") == ()


def test_the_name_that_may_be_meant_is_named() -> None:
    (finding,) = findings_together(A + NET, f"{B} {PEER}/dev/qvm/a/nett0")
    assert finding.fix == "is `net0` meant?"


def test_findings_are_in_the_order_of_files_and_text() -> None:
    found = findings_together(
        "system a pass intr gic:40=150 loc mem:0x10000000,0x1000,rwn",
        "system a pass loc pci:0:3.0 pass intr gic:40=150 loc mem:0x10000000,0x1000,rwn",
        "system c pass loc mem:0x10000000,0x1000,rwn pass intr gic:40=150 pass loc pci:0:3.0",
    )
    assert [each.span and (each.span.file, each.span.start) for each in found] == sorted(
        each.span and (each.span.file, each.span.start) for each in found
    )
    assert len(found) == 6


def test_a_reserved_place_of_the_host_is_nobodys() -> None:
    window = HostRegion(AddressRange(0xFE000000, 0x1000000), "window")
    board = BOARD._replace(memory=(*BOARD.memory, window))
    assert findings_together(f"{A} reserve loc mem:0x10000000", B, board=board) == ()
