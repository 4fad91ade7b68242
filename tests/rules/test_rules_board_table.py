# SPDX-License-Identifier: Apache-2.0
"""Every rule that a board decides trips on one text or board, and not on its neighbour."""
# ruff: noqa: E501 - a table of cases is read by rows

from typing import NamedTuple

import pytest

from arm_board import (
    ARM_BASE,
    DMA,
    LEVEL,
    LINUX,
    NETWORK,
    NO_SMMU,
    QNX,
    SERIAL,
    TREE,
    WITHOUT_CARRIERS,
    device,
    features,
    line,
    used,
    with_pci,
)
from passthru.addresses import AddressRange
from passthru.board.model import Board, BoardOrigin, CpuCluster, HostRegion, UioDevice
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.report.explanation import example_of
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.on_board import check_on_board
from passthru.rules.registry import RULES
from sample_board import BASE, BOARD
from several_vms import TOLD_OF_SEVERAL_VMS

QNX_8_0, QNX_7_1, KVM = Hypervisor.QNX_8_0, Hypervisor.QNX_7_1, Hypervisor.KVM
ERROR, WARNING, INFORMATION = Severity.ERROR, Severity.WARNING, Severity.INFORMATION

RUN_IS_FOR_OTHERS = "not-supported-by-run"


class Case(NamedTuple):
    """``trip`` breaks the rule at the text ``at`` with words of ``says``; ``near`` breaks none."""

    rule: str
    trip: str
    at: str
    says: str
    near: str
    board: Board = TREE
    near_board: Board | None = None
    hypervisor: Hypervisor = QNX_8_0
    severity: Severity = ERROR
    base: str = ARM_BASE


def pass_at(start: int, size: int = 0x1000, letters: str = "rwn") -> str:
    return f"pass loc mem:{start:#x},{size:#x},{letters}"


def at(start: int, size: int = 0x1000, letters: str = "rwn") -> str:
    return pass_at(start, size, letters).removeprefix("pass loc ")


def at_too(start: int) -> str:
    return f"loc {at(start)}"


TIMER, DMA_PLACE, SMALL, NOWHERE = 0xFE202000, 0xFE203000, 0xFE400000, 0xF0000000
RAM_PASS, KEPT_PASS = pass_at(0x50000000, letters="rn"), pass_at(0x70000000, letters="rn")
DEVICE_WITHOUT_DMA = device("/soc/timer@fe202000", TIMER, interrupts=(154,))

PRELOADED = "ram 0x70000000,64m initrd pass loc mem:0x90000000,0x1000,rn=0x70000000"
"""Where the host has RAM that is kept for it, and the guest by chance RAM of its own."""

GIC = 0xFE500000
WITH_GIC = TREE._replace(
    infrastructure=(HostRegion(AddressRange(GIC, 0x1000), "interrupt controller gic"),),
    devices=(
        *TREE.devices,
        device("/iommu@9050000", 0x9050000, interrupts=(74,), compatible=("arm,smmu-v3",)),
    ),
)
PIN_DEVICE = 0xFE500000
NESTED = TREE._replace(
    devices=(
        device("/soc/syscon@fe300000", 0xFE300000, 0x10000, interrupts=(199,)),
        device("/soc/syscon@fe300000/leds@fe301000", 0xFE301000, interrupts=(200,)),
        device("/soc/syscon@fe300000/leds@fe301000/red", 0xFE302000, interrupts=(201,)),
    )
)
CLUSTERED = TREE._replace(
    origin=BoardOrigin.UNKNOWN, devices=(), clusters=(CpuCluster("big", (2, 3)),)
)
NOT_MAPPED = TREE._replace(memory=(), allocated=(), reserved=())
WITHOUT_RAM = TREE._replace(
    memory=(HostRegion(AddressRange.between(0xFE000000, 0x100000000), "/soc window"),),
    allocated=(),
    reserved=(),
)
X86_LINUX = BOARD._replace(
    origin=BoardOrigin.LINUX,
    features=features(CONFIG_DEVMEM="built-in", uio_pdrv_genirq="module"),
    ports=(
        HostRegion(AddressRange(0x3F8, 8), "serial"),
        HostRegion(AddressRange(0xC040, 0x20), "0000:00:05.0"),
        HostRegion(AddressRange(0xC060, 0x20), "0000:00:1f.2"),
        HostRegion(AddressRange(0x400, 0x10), "pnp 00:03"),
    ),
    interrupts=(
        line(5, LEVEL, "ahci", "ioapic"),
        line(6, LEVEL, None, "ioapic"),
        line(7, LEVEL, "ahci", "ioapic"),
        line(7, LEVEL, None, "ioapic"),
        line(8, LEVEL, "vfio-intx(0000:00:06.0)", "ioapic"),
    ),
)
X86_UIO = X86_LINUX._replace(
    pci=(),
    uio=(UioDevice("uio0", "0000:00:06.0", "uio", (6,), (AddressRange(0xFEA00000, 0x1000),)),),
)
IOAPIC = BASE + "vdev ioapic loc 0xf8000000 intr apic name p\n"

