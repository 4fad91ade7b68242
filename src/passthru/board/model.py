# SPDX-License-Identifier: Apache-2.0
"""A host as data: what it has, what it uses itself, what it can pass on.

All addresses are host-physical unless a field says otherwise.
"""

from passthru.addresses import AddressRange, PciAddress
from passthru.lean import Enum, NamedTuple

__all__ = [
    "Abilities",
    "Bar",
    "BarKind",
    "Board",
    "HostRegion",
    "IommuGroup",
    "PciFunction",
]


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


class PciFunction(NamedTuple):
    """One PCI function of the host.

    ``interrupt_pin`` is 0 for none, 1 to 4 for INTA to INTD; ``reset_methods`` are the
    kernel's words from sysfs ``reset_method``, empty where it has none.
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


class Board(NamedTuple):
    """One host.

    ``memory`` is the top level of the memory map; ``allocated`` the RAM that the host
    allocates from; ``reserved`` RAM that exists and is kept from the allocator.
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
