# SPDX-License-Identifier: Apache-2.0
"""A host as data: what it has, what it uses itself, what it can pass on.

All addresses are host-physical unless a field says otherwise.
"""

from passthru.addresses import AddressRange, PciAddress
from passthru.lean import Enum, NamedTuple

__all__ = [
    "ARM64_ADDRESS_BITS",
    "Abilities",
    "Bar",
    "BarKind",
    "Board",
    "BoardOrigin",
    "CpuCluster",
    "DeviceUse",
    "HostRegion",
    "InterruptLine",
    "IommuGroup",
    "KernelFeature",
    "PciCapabilities",
    "PciFunction",
    "PlatformDevice",
    "Trigger",
    "UioDevice",
    "UseKind",
    "board_architecture",
]


ARM64_ADDRESS_BITS = 40
"""The least of 64-bit ARM's application processors, for sources that do not tell."""


class HostRegion(NamedTuple):
    """A named piece of the host's address space (or of its ports), as the host names it."""

    range: AddressRange
    name: str


class BarKind(Enum):
    """What a PCI base address register decodes."""

    MEMORY32 = "mem32"
    MEMORY64 = "mem64"
    PORTS = "ports"


class Bar(NamedTuple):
    """One base address register (0 to 5); a 64-bit one occupies ``number`` and the next."""

    number: int
    kind: BarKind
    prefetchable: bool
    range: AddressRange


class PciCapabilities(NamedTuple):
    """What a PCI function can do, in the order of its own lists.

    ``standard`` and ``extended`` are ids (PCI Code and ID Assignment Specification); the same
    may be there twice. ``msi_vectors`` and ``msix_vectors`` are how many interrupts it can
    signal so, 0 for none. None is for what the source does not tell.
    """

    standard: tuple[int, ...]
    extended: tuple[int, ...] | None
    msi_vectors: int | None
    msix_vectors: int | None


class PciFunction(NamedTuple):
    """One PCI function of the host.

    ``interrupt_pin`` is 0 for none, 1 to 4 for INTA to INTD; ``reset_methods`` are the
    kernel's words from sysfs ``reset_method``, empty where it has none. ``capabilities`` is
    None where nobody looked or might: ``run`` does not read them.
    """

    address: PciAddress
    vendor: int
    device: int
    class_code: int
    header_type: int
    interrupt_pin: int
    bars: tuple[Bar, ...]
    driver: str | None
    iommu_group: int | None
    reset_methods: tuple[str, ...]
    capabilities: PciCapabilities | None = None

    @property
    def is_bridge(self) -> bool:
        """A PCI-to-PCI bridge (header type 1), which is never passed itself."""
        return self.header_type & 0x7F == 1

    def __str__(self) -> str:
        return f"{self.address} [{self.vendor:04x}:{self.device:04x}]"


class IommuGroup(NamedTuple):
    """Functions that the IOMMU cannot tell apart, and the IOVA windows it keeps back."""

    number: int
    members: tuple[PciAddress, ...]
    reserved: tuple[HostRegion, ...]


class CpuCluster(NamedTuple):
    """Processors that belong together, by the kernel's or the startup's name for them."""

    name: str
    cpus: tuple[int, ...]


class Trigger(Enum):
    """What an interrupt line reacts to."""

    EDGE = "edge"
    LEVEL = "level"
    UNKNOWN = "unknown"


class InterruptLine(NamedTuple):
    """An interrupt of the host.

    ``vector`` is the controller's own number, as data sheets and device trees count it
    (on Linux ``/sys/kernel/irq/*/hwirq``; a GIC's SPI 0 is 32). ``owner`` is the driver that
    has it, None where nobody has.
    """

    controller: str
    vector: int
    trigger: Trigger
    owner: str | None


class PlatformDevice(NamedTuple):
    """A device that is on no bus that tells of it: from a device tree, ACPI or QNX's hwinfo.

    ``name`` is its path in the tree, or its name in sysfs. ``registers`` are host-physical.
    ``interrupts`` are vectors as in InterruptLine. ``clocks``, ``power_domains`` and
    ``resets`` name their providers; ``streams`` are its ids at the IOMMU. ``dma`` is what its
    node in the tree says of DMA: names of properties, and whether its bus is PCI.
    """

    name: str
    compatible: tuple[str, ...]
    registers: tuple[AddressRange, ...]
    interrupts: tuple[int, ...]
    clocks: tuple[str, ...]
    power_domains: tuple[str, ...]
    resets: tuple[str, ...]
    streams: tuple[str, ...]
    driver: str | None
    iommu_group: int | None
    dma: tuple[str, ...] = ()


class UseKind(Enum):
    """What a host makes of a device."""

    DISK = "disk"
    INTERFACE = "interface"


class DeviceUse(NamedTuple):
    """Something that the host has of a device, and would lose with it.

    ``device`` is the device's name in sysfs (``0000:00:03.0``, ``fe300000.mmc``); ``name`` the
    kernel's for what it is to the host (``nvme0n1``, ``eth0``). ``mounts`` is where file systems
    of a disk are mounted, and ``swap``.
    """

    device: str
    kind: UseKind
    name: str
    mounts: tuple[str, ...]

    def __str__(self) -> str:
        places = [place for place in self.mounts if place != "swap"]
        rest = len(places) - _MOST_MOUNTS
        more = f" and {rest} more" if rest > 0 else ""
        mounted = f", mounted on {', '.join(places[:_MOST_MOUNTS])}{more}" if places else ""
        swap = ", used as swap" if "swap" in self.mounts else ""
        return f"{self.kind.value} {self.name}{mounted}{swap}"


