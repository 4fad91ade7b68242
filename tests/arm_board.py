# SPDX-License-Identifier: Apache-2.0
"""An ARM host for tests, as a device tree, as Linux, and as texts of QNX would describe it.

It has 1 GiB of RAM at 0x40000000, of which 64 MiB at 0x70000000 are reserved.
"""

from passthru.addresses import AddressRange
from passthru.board.model import (
    Abilities,
    Board,
    BoardOrigin,
    HostRegion,
    InterruptLine,
    KernelFeature,
    PciFunction,
    PlatformDevice,
    Trigger,
)
from sample_board import function

RAM = AddressRange.between(0x40000000, 0x70000000)
KEPT = AddressRange.between(0x70000000, 0x74000000)
HIGH_RAM = AddressRange.between(0x74000000, 0x80000000)
DEVICES = AddressRange.between(0xFE000000, 0x100000000)

EDGE, LEVEL, UNKNOWN = Trigger.EDGE, Trigger.LEVEL, Trigger.UNKNOWN


def device(
    name: str,
    start: int,
    size: int = 0x1000,
    *,
    interrupts: tuple[int, ...] = (),
    compatible: tuple[str, ...] = (),
    clocks: tuple[str, ...] = (),
    power_domains: tuple[str, ...] = (),
    resets: tuple[str, ...] = (),
    streams: tuple[str, ...] = (),
    driver: str | None = None,
    group: int | None = None,
) -> PlatformDevice:
    return PlatformDevice(
        name=name,
        compatible=compatible,
        registers=(AddressRange(start, size),),
        interrupts=interrupts,
        clocks=clocks,
        power_domains=power_domains,
        resets=resets,
        streams=streams,
        driver=driver,
        iommu_group=group,
    )


SERIAL = device(
    "/soc/serial@fe201000",
    0xFE201000,
    interrupts=(153,),
    compatible=("arm,pl011", "arm,primecell"),
    clocks=("clocks@fe100000",),
)
TIMER = device("/soc/timer@fe202000", 0xFE202000, interrupts=(154,))
DMA = device("/soc/dma@fe203000", 0xFE203000, interrupts=(155,), streams=("smmu@fe110000 0x5",))
DISPLAY = device(
    "/soc/display@fe204000", 0xFE204000, power_domains=("power",), resets=("reset@fe105000",)
)
SYSCON = device("/soc/syscon@fe300000", 0xFE300000, 0x10000)
INNER = device("/soc/syscon@fe300000/leds@fe301000", 0xFE301000)
HALF = device("/soc/small@fe400000", 0xFE400000, 0x200, interrupts=(156,))
OTHER_HALF = device("/soc/small@fe400200", 0xFE400200, 0x200)
SMMU = device("/soc/smmu@fe110000", 0xFE110000, compatible=("arm,smmu-v3",))

_DEVICES = (SERIAL, TIMER, DMA, DISPLAY, SYSCON, INNER, HALF, OTHER_HALF, SMMU)


def line(
    vector: int, trigger: Trigger, owner: str | None = None, controller: str = "gic"
) -> InterruptLine:
    return InterruptLine(controller, vector, trigger, owner)


_LINES = (line(153, LEVEL), line(154, EDGE), line(155, LEVEL), line(156, UNKNOWN))

TREE = Board(
    name="board.dts",
    architecture="aarch64",
    cpu_count=4,
    memory=(
        HostRegion(RAM, "memory@40000000"),
        HostRegion(KEPT, "guest@70000000"),
        HostRegion(HIGH_RAM, "memory@40000000"),
        HostRegion(DEVICES, "/soc window"),
    ),
    allocated=(RAM, HIGH_RAM),
    reserved=(HostRegion(KEPT, "guest@70000000"),),
    pci=(),
    iommu_groups=(),
    abilities=Abilities(
        hardware_virtualization=True,
        vfio_pci=True,
        iommu=True,
        locked_memory_limit=None,
        address_bits=40,
    ),
    interrupts=_LINES,
    devices=_DEVICES,
    iommu_kind="smmuv3",
    origin=BoardOrigin.TREE,
)
"""As a device tree describes it: no drivers, no owners, no PCI functions."""

NO_SMMU = TREE._replace(devices=(TIMER, DMA._replace(streams=())), iommu_kind=None)


def features(**states: str) -> tuple[KernelFeature, ...]:
    """Features of a kernel; ``__`` in a name stands for a dash."""
    return tuple(KernelFeature(name.replace("__", "-"), state) for name, state in states.items())


_CARRIERS = features(
    uio_pdrv_genirq="module", vfio__platform="module", vfio__pci="module", uio_pci_generic="module"
)
_NO_CARRIERS = features(
    uio_pdrv_genirq="missing",
    vfio__platform="missing",
    vfio__pci="missing",
    uio_pci_generic="module",
)


def used(driver: str, *devices: PlatformDevice) -> tuple[PlatformDevice, ...]:
    """All devices, those that are given with the driver."""
    return tuple(each._replace(driver=driver) if each in devices else each for each in _DEVICES)


LINUX = TREE._replace(
    name="arm-host",
    origin=BoardOrigin.LINUX,
    features=_CARRIERS,
    devices=used("st_timer", TIMER),
    interrupts=(line(153, LEVEL, "uart-pl011"), line(154, EDGE, "st_timer"), *_LINES[2:]),
)
"""As Linux does, whose driver has the timer; something unknown has interrupt 153."""

WITHOUT_CARRIERS = LINUX._replace(features=_NO_CARRIERS)

NETWORK = function("0000:01:00.0", (0x1AF4, 0x1041), driver="virtio-pci", group=2)


def with_pci(board: Board, *functions: PciFunction) -> Board:
    return board._replace(pci=functions)


QNX = TREE._replace(
    name="asinfo.txt",
    origin=BoardOrigin.QNX,
    memory=(HostRegion(AddressRange(0, 1 << 44), "memory"),),
    asinfo=(HostRegion(KEPT, "guestmem"), HostRegion(RAM, "sysram")),
    devices=(),
    iommu_kind=None,
    interrupts=(line(153, UNKNOWN, "proc/boot/devc-serpl011"), line(155, UNKNOWN, "proc/boot/qvm")),
    unseen=("processors: no output of pidin info is there; counted as one",),
)
"""As QNX's pidin does: owners of interrupts, names of memory, no devices."""

ARM_BASE = "ram 0x80000000,64m guest load kernel vdev pl011 loc 0x1c090000 intr gic:37\n"
