# SPDX-License-Identifier: Apache-2.0
"""What is told of one configuration without any board: each rule alone, and its neighbours."""
# ruff: noqa: E501 - a table of cases is read by rows

from typing import NamedTuple

import pytest

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.mistakes import LANGUAGE_RULES
from passthru.language.suppression import UNUSED_ALLOWANCE
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.judged import not_judged
from passthru.rules.registry import RULES
from several_vms import NOT_OF_ONE_TEXT, TOLD_OF_SEVERAL_VMS

ARM = "system guest ram 0x80000000,64m load kernel vdev gic\n"
X86 = "system guest ram 0x100000,63m load kernel vdev ioapic loc 0xf8000000 intr apic name p\n"
ANY = "system guest ram 0x80000000,64m load kernel\n"
KVM_GUEST = "system guest ram 0,0xa0000 ram 0x100000,63m guest load kernel\n"

WARNING, INFORMATION = Severity.WARNING, Severity.INFORMATION
QNX_8_0, KVM = Hypervisor.QNX_8_0, Hypervisor.KVM

NEEDS_A_BOARD = {
    "bar-does-not-fit",
    "clock-dependent-device",
    "cpu-absent",
    "dma-device-declared-harmless",
    "host-driver-active",
    "host-infrastructure",
    "host-interrupt-in-use",
    "host-memory-absent",
    "host-memory-in-use",
    "host-memory-not-zeroed",
    "host-memory-unknown",
    "interrupt-not-of-device",
    "interrupt-source-missing",
    "iommu-group-split",
    "iova-reserved",
    "memory-lock-limit",
    "memory-support-missing",
    "pci-ambiguous",
    "pci-is-bridge",
    "pci-not-found",
    "pci-support-missing",
    "vfio-driver-missing",
}


def test_what_needs_a_board_is_not_judged_without() -> None:
    assert not_judged(KVM, has_board=False, are_several=True) >= NEEDS_A_BOARD
    assert not_judged(QNX_8_0, has_board=True, are_several=False) >= (
        TOLD_OF_SEVERAL_VMS - {"memory-oversubscribed"}
    )
    assert not_judged(KVM, has_board=True, are_several=True) == frozenset()


class Case(NamedTuple):
    """``trip`` breaks the rule and nothing else, at the text ``at``; ``near`` breaks nothing."""

    rule: str
    trip: str
    at: str
    near: str
    base: str = ARM
    severity: Severity = Severity.ERROR
    hypervisor: Hypervisor = QNX_8_0


DEVICE = "pass loc 0x1d000000,0x1000,"
MEMORY = "pass loc 0x40000000,64m,"
EXTERNAL = " set smmu-externally-managed on"
NET = "vdev virtio-net loc 0x1c0b0000 intr gic:39 "