# fmt: off
CASES = (
    Case("address-too-high", "ram 0xffffff0000,128k", "ram 0xffffff0000,128k", "addresses of 40 bits", "ram 0xffffff0000,64k", hypervisor=KVM),
    Case("host-memory-in-use", RAM_PASS, at(0x50000000, letters="rn"), "allocates from", KEPT_PASS),
    Case("host-memory-in-use", pass_at(0x73FFF000, 0x2000, "rn"), at(0x73FFF000, 0x2000, "rn"), "allocates from", pass_at(0x73FFF000, 0x1000, "rn")),
    Case("host-memory-in-use", RAM_PASS, at(0x50000000, letters="rn"), "allocates from", KEPT_PASS, QNX),
    Case("host-infrastructure", pass_at(GIC), at(GIC), "interrupt controller gic", pass_at(GIC + 0x10000), WITH_GIC),
    Case("host-infrastructure", pass_at(GIC), at(GIC), "interrupt controller gic", pass_at(GIC), WITH_GIC, TREE, hypervisor=KVM),
    Case("host-infrastructure", "pass intr gic:60=27", "gic:60=27", "timers", "pass intr gic:60=23"),
    Case("host-infrastructure", "pass intr gic:60=74", "gic:60=74", "interrupt of the IOMMU /iommu@9050000", "pass intr gic:60=154", WITH_GIC),
    Case("host-infrastructure", "pass loc io:0xcf8,8", "io:0xcf8,8", "PCI configuration", "pass loc io:0x2f8,8", X86_LINUX, base=IOAPIC),
    Case("host-infrastructure", "pass loc io:0x3f,2", "io:0x3f,2", "timer PIT", "pass loc io:0x44,2", X86_LINUX, base=IOAPIC),
    Case("host-memory-absent", pass_at(NOWHERE), at(NOWHERE), "nothing is at", pass_at(0xFE500000), severity=WARNING),
    Case("host-memory-absent", f"initrd {pass_at(NOWHERE)}", at(NOWHERE), "nothing is at", f"initrd {KEPT_PASS}"),
    Case("host-memory-absent", pass_at(NOWHERE), at(NOWHERE), "nothing is at", f"initrd {pass_at(NOWHERE)}", WITHOUT_RAM, severity=WARNING),
    Case("host-memory-absent", "pass loc mem:0x700000000,0x1000,rwn", "mem:0x700000000,0x1000,rwn", "nothing is at", "pass loc mem:0x800000000,0x1000,rwn", X86_LINUX._replace(pci=()), base=BASE),
    Case("host-memory-not-zeroed", pass_at(0x70000000, letters="m"), at(0x70000000, letters="m"), "whatever it holds", KEPT_PASS, severity=WARNING),
    Case("host-memory-unknown", KEPT_PASS, at(0x70000000, letters="rn"), "has no memory map", "cpu", NOT_MAPPED, severity=INFORMATION),
    Case("host-memory-unknown", "pass loc mem:0x30000000,0x1000,rn=0x20000000", "mem:0x30000000,0x1000,rn=0x20000000", "has no memory map", "cpu", X86_LINUX._replace(memory=(), allocated=(), reserved=()), hypervisor=KVM, severity=INFORMATION, base=BASE),
    Case("blob-looks-swapped", PRELOADED, "mem:0x90000000,0x1000,rn=0x70000000", "look swapped", PRELOADED, WITHOUT_RAM, TREE, severity=WARNING),
    Case("blob-looks-swapped", PRELOADED, "mem:0x90000000,0x1000,rn=0x70000000", "look swapped", PRELOADED, WITHOUT_RAM, TREE, KVM, severity=WARNING),
    Case("not-page-aligned", pass_at(SMALL, 0x200), at(SMALL, 0x200), "rest of the page", pass_at(SMALL), severity=WARNING),
    Case("not-page-aligned", pass_at(SMALL, 0x200, "wn"), at(SMALL, 0x200, "wn"), "rest of the page", pass_at(SMALL, letters="wn"), severity=WARNING),
    Case("not-page-aligned", pass_at(SMALL, 0x200), at(SMALL, 0x200), "rest of the page", pass_at(SMALL, 0x200, "wn"), hypervisor=KVM, severity=WARNING),
    Case("not-page-aligned", pass_at(SMALL, 0x200), at(SMALL, 0x200), "rest of the page", pass_at(SMALL, 0x200, "wn"), hypervisor=KVM, severity=WARNING, base="ram 0x80000000,64m guest load kernel "),
    Case("host-driver-active", pass_at(TIMER), at(TIMER), "st_timer uses", pass_at(TIMER), LINUX, LINUX._replace(devices=used("uio_pdrv_genirq")), hypervisor=KVM),
    Case("host-driver-active", pass_at(0xFE301000), at(0xFE301000), "leds", pass_at(0xFE301000), LINUX._replace(devices=tuple(d._replace(driver="leds" if "leds" in d.name else "syscon") for d in LINUX.devices)), LINUX._replace(devices=tuple(d._replace(driver=None if "leds" in d.name else "syscon") for d in LINUX.devices)), hypervisor=KVM),
    Case("host-driver-active", "pass loc io:0x3f8,8,rwn", "io:0x3f8,8,rwn", "serial", "pass loc io:0xc060,8,rwn loc io:0x400,4,rwn loc io:0x2f8,8,rwn", X86_LINUX, hypervisor=KVM, base=BASE),
    Case("host-interrupt-in-use", "pass intr gic:60=153", "gic:60=153", "uart-pl011", "pass intr gic:60=155", LINUX, hypervisor=KVM),
    Case("host-interrupt-in-use", "pass intr gic:60=153", "gic:60=153", "devc-serpl011", "pass intr gic:60=155", QNX),
    Case("host-interrupt-in-use", "pass intr gic:153", "gic:153", "devc-serpl011", "pass intr gic:154", QNX),
    Case("host-interrupt-in-use", "pass intr p:5", "p:5", "ahci", "pass intr p:6 intr p:7 intr p:10=8", X86_LINUX, hypervisor=KVM, base=IOAPIC),
    Case("host-interrupt-in-use", "pass intr gic:60=154", "gic:60=154", "st_timer", f"{pass_at(TIMER)} intr gic:60=154", LINUX, LINUX._replace(devices=used("vfio-platform", *TREE.devices)), hypervisor=KVM),
    Case("host-interrupt-in-use", "pass intr gic:60=20", "gic:60=20", "gpio", "pass intr gic:60=20", TREE._replace(interrupts=(line(20, LEVEL, "gpio-keys"),)), TREE._replace(interrupts=(line(20, LEVEL, "gpio-keys", "pl061"),))),
    Case("interrupt-source-missing", "pass intr gic:60=1050", "gic:60=1050", "no interrupt 1050", "pass intr gic:60=1019"),
    Case("interrupt-source-missing", "pass intr gic:60=1020", "gic:60=1020", "no interrupt 1020", "pass intr gic:60=1056", QNX),
    Case("interrupt-source-missing", "pass intr gic:60=200", "gic:60=200", "no device", "pass intr gic:60=156", hypervisor=KVM),
    Case("interrupt-source-missing", "pass intr gic:60=200", "gic:60=200", "no device", "pass intr gic:60=200", TREE, TREE._replace(devices=(*TREE.devices, device("/pcie@fd000000", 0xFD000000, compatible=("pci-host-ecam-generic",)))), hypervisor=KVM),
    Case("interrupt-source-missing", "pass intr gic:60=200", "gic:60=200", "no device", "pass intr gic:60=200", TREE, TREE._replace(interrupts=(), devices=()), hypervisor=KVM),
    Case("interrupt-source-missing", "pass intr gic:60=156", "gic:60=156", "no driver", "pass intr gic:60=156", WITHOUT_CARRIERS, LINUX, hypervisor=KVM),
    Case("interrupt-source-missing", "pass intr gic:60=156", "gic:60=156", "no driver", "pass intr gic:60=200", with_pci(WITHOUT_CARRIERS, NETWORK), hypervisor=KVM),
    Case("interrupt-not-of-device", f"{pass_at(TIMER)} intr gic:122", "gic:122", "122 is the SPI of /soc/timer@fe202000", f"{pass_at(TIMER)} intr gic:154", severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(TIMER)} intr gic:60=122", "gic:60=122", "its interrupt is 154", f"{pass_at(TIMER)} intr gic:122=154", LINUX, hypervisor=QNX_7_1, severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(TIMER)} intr gic:60=155", "gic:60=155", "not one of /soc/timer@fe202000", f"{pass_at(TIMER)} pass intr gic:60=155", severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(TIMER)} intr gic:60=300", "gic:60=300", "passed with it: 154", f"{pass_at(TIMER)} intr gic:60=300 pass intr gic:61=154", severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(TIMER)} loc mem:0xfe300000,0x1000,rwn intr gic:60=122", "gic:60=122", "its interrupt is 154", f"{pass_at(TIMER)} loc mem:0xfe300000,0x1000,rwn intr gic:60=300", severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(TIMER)} {at_too(SMALL)} intr gic:154 intr gic:124", "gic:124", "124 is the SPI of /soc/small@fe400000", f"{pass_at(TIMER)} {at_too(SMALL)} intr gic:154 intr gic:156", severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(0xFE301000)} intr gic:60=300", "gic:60=300", "passed with it: 200", f"{pass_at(0xFE301000)} intr gic:60=199", NESTED, severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(0xFE301000)} intr gic:60=300", "gic:60=300", "passed with it: 200", f"{pass_at(0xFE301000)} intr gic:60=201", NESTED, severity=WARNING),
    Case("interrupt-not-of-device", f"{pass_at(PIN_DEVICE)} intr gic:60=154", "gic:60=154", "not one of", f"{pass_at(PIN_DEVICE)} intr gic:60=154", TREE._replace(devices=(*TREE.devices, device("/soc/key@fe500000", PIN_DEVICE, interrupts=(157,)))), TREE._replace(devices=(*TREE.devices, device("/soc/key@fe500000", PIN_DEVICE))), severity=WARNING),
    Case("interrupt-not-of-device", "pass loc mem:0x90000000,0x1000,rwn=0xfea00000 intr p:3=11", "p:3=11", "not one of 0000:00:06.0", "pass loc mem:0x90000000,0x1000,rwn=0xfea00000 intr p:3=6", X86_UIO, hypervisor=QNX_8_0, base=IOAPIC, severity=WARNING),
    Case("immediate-unmask-needs-edge", "pass intr gic:60,u=155", "gic:60,u=155", "level-triggered", "pass intr gic:60,u=154"),
    Case("immediate-unmask-needs-edge", "pass intr gic:60,u=156", "gic:60,u=156", "right only if", "pass intr gic:60=156", severity=WARNING),
    Case("immediate-unmask-needs-edge", "pass intr gic:60,u=300", "gic:60,u=300", "right only if", "pass intr gic:60=300", severity=WARNING),
    Case("clock-dependent-device", pass_at(0xFE201000), at(0xFE201000), "clocks@fe100000", pass_at(TIMER), hypervisor=KVM),
    Case("clock-dependent-device", pass_at(0xFE204000), at(0xFE204000), "power, reset@fe105000", pass_at(0xFE205000), hypervisor=KVM),
    Case("cpu-absent", "cpu cluster _cpu-4", "_cpu-4", "no processor 4", "cpu cluster _cpu-3"),
    Case("cpu-absent", "cpu runmask 1,4,5", "1,4,5", "no processor 4 and 5", "cpu runmask 0,3", hypervisor=QNX_7_1),
    Case("cpu-absent", "cpu cluster little", "little", "no cluster", "cpu cluster big cpu cluster _all cpu cluster _cpu-0", CLUSTERED),
    Case("cpu-absent", "cpu cluster _cpu-4", "_cpu-4", "no processor", "cpu cluster _cpu-4", TREE, QNX),
    Case("x86-only", "pass loc io:0x3f8,8,rwn", "io:0x3f8,8,rwn", "an ARM board", "pass intr gic:60=154"),
    Case("x86-only", "acpi load table", "acpi load table", "an ARM board", "data load table", base="ram 0x80000000,64m guest load kernel\n"),
    Case("x86-only", "vdev pl011 loc 0x1c090000 intr gic:37", "vdev pl011", "an x86 board", "vdev ser8250 loc 0x3f8 intr p:4", BOARD, base="ram 0x100000,64m guest load kernel vdev ioapic loc 0xf8000000 intr apic name p\n"),
    Case("dma-device-declared-harmless", pass_at(DMA_PLACE), at(DMA_PLACE), "does DMA", pass_at(DMA_PLACE, letters="rwd"), severity=WARNING),
    Case("dma-device-declared-harmless", pass_at(DMA_PLACE), at(DMA_PLACE), "IOMMU knows it", pass_at(TIMER), TREE._replace(devices=(DMA._replace(streams=(), iommu_group=7), SERIAL)), severity=WARNING),
    Case("dma-device-declared-harmless", pass_at(TIMER), at(TIMER), "has `dma-coherent`", pass_at(TIMER, letters="rwd"), TREE._replace(devices=(DEVICE_WITHOUT_DMA._replace(dma=("dma-coherent",)), DMA)), TREE._replace(devices=(DEVICE_WITHOUT_DMA._replace(streams=("s",)), DMA)), severity=WARNING),
    Case("dma-device-declared-harmless", pass_at(TIMER), at(TIMER), "lets a DMA controller", pass_at(TIMER), TREE._replace(devices=(DEVICE_WITHOUT_DMA._replace(dma=("dmas",)),)), TREE._replace(devices=(DEVICE_WITHOUT_DMA,)), severity=WARNING),
    Case("dma-device-declared-harmless", pass_at(TIMER), at(TIMER), "a USB controller (`snps,dwc3`)", pass_at(TIMER), TREE._replace(devices=(DEVICE_WITHOUT_DMA._replace(compatible=("x,y", "snps,dwc3")),)), TREE._replace(devices=(DEVICE_WITHOUT_DMA._replace(compatible=("x,y",)),)), hypervisor=KVM, severity=WARNING),
    Case("dma-manager-missing", pass_at(DMA_PLACE, letters="rwd"), at(DMA_PLACE, letters="rwd"), "there is none", pass_at(DMA_PLACE), NO_SMMU),
    Case("dma-manager-missing", pass_at(TIMER, letters="rwd"), at(TIMER, letters="rwd"), "behind no IOMMU", pass_at(DMA_PLACE, letters="rwd"), severity=WARNING),
    Case("dma-manager-missing", pass_at(TIMER, letters="rwd"), at(TIMER, letters="rwd"), "bare memory", pass_at(TIMER), hypervisor=KVM),
    Case("pci-not-found", "pass loc pci:0:9.0=pci:2:0.0", "pci:0:9.0=pci:2:0.0", "no PCI function", "pass loc pci:0:9.0=pci:1:0.0", with_pci(QNX, NETWORK)),
    Case("pci-not-found", "pass loc pci:0:9.0=pci:2:0.0", "pci:0:9.0=pci:2:0.0", "no PCI function", "pass loc pci:0:9.0=pci:2:0.0", with_pci(QNX, NETWORK), QNX),
    Case("pci-ambiguous", "pass loc pci:0x1af4/0x1041", "pci:0x1af4/0x1041", "matches 2", "pass loc pci:0x1af4/0x1041/1", with_pci(QNX, NETWORK, NETWORK._replace(address=NETWORK.address._replace(device=1))), hypervisor=QNX_7_1),
    Case("pci-is-bridge", "pass loc pci:0:9.0=pci:1:0.0", "pci:0:9.0=pci:1:0.0", "bridge", "pass loc pci:0:9.0=pci:1:0.0", with_pci(QNX, NETWORK._replace(header_type=1)), with_pci(QNX, NETWORK)),
    Case("pci-passed-twice", "pass loc pci:0:1.0=pci:1:0.0 loc pci:0x1af4/0x1041", "pci:0x1af4/0x1041", "already", "pass loc pci:0:1.0=pci:1:0.0", with_pci(QNX, NETWORK)),
    Case("access-not-enforceable", pass_at(0x70000000, letters="m-x"), at(0x70000000, letters="m-x"), "advisory", pass_at(TIMER), hypervisor=KVM, severity=WARNING),
    Case("memory-support-missing", "initrd pass loc mem:0x30000000,0x1000,rn=0x20000000", "mem:0x30000000,0x1000,rn=0x20000000", "without /dev/mem", "initrd pass loc mem:0x30000000,0x1000,rn=0x20000000", X86_LINUX._replace(features=features(CONFIG_DEVMEM="missing")), X86_LINUX, hypervisor=KVM, base=BASE),
    Case("pci-support-missing", "pass loc pci:0:3.0", "pci:0:3.0", "without the driver", "pass loc pci:0:3.0", X86_LINUX._replace(abilities=BOARD.abilities._replace(vfio_pci=False), features=features(vfio__pci="missing")), X86_LINUX, hypervisor=KVM, base=BASE),
)
# fmt: on

