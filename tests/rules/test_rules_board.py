# SPDX-License-Identifier: Apache-2.0
"""A VM on a board: what is told for which hypervisor, and what a board has no say in."""

import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arm_board import (
    ARM_BASE,
    DEVICES,
    KEPT,
    LEVEL,
    LINUX,
    NETWORK,
    QNX,
    TIMER,
    TREE,
    device,
    features,
    line,
    used,
)
from passthru.addresses import AddressRange
from passthru.board.model import (
    Abilities,
    BarKind,
    Board,
    BoardOrigin,
    HostRegion,
    IommuGroup,
    PlatformDevice,
)
from passthru.board.snapshot import read_snapshot, write_board
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source
from passthru.language.reader import ReadResult, read
from passthru.plan.planner import plan_vm
from passthru.report.explanation import example_of
from passthru.rules.check import check, check_configuration
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.on_board import check_on_board
from passthru.rules.passed_memory import passed_memory
from passthru.rules.platform_devices import passed_devices
from passthru.rules.registry import RULES
from sample_board import BASE, BOARD, bar, function

KVM, QNX_8_0 = Hypervisor.KVM, Hypervisor.QNX_8_0
IN_USE = ARM_BASE + "pass loc mem:0x50000000,0x10000,rn"

BLANK = Board(
    name="blank",
    architecture="unknown",
    cpu_count=1,
    memory=(),
    allocated=(),
    reserved=(),
    pci=(),
    iommu_groups=(),
    abilities=Abilities(
        hardware_virtualization=True, vfio_pci=True, iommu=True, locked_memory_limit=None
    ),
    unseen=("processors: nobody looked",),
)
"""A board of which nothing is known."""


def read_text(text: str, hypervisor: Hypervisor = QNX_8_0) -> ReadResult:
    return read([Source("test.qvmconf", text)], environment={}, version=hypervisor.version)


def on_board(text: str, board: Board, hypervisor: Hypervisor = QNX_8_0) -> tuple[Finding, ...]:
    result = read_text(text, hypervisor)
    return check_on_board(result.config, hypervisor, board, complete=result.complete)


def ids(findings: tuple[Finding, ...]) -> set[str]:
    return {finding.id for finding in findings}


def fix_of(findings: tuple[Finding, ...], rule: str) -> str:
    (fix,) = (finding.fix for finding in findings if finding.id == rule)
    assert fix is not None
    return fix


EXAMPLES = [text for rule in RULES for text in example_of(rule).configurations]


@pytest.mark.parametrize("hypervisor", [QNX_8_0, KVM])
def test_a_board_that_knows_nothing_takes_nothing_away(hypervisor: Hypervisor) -> None:
    for text in EXAMPLES:
        result = read_text(text, hypervisor)
        config, complete = result.config, result.complete
        told = check_on_board(config, hypervisor, BLANK, complete=complete)
        general = check_configuration(config, hypervisor, complete=complete)
        rest = [each for each in told if each not in general]
        assert [each for each in general if each not in told] == []
        assert ids(tuple(rest)) <= {"host-memory-unknown"}
        assert all(each.severity is Severity.INFORMATION for each in rest)


def test_what_check_says_of_kvm_is_what_run_does() -> None:
    for text in EXAMPLES:
        result = read_text(text, KVM)
        if not result.complete:
            continue
        planned = plan_vm(result.config, BOARD)
        by_run = (*planned.findings, *check(result.config, planned.plan, BOARD))
        told = check_on_board(result.config, KVM, BOARD)
        assert [each for each in by_run if each not in told] == []
        told_of_all = check_configuration(result.config, KVM)
        beyond = {each.id for each in told if each not in by_run and each not in told_of_all}
        assert beyond <= {"immediate-unmask-needs-edge", "interrupt-source-missing"}


def test_nothing_is_told_twice() -> None:
    for text in EXAMPLES:
        for board, hypervisor in ((BOARD, KVM), (TREE, QNX_8_0), (LINUX, KVM), (QNX, QNX_8_0)):
            told = [
                (each.id, each.span, each.message) for each in on_board(text, board, hypervisor)
            ]
            assert len(told) == len(set(told))


