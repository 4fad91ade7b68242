# SPDX-License-Identifier: Apache-2.0
"""Every rule trips on one text and stays silent on its neighbour."""
# ruff: noqa: E501 - a table of cases is read by rows

from typing import NamedTuple

import pytest

from passthru.addresses import AddressRange
from passthru.board.model import (
    BarKind,
    Board,
    CpuCluster,
    HostRegion,
    InterruptLine,
    KernelFeature,
    Trigger,
    UioDevice,
)
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.rule import Rule
from passthru.language.mistakes import LANGUAGE_RULES
from passthru.language.suppression import UNUSED_ALLOWANCE, without_allowed
from passthru.rules.registry import RULES
from sample_board import (
    BASE,
    BOARD,
    EDU,
    GRAPHICS,
    MSI_WINDOW,
    NVME,
    ROOT_PORT,
    bar,
    check_text,
    function,
    with_functions,
)
from several_vms import NOT_OF_ONE_TEXT

TOLD_WITHOUT_BOARD_ONLY = {
    "host-memory-claimed-twice",
    "peer-of-itself",
    "device-path-taken",
    "x86-only",
}
"""What they are about cannot be run yet, or its harm is not to the host."""

TOLD_BY_CHECK_ON_A_BOARD = {
    "clock-dependent-device",
    "memory-support-missing",
}
"""What a run is not asked for, or does not look at; test_rules_board_table.py has their cases."""

PASS_RAM = "pass loc mem:0x30000000,64m,"
EXTERNAL = " set smmu-externally-managed on"


PINS = "vdev ioapic name p intr apic "
EDU_PLACE = AddressRange(0xFE900000, 0x1000)
UIO = BOARD._replace(
    interrupts=(
        InterruptLine("ioapic", 4, Trigger.EDGE, "uio"),
        InterruptLine("ioapic", 5, Trigger.LEVEL, "ahci,uio_pci_generic"),
        InterruptLine("ioapic", 6, Trigger.LEVEL, "ahci"),
        InterruptLine("ioapic", 7, Trigger.LEVEL, "vfio-intx(0000:00:06.0)"),
    ),
    uio=(
        UioDevice("uio0", "0000:00:05.0", "uio_pci_generic", (5,), (EDU_PLACE,)),
        UioDevice("uio1", "serial8250", "uio", (4,), ()),
    ),
)
NO_UIO = UIO._replace(
    uio=(),
    features=tuple(
        KernelFeature(name, "missing") for name in ("uio_pdrv_genirq", "uio_pci_generic")
    ),
)


class Case(NamedTuple):
    """``trip`` breaks the rule with a finding at the text ``at`` that says ``says``."""

    rule: str
    trip: str
    at: str
    says: str
    near: str
    board: Board = BOARD
    near_board: Board | None = None
    base: str = BASE
    severity: Severity = Severity.ERROR


def abilities(**changes: object) -> Board:
    return BOARD._replace(abilities=BOARD.abilities._replace(**changes))


WARNING, INFORMATION = Severity.WARNING, Severity.INFORMATION

HUGE = function("0000:00:03.0", (1, 2), bar(0, BarKind.MEMORY32, 0x80000000, 0x80000000), group=3)