# fmt: off
CASES = (
    Case("dma-status-missing", f"{DEVICE}rw", "0x1d000000,0x1000,rw", f"{DEVICE}rwn"),
    Case("dma-status-missing", f"{DEVICE}rw", "0x1d000000,0x1000,rw", f"initrd {DEVICE}rwn"),
    Case("dma-status-missing", f"{DEVICE}rw {EXTERNAL}", "0x1d000000,0x1000,rw", f"{DEVICE}rwn {EXTERNAL}", severity=WARNING),
    Case("dma-status-missing", "pass loc 0x1d000000,0x1000", "0x1d000000,0x1000", f"{MEMORY}m", severity=WARNING, hypervisor=Hypervisor.QNX_7_1),
    Case("dma-status-missing", f"{DEVICE}rw", "0x1d000000,0x1000,rw", f"{DEVICE}rwn", severity=WARNING, hypervisor=Hypervisor.QNX_7_0),
    Case("dma-status-missing", f"{DEVICE}rw", "0x1d000000,0x1000,rw", f"{DEVICE}rwn", KVM_GUEST, hypervisor=KVM),
    Case("dma-status-conflict", f"{DEVICE}rwdn", "0x1d000000,0x1000,rwdn", f"{DEVICE}rwdn-n"),
    Case("dma-status-conflict", f"{DEVICE}dn", "0x1d000000,0x1000,dn", f"{DEVICE}n"),
    Case("dma-on-system-memory", f"{MEMORY}md", "0x40000000,64m,md", f"{MEMORY}m"),
    Case("dma-needs-read-write", f"{DEVICE}rd", "0x1d000000,0x1000,rd", f"{DEVICE}rwd", severity=WARNING),
    Case("dma-externally-managed", f"{DEVICE}rwd {EXTERNAL}", "0x1d000000,0x1000,rwd", f"{DEVICE}rwd", severity=INFORMATION),
    Case("smmu-vdev-not-allowed", f"vdev smmu {EXTERNAL}", "vdev smmu", "vdev smmu set smmu-externally-managed off"),
    Case("dma-manager-missing", f"{DEVICE}rwd", "0x1d000000,0x1000,rwd", f"{DEVICE}rwn", KVM_GUEST, hypervisor=KVM),
    Case("blob-without-dma", f"initrd {MEMORY}rc", "0x40000000,64m,rc", f"initrd {MEMORY}rcn", severity=INFORMATION),
    Case("blob-type-not-relevant", f"data {MEMORY}rcn", "data pass", f"guest {MEMORY}rcn", severity=WARNING),
    Case("blob-type-not-relevant", f"raw {MEMORY}rcn", "raw pass", f"fdt {MEMORY}rcn", severity=WARNING),
    Case("blob-looks-swapped", "initrd pass loc 0x40000000,1m,rcn=0x82000000", "0x40000000,1m,rcn=0x82000000", "initrd pass loc 0x40000000,1m,rcn=0x84000000", severity=WARNING),
    Case("blob-looks-swapped", "initrd pass loc 0x40000000,1m,rcn=0x82000000", "0x40000000,1m,rcn=0x82000000", "ram 0x84000000,64m initrd pass loc 0x83f80000,1m,rcn=0x82000000", severity=WARNING),
    Case("load-outside-memory", "initrd load 0x90000000,rd", "initrd load 0x90000000,rd", "initrd load 0x83ffffff,rd"),
    Case("load-outside-memory", "load 0x90000000,rd", "load 0x90000000,rd", f"{MEMORY}rwcn load 0x40000000,rd"),
    Case("x86-only", "pass loc io:0x2f8,8", "io:0x2f8,8", "pass loc mem:0x2f8000,0x1000,rwn"),
    Case("x86-only", "acpi load table", "acpi load table", "fdt load tree"),
    Case("x86-only", f"acpi {MEMORY}rn", "acpi pass", f"fdt {MEMORY}rn"),
    Case("x86-only", "vdev hpet loc 0x1d000000 intr p:2", "vdev hpet", "vdev wdt-sp805 loc 0x1d000000"),
    Case("x86-only", "vdev ser8250 loc 0x3f8 intr gic:40", "0x3f8", "vdev ser8250 loc mem:0x1d000000 intr gic:40"),
    Case("x86-only", "pass intr apic=33", "apic=33", "pass intr gic:33=33"),
    Case("x86-only", "reserve loc io:0xcf8,8", "io:0xcf8,8", "reserve loc 0x1d000000,8"),
    Case("x86-only", "vdev pl011 loc 0x1d000000 intr gic:37", "vdev pl011", "vdev ser8250 loc 0x3f8 intr p:4", X86),
    Case("x86-only", "vdev pl011 loc 0x1c090000 intr gic:37 pass loc io:0x2f8,8", "io:0x2f8,8", "vdev pl011 loc 0x1c090000 intr gic:37", ANY),
    Case("pci-guest-bus", "pass loc pci:1:0.0", "pci:1:0.0", "pass loc pci:0:4.0=pci:1:0.0"),
    Case("pci-guest-bus", "pass loc pci:2:3.0=pci:0:3.0", "pci:2:3.0=pci:0:3.0", "pass loc pci:0:3.0=pci:2:3.0", X86),
    Case("pci-guest-bus", "vdev virtio-net loc pci:1:3.0", "pci:1:3.0", "vdev virtio-net loc pci:0:3.0"),
    Case("pci-slot-taken", "pass loc pci:0:3.0 pass loc pci:0:3.0=pci:0:4.0", "pci:0:3.0=pci:0:4.0", "pass loc pci:0:3.0 pass loc pci:0:4.0"),
    Case("pci-slot-taken", "vdev virtio-net loc pci:0:3.0 vdev virtio-net loc pci:0:3.0", "pci:0:3.0", "vdev virtio-net loc pci:0:3.0 vdev virtio-net loc pci:0:4.0", X86),
    Case("pci-slot-taken", "pass loc pci:0:0.0=pci:0:3.0", "pci:0:0.0=pci:0:3.0", "pass loc pci:0:1.0=pci:0:3.0", KVM_GUEST, hypervisor=KVM),
    Case("pci-function-0-missing", "pass loc pci:0:31.3", "pci:0:31.3", "pass loc pci:0:31.3 vdev pci-dummy loc pci:0:31.0 clone pci:0:31.0"),
    Case("pci-function-0-missing", "pass loc pci:0:9.1=pci:0:3.0", "pci:0:9.1=pci:0:3.0", "pass loc pci:0:9.1=pci:0:3.0 pass loc pci:0:9.0=pci:0:4.0", X86),
    Case("pci-function-0-missing", "pass loc pci:0:31.3", "pci:0:31.3", "pass loc pci:0:31.0=pci:0:31.3", KVM_GUEST, hypervisor=KVM),
    Case("pci-passed-twice", "pass loc pci:0:3.0 loc pci:0:9.0=pci:0:3.0", "pci:0:9.0=pci:0:3.0", "pass loc pci:0x8086/0x1533 loc pci:0x8086/0x1533"),
    Case("immediate-unmask-needs-edge", "pass intr gic:89,u", "gic:89,u", "pass intr gic:89", severity=WARNING),
    Case("interrupt-controller-unknown", "vdev pl011 loc 0x1d000000 intr gci:37", "gci:37", "vdev pl011 loc 0x1d000000 intr gic:37"),
    Case("interrupt-controller-unknown", "vdev gic name main vdev pl011 loc 0x1d000000 intr gic:37", "gic:37", "vdev gic name main vdev pl011 loc 0x1d000000 intr main:37", ANY),
    Case("interrupt-controller-unknown", "vdev ser8250 loc 0x3f8 intr gic:4", "gic:4", "vdev ser8250 loc 0x3f8 intr p:4", X86),
    Case("interrupt-controller-unknown", "pass intr pic:40", "pic:40", "vdev acme-pic name pic pass intr pic:40"),
    Case("interrupt-controller-unknown", "reserve intr q:5", "q:5", "vdev 8259 loc 0x20 name q reserve intr q:5", X86),
    Case("interrupt-controller-unknown", "vdev ioapic name p vdev ser8250 loc 0x3f8 intr q:4", "q:4", "vdev ioapic name p vdev ser8250 loc 0x3f8 intr p:4", KVM_GUEST, hypervisor=KVM),
    Case("interrupt-line-out-of-range", "vdev ser8250 loc 0x3f8 intr p:24", "p:24", "vdev ser8250 loc 0x3f8 intr p:23", X86),
    Case("interrupt-line-out-of-range", "pass intr gic:1020", "gic:1020", "pass intr gic:1019"),
    Case("interrupt-claimed-twice", f"{NET} pass intr gic:39=150", "gic:39=150", f"{NET} pass intr gic:40=150"),
    Case("interrupt-claimed-twice", "pass intr gic:39=150 intr gic:39=151", "gic:39=151", "pass intr gic:39=150 reserve intr gic:39"),
    Case("interrupt-claimed-twice", "vdev ser8250 loc 0x3f8 intr p:4 vdev ser8250 loc 0x2f8 intr p:4", "p:4", "vdev timer8254 intr p:0 vdev hpet loc 0xf8008000 intr p:0,p:8,p:10 vdev mc146818 intr p:8", X86),
    Case("interrupt-claimed-twice", "vdev ser8250 loc 0x3f8 intr p:11 vdev virtio-net intr p:11", "p:11", "vdev virtio-blk intr p:11 vdev virtio-net intr p:11 pass loc pci:0:3.0 intr p:11", X86),
    Case("interrupt-claimed-twice", "vdev ser8250 loc 0x3f8 intr ioapic:9", "ioapic:9", "vdev ser8250 loc 0x3f8 intr ioapic:10", KVM_GUEST, hypervisor=KVM),
    Case("host-interrupt-claimed-twice", "pass intr gic:44=150 pass intr gic:45=150", "gic:45=150", "pass intr gic:44=150 pass intr gic:45=151"),
    Case("host-interrupt-claimed-twice", "pass intr gic:44 pass intr gic:50=44", "gic:50=44", "pass intr gic:44=50 pass intr gic:50=44"),
    Case("host-interrupt-claimed-twice", "vdev ioapic loc 0xf8000000 name p hostvector 64 pass intr p:5 pass intr p:6=69", "p:6=69", "vdev ioapic loc 0xf8000000 name p hostvector 64 pass intr p:5 pass intr p:6=5", "system guest ram 64m load kernel "),
    Case("host-interrupt-claimed-twice", "vdev ioapic loc 0xf8001000 name q pass intr q:1 pass intr p:5=25", "p:5=25", "vdev 8259 loc 0x20 vdev ioapic loc 0xf8001000 name q pass intr q:1 pass intr p:5=25", X86),
    Case("host-memory-claimed-twice", f"{DEVICE}rwn pass loc 0x1e000000,0x1000,rwn=0x1d000000", "0x1e000000,0x1000,rwn=0x1d000000", f"{DEVICE}rwn pass loc 0x1e000000,0x1000,rwn=0x1d001000"),
    Case("host-memory-claimed-twice", f"{DEVICE}rn pass loc 0x1e000000,0x1000,rn=0x1d000000", "0x1e000000,0x1000,rn=0x1d000000", f"{DEVICE}rn pass loc 0x1e000000,0x1000,rn", severity=WARNING),
    Case("address-overlap", "ram 0x83fff000,64m", "ram 0x83fff000,64m", "ram 0x84000000,64m"),
    Case("address-overlap", "pass loc 0x83fff000,0x2000,rwn=0x1d000000", "0x83fff000,0x2000,rwn=0x1d000000", "pass loc 0x84000000,0x2000,rwn=0x1d000000"),
    Case("address-overlap", "initrd pass loc 0x83fff000,0x2000,rcn=0x60000000", "0x83fff000,0x2000,rcn=0x60000000", "initrd pass loc 0x83ffe000,0x2000,rcn=0x60000000"),
    Case("address-overlap", "pass loc 0x83ffe000,0x2000,rcn=0x60000000", "0x83ffe000,0x2000,rcn=0x60000000", "fdt pass loc 0x83ffe000,0x2000,rcn=0x60000000"),
    Case("address-overlap", "initrd pass loc 0x83ffe000,0x2000,rcnm=0x60000000 pass loc 0x84000000,0x2000,m loc 0x84001000,0x2000,m", "0x84001000,0x2000,m", "initrd pass loc 0x83ffe000,0x2000,m=0x60000000"),
    Case("address-overlap", f"{DEVICE}rwn vdev pl011 loc 0x1d000800 intr gic:37", "0x1d000800", f"{DEVICE}rwn vdev pl011 loc 0x1d001000 intr gic:37"),
    Case("address-overlap", "vdev pl011 loc 0x1c09f800 intr gic:37 pass loc 0x1c0a0000,0x1000,rwn=0x1d000000", "0x1c0a0000,0x1000,rwn=0x1d000000", f"{NET} pass loc 0x1c0b1000,0x1000,rwn=0x1d000000"),
    Case("address-overlap", f"{NET} vdev virtio-blk loc 0x1c0b0000 intr gic:40", "0x1c0b0000", f"{NET} vdev virtio-blk loc 0x1c0b0200 intr gic:40"),
    Case("address-overlap", "rom 0x84000000,1m reserve loc 0x84080000,0x1000", "0x84080000,0x1000", "rom 0x84000000,1m reserve loc 0x84100000,0x1000 loc 0x84100000,0x2000"),
    Case("address-overlap", "load 0x80000000,a load 0x80000000,b", "load 0x80000000,b", "load 0x80000000,a load 0x80100000,b"),
    Case("address-overlap", "vdev gic gicd 0x81000000", "gicd 0x81000000", "vdev gic gicd 0x09000000", ANY),
    Case("address-overlap", "pass loc 0xfee00000,0x1000,rwn", "0xfee00000,0x1000,rwn", "reserve loc 0xfee00000,0x1000", X86),
    Case("memory-granularity", "ram 0x90000000,1023", "ram 0x90000000,1023", "ram 0x90000000,1023m"),
    Case("memory-granularity", "ram 0x90000000,1023 ram 64m", "ram 0x90000000,1023", "ram 0x90000000,4k ram 64m"),
    Case("memory-granularity", "rom 0x90000800,64k", "rom 0x90000800,64k", "rom 0x90001000,64k"),
    Case("memory-granularity", "pass loc 0x40000800,0x1000,m", "0x40000800,0x1000,m", "pass loc 0x40000000,0x1000,m=0x50000000"),
    Case("port-overlap", "vdev ser8250 loc 0x3f8 intr p:4 pass loc io:0x3fc,8", "io:0x3fc,8", "vdev ser8250 loc 0x3f8 intr p:4 pass loc io:0x400,8", X86),
    Case("port-overlap", "vdev timer8254 intr p:0 pass loc io:0x40,4", "io:0x40,4", "vdev ioapic loc 0xf8001000 name q pass loc io:0x40,4", X86),
    Case("port-overlap", "vdev ser8250 loc 0xcf8 intr ioapic:4", "0xcf8", "vdev ser8250 loc 0x2f8 intr ioapic:3", KVM_GUEST, hypervisor=KVM),
    Case("not-page-aligned", "pass loc 0xe6055400,0x050,rwn intr gic:42", "0xe6055400,0x050,rwn", "pass loc 0xe6055000,0x1000,rwn intr gic:42", severity=WARNING),
    Case("not-page-aligned", "pass loc 0x1d000400,0x50,rwn=0xe6055000", "0x1d000400,0x50,rwn=0xe6055000", "pass loc 0x1d000000,0x1000,rwn=0xe6055000"),
    Case("peer-of-itself", f"{NET} name p2p peer /dev/qvm/guest/p2p", "peer /dev/qvm/guest/p2p", f"{NET} name p2p peer /dev/qvm/other/p2p"),
    Case("peer-of-itself", f"{NET} name /dev/qvm/guest/p2p peer /dev/qvm/guest/p2p", "peer /dev/qvm/guest/p2p", f"{NET} name p2p peer /dev/vdevpeers/p2p"),
    Case("vdev-option-missing", "vdev pl011 intr gic:37", "vdev pl011", "vdev pl011 loc 0x1c090000 intr gic:37"),
    Case("vdev-option-missing", "vdev pl011 loc 0x1c090000", "vdev pl011", "vdev wdt-sp805 loc 0x1c090000"),
    Case("vdev-option-missing", "vdev virtio-net loc 0x1c0b0000", "vdev virtio-net", "vdev virtio-net"),
    Case("vdev-option-missing", "vdev shmem loc 0x1c0b0000", "vdev shmem", "vdev shmem loc pci:0:3.0"),
    Case("vdev-option-missing", "vdev virtio-fs intr gic:40", "vdev virtio-fs", "vdev virtio-fs"),
    Case("vdev-option-missing", "vdev virtio-input loc 0x1c0b0000", "vdev virtio-input", "vdev virtio-input loc 0x1c0b0000 intr gic:40"),
    Case("vdev-option-missing", "vdev virtio-console", "vdev virtio-console", "vdev virtio-console hostdev /dev/ptyp0", severity=WARNING),
    Case("vdev-option-missing", "vdev ser8250 loc 0x2f8", "vdev ser8250", "vdev ser8250", X86),
    Case("device-path-taken", "vdev shmem name n vdev virtio-net name n", "n", "vdev shmem name n vdev ioapic name n vdev virtio-net name m", X86),
    Case("port-overlap", "vdev ser8250 vdev ser8250 intr p:3", "vdev ser8250", "vdev ser8250 vdev ser8250 loc 0x2f8 intr p:3", X86),
    Case("address-overlap", "pass loc 0x1c0f0000,0x1000,rwn vdev wdt-sp805", "vdev wdt-sp805", "pass loc 0x1c0f1000,0x1000,rwn vdev wdt-sp805"),
    Case("vdev-option-missing", "vdev 8259", "vdev 8259", "vdev 8259 loc 0x20 vdev timer8254 vdev mc146818 vdev pckeyboard", X86),
    Case("vdev-option-missing", "vdev ser8250 loc 0x3f8", "vdev ser8250", "vdev ser8250 loc 0x3f8 intr ioapic:4", KVM_GUEST, hypervisor=KVM),
    Case("boot-image-missing", "initrd load rd", "ram", "load kernel", "ram 0,0xa0000 ram 0x100000,63m ", hypervisor=KVM),
    Case("not-supported-by-run", "cpu sched 100", "100", "cpu runmask 1 sched 99", KVM_GUEST, hypervisor=KVM),
    Case("no-effect", "set slog-buffer 8K", "set slog-buffer 8K", "cpu cluster big", KVM_GUEST, INFORMATION, KVM),
    Case("not-supported-by-run", "vdev virtio-net", "vdev virtio-net", "vdev 8259 loc 0x20", KVM_GUEST, hypervisor=KVM),
    Case("address-too-high", "ram 0x10000000000000,64k", "ram 0x10000000000000,64k", "ram 0xffffffff0000,64k", KVM_GUEST, hypervisor=KVM),
    Case("access-not-enforceable", f"{MEMORY}m-x", "0x40000000,64m,m-x", f"{MEMORY}m", KVM_GUEST, WARNING, KVM),
    Case("no-room-for-pci", "ram 0,0xfec00000 guest load kernel", "ram 0,0xfec00000", "ram 0,0xfea00000 guest load kernel", "", hypervisor=KVM),
)
# fmt: on