@pytest.mark.parametrize(
    ("board", "hypervisor"),
    [(TREE, QNX_8_0), (QNX, QNX_8_0), (LINUX, QNX_8_0), (BLANK, QNX_8_0), (BLANK, KVM)],
)
def test_a_guest_without_the_host_has_no_findings(board: Board, hypervisor: Hypervisor) -> None:
    text = ARM_BASE if hypervisor is QNX_8_0 else BASE
    assert on_board(text, board, hypervisor) == ()


@pytest.mark.parametrize(
    ("board", "origin"),
    [
        (TREE, BoardOrigin.TREE),
        (LINUX, BoardOrigin.LINUX),
        (QNX, BoardOrigin.QNX),
        (BOARD, BoardOrigin.UNKNOWN),
    ],
)
def test_the_origin_of_a_board_shows(board: Board, origin: BoardOrigin) -> None:
    older = write_board(board).replace(b'"origin": ', b'"was": ').partition(b',\n "was"')[0]
    assert read_snapshot(older + b"\n}\n", "older").origin is origin


USED_BY_LINUX = "pass loc mem:0xfe202000,0x1000,rwn intr gic:60=153 intr gic:61=154"


def test_what_linux_uses_is_no_matter_of_a_host_with_qnx() -> None:
    told = on_board(ARM_BASE + USED_BY_LINUX, LINUX, KVM)
    assert {"host-driver-active", "host-interrupt-in-use"} <= ids(told)
    assert on_board(ARM_BASE + USED_BY_LINUX, LINUX, QNX_8_0) == ()


def test_what_qnx_uses_is_no_matter_of_a_host_with_linux() -> None:
    text = ARM_BASE + "pass intr gic:60=153"
    assert ids(on_board(text, QNX, QNX_8_0)) == {"host-interrupt-in-use"}
    assert ids(on_board(text, QNX, KVM)) == set()


def test_a_device_that_the_host_uses_is_told_once() -> None:
    """Its driver lets go of registers and interrupt together."""
    text = ARM_BASE + "pass loc mem:0xfe202000,0x1000,rwn intr gic:61=154"
    told = ids(on_board(text, LINUX, KVM))
    assert told & {"host-driver-active", "host-interrupt-in-use"} == {"host-driver-active"}
    apart = ARM_BASE + "pass loc mem:0xfe202000,0x1000,rwn pass intr gic:61=154"
    assert {"host-driver-active", "host-interrupt-in-use"} <= ids(on_board(apart, LINUX, KVM))


def test_who_shall_let_go_of_a_device_is_told_the_command() -> None:
    told = on_board(ARM_BASE + "pass loc mem:0xfe202000,0x1000,rwn", LINUX, KVM)
    expected = "echo fe202000.timer > /sys/bus/platform/drivers/st_timer/unbind"
    assert fix_of(told, "host-driver-active") == expected


def test_a_shared_line_names_every_owner_and_device() -> None:
    twin = device("/soc/timer@fe209000", 0xFE209000, interrupts=(154,), driver="st_timer")
    board = LINUX._replace(devices=(*used("st_timer", TIMER), twin))
    told = on_board(ARM_BASE + "pass intr gic:60=154", board, KVM)
    (finding,) = (each for each in told if each.id == "host-interrupt-in-use")
    assert [place.message for place in finding.others] == [
        "it is the interrupt of /soc/timer@fe202000",
        "it is the interrupt of /soc/timer@fe209000",
    ]
    assert (finding.fix or "").count("unbind") == 2


def test_the_reservation_is_that_of_the_host() -> None:
    x86 = on_board(BASE + "pass loc mem:0x60000000,0x10000,rn", BOARD, KVM)
    assert "memmap=0x10000$0x60000000" in fix_of(x86, "host-memory-in-use")
    tree = fix_of(on_board(IN_USE, TREE, KVM), "host-memory-in-use")
    assert "reg = <0x0 0x50000000 0x0 0x10000>;" in tree
    assert "no-map;" in tree
    qnx = fix_of(on_board(IN_USE, QNX, QNX_8_0), "host-memory-in-use")
    assert "-R 0x10000,0x1000," in qnx
    assert "$asinfo_start{" in qnx