# fmt: off
CASES = (
    Case("not-supported-by-run", "vdev hpet loc 0xf8008000", "vdev hpet", "run has no", "vdev 8259 loc 0x20"),
    Case("not-supported-by-run", "cpu sched 100", "100", "1 to 99", "cpu sched 99"),
    Case("not-supported-by-run", "cpu sched 0f", "0f", "1 to 99", "cpu sched 1f"),
    Case("not-supported-by-run", "cpu cluster _cpu-0 runmask 0", "0", "has both", "cpu cluster _cpu-0 cpu runmask 0"),
    Case("not-supported-by-run", "safety required", "safety required", "certified", "safety warn"),
    Case("not-supported-by-run", "set no-such-variable on", "set no-such-variable on", "does not have the variable", "set debug on"),
    Case("not-supported-by-run", "user 1000:1000", "user 1000:1000", "does not have the option", "safety none"),
    Case("not-supported-by-run", "fdt generate", "fdt generate", "`fdt generate`", "set fdt-dump-file /tmp/x"),
    Case("no-effect", "cpu partition guests", "guests", "no scheduling partitions", "cpu", severity=INFORMATION),
    Case("no-effect", "cpu sched 30,8,10,100000000,20000000s", "30,8,10,100000000,20000000s", "no sporadic", "cpu sched 30", severity=INFORMATION),
    Case("no-effect", "cpu sched 30o", "30o", "ordinary threads", "cpu sched 30r", severity=INFORMATION),
    Case("no-effect", "logger error,info slog", "logger error,info slog", "no slog", "logger error,info stdout logger debug none", severity=INFORMATION),
    Case("no-effect", "vdev ioapic name p intr apic vdev ser8250 loc 0x3f8 intr p:4 log info stderr", "log info stderr", "no messages of their own", "vdev ioapic name p intr apic vdev ser8250 loc 0x3f8 intr p:4", severity=INFORMATION),
    Case("no-effect", "dump /tmp", "dump /tmp", "no dumps", "cpu", severity=INFORMATION),
    Case("no-effect", "safety warn", "safety warn", "certified", "safety none", severity=INFORMATION),
    Case("no-effect", "unsupported instruction abort", "unsupported instruction abort", "an exception", "unsupported instruction fail", severity=INFORMATION),
    Case("no-effect", "unsupported reference abort", "unsupported reference abort", "gives ones", "unsupported reference ignore", severity=INFORMATION),
    Case("no-effect", "unsupported register ignore", "unsupported register ignore", "an exception", "unsupported register fail", severity=INFORMATION),
    Case("no-effect", "set exit-on-halt off", "set exit-on-halt off", "sleeps", "set exit-on-halt on", severity=INFORMATION),
    Case("no-effect", "set gic-hwassist No", "set gic-hwassist No", "the GIC", "set gic-hwassist TRUE", severity=INFORMATION),
    Case("no-effect", "set fdt-dump-file /tmp/x", "set fdt-dump-file /tmp/x", "no device tree", "set smmu-externally-managed off", severity=INFORMATION),
    Case("not-supported-by-run", "pass loc io:0x2f8,8", "io:0x2f8,8", "no ports", "reserve loc io:0x2f8,8"),
    Case("not-supported-by-run", "vdev ioapic name p intr apic pass loc pci:0:3.0 intr p:5", "p:5", "brings its own", "vdev ioapic name p intr apic pass intr p:5"),
    Case("not-supported-by-run", "vdev ioapic name p intr apic pass intr apic", "apic", "one processor", "vdev ioapic name p intr apic pass intr p:0=5 reserve intr apic"),
    Case("not-supported-by-run", "vdev ioapic name p intr apic hostvector 0 pass intr q:5", "q:5", "not certain", "vdev ioapic name p intr apic hostvector 0 pass intr p:5"),
    Case("not-supported-by-run", "vdev ioapic name p intr apic pass sched 0 intr p:5", "0", "1 to 99", "vdev ioapic name p intr apic pass sched 1 intr p:5"),
    Case("not-supported-by-run", "vdev ioapic name p intr apic pass sched 100 intr p:5", "100", "1 to 99", "vdev ioapic name p intr apic pass intr p:5 intr p:6=40 sched 99"),
    Case("not-supported-by-run", f"{PINS}pass intr p:10=5", "p:10=5", "may come from", f"{PINS}pass intr p:10=4", UIO._replace(uio=(*UIO.uio, UIO.uio[0]._replace(name="uio2")))),
    Case("host-interrupt-in-use", f"{PINS}pass intr p:10=6", "p:10=6", "belongs to ahci", f"{PINS}pass intr p:10=5", UIO),
    Case("interrupt-source-missing", f"{PINS}pass intr p:10=7", "p:10=7", "no UIO device", f"{PINS}pass intr p:10=5", UIO),
    Case("interrupt-source-missing", f"{PINS}pass intr p:10=3", "p:10=3", "no UIO device", f"{PINS}pass intr p:10=5", UIO),
    Case("interrupt-source-missing", f"{PINS}pass intr p:10=5", "p:10=5", "no UIO device", f"{PINS}pass intr p:10=5", UIO._replace(uio=(), interrupts=()), UIO),
    Case("interrupt-source-missing", f"{PINS}pass intr p:10=3", "p:10=3", "no driver", f"{PINS}pass intr p:10=5", NO_UIO, UIO),
    Case("interrupt-not-of-device", f"{PINS}pass loc mem:0x40000000,0x1000,rwn=0xfe900000 intr p:10=4", "p:10=4", "passed with it: 5", f"{PINS}pass loc mem:0x40000000,0x1000,rwn=0xfe900000 intr p:10=5", UIO, severity=Severity.WARNING),
    Case("host-interrupt-claimed-twice", f"{PINS}pass intr p:10=5 intr p:11=5", "p:11=5", "5", f"{PINS}pass intr p:10=5 intr p:11=4", UIO),
    Case("immediate-unmask-needs-edge", f"{PINS}pass intr p:10,u=5", "p:10,u=5", "level-triggered", f"{PINS}pass intr p:10,u=4", UIO),
    Case("immediate-unmask-needs-edge", f"{PINS}pass intr p:10,u=5", "p:10,u=5", "on the host and in the guest", f"{PINS}pass intr p:10,u=5", BOARD, UIO._replace(interrupts=(InterruptLine("ioapic", 5, Trigger.EDGE, "uio_pci_generic"),)), severity=Severity.WARNING),
    Case("interrupt-controller-unknown", "vdev ioapic name p intr apic pass intr q:5", "q:5", "q", "vdev ioapic name p intr apic pass intr p:5"),
    Case("interrupt-line-out-of-range", "vdev ioapic name p intr apic pass intr p:24", "p:24", "no line 24", "vdev ioapic name p intr apic pass intr p:23"),
    Case("interrupt-claimed-twice", "vdev ioapic name p intr apic pass intr p:5 pass intr p:5=7", "p:5=7", "already", "vdev ioapic name p intr apic pass intr p:5 pass intr p:6=7"),
    Case("not-supported-by-run", "pass sched 10 loc pci:0:3.0", "10", "priority", "pass loc pci:0:3.0"),
    Case("not-supported-by-run", f"{PASS_RAM}rnce=0x20000000", "mem:0x30000000,64m,rnce=0x20000000", "bus error", f"{PASS_RAM}rnc=0x20000000"),
    Case("not-supported-by-run", f"{PASS_RAM}rnt=0x20000000", "mem:0x30000000,64m,rnt=0x20000000", "without `w`", f"{PASS_RAM}rwnt=0x20000000"),
    Case("not-supported-by-run", f"{PASS_RAM}wnx=0x20000000", "mem:0x30000000,64m,wnx=0x20000000", "without `r`", f"{PASS_RAM}wn=0x20000000"),
    Case("not-supported-by-run", "pass loc mem:0x30000400,0x50,rws=0x20000400", "mem:0x30000400,0x50,rws=0x20000400", "whole pages", "pass loc mem:0x30000400,0x50,rw=0x20000400"),
    Case("not-supported-by-run", "pass loc mem:0x30000400,0x50,rn=0x20000400 loc mem:0x30000500,0x50,rn=0x20000500", "mem:0x30000500,0x50,rn=0x20000500", "shares a page", "pass loc mem:0x30000400,0x50,rn=0x20000400 loc mem:0x30001500,0x50,rn=0x20000500"),
    Case("not-supported-by-run", "pass loc mem:0x30000400,0x50,wn=0x20000400 loc mem:0x30000500,0x50,rn=0x20000500", "mem:0x30000500,0x50,rn=0x20000500", "shares a page", "pass loc mem:0x30000400,0x50,wn=0x20000400 loc mem:0x30000500,0x50,wn=0x20000500"),
    Case("not-supported-by-run", "load second.bin", "load second.bin", "no address", "load 0x200000,second.bin"),
    Case("not-supported-by-run", "guest load second", "guest load second", "second guest image", "initrd load second"),
    Case("not-supported-by-run", "fdt load x.dtb", "fdt load x.dtb", "device tree", "data load 0x200000,x"),
    Case("not-supported-by-run", "acpi pass loc 0x30000000,0x1000,rn=0x20000000", "0x30000000,0x1000,rn=0x20000000", "ACPI", "initrd pass loc 0x30000000,0x1000,rn=0x20000000"),
    Case("not-supported-by-run", "guest pass loc 0x30000000,0x1000,rn=0x20000000", "0x30000000,0x1000,rn=0x20000000", "from a file", "data pass loc 0x30000000,0x1000,rn=0x20000000"),
    Case("not-supported-by-run", "initrd pass loc pci:0:3.0", "pci:0:3.0", "memory only", "initrd pass loc 0x30000000,0x1000,rn=0x20000000"),
    Case("not-supported-by-run", "vdev timer8254 loc 0x50", "0x50", "port 0x40", "vdev timer8254 loc 0x40"),
    Case("not-supported-by-run", "vdev ioapic name p intr apic vdev timer8254 intr p:1", "p:1", "line 0", "vdev ioapic name p intr apic vdev timer8254 intr p:0"),
    Case("not-supported-by-run", "vdev mc146818 reg 0x0b,0x06", "reg 0x0b,0x06", "0x0b,0x02", "vdev mc146818 reg 0x0b,0x02"),
    Case("not-supported-by-run", "vdev ioapic vdev ioapic", "vdev ioapic", "second", "vdev ioapic"),
    Case("not-supported-by-run", "vdev ioapic name p intr apic vdev ser8250 loc 0x3f8 intr p:4 batch 10", "batch 10", "batch", "vdev ioapic name p intr apic vdev ser8250 loc 0x3f8 intr p:4 hostdev >-"),
    Case("not-supported-by-run", "cpu", "ram", "aarch64", "cpu", BOARD._replace(architecture="aarch64"), BOARD),
    Case("not-supported-by-run", "cpu " * 255, "cpu", "at most 254", "cpu " * 254),
    Case("boot-image-missing", "initrd load x", "ram", "nothing is loaded", "load x", base="ram 64m\n"),
    Case("interrupt-claimed-twice", "vdev ser8250 loc 0x3f8 intr ioapic:9", "ioapic:9", "machine itself", "vdev ser8250 loc 0x3f8 intr ioapic:10"),
    Case("vdev-option-missing", "vdev ser8250 loc 0x2f8", "vdev ser8250", "`intr`", "vdev ser8250 intr ioapic:4"),
    Case("vdev-option-missing", "vdev ser8250 loc 0x3f8", "vdev ser8250", "`intr`", "vdev ser8250 loc 0x3f8 intr ioapic:4"),
    Case("no-room-for-pci", "ram 0,0xfec00000 load x", "ram 0,0xfec00000", "no room", "ram 0,0xfea00000 load x", base=""),
    Case("bar-does-not-fit", "pass loc pci:0:3.0", "pci:0:3.0", "no room left", "pass loc pci:0:3.0", with_functions(HUGE), BOARD),
    Case("pci-not-found", "pass loc pci:0:9.0", "pci:0:9.0", "no PCI function", "pass loc pci:0:3.0"),
    Case("pci-not-found", "pass loc pci:0x1234/0x11e8/2", "pci:0x1234/0x11e8/2", "has 2", "pass loc pci:0x1234/0x11e8/1"),
    Case("pci-ambiguous", "pass loc pci:0x1234/0x11e8", "pci:0x1234/0x11e8", "2 functions", "pass loc pci:0x1234/0x11e8/0"),
    Case("pci-is-bridge", "pass loc pci:0:1.0", "pci:0:1.0", "bridge", "pass loc pci:0:3.0"),
    Case("pci-passed-twice", "pass loc pci:0:3.0 loc pci:0:9.0=pci:0:3.0", "pci:0:9.0=pci:0:3.0", "already", "pass loc pci:0:3.0 loc pci:0:9.0=pci:0:4.0"),
    Case("pci-guest-bus", "pass loc pci:1:0.0", "pci:1:0.0", "say where", "pass loc pci:0:9.0=pci:1:0.0"),
    Case("pci-guest-bus", "pass loc pci:2:0.0=pci:0:3.0", "pci:2:0.0=pci:0:3.0", "only bus 0", "pass loc pci:0:2.0=pci:0:3.0"),
    Case("pci-slot-taken", "pass loc pci:0:3.0 loc pci:0:3.0=pci:0:4.0", "pci:0:3.0=pci:0:4.0", "taken", "pass loc pci:0:3.0 loc pci:0:4.0"),
    Case("pci-slot-taken", "pass loc pci:0:0.1=pci:0:4.0", "pci:0:0.1=pci:0:4.0", "taken", "pass loc pci:0:1.0=pci:0:4.0"),
    Case("pci-slot-taken", "reserve loc pci:0:3 pass loc pci:0:3.0", "pci:0:3.0", "taken", "reserve loc pci:0:4 pass loc pci:0:3.0"),
    Case("pci-function-0-missing", "pass loc pci:0:31.2", "pci:0:31.2", "no function 0", "pass loc pci:0:31.0=pci:0:31.2"),
    Case("pci-function-0-missing", "pass loc pci:0:3.1=pci:0:3.0", "pci:0:3.1=pci:0:3.0", "no function 0", "vdev pci-dummy loc pci:0:3.0 pass loc pci:0:3.1=pci:0:3.0"),
    Case("dma-status-missing", f"{PASS_RAM}rw=0x20000000", "mem:0x30000000,64m,rw=0x20000000", "neither", f"{PASS_RAM}rwn=0x20000000"),
    Case("dma-status-missing", f"{PASS_RAM}rw=0x20000000 {EXTERNAL}", "mem:0x30000000,64m,rw=0x20000000", "neither", f"{PASS_RAM}rwn=0x20000000", severity=WARNING),
    Case("dma-status-missing", f"{PASS_RAM}rw=0x20000000", "mem:0x30000000,64m,rw=0x20000000", "neither", f"initrd {PASS_RAM}rw=0x20000000"),
    Case("dma-status-conflict", f"{PASS_RAM}rwdn=0x20000000", "mem:0x30000000,64m,rwdn=0x20000000", "both", f"{PASS_RAM}rwd=0x20000000"),
    Case("dma-on-system-memory", f"{PASS_RAM}md=0x20000000", "mem:0x30000000,64m,md=0x20000000", "`m`", f"{PASS_RAM}m=0x20000000"),
    Case("dma-needs-read-write", f"{PASS_RAM}rd=0x20000000", "mem:0x30000000,64m,rd=0x20000000", "`w`", f"{PASS_RAM}rwd=0x20000000", severity=WARNING),
    Case("dma-manager-missing", f"{PASS_RAM}rwd=0x20000000", "mem:0x30000000,64m,rwd=0x20000000", "bare memory", f"{PASS_RAM}rwd=0x20000000 {EXTERNAL}"),
    Case("dma-manager-missing", "pass loc pci:0:3.0", "pci:0:3.0", "no IOMMU", "pass loc pci:0:3.0", with_functions(NVME._replace(iommu_group=None))._replace(abilities=BOARD.abilities._replace(iommu=False)), BOARD),
    Case("dma-manager-missing", "pass loc pci:0:3.0", "pci:0:3.0", "behind no IOMMU", "pass loc pci:0:6.0", with_functions(NVME._replace(iommu_group=None), EDU)),
    Case("dma-externally-managed", f"{PASS_RAM}rwd=0x20000000 {EXTERNAL}", "mem:0x30000000,64m,rwd=0x20000000", "no effect", f"{PASS_RAM}rwd=0x20000000", severity=INFORMATION),
    Case("smmu-vdev-not-allowed", f"vdev smmu {EXTERNAL}", "vdev smmu", "managed externally", "vdev smmu set smmu-externally-managed off"),
    Case("dma-device-declared-harmless", "pass loc mem:0xfebd4000,0x4000,rwn", "mem:0xfebd4000,0x4000,rwn", "can do DMA", "pass loc mem:0xfebc0000,0x4000,rwn", severity=WARNING),
    Case("blob-without-dma", f"initrd {PASS_RAM}rc=0x20000000", "mem:0x30000000,64m,rc=0x20000000", "counts as", f"initrd {PASS_RAM}rcn=0x20000000", severity=INFORMATION),
    Case("blob-type-not-relevant", f"raw {PASS_RAM}rn=0x20000000", "raw pass", "`raw`", f"initrd {PASS_RAM}rn=0x20000000", severity=WARNING),
    Case("blob-looks-swapped", "initrd pass loc 0x20000000,0x1000,rn=0x30000000", "0x20000000,0x1000,rn=0x30000000", "swapped", "initrd pass loc 0x50000000,0x1000,rn=0x20000000", base="ram 0x30000000,256m guest load kernel\n", severity=WARNING),
    Case("blob-looks-swapped", "initrd pass loc 0x50000000,0x1000,rn=0x30000000", "0x50000000,0x1000,rn=0x30000000", "swapped", "initrd pass loc 0x50000000,0x1000,rn=0x20000000", base="ram 0x20000000,512m guest load kernel\n", severity=WARNING),
    Case("blob-looks-swapped", "initrd pass loc 0x50000000,0x1000,rn=0x2ffff800", "0x50000000,0x1000,rn=0x2ffff800", "swapped", "initrd pass loc 0x3ffff000,0x2000,rn=0x2ffff000", base="ram 0x20000000,256m ram 0x30000000,256m guest load kernel\n", severity=WARNING),
    Case("load-outside-memory", "load 0x80000000,x", "load 0x80000000,x", "no memory", "load 0x1000,x"),
    Case("load-outside-memory", "initrd load 0x80000000,x", "initrd load 0x80000000,x", "the initrd image", "initrd load 0x1000000,x"),
    Case("address-overlap", "pass loc mem:0x1ffff000,0x2000,rn=0x20000000", "mem:0x1ffff000,0x2000,rn=0x20000000", "0x1ffff000..0x20000000", "pass loc mem:0x20000000,0x2000,rn=0x20000000"),
    Case("address-overlap", "vdev ioapic loc 0x100000 name p", "0x100000", "ioapic", "vdev ioapic loc 0xf8000000 name p"),
    Case("address-overlap", "pass loc mem:0xfee00000,0x1000,rn", "mem:0xfee00000,0x1000,rn", "local apic", "reserve loc 0xfee00000,0x1000"),
    Case("address-overlap", "ram 0,0xf0000", "ram 0,0xf0000", "acpi tables", "ram 0,0x100000", base="load x "),
    Case("address-overlap", "reserve loc 0x200000,0x1000", "0x200000,0x1000", "reserve", "reserve loc 0x20000000,0x1000"),
    Case("address-too-high", "ram 0x8000000000,64k", "ram 0x8000000000,64k", "have 39 bits", "ram 0x7fffff0000,64k"),
    Case("address-too-high", "ram 0x8000000000,64k", "ram 0x8000000000,64k", "have 39 bits", "ram 0x8000000000,64k", BOARD, abilities(address_bits=40)),
    Case("address-too-high", "ram 0x10000000000000,64k", "ram 0x10000000000000,64k", "have 52 bits", "ram 0xfffffffff0000,64k", abilities(address_bits=57)),
    Case("address-too-high", "pass loc mem:0x7ffffff000,0x2000,rwn=0x20000000", "mem:0x7ffffff000,0x2000,rwn=0x20000000", "above 0x8000000000", "pass loc mem:0x7fffffe000,0x2000,rwn=0x20000000 reserve loc 0x8000000000,0x1000"),
    Case("address-too-high", "ram 4g,508g", "ram 4g,508g", "above 0x4000000000", "ram 4g,500g", abilities(address_bits=38), BOARD),
    Case("address-too-high", "vdev ioapic loc 0xfffff800 name p", "0xfffff800", "32 bits", "vdev ioapic loc 0xfffff000 name p"),
    Case("memory-granularity", "ram 0x40000000,1023", "ram 0x40000000,1023", "1,023 bytes", "ram 0x40000000,4096"),
    Case("memory-granularity", "ram 0x40000800,4096", "ram 0x40000800,4096", "starts at", "rom 0x40001000,4096"),
    Case("port-overlap", "vdev ser8250 loc 0x3f8 intr ioapic:4 vdev ser8250 loc 0x3fc intr ioapic:3", "0x3fc", "0x3fc..0x400", "vdev ser8250 loc 0x3f8 intr ioapic:4 vdev ser8250 loc 0x2f8 intr ioapic:3"),
    Case("port-overlap", "vdev ser8250 loc 0xcf8 intr ioapic:4", "0xcf8", "pci config", "reserve loc io:0xcf8,8"),
    Case("interrupt-controller-unknown", "vdev ser8250 loc 0x3f8 intr gic:4", "gic:4", "`gic`", "vdev ioapic name gic intr apic vdev ser8250 loc 0x3f8 intr gic:4"),
    Case("interrupt-line-out-of-range", "vdev ser8250 loc 0x3f8 intr ioapic:24", "ioapic:24", "no line 24", "vdev ser8250 loc 0x3f8 intr ioapic:23"),
    Case("interrupt-claimed-twice", "vdev ser8250 loc 0x3f8 intr ioapic:4 vdev ser8250 loc 0x2f8 intr ioapic:4", "ioapic:4", "already", "vdev timer8254 intr ioapic:0 vdev hpet loc 0xf8008000 intr ioapic:0"),
    Case("host-memory-unknown", f"{PASS_RAM}rn=0x20000000", "mem:0x30000000,64m,rn=0x20000000", "cannot tell", "pass loc pci:0:3.0", BOARD._replace(memory=(), allocated=(), reserved=())),
    Case("host-memory-in-use", f"{PASS_RAM}rn=0x21000000", "mem:0x30000000,64m,rn=0x21000000", "allocates from", f"{PASS_RAM}rn=0x20000000"),
    Case("host-infrastructure", "pass loc mem:0x30000000,0x1000,rn=0xfec00000", "mem:0x30000000,0x1000,rn=0xfec00000", "its interrupt controller I/O APIC", "pass loc mem:0x30000000,0x1000,rn=0xfeb00000"),
    Case("host-infrastructure", "pass loc mem:0x30000010,8,wn=0xfee00ff0", "mem:0x30000010,8,wn=0xfee00ff0", "local APIC", "pass loc mem:0x30000010,8,wn=0xfeb00010"),
    Case("host-infrastructure", "pass loc pci:0:31.0", "pci:0:31.0", "the bridge to the legacy devices", "pass loc pci:0:3.0", with_functions(NVME, function("0000:00:1f.0", (0x8086, 0x2918), class_code=0x060100, group=31))),
    Case("host-infrastructure", f"{PINS}pass intr p:2", "p:2", "the host's timer", f"{PINS}pass intr p:5", UIO),
    Case("host-memory-absent", "pass loc mem:0x30000000,0x1000,rn=0x100000000", "mem:0x30000000,0x1000,rn=0x100000000", "nothing is at", "pass loc mem:0x30000000,0x1000,rn=0xf0000000"),
    Case("host-memory-not-zeroed", f"{PASS_RAM}m=0x20000000", "mem:0x30000000,64m,m=0x20000000", "whatever it holds", f"{PASS_RAM}rwcn=0x20000000", severity=WARNING),
    Case("not-page-aligned", "pass loc mem:0x30000400,0x50,rn=0xe6055400", "mem:0x30000400,0x50,rn=0xe6055400", "0xe6055000..0xe6055400 and 0xe6055450..0xe6056000", "pass loc mem:0x30000000,0x1000,rn=0xe6055000", severity=WARNING),
    Case("not-page-aligned", "pass loc mem:0x30000400,0x50,rn=0xe6055000", "mem:0x30000400,0x50,rn=0xe6055000", "no mapping", "pass loc mem:0x30000000,0x1000,rn=0xe6055000"),
    Case("not-page-aligned", "pass loc mem:0x30000400,0x50,rwn=0xe6055400", "mem:0x30000400,0x50,rwn=0xe6055400", "the rest of the page", "pass loc mem:0x30000400,0x50,wn=0xe6055400", severity=WARNING),
    Case("not-page-aligned", "pass loc mem:0x30000400,0x50,rwn=0xe6055000", "mem:0x30000400,0x50,rwn=0xe6055000", "no mapping", "pass loc mem:0x30000400,0x50,wn=0xe6055000 loc mem:0x30001008,8,n=0xe6055800"),
    Case("access-not-enforceable", f"{PASS_RAM}m-x=0x20000000", "mem:0x30000000,64m,m-x=0x20000000", "execute", f"{PASS_RAM}m=0x20000000", severity=WARNING),
    Case("access-not-enforceable", f"{PASS_RAM}m-c=0x20000000", "mem:0x30000000,64m,m-c=0x20000000", "cached all the same", f"{PASS_RAM}rwn=0x20000000", severity=WARNING),
    Case("access-not-enforceable", "pass loc mem:0x30000000,0x1000,rcn=0xe0000000", "mem:0x30000000,0x1000,rcn=0xe0000000", "uncached", "pass loc mem:0x30000000,0x1000,rn=0xe0000000", severity=WARNING),
    Case("pci-support-missing", "pass loc pci:0:3.0", "pci:0:3.0", "vfio-pci", "cpu", abilities(vfio_pci=False)),
    Case("host-driver-active", "pass loc pci:0:5.0", "pci:0:5.0", "e1000e", "pass loc pci:0:3.0"),
    Case("host-driver-active", "pass loc mem:0xfeb80000,0x1000,rwn", "mem:0xfeb80000,0x1000,rwn", "e1000e", "pass loc mem:0xfebd4000,0x1000,rwn"),
    Case("vfio-driver-missing", "pass loc pci:0:8.0", "pci:0:8.0", "no driver", "pass loc pci:0:3.0"),
    Case("cpu-absent", "cpu runmask 0,2", "0,2", "no processor 2", "cpu runmask 0,1"),
    Case("cpu-absent", "cpu runmask 3", "3", "no processor 3", "cpu runmask 2", BOARD._replace(clusters=(CpuCluster("package0", (0, 2)),))),
    Case("cpu-absent", "cpu cluster _cpu-2", "_cpu-2", "no processor 2", "cpu cluster _cpu-1"),
    Case("cpu-absent", "cpu cluster big", "big", "no cluster", "cpu cluster _all"),
    Case("cpu-absent", "cpu cluster _cpu-x", "_cpu-x", "no cluster", "cpu cluster package0", BOARD, BOARD._replace(clusters=(CpuCluster("package0", (0, 1)),))),
    Case("iommu-group-split", "pass loc pci:0:9.0=pci:0:31.2", "pci:0:9.0=pci:0:31.2", "lpc_ich", "pass loc pci:0:9.0=pci:1:0.0"),
    Case("iova-reserved", "pass loc pci:0:3.0", "ram 0xfee01000,64k", "msi", "pass loc pci:0:3.0", base="ram 64m ram 0xfee01000,64k load x ", near_board=BOARD._replace(iommu_groups=tuple(g._replace(reserved=(MSI_WINDOW._replace(name="direct-relaxable"),)) for g in BOARD.iommu_groups))),
    Case("memory-lock-limit", "pass loc pci:0:3.0", "pci:0:3.0", "536,477,696 bytes", "pass loc pci:0:3.0", abilities(locked_memory_limit=536477695), abilities(locked_memory_limit=536477696)),
)
# fmt: on