def findings_of(text: str, hypervisor: Hypervisor = QNX_8_0) -> tuple[Finding, ...]:
    result = read([Source("test.qvmconf", text)], environment={}, version=hypervisor.version)
    told = check_configuration(result.config, hypervisor, complete=result.complete)
    return (*result.findings, *told)


@pytest.mark.shows(
    "dma-status", "access-d-or-n", "access-n-or-d", "dma-status-fatal", case="dma-status-missing"
)
@pytest.mark.shows("dma-status-fatal", case="dma-status-conflict")
@pytest.mark.shows("access-m-not-d", case="dma-on-system-memory")
@pytest.mark.shows("access-d-needs-rw", case="dma-needs-read-write")
@pytest.mark.shows("dma-external", case="dma-externally-managed")
@pytest.mark.shows("dma-external-no-smmu", case="smmu-vdev-not-allowed")
@pytest.mark.shows("blob-data", case="blob-type-not-relevant: data")
@pytest.mark.shows("blob-raw", case="blob-type-not-relevant: raw")
@pytest.mark.shows("example-initrd-addresses", case="blob-looks-swapped")
@pytest.mark.shows(
    "loc-default-memory", "io-port-number", "io-example", case="x86-only: pass loc io:"
)
@pytest.mark.shows("blob-acpi-x86", "blob-acpi", case="x86-only: acpi pass")
@pytest.mark.shows("pci-guest-bus-0", case="pci-guest-bus: pass")
@pytest.mark.shows("pci-function-0", case="pci-function-0-missing")
@pytest.mark.shows(
    "intr-unmask-conditions",
    "intr-unmask-host-edge",
    "intr-unmask-guest-edge",
    case="immediate-unmask-needs-edge",
)
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.trip[:60]}")
def test_rule_trips_alone(case: Case) -> None:
    found = findings_of(case.base + case.trip, case.hypervisor)
    assert [f.id for f in found] == [case.rule], [f.message for f in found]
    (finding,) = found
    assert finding.span is not None
    assert finding.span.text == case.at
    assert finding.severity is case.severity
    assert finding.reason
    assert finding.vm == ("guest" if "system" in case.base else "qvm-guest")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.near[:60]}")