def test_a_kernel_that_refuses_the_mapping_too_is_named() -> None:
    strict = LINUX._replace(features=features(CONFIG_STRICT_DEVMEM="built-in"))
    (told,) = (each for each in on_board(IN_USE, strict, KVM) if each.id == "host-memory-in-use")
    assert "CONFIG_STRICT_DEVMEM" in told.others[-1].message
    lax = LINUX._replace(features=features(CONFIG_STRICT_DEVMEM="missing"))
    (told,) = (each for each in on_board(IN_USE, lax, KVM) if each.id == "host-memory-in-use")
    assert [place.message for place in told.others] == [
        "System RAM of the host at 0x40000000..0x70000000"
    ]


def test_the_node_to_paste_is_a_device_tree(tmp_path) -> None:
    assert shutil.which("dtc"), "apt install device-tree-compiler"
    text = fix_of(on_board(IN_USE, TREE, KVM), "host-memory-in-use")
    node = text.split("\n", 1)[1]
    root = "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>; };\n"
    source = tmp_path / "host.dts"
    source.write_text(root + node)
    done = subprocess.run(
        ["dtc", "-O", "dtb", "-o", str(tmp_path / "x"), str(source)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_exposed_neighbours_are_named_once() -> None:
    told = on_board(ARM_BASE + "pass loc mem:0xfe400000,0x200,rwn", TREE)
    (finding,) = told
    assert [place.message for place in finding.others] == [
        "0xfe400200..0xfe401000 is in /soc window of the host",
        "0xfe400200..0xfe401000 has registers of /soc/small@fe400200",
    ]


def test_a_device_tree_s_number_gets_the_one_that_was_meant() -> None:
    told = on_board(ARM_BASE + "pass intr gic:60=121", TREE, KVM)
    assert fix_of(told, "interrupt-source-missing").startswith("gic:60=153, if 121 is from a")


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("intr gic:122", "gic:154"),
        ("intr gic:122,u", "gic:154,u"),
        ("intr gic:60=122", "gic:60=154"),
        ("intr gic:60,u=122", "gic:60,u=154"),
        ("intr mine:22", "mine:54"),
        ("intr high:2=122", "high:2=154"),
        ("intr high:2", "high:2=154"),
    ],
)
def test_the_interrupt_of_the_device_is_written_as_the_wrong_one_was(text: str, fix: str) -> None:
    gics = "vdev gic name mine hostvector 100 vdev gic name high hostvector 298 "
    base = ARM_BASE if "gic:" in text else gics + ARM_BASE.replace("gic:37", "mine:37")
    told = on_board(f"{base} pass loc mem:0xfe202000,0x1000,rwn {text}", TREE)
    assert fix_of(told, "interrupt-not-of-device") == fix


@pytest.mark.parametrize("hypervisor", [QNX_8_0, KVM])
def test_a_small_number_of_the_tree_is_told_beside_that_it_is_the_host_s(
    hypervisor: Hypervisor,
) -> None:
    early = device("/soc/timer@fe202000", 0xFE202000, interrupts=(34,))
    board = TREE._replace(devices=(early,))
    text = f"{ARM_BASE} pass loc mem:0xfe202000,0x1000,rwn intr gic:60=2"
    told = on_board(text, board, hypervisor)
    assert "host-infrastructure" in ids(told)
    assert fix_of(told, "interrupt-not-of-device") == "gic:60=34"


def test_nothing_is_said_of_an_interrupt_beside_one_that_is_not_certain() -> None:
    text = f"{ARM_BASE} vdev gic name far hostvector 0 pass loc mem:0xfe202000,0x1000,rwn "
    assert "interrupt-not-of-device" in ids(on_board(f"{text} intr far:122", TREE))
    assert "interrupt-not-of-device" not in ids(on_board(f"{text} intr far:122 intr x:9", TREE))