@pytest.mark.shows("sched-example-pci", case="not-supported-by-run: pass sched")
@pytest.mark.shows("io-port-number", "io-example", case="not-supported-by-run: pass loc io:")
@pytest.mark.shows("access-e", case="not-supported-by-run: pass loc mem:0x30000000,64m,rnce")
@pytest.mark.shows("blob-acpi", case="not-supported-by-run: acpi pass")
@pytest.mark.shows("blob-guest", "blob-guest-preloaded", case="not-supported-by-run: guest pass")
@pytest.mark.shows("access-x", case="access-not-enforceable: pass loc mem:0x30000000,64m,m-x")
@pytest.mark.shows("access-c", case="access-not-enforceable: pass loc mem:0x30000000,64m,m-c")
@pytest.mark.shows("access-d", case="dma-manager-missing: pass loc mem:")
@pytest.mark.shows(
    "dma-manager-expected", "dma-manager-absent", case="dma-manager-missing: pass loc pci:"
)
@pytest.mark.shows(
    "owner-host-driver",
    "one-owner-host-or-guest",
    "dma-one-system",
    case="host-driver-active: pass loc pci:",
)
@pytest.mark.shows("memory-kept-from-host", "memory-corruption", case="host-memory-in-use")
@pytest.mark.shows("ram-not-zeroed", "ram-of-another-guest", case="host-memory-not-zeroed")
@pytest.mark.shows("pci-host-support", "pci-host-support-again", case="pci-support-missing")
@pytest.mark.shows("example-audio-board", "example-graphics-board", case="pci-not-found")
@pytest.mark.shows("access-n", case="dma-device-declared-harmless")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.trip[:60]}")
def test_rule_trips_where_it_should(case: Case) -> None:
    found = [
        f for f in check_text(case.trip, case.board, base=case.base).findings if f.id == case.rule
    ]
    matching = [f for f in found if case.says in f.message]
    assert matching, [f.message for f in found]
    finding = matching[-1]
    assert finding.span is not None
    assert finding.span.text == case.at
    assert finding.severity is case.severity
    assert finding.reason
    assert finding.vm == "qvm-guest"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.near[:60]}")