def test_the_neighbour_has_no_finding(case: Case) -> None:
    found = findings_of(case.base + case.near, case.hypervisor)
    assert [f.message for f in found] == []


def test_every_rule_that_needs_no_board_has_a_case() -> None:
    of_language = {rule.id for rule in (*LANGUAGE_RULES, UNUSED_ALLOWANCE)}
    beyond_language = {rule.id for rule in RULES} - of_language
    assert {case.rule for case in CASES} == beyond_language - NEEDS_A_BOARD - NOT_OF_ONE_TEXT
    assert beyond_language >= NEEDS_A_BOARD


def test_rules_of_hosts_with_kvm_are_not_told_to_others() -> None:
    for_kvm_only = {case.rule for case in CASES if case.hypervisor is KVM} - {
        case.rule for case in CASES if case.hypervisor is not KVM
    }
    assert for_kvm_only == {
        "access-not-enforceable",
        "address-too-high",
        "boot-image-missing",
        "dma-manager-missing",
        "no-effect",
        "no-room-for-pci",
        "not-supported-by-run",
    }
    for case in CASES:
        if case.rule in for_kvm_only:
            assert case.rule not in {f.id for f in findings_of(case.base + case.trip)}


WHOLE = {
    "arm": """
        system media
        ram 0x80000000,512M
        pass loc 0xa0000000,0x10000000,m=0x50000000
        ram 16m
        cpu cpu
        load 0x80080000,kernel fdt load 0x82000000,tree.dtb
        initrd pass loc 0x90000000,0x100000,rcn=0x60000000
        fdt pass loc 0xc0000000,0x10000,rcn=0x61000000
        vdev gic version 3 msi 0x30000000,0x50,0x100
        vdev vdev-pl011.so loc 0x1c090000 intr gic:37
        vdev virtio-net name p2p peer /dev/qvm/other/p2p
        vdev virtio-fs
        vdev virtio-fs loc 0x1c0f0000 intr gic:45
        vdev acme-mailbox loc 0x1d000000 loc 0x1d001000 intr gic:60 intr gic:61 depth 7 fast on
        vdev shmem loc 0x1c0e0000 intr gic:43 allow frames
        vdev smmu
        vdev wdt-sp805 loc 0x1c100000
        pass loc 0xEE080000,0x1000,rwn loc 0xEE081000,0x1000,rwn intr gic:144
        pass intr gic:150=182
        pass loc mem:0x1f000d0000,0x4000,rwd intr gic:44=151
        reserve intr gic:99 loc 0x1c200000,0x1000
        """,
    "x86": """
        system office
        ram 0,0xa0000 reserve loc 0xa0000,0x20000 rom 0xc0000,0x40000 ram 0x100000,1023m
        cpu cpu
        guest load vmlinux initrd load rd.gz
        vdev ioapic loc 0xf8000000 intr apic name chip
        vdev ser8250 hostdev >- loc 0x3f8 intr chip:4
        vdev timer8254 intr chip:0
        vdev mc146818 reg 0x0b,0x02
        vdev hpet loc 0xf8008000 intr chip:0,chip:8,chip:10
        vdev 8259 loc 0x20 vdev 8259 loc 0xa0 vdev pckeyboard vdev wdt-ib700
        vdev pci-dummy clone pci:0:31.0
        pass loc pci:0:2.0=pci:0:2.0
        pass loc pci:0x8086/0x1234 intr chip:16
        pass loc pci:0:12.0=pci:0x8086/0x1533 intr chip:16
        pass loc io:0x2f8,8 intr chip:3
        vdev virtio-net peer /dev/vdevpeers/vp0 name p2p
        vdev virtio-blk hostdev /dev/hd0
        reserve intr chip:7 loc io:0xcf8,0x8 loc pci:0:1
        """,
}