def test_missing_drivers_are_named_by_their_options() -> None:
    text = ARM_BASE + "pass intr gic:60=156"
    for platform in ("missing", "module"):
        missing = features(uio_pdrv_genirq="missing", vfio__platform=platform)
        told = on_board(text, LINUX._replace(features=missing), KVM)
        fix = fix_of(told, "interrupt-source-missing")
        assert fix == "give the host a kernel with CONFIG_UIO_PDRV_GENIRQ"
    states = {"uio_pdrv_genirq": "missing", "uio_pci_generic": "missing", "vfio__pci": "module"}
    board = LINUX._replace(features=features(**states), pci=(NETWORK,))
    told = on_board(ARM_BASE + "pass intr gic:60=200", board, KVM)
    assert fix_of(told, "interrupt-source-missing").endswith(
        "CONFIG_UIO_PDRV_GENIRQ or CONFIG_UIO_PCI_GENERIC"
    )
    unknown = LINUX._replace(features=features(uio_pdrv_genirq="unknown", vfio__platform="missing"))
    assert "interrupt-source-missing" not in ids(on_board(text, unknown, KVM))


TO_UIO = """\
modprobe uio_pdrv_genirq
echo uio_pdrv_genirq > /sys/bus/platform/devices/fe400000.small/driver_override
echo fe400000.small > /sys/bus/platform/drivers_probe"""
TWO_LINES = device("/soc/two@fe500000", 0xFE500000, interrupts=(156, 157), driver="two")
PRIMECELL = device(
    "/soc/rtc@fe500000", 0xFE500000, interrupts=(157,), compatible=("arm,pl031", "arm,primecell")
)


@pytest.mark.parametrize(
    ("vector", "more", "missing", "fix"),
    [
        (156, (), (), TO_UIO),
        (156, (), ("vfio__platform",), TO_UIO),
        (156, (), ("uio_pdrv_genirq",), "give the host a kernel with CONFIG_UIO_PDRV_GENIRQ"),
        (157, (TWO_LINES,), (), "takes the first interrupt of a device only"),
        (157, (PRIMECELL,), (), "without `arm,primecell`"),
        (
            157,
            (TWO_LINES._replace(interrupts=(157,)),),
            (),
            "drivers/two/unbind\necho fe500000.two",
        ),
    ],
)
def test_a_device_of_the_tree_gets_the_way_to_uio_that_linux_has(
    vector: int, more: tuple[PlatformDevice, ...], missing: tuple[str, ...], fix: str
) -> None:
    """drivers/uio/uio_pdrv_genirq.c is for platform devices, and their first interrupt."""
    states = features(**dict.fromkeys(missing, "missing"))
    board = LINUX._replace(uio=(), devices=(*LINUX.devices, *more), features=states)
    config = read([Source("test", f"{ARM_BASE}pass intr gic:60={vector}")], environment={}).config
    assert fix in fix_of(check(config, None, board), "interrupt-source-missing")


@pytest.mark.parametrize(
    ("state", "fix"),
    [
        ("module", "modprobe uio_pci_generic\necho uio_pci_generic > "),
        ("missing", "give the host a kernel with CONFIG_UIO_PCI_GENERIC"),
    ],
)
def test_a_function_s_interrupt_gets_the_way_to_uio_that_the_kernel_has(
    state: str, fix: str
) -> None:
    card = function("0000:00:09.0", (0x1234, 0x11E8), bar(0, BarKind.MEMORY32, 0xFE800000, 0x1000))
    board = BOARD._replace(pci=(card,), uio=(), features=features(uio_pci_generic=state))
    text = "vdev ioapic name p intr apic pass loc mem:0xfe800000,0x1000,rwn intr p:10=9"
    config = read([Source("test", text)], environment={}).config
    assert fix_of(check(config, None, board), "interrupt-source-missing").startswith(fix)


@pytest.mark.shows("intr-unmask-conditions", "intr-unmask-host-edge")
def test_an_edge_answers_the_question_of_immediate_unmasking() -> None:
    text = ARM_BASE + "pass intr gic:60,u=154"
    assert ids(on_board(text, BLANK)) == {"immediate-unmask-needs-edge"}
    assert on_board(text, TREE) == ()


GROUP = IommuGroup(2, (NETWORK.address,), (HostRegion(AddressRange(0x8000000, 0x100000), "msi"),))
GPU = NETWORK._replace(address=NETWORK.address._replace(device=1), driver="gpu")
PASSED = NETWORK._replace(driver="vfio-pci")
FUNCTION_PASS = ARM_BASE + "pass loc pci:0:1.0=pci:1:0.0"


def arm_host(**changes: object) -> Board:
    return LINUX._replace(**{"pci": (PASSED,), "iommu_groups": (GROUP,), **changes})