SAID_BESIDE = {
    "host-memory-not-zeroed": {"access-not-enforceable"},
    "version-only": {"cpu-absent"},
}
"""Findings that come along with those of some rules and are right."""


def findings_of(text: str, board: Board, hypervisor: Hypervisor) -> tuple[Finding, ...]:
    result = read([Source("test.qvmconf", text)], environment={}, version=hypervisor.version)
    found = check_on_board(result.config, hypervisor, board, complete=result.complete)
    return (*result.findings, *found)


def told(found: tuple[Finding, ...], rule: str) -> list[Finding]:
    """The findings but for what is no matter of the case.

    `run` is for x86-64 and refuses much that these rules are about.
    """
    return [
        finding
        for finding in found
        if (finding.id != RUN_IS_FOR_OTHERS or rule == RUN_IS_FOR_OTHERS)
        and rule not in SAID_BESIDE.get(finding.id, ())
    ]


@pytest.mark.shows(
    "intr-unmask-conditions",
    "intr-unmask-host-edge",
    case="immediate-unmask-needs-edge: pass intr gic:60,u=155",
)
@pytest.mark.shows(
    "intr-unmask-guest-edge", case="immediate-unmask-needs-edge: pass intr gic:60,u=156"
)
@pytest.mark.shows("clock-dependent", case="clock-dependent-device")
@pytest.mark.shows("access-n", case="dma-device-declared-harmless")
@pytest.mark.shows("dma-manager-absent", case="dma-manager-missing")
@pytest.mark.shows("memory-kept-from-host", "memory-corruption", case="host-memory-in-use")
@pytest.mark.shows("ram-not-zeroed", "ram-of-another-guest", case="host-memory-not-zeroed")
@pytest.mark.shows(
    "one-owner", "one-owner-host-or-guest", "owner-host-driver", case="host-driver-active"
)
@pytest.mark.shows("example-audio-board", "example-graphics-board", case="pci-not-found")
@pytest.mark.shows("pci-host-support", "pci-host-support-again", case="pci-support-missing")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.trip[:50]}")
def test_rule_trips_alone(case: Case) -> None:
    found = told(findings_of(case.base + case.trip, case.board, case.hypervisor), case.rule)
    assert [finding.id for finding in found] == [case.rule], [each.message for each in found]
    finding = found[0]
    assert finding.span is not None
    assert finding.span.text == case.at
    assert case.says in finding.message
    assert finding.severity is case.severity
    assert finding.vm == "qvm-guest"
    assert finding.reason


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.near[:50]}")
def test_the_neighbour_has_no_finding(case: Case) -> None:
    board = case.near_board or case.board
    found = findings_of(case.base + case.near, board, case.hypervisor)
    assert [each.message for each in told(found, case.rule)] == []


def test_every_rule_that_needs_a_board_and_no_run_has_a_case() -> None:
    """The others have theirs in test_rules_table.py and test_rules_system.py."""
    cases = {case.rule for case in CASES}
    with_board = {rule.id for rule in RULES if example_of(rule).board is not None}
    assert with_board - TOLD_OF_SEVERAL_VMS <= cases
    assert {"host-memory-in-use", "host-driver-active", "x86-only"} <= cases