@pytest.mark.parametrize("hypervisor", [h for h in Hypervisor if h.value.startswith("qnx")])
@pytest.mark.parametrize("guest", WHOLE)
def test_a_right_guest_has_no_findings(guest: str, hypervisor: Hypervisor) -> None:
    found = [f for f in findings_of(WHOLE[guest], hypervisor) if f.id != "version-only"]
    assert [f.message for f in found] == []


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("vdev gic name main pass intr gic:44=150", "vdev gic name main pass intr main:44=150"),
        ("vdev gic pass intr gci:44,u", "vdev gic pass intr gic:44,u"),
        ("vdev ioapic name chip pass intr ioapic:4", "vdev ioapic name chip pass intr chip:4"),
        ("vdev ioapic name chip pass intr other:4", None),
        ("vdev ioapic name chip pass intr gic:4", None),
        ("vdev ioapic name chip vdev ioapic name chop pass intr chap:4", None),
    ],
)
def test_an_unknown_controller_is_renamed_where_it_is_certain(text: str, after: str | None) -> None:
    (finding,) = (f for f in findings_of(ANY + text) if f.id == "interrupt-controller-unknown")
    if after is None:
        assert finding.edits == ()
        return
    (edit,) = finding.edits
    assert finding.fix is not None
    assert after.endswith(finding.fix)
    whole = ANY + text
    assert whole[: edit.span.start] + edit.text + whole[edit.span.end :] == ANY + after