@pytest.mark.shows("owner-host-driver", "dma-one-system", case="host-driver-active")
@pytest.mark.shows("dma-manager-absent", case="dma-manager-missing")
@pytest.mark.shows("pci-host-support", "pci-host-support-again", case="pci-support-missing")
@pytest.mark.parametrize(
    ("rule", "board", "text"),
    [
        ("host-driver-active", arm_host(pci=(NETWORK,)), FUNCTION_PASS),
        ("vfio-driver-missing", arm_host(pci=(PASSED._replace(driver=None),)), FUNCTION_PASS),
        ("dma-manager-missing", arm_host(pci=(PASSED._replace(iommu_group=None),)), FUNCTION_PASS),
        (
            "iommu-group-split",
            arm_host(
                pci=(PASSED, GPU),
                iommu_groups=(GROUP._replace(members=(PASSED.address, GPU.address)),),
            ),
            FUNCTION_PASS,
        ),
        ("iova-reserved", arm_host(), FUNCTION_PASS + " ram 0x8000000,1m"),
        (
            "memory-lock-limit",
            arm_host(abilities=LINUX.abilities._replace(locked_memory_limit=1 << 20)),
            FUNCTION_PASS,
        ),
        (
            "pci-support-missing",
            arm_host(abilities=LINUX.abilities._replace(vfio_pci=False)),
            FUNCTION_PASS,
        ),
    ],
)
def test_functions_of_an_arm_host_with_linux(rule: str, board: Board, text: str) -> None:
    assert ids(on_board(text, board, KVM)) == {rule}
    assert on_board(FUNCTION_PASS, arm_host(), KVM) == ()
    assert on_board(text, board, QNX_8_0) == ()


def test_a_function_without_a_driver_may_get_its_group_with_it() -> None:
    """With a device tree, before Linux 6.15; with ACPI on x86-64 it has one from the start."""
    unbound = PASSED._replace(iommu_group=None, driver=None)
    told = on_board(FUNCTION_PASS, arm_host(pci=(unbound,)), KVM)
    assert ids(told) == {"vfio-driver-missing"}
    no_groups_yet = arm_host(
        pci=(unbound,),
        iommu_groups=(),
        abilities=LINUX.abilities._replace(iommu=False),
        iommu_kind="smmuv3",
    )
    assert ids(on_board(FUNCTION_PASS, no_groups_yet, KVM)) == ids(told)
    x86 = on_board(BASE + "pass loc pci:0:1.0=pci:1:0.0", BOARD._replace(pci=(unbound,)), KVM)
    assert ids(x86) == {"dma-manager-missing", "vfio-driver-missing"}


def test_an_arm_host_without_iommu_is_not_told_of_vt_d() -> None:
    board = arm_host(
        pci=(PASSED._replace(iommu_group=None, driver=None),),
        iommu_groups=(),
        abilities=LINUX.abilities._replace(iommu=False),
        iommu_kind=None,
    )
    told = on_board(FUNCTION_PASS, board, KVM)
    assert "CONFIG_ARM_SMMU" in fix_of(told, "dma-manager-missing")
    assert "VT-d" not in fix_of(told, "dma-manager-missing")


def test_what_texts_of_qnx_do_not_tell_is_not_told_of_linux() -> None:
    """No group and no driver there means that nobody looked."""
    board = BOARD._replace(
        origin=BoardOrigin.QNX,
        pci=(NETWORK._replace(driver=None, iommu_group=None),),
        iommu_groups=(),
    )
    assert on_board(BASE + "pass loc pci:0:1.0=pci:1:0.0", board, KVM) == ()


def test_on_a_board_of_arm_check_says_what_run_would_refuse() -> None:
    assert on_board(ARM_BASE, TREE, KVM) == ()
    disk = "vdev virtio-blk loc 0x1c140000 intr gic:47 hostdev /x\n"
    told = on_board(ARM_BASE + disk, TREE, KVM)
    assert [(each.id, each.span.text) for each in told if each.span] == [
        ("not-supported-by-run", "vdev virtio-blk")
    ]