def test_rule_is_silent_on_the_neighbour(case: Case) -> None:
    board = case.near_board or case.board
    assert case.rule not in check_text(case.near, board, base=case.base).ids()


def test_every_rule_that_a_run_can_break_has_a_case() -> None:
    of_language = {rule.id for rule in (*LANGUAGE_RULES, UNUSED_ALLOWANCE)}
    beyond_language = {rule.id for rule in RULES} - of_language
    not_by_run = TOLD_WITHOUT_BOARD_ONLY | TOLD_BY_CHECK_ON_A_BOARD | NOT_OF_ONE_TEXT
    assert {case.rule for case in CASES} == beyond_language - not_by_run
    assert beyond_language >= TOLD_WITHOUT_BOARD_ONLY


def test_ids_are_unique() -> None:
    assert len({rule.id for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_explains_itself_in_whole_sentences(rule: Rule) -> None:
    for text in (rule.summary, rule.reason):
        assert text[0].isupper() or text.startswith(("`", "x86"))
        assert text.endswith(".")
        assert "  " not in text


def test_a_right_configuration_has_no_findings() -> None:
    text = (
        "system demo cpu cpu ram 0,0xa0000 ram 1m,511m cmdline quiet guest load kernel "
        "initrd pass loc mem:0x30000000,64m,rcn=0x20000000 "
        "vdev ioapic name p intr apic vdev ser8250 loc io:0x3f8 intr p:4 hostdev >- "
        "vdev timer8254 intr p:0 vdev mc146818 reg 0x0b,0x02 vdev 8259 loc 0x20 vdev 8259 loc 0xa0 "
        "pass loc pci:0:3.0 loc pci:0:12.0=pci:0:4.0 loc pci:0x10de/0x1234"
    )
    assert [f.message for f in check_text(text, base="").findings] == []


def test_overlap_names_the_other_place_and_is_told_once() -> None:
    checked = check_text("pass loc mem:0x1000,0x1000,rcn=0x20000000")
    overlaps = [f for f in checked.findings if f.id == "address-overlap"]
    assert len(overlaps) == 1
    (other,) = overlaps[0].others
    assert other.span is not None
    assert other.span.text == "ram 0,0xa0000"


def test_group_split_lists_each_member_with_its_driver_and_the_commands() -> None:
    checked = check_text("pass loc pci:0:9.0=pci:0:31.2")
    (split,) = (f for f in checked.findings if f.id == "iommu-group-split")
    assert any("0000:00:1f.0" in o.message and "lpc_ich" in o.message for o in split.others)
    assert split.fix is not None
    assert split.fix.splitlines() == [
        "echo vfio-pci > /sys/bus/pci/devices/0000:00:1f.0/driver_override",
        "echo 0000:00:1f.0 > /sys/bus/pci/devices/0000:00:1f.0/driver/unbind",
        "echo 0000:00:1f.0 > /sys/bus/pci/drivers_probe",
    ]


def test_a_bridge_in_the_group_does_not_split_it() -> None:
    board = with_functions(ROOT_PORT._replace(driver="shpchp"), GRAPHICS)
    assert "iommu-group-split" not in check_text("pass loc pci:0:2.0=pci:1:0.0", board).ids()


def test_host_memory_in_use_gives_the_reservation_to_add() -> None:
    checked = check_text("pass loc mem:0x40000000,64m,rn=0x30000000")
    (finding,) = (f for f in checked.findings if f.id == "host-memory-in-use")
    assert finding.fix is not None
    assert "memmap=0x4000000$0x30000000" in finding.fix


def test_unknown_memory_map_is_one_statement_and_no_false_findings() -> None:
    board = BOARD._replace(memory=(), allocated=(), reserved=())
    checked = check_text("pass loc mem:0x40000000,64m,rn=0x30000000 loc 0x50000000,4k,rn", board)
    assert [f.id for f in checked.findings] == ["host-memory-unknown"]


def test_reserved_iova_windows_matter_to_memory_that_devices_reach_only() -> None:
    window = HostRegion(AddressRange(0x20000000, 0x100000), "reserved")
    groups = tuple(g._replace(reserved=(window,)) for g in BOARD.iommu_groups)
    board = BOARD._replace(iommu_groups=groups)
    location = "pass loc mem:0x20000000,0x1000,rc{}n=0x20000000 loc pci:0:3.0"
    assert "iova-reserved" not in check_text(location.format(""), board).ids()
    assert "iova-reserved" in check_text(location.format("s"), board).ids()


def test_hopeless_maps_stay_readable() -> None:
    checked = check_text("ram 0x40000000,64m " * 100)
    assert len(checked.findings) < 500


@pytest.mark.parametrize("comment", ["# passthru: allow host-infrastructure", ""])
def test_no_comment_and_no_option_allows_what_the_host_needs(comment: str) -> None:
    text = f"{comment}\npass loc mem:0x30000000,0x1000,rn=0xfec00000 {comment}"
    checked = check_text(text)
    source = checked.config.span.source
    for allowed in ((), ("host-infrastructure",)):
        kept, suppressed = without_allowed(checked.findings, [source], allowed)
        assert "host-infrastructure" in {each.id for each in kept}
        assert suppressed == ()


def test_of_a_place_that_is_refused_the_board_says_no_more() -> None:
    in_use = with_functions(
        NVME._replace(driver="nvme", bars=(bar(0, BarKind.MEMORY32, 0xFEC00000, 0x1000),))
    )
    found = check_text("pass loc mem:0x30000000,0x1000,r=0xfec00000", in_use).findings
    assert {each.id for each in found} == {"host-infrastructure", "dma-status-missing"}