@pytest.mark.parametrize("hypervisor", list(Hypervisor))
@pytest.mark.parametrize(
    "text",
    [
        "vdev pl011 loc @UART@ intr @LINE@",
        "ram 0x90000000,@SIZE@ load 0x90000000,x",
        "ram @SIZE@ load 0x90000000,x",
        "pass loc pci:@BUS@:3.0 pass loc pci:0:3.1",
        "vdev ioapic name @PIC@ vdev ser8250 loc 0x3f8 intr @PIC@:4",
        "vdev virtio-console hostdev $env{CONSOLE}",
        "pass loc 0xb0000000,$asinfo_length{initrd},m=$asinfo_start{initrd} load 0xb0000000,x",
    ],
)
def test_what_is_not_known_is_not_missed(text: str, hypervisor: Hypervisor) -> None:
    found = findings_of(ANY + text, hypervisor)
    told = {f.id for f in found} - {"unexpanded-marker", "unknown-variable"}
    # What the machine does not have is wrong whatever the values are.
    assert told <= ({"not-supported-by-run"} if hypervisor is KVM else set())


def test_memory_after_unknown_memory_has_no_place() -> None:
    text = "ram @SIZE@ ram 64m pass loc 0x1000,0x1000,rwn=0x1d000000"
    assert {f.id for f in findings_of(text)} == {"unexpanded-marker"}