def test_a_board_decides_which_architecture_is_foreign() -> None:
    """Without it the first sign in the text would have been right and the other one wrong."""
    text = (
        "ram 0x80000000,64m load x vdev pl011 loc 0x1c090000 intr gic:37 vdev hpet loc 0xf8008000"
    )
    assert [each.span.text for each in on_board(text, TREE) if each.span] == ["vdev hpet"]
    x86 = [each for each in on_board(text, BOARD) if each.id == "x86-only"]
    assert [each.span.text for each in x86 if each.span] == ["vdev pl011"]


def test_what_could_not_be_read_is_not_missed() -> None:
    text = ARM_BASE + "ram @SIZE@ pass loc mem:0x50000000,0x10000,rn load 0x90000000,x"
    result = read_text(text)
    assert not result.complete
    for board, hypervisor in ((TREE, QNX_8_0), (BOARD, KVM)):
        told = check_on_board(result.config, hypervisor, board, complete=False)
        assert "load-outside-memory" not in ids(told)
        assert "host-memory-in-use" in ids(told)


def test_names_of_the_vm_are_in_all_findings() -> None:
    told = on_board(f"system one {IN_USE} cpu cluster _cpu-9", TREE)
    assert {each.vm for each in told} == {"one"}
    assert len(told) == 2


def test_memory_kept_from_the_host_is_named_by_its_region() -> None:
    beside = ARM_BASE + f"pass loc mem:{KEPT.end:#x},0x1000,rn"
    (finding,) = on_board(beside, TREE)
    assert [place.message for place in finding.others] == [
        "System RAM of the host at 0x74000000..0x80000000"
    ]


def test_a_device_without_a_driver_is_not_absent() -> None:
    """Linux's memory map has it only once a driver has it; the device tree has it always."""
    windows = [region for region in LINUX.memory if region.range.start < DEVICES.start]
    board = LINUX._replace(memory=tuple(windows), devices=(TIMER,))
    text = ARM_BASE + "pass loc mem:0xfe202000,0x1000,rwn"
    assert "host-memory-absent" not in ids(on_board(text, board, KVM))
    beside = ARM_BASE + "pass loc mem:0xfe203000,0x1000,rwn"
    assert "host-memory-absent" in ids(on_board(beside, board, KVM))


@pytest.mark.parametrize(
    ("place", "is_there"),
    [("0xfed00000,0x1000", True), ("0xfed00400,0x100", True), ("0xfed01000,0x1000", False)],
)
def test_the_page_of_a_small_device_is_not_absent(place: str, is_there: bool) -> None:
    """Nobody can pass less than its page."""
    timer = HostRegion(AddressRange(0xFED00000, 0x400), "HPET 0")
    board = BOARD._replace(memory=(*BOARD.memory[:3], timer), pci=(), allocated=(), reserved=())
    told = ids(on_board(f"{BASE}pass loc mem:{place},rwn", board, KVM))
    assert ("host-memory-absent" in told) is not is_there


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20)), max_size=12),
    st.integers(0, 70),
    st.integers(0, 20),
)
def test_devices_behind_a_pass_are_those_that_share_a_byte(places, start, size) -> None:
    devices = tuple(device(f"/d{n}", *place) for n, place in enumerate(places))
    result = read_text(f"pass loc mem:{start:#x},{size or 1},rwn")
    passed = passed_memory(result.config)
    host = passed[0].location.host
    expected = [each for each in devices if each.registers[0].overlaps(host)]
    found = passed_devices(passed, TREE._replace(devices=devices))
    assert [each.device for each in found] == expected


@given(
    st.lists(st.tuples(st.integers(0, 0xA000), st.integers(1, 0x3000)), max_size=6),
    st.integers(0, 0xB000),
    st.integers(1, 0x4000),
)
def test_what_is_absent_is_in_no_page_with_anything(places, start, size) -> None:
    regions = tuple(HostRegion(AddressRange(*place), "thing") for place in sorted(places))
    used = {page for at, length in places for page in range(at >> 12, (at + length - 1 >> 12) + 1)}
    wanted = range(start >> 12, (start + size - 1 >> 12) + 1)
    missing = [page for page in wanted if page not in used]
    board = BLANK._replace(memory=(*regions, HostRegion(AddressRange(0x20000, 1), "last")))
    text = f"{ARM_BASE}pass loc mem:{start:#x},{size:#x},rwn"
    told = [each for each in on_board(text, board) if each.id == "host-memory-absent"]
    assert bool(told) is bool(missing)
    if missing:
        assert f"nothing is at {max(start, missing[0] << 12):#x}.." in told[0].message