_MOST_MOUNTS = 3


class UioDevice(NamedTuple):
    """A device whose interrupt Linux hands on to a process (Documentation/driver-api/uio-howto).

    ``name`` is ``uio0``; ``device`` its device's name on its bus (``0000:00:05.0``);
    ``driver`` the word under which it has its interrupt. ``vectors`` are those of the main
    interrupt controller that it delivers: one, or several where the kernel does not tell
    devices of one name apart. ``registers`` are host-physical.
    """

    name: str
    device: str
    driver: str
    vectors: tuple[int, ...]
    registers: tuple[AddressRange, ...]


class KernelFeature(NamedTuple):
    """Something a kernel may have: a module or a configuration option that a pass needs.

    ``state`` is ``built-in``, ``module``, ``missing`` or ``unknown``.
    """

    name: str
    state: str


class Abilities(NamedTuple):
    """What the kernel and this process can do, as far as a pass needs to know.

    ``hardware_virtualization`` is false for a software KVM (no vmx or svm, which cannot
    boot a Linux kernel). ``locked_memory_limit`` is in bytes, None where nothing limits it.
    ``address_bits`` is how wide the processor's physical addresses are; 36, the least of
    any x86-64, where it does not tell.
    """

    hardware_virtualization: bool
    vfio_pci: bool
    iommu: bool
    locked_memory_limit: int | None
    address_bits: int = 36


class BoardOrigin(Enum):
    """What a board was read from."""

    LINUX = "linux"
    QNX = "qnx"
    TREE = "tree"
    UNKNOWN = "unknown"


class Board(NamedTuple):
    """One host.

    ``memory`` is the top level of the memory map; ``allocated`` the RAM that the host
    allocates from; ``reserved`` RAM that exists and is kept from the allocator, by whom its
    name says. ``ports`` are x86 ports with their owners. ``iommu_kind`` is ``vt-d``,
    ``amd-vi``, ``smmuv2``, ``smmuv3`` or another kernel's word. ``asinfo`` are memory ranges by
    the leaf names that ``$asinfo_start{…}`` uses. ``unseen`` says what could not be read,
    and why, a sentence each. ``uio`` is None where nobody looked. ``infrastructure`` is what the
    host needs to live and what is never passed: interrupt controllers, IOMMUs, PCI configuration
    space, timers, firmware; each name begins with which of these it is. ``total_ram`` is how many
    bytes of RAM Linux counts as its own, None where the source does not say. ``uses`` is what the
    host has of its devices; ``run`` reads it only when a driver of the host is in its way.
    ``origin`` is what the reader read: a running Linux, texts of QNX's tools, a device tree.
    """

    name: str
    architecture: str
    cpu_count: int
    memory: tuple[HostRegion, ...]
    allocated: tuple[AddressRange, ...]
    reserved: tuple[HostRegion, ...]
    pci: tuple[PciFunction, ...]
    iommu_groups: tuple[IommuGroup, ...]
    abilities: Abilities
    clusters: tuple[CpuCluster, ...] = ()
    ports: tuple[HostRegion, ...] = ()
    interrupts: tuple[InterruptLine, ...] = ()
    devices: tuple[PlatformDevice, ...] = ()
    iommu_kind: str | None = None
    asinfo: tuple[HostRegion, ...] = ()
    features: tuple[KernelFeature, ...] = ()
    unseen: tuple[str, ...] = ()
    uio: tuple[UioDevice, ...] | None = None
    infrastructure: tuple[HostRegion, ...] = ()
    total_ram: int | None = None
    uses: tuple[DeviceUse, ...] = ()
    origin: BoardOrigin = BoardOrigin.UNKNOWN

    @property
    def ram_to_allocate(self) -> int | None:
        """Bytes of RAM that the host allocates from, used or not; None where it is not known.

        Huge pages count. Linux itself counts less than ``allocated`` has: what it took for itself
        as it started is not for allocating.
        """
        if self.total_ram is not None:
            return self.total_ram
        total = sum(each.size for each in self.allocated)
        return total if total and self.memory_known else None

    @property
    def memory_known(self) -> bool:
        """Whether the memory map could be read (on Linux: only with CAP_SYS_ADMIN)."""
        return bool(self.memory)

    def pci_function(self, address: PciAddress) -> PciFunction | None:
        """The function at ``address``, or None."""
        return next((f for f in self.pci if f.address == address), None)

    def iommu_group(self, number: int) -> IommuGroup | None:
        """The group with that number, or None."""
        return next((g for g in self.iommu_groups if g.number == number), None)


_ARCHITECTURES = {"x86_64": "x86", "i686": "x86", "aarch64": "arm", "armv7l": "arm"}


def board_architecture(board: Board) -> str | None:
    """``x86`` or ``arm``, whose guests the board's processors run; None where it is neither."""
    return _ARCHITECTURES.get(board.architecture)