def test_an_unreadable_option_is_not_told_as_missing_too() -> None:
    found = findings_of(
        ARM + "vdev pl011 loc 0x1c09z intr gic:37 vdev pl011 loc 0x1c0a0000 # intr\n"
    )
    assert [f.id for f in found] == ["bad-number", "vdev-option-missing"]


def test_a_device_that_could_not_be_read_is_not_missed() -> None:
    text = "ram 64m load x vdef ioapic loc 0xf8000000 name chip vdev ser8250 loc 0x3f8 intr chip:4"
    assert "interrupt-controller-unknown" not in {f.id for f in findings_of(text)}


def test_a_boot_image_that_is_not_known_is_no_missing_one() -> None:
    found = findings_of("ram 0,0xa0000 ram 0x100000,63m guest load @IMAGE@", KVM)
    assert {f.id for f in found} == {"unexpanded-marker"}


def test_the_evidence_is_the_other_place() -> None:
    (finding,) = findings_of(ARM + "pass loc io:0x2f8,8")
    assert [place.span.text for place in finding.others if place.span] == ["vdev gic"]


@pytest.mark.shows("pci-function-0")
def test_a_missing_function_0_names_the_placeholder() -> None:
    (finding,) = findings_of(ARM + "pass loc pci:0:31.3")
    assert finding.fix is not None
    assert "vdev pci-dummy loc pci:0:31.0" in finding.fix
    assert finding.fix.startswith("pci:0:31.0=pci:0:31.3")


def test_the_exposed_neighbours_are_named() -> None:
    (finding,) = findings_of(ARM + "pass loc 0xe6055400,0x050,rwn")
    assert "0xe6055000..0xe6055400 and 0xe6055450..0xe6056000" in finding.message