MANY = 40


def test_a_pass_over_many_devices_breaks_each_rule_once() -> None:
    """A finding and its fix stay short, however much lies behind a pass."""
    devices = tuple(
        device(f"/soc/d@{n}", 0xC0000000 + (n << 12), clocks=("clk",), streams=("s:1",), driver="x")
        for n in range(MANY)
    )
    window = HostRegion(AddressRange(0xC0000000, 0x10000000), "bus")
    board = LINUX._replace(devices=devices, memory=(*LINUX.memory, window))
    told = on_board(f"{ARM_BASE}pass loc mem:0xc0000000,{MANY << 12:#x},rwn", board, KVM)
    of_devices = [each for each in told if each.id != "not-supported-by-run"]
    assert sorted(each.id for each in of_devices) == [
        "clock-dependent-device",
        "dma-device-declared-harmless",
        "host-driver-active",
    ]
    assert sum(f"/soc/d@0 and {MANY - 1} more" in each.message for each in of_devices) == 2
    assert all(0 < len(each.others) < 10 for each in of_devices)
    assert all(len((each.fix or "").splitlines()) < 10 for each in of_devices)


def test_registers_of_many_functions_are_told_once() -> None:
    functions = tuple(
        function(
            f"0000:00:{n:02x}.0",
            (1, n),
            bar(0, BarKind.MEMORY32, 0xC0000000 + (n << 12), 0x1000),
            driver="nic",
        )
        for n in range(1, 32)
    )
    board = BOARD._replace(pci=functions, iommu_groups=())
    told = on_board(f"{BASE}pass loc mem:0xc0000000,0x20000,rwn", board, KVM)
    assert sorted(ids(told)) == ["dma-device-declared-harmless", "host-driver-active"]
    assert len(told) == 2
    assert all("pci:0:1.0 [0001:0001] " in each.message for each in told)
    assert all("and 30 more" in each.message for each in told)


def test_a_line_with_many_owners_names_a_few() -> None:
    lines = tuple(line(154, LEVEL, f"driver{n}") for n in range(MANY))
    board = LINUX._replace(devices=(), interrupts=lines)
    told = on_board(ARM_BASE + "pass intr gic:60=154", board, KVM)
    (finding,) = (each for each in told if each.id == "host-interrupt-in-use")
    assert f"driver7 and {MANY - 8} more" in finding.message


def test_linux_cannot_contain_bare_memory_so_the_fix_does_not_ask_for_it() -> None:
    """With `d` it would be dma-manager-missing."""
    text = ARM_BASE + "pass loc mem:0xfe203000,0x1000,rwn"
    (qnx,) = (e for e in on_board(text, TREE, QNX_8_0) if e.id == "dma-device-declared-harmless")
    (kvm,) = (e for e in on_board(text, TREE, KVM) if e.id == "dma-device-declared-harmless")
    assert (qnx.fix, kvm.fix) == ("say `d` instead of `n`", None)


def test_the_function_to_pass_instead_is_on_the_guest_s_bus() -> None:
    network = function("0000:03:00.0", (1, 2), bar(0, BarKind.MEMORY32, 0xC0000000, 0x1000))
    board = BOARD._replace(pci=(network,), iommu_groups=())
    fix = fix_of(
        on_board(f"{BASE}pass loc mem:0xc0000000,0x1000,rwn", board, KVM),
        "dma-device-declared-harmless",
    )
    assert "pci-guest-bus" not in ids(on_board(f"{BASE}pass loc {fix}", board, KVM))


def test_an_arm_guest_is_compared_with_its_machine_whoever_told_of_the_board() -> None:
    text = "ram 0x2f000000,1m load kernel vdev pl011 loc 0x1c090000 intr gic:2000"
    for board in (TREE, LINUX):
        told = {each.id for each in on_board(text, board, KVM)}
        assert {"address-overlap", "interrupt-line-out-of-range"} <= told
    assert "address-overlap" not in {each.id for each in on_board(text, TREE)}
