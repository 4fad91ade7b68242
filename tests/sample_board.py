# SPDX-License-Identifier: Apache-2.0
"""A host for tests of plans, rules and reports, and the short way from text to findings.

The host has 2 GiB, of which 64 MiB at 0x20000000 are reserved, and PCI functions of every
kind that matters: bound to vfio-pci or not, in groups of one and of several.
"""

from typing import NamedTuple

from passthru.addresses import AddressRange, PciAddress
from passthru.board.infrastructure import fixed_infrastructure
from passthru.board.model import (
    Abilities,
    Bar,
    BarKind,
    Board,
    HostRegion,
    IommuGroup,
    PciFunction,
    PlatformDevice,
)
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Source
from passthru.language.model import VmConfig
from passthru.language.reader import read
from passthru.plan.model import VmPlan
from passthru.plan.planner import plan_vm
from passthru.rules.check import check

MSI_WINDOW = HostRegion(AddressRange(0xFEE00000, 0x100000), "msi")

_MEM32, _MEM64, _PORTS = BarKind.MEMORY32, BarKind.MEMORY64, BarKind.PORTS


def bar(number: int, kind: BarKind, start: int, size: int, *, prefetchable: bool = False) -> Bar:
    return Bar(number, kind, prefetchable, AddressRange(start, size))


def function(
    name: str,
    ids: tuple[int, int],
    *bars: Bar,
    pin: int = 1,
    driver: str | None = "vfio-pci",
    group: int | None = None,
    class_code: int = 0xFF0000,
    header_type: int = 0,
) -> PciFunction:
    return PciFunction(
        address=PciAddress.from_sysfs(name),
        vendor=ids[0],
        device=ids[1],
        class_code=class_code,
        header_type=header_type,
        interrupt_pin=pin,
        bars=bars,
        driver=driver,
        iommu_group=group,
        reset_methods=(),
    )


def platform_device(
    name: str, start: int, *, size: int = 0x1000, streams: tuple[str, ...] = ()
) -> PlatformDevice:
    return PlatformDevice(
        name=name,
        compatible=(),
        registers=(AddressRange(start, size),),
        interrupts=(),
        clocks=(),
        power_domains=(),
        resets=(),
        streams=streams,
        driver=None,
        iommu_group=None,
    )


HOST_BRIDGE = function("0000:00:00.0", (0x8086, 0x29C0), pin=0, driver=None, group=0)
ROOT_PORT = function("0000:00:01.0", (0x1B36, 0x000C), driver="pcieport", group=8, header_type=1)
NVME = function("0000:00:03.0", (0x1B36, 0x0010), bar(0, _MEM64, 0xFEBD4000, 0x4000), group=3)
AUDIO = function("0000:00:04.0", (0x8086, 0x2668), bar(0, _MEM32, 0xFEBD0000, 0x4000), group=4)
NET = function(
    "0000:00:05.0",
    (0x8086, 0x10D3),
    bar(0, _MEM32, 0xFEB80000, 0x20000),
    bar(1, _MEM32, 0xFEBA0000, 0x20000),
    bar(2, _PORTS, 0xC040, 32),
    driver="e1000e",
    group=5,
)
EDU = function("0000:00:06.0", (0x1234, 0x11E8), bar(0, _MEM32, 0xFEA00000, 0x100000), group=6)
EDU_2 = function("0000:00:07.0", (0x1234, 0x11E8), bar(0, _MEM32, 0xFE900000, 0x100000), group=7)
UNBOUND = function("0000:00:08.0", (0x1AF4, 0x1110), driver=None, group=10)
LPC = function("0000:00:1f.0", (0x8086, 0x2918), pin=0, driver="lpc_ich", group=9)
DISK = function(
    "0000:00:1f.2",
    (0x8086, 0x2922),
    bar(4, _PORTS, 0xC060, 32),
    bar(5, _MEM32, 0xFEBD8000, 0x1000),
    pin=1,
    group=9,
)
GRAPHICS = function(
    "0000:01:00.0",
    (0x10DE, 0x1234),
    bar(0, _MEM32, 0xFD000000, 0x1000000),
    bar(1, _MEM64, 0x800000000, 0x10000000, prefetchable=True),
    bar(3, _MEM64, 0x810000000, 0x2000000, prefetchable=True),
    group=8,
)

_FUNCTIONS = (
    HOST_BRIDGE,
    ROOT_PORT,
    NVME,
    AUDIO,
    NET,
    EDU,
    EDU_2,
    UNBOUND,
    LPC,
    DISK,
    GRAPHICS,
)


def _groups(functions: tuple[PciFunction, ...]) -> tuple[IommuGroup, ...]:
    numbers = sorted({f.iommu_group for f in functions if f.iommu_group is not None})
    return tuple(
        IommuGroup(
            number, tuple(f.address for f in functions if f.iommu_group == number), (MSI_WINDOW,)
        )
        for number in numbers
    )


BOARD = Board(
    name="sample",
    architecture="x86_64",
    cpu_count=2,
    memory=(
        HostRegion(AddressRange.between(0x1000, 0xA0000), "System RAM"),
        HostRegion(AddressRange.between(0xA0000, 0xC0000), "PCI Bus 0000:00"),
        HostRegion(AddressRange.between(0xF0000, 0x100000), "Reserved"),
        HostRegion(AddressRange.between(0x100000, 0x20000000), "System RAM"),
        HostRegion(AddressRange.between(0x20000000, 0x24000000), "Reserved"),
        HostRegion(AddressRange.between(0x24000000, 0x80000000), "System RAM"),
        HostRegion(AddressRange.between(0x80000000, 0xFEC00000), "PCI Bus 0000:00"),
        HostRegion(AddressRange.between(0x800000000, 0x1000000000), "PCI Bus 0000:00"),
    ),
    allocated=(
        AddressRange.between(0x1000, 0xA0000),
        AddressRange.between(0x100000, 0x20000000),
        AddressRange.between(0x24000000, 0x80000000),
    ),
    reserved=(HostRegion(AddressRange.between(0x20000000, 0x24000000), "Reserved"),),
    pci=_FUNCTIONS,
    iommu_groups=_groups(_FUNCTIONS),
    abilities=Abilities(
        hardware_virtualization=True,
        vfio_pci=True,
        iommu=True,
        locked_memory_limit=None,
        address_bits=39,
    ),
    infrastructure=fixed_infrastructure("x86_64"),
)


def with_functions(*functions: PciFunction) -> Board:
    """The board with these PCI functions and no others."""
    return BOARD._replace(pci=functions, iommu_groups=_groups(functions))


class Checked(NamedTuple):
    """Everything that comes of one configuration text on one host."""

    config: VmConfig
    plan: VmPlan | None
    findings: tuple[Finding, ...]

    @property
    def the_plan(self) -> VmPlan:
        assert self.plan is not None
        return self.plan

    def ids(self) -> set[str]:
        return {finding.id for finding in self.findings}


BASE = "ram 0,0xa0000 ram 1m,511m guest load kernel\n"
"""What a guest needs to be started; prepended where a test is about something else."""


def check_text(text: str, board: Board = BOARD, *, base: str = BASE) -> Checked:
    """Read, plan and check one configuration."""
    result = read([Source("test.qvmconf", base + text)], environment={})
    planned = plan_vm(result.config, board)
    found = check(result.config, planned.plan, board)
    return Checked(result.config, planned.plan, (*result.findings, *planned.findings, *found))