def test_a_length_in_bytes_gets_the_suffix_that_was_meant() -> None:
    (finding,) = findings_of(ARM + "ram 0x90000000,1023")
    assert finding.fix == "ram 0x90000000,1023m"


def test_the_swapped_blob_is_shown_the_right_way_round() -> None:
    (finding,) = findings_of(ARM + "initrd pass loc 0x40000000,1m,rcn=0x82000000")
    assert finding.fix == "mem:0x82000000,0x100000,rcn=0x40000000"
    assert findings_of(f"{ARM} initrd pass loc {finding.fix}") == ()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.trip[:60]}")
def test_who_is_told_of_a_mistake_is_told_what_to_do(case: Case) -> None:
    (finding,) = findings_of(case.base + case.trip, case.hypervisor)
    # What is not supported is best left out; the message says what there is instead.
    if case.rule not in {"not-supported-by-run", "no-effect", "dma-externally-managed"}:
        assert finding.fix


@pytest.mark.parametrize(
    ("text", "free"),
    [
        (f"{ARM} pass intr gic:37 pass intr gic:37=5", "gic:38"),
        (f"{ARM} pass intr gic:37 pass intr gic:37=5 reserve intr gic:38", "gic:39"),
        (f"{ARM} pass intr gic:1019 pass intr gic:1019=5", "gic:32"),
        (f"{ARM} pass intr gic:2000", "gic:32"),
        (f"{ARM} pass intr gic:4294967295", "gic:32"),
        (f"{X86} pass intr p:23 pass intr p:23=5", "p:0"),
    ],
)
def test_a_free_line_is_named(text: str, free: str) -> None:
    (finding,) = findings_of(text)
    assert finding.fix is not None
    assert finding.fix.endswith(f" {free}")


def test_no_line_is_named_where_none_is_free() -> None:
    text = X86 + " ".join(f"pass intr p:{line}" for line in range(24)) + " pass intr p:5=99"
    (finding,) = findings_of(text)
    assert finding.fix is None


@pytest.mark.parametrize(
    "text",
    [
        "vdev gic vdev ioapic vdev wdt-sp805 loc 0x1d000000 intr gic:37",
        "vdev ser8250 loc 0x3f8 intr ioapic:4 pass loc pci:0:3.0 intr gic:40",
        "pass loc io:0xcf8,8",
    ],
)
def test_what_run_does_not_have_is_told_once(text: str) -> None:
    found = findings_of(KVM_GUEST + text, KVM)
    assert {f.id for f in found} == {"not-supported-by-run"}
    assert len({f.span for f in found}) == len(found)


def test_run_has_a_machine_for_arm_guests_too() -> None:
    uart = "vdev gic name g vdev pl011 loc {} intr g:37 "
    assert findings_of(KVM_GUEST + uart.format("0x1c090000"), KVM) == ()
    (overlap,) = findings_of(KVM_GUEST + uart.format("0x2f000000"), KVM)
    assert overlap.id == "address-overlap"
    assert "gic distributor" in str(overlap)


def test_a_hundred_foreign_devices_are_told_each() -> None:
    found = findings_of(X86 + "vdev wdt-sp805 loc 0x1d000000\n" * 100)
    assert [f.id for f in found] == ["x86-only"] * 100


def test_a_port_of_an_arm_guest_may_have_been_meant_as_memory() -> None:
    text = ARM + "vdev ser8250 loc {} intr gic:37"
    (finding,) = findings_of(text.format("0x3f8"))
    assert finding.id == "x86-only"
    assert finding.fix is not None
    assert "`mem:`" in finding.fix
    assert findings_of(text.format("mem:0x1c090000")) == ()


@pytest.mark.parametrize(
    ("written", "meant"), [("spi:42", "gic:74"), ("spi:3=35", "gic:35=35"), ("ppi:11", "gic:27")]
)
def test_a_device_tree_s_number_becomes_the_controller_s(written: str, meant: str) -> None:
    guest = "system a ram 0x80000000,64m load x vdev gic pass loc 0xfe000000,0x1000,rwn intr "
    (found,) = findings_of(guest + written)
    assert (found.id, found.fix) == ("interrupt-controller-unknown", meant)


def test_a_blob_that_is_read_in_two_places_does_no_harm() -> None:
    """Without a letter it counts as `n`."""
    text = f"{ARM} initrd pass loc mem:0x50000000,0x1000,{{}}=0x30000000"
    twice = f"{text} data pass loc mem:0x60000000,0x1000,rn=0x30000000"
    for letters, severity in (("r", WARNING), ("rw", Severity.ERROR)):
        found = findings_of(twice.format(letters), QNX_8_0)
        (told,) = (each for each in found if each.id == "host-memory-claimed-twice")
        assert told.severity is severity
