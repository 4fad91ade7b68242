# SPDX-License-Identifier: Apache-2.0
"""VFIO by group and container (Documentation/driver-api/vfio.rst), type 1 v2 back end."""

import errno
import os

from passthru.addresses import AddressRange, PciAddress
from passthru.host import vfio_abi as abi
from passthru.host.errors import (
    DmaMapFailed,
    GroupBusy,
    GroupNotViable,
    VfioMissing,
)
from passthru.host.kernel import Kernel, KernelCallFailed, KernelObject, Mapping
from passthru.lean import NamedTuple, Sequence

__all__ = [
    "NO_EVENTFD",
    "Region",
    "VectorShortage",
    "VfioContainer",
    "VfioFunction",
    "VfioGroup",
]

_MAX_DEPENDENTS = 256  # functions on one bus

NO_EVENTFD = -1
"""In place of an eventfd: enable the vector, but signal nobody."""

GroupMembers = tuple[tuple[PciAddress, str | None], ...]


class VectorShortage(KernelCallFailed):
    """The host cannot give a function as many vectors as asked for, but ``available``."""

    def __init__(self, subject: str, call: str, available: int) -> None:
        shortage = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().__init__(subject, f"{call}: the host has {available} vectors", shortage)
        self.available = available


class VfioContainer(KernelObject):
    """One IOMMU address space: the DMA view of one virtual machine.

    Addresses on the device side are IOVAs; a guest's are its GPAs. Close it last: its
    mappings end with it.
    """

    def __init__(self, kernel: Kernel) -> None:
        try:
            file = kernel.open("/dev/vfio/vfio", os.O_RDWR)
        except OSError as error:
            raise VfioMissing(f"/dev/vfio/vfio: {os.strerror(error.errno or 0)}") from error
        super().__init__(kernel, file, "VFIO")
        self._has_iommu = False
        try:
            self._require_type1()
        except Exception:
            self.close()
            raise

    def _require_type1(self) -> None:
        if self.call("VFIO_GET_API_VERSION", abi.VFIO_GET_API_VERSION) != abi.VFIO_API_VERSION:
            raise VfioMissing("unknown API version")
        if not self.call("VFIO_CHECK_EXTENSION", abi.VFIO_CHECK_EXTENSION, abi.VFIO_TYPE1v2_IOMMU):
            raise VfioMissing("no type 1 v2 IOMMU support (module vfio_iommu_type1)")

    def add_group(self, number: int, members: GroupMembers) -> "VfioGroup":
        """Take a whole IOMMU group; ``members`` (with drivers) are told where it fails.

        Raises VfioMissing, GroupBusy, GroupNotViable or KernelCallFailed.
        """
        group = VfioGroup(self._kernel, number, members)
        try:
            group.join(self.file)
            if not self._has_iommu:
                self._set_iommu()
        except Exception:
            group.close()
            raise
        return group

    def _set_iommu(self) -> None:
        # Possible only once the container has a group.
        try:
            self.call("VFIO_SET_IOMMU", abi.VFIO_SET_IOMMU, abi.VFIO_TYPE1v2_IOMMU)
        except KernelCallFailed as failure:
            if failure.error.errno == errno.EPERM:
                raise VfioMissing(
                    "the IOMMU does not isolate interrupts (no interrupt remapping)"
                ) from failure
            raise
        self._has_iommu = True

    def map_dma(
        self, iova: AddressRange, address: int, *, source: bool = True, target: bool = True
    ) -> None:
        """Let devices reach ``address`` (user virtual) at ``iova``.

        ``source``: devices may read from it; ``target``: they may write to it.
        Raises DmaMapFailed.
        """
        flags = (abi.VFIO_DMA_MAP_FLAG_READ if source else 0) | (
            abi.VFIO_DMA_MAP_FLAG_WRITE if target else 0
        )
        argument = abi.DMA_MAP.pack(abi.DMA_MAP.size, flags, address, iova.start, iova.size)
        try:
            self.call("VFIO_IOMMU_MAP_DMA", abi.VFIO_IOMMU_MAP_DMA, bytearray(argument))
        except KernelCallFailed as failure:
            raise DmaMapFailed(iova, failure.error) from failure


class VfioGroup(KernelObject):
    """One IOMMU group, open and viable."""

    def __init__(self, kernel: Kernel, number: int, members: GroupMembers) -> None:
        super().__init__(kernel, _open_group(kernel, number, members), f"IOMMU group {number}")
        self.number = number
        try:
            status = bytearray(abi.GROUP_STATUS.pack(abi.GROUP_STATUS.size, 0))
            self.call("VFIO_GROUP_GET_STATUS", abi.VFIO_GROUP_GET_STATUS, status)
            _, flags = abi.GROUP_STATUS.unpack(status)
            if not flags & abi.VFIO_GROUP_FLAGS_VIABLE:
                raise GroupNotViable(number, members)
        except Exception:
            self.close()
            raise

    def join(self, container: int) -> None:
        """Enter the container with that descriptor."""
        argument = bytearray(container.to_bytes(4, "little"))
        self.call("VFIO_GROUP_SET_CONTAINER", abi.VFIO_GROUP_SET_CONTAINER, argument)

    def open_function(self, address: PciAddress) -> "VfioFunction":
        """The member function at ``address``. Raises KernelCallFailed."""
        name = bytearray(address.sysfs_name.encode() + b"\0")
        file = self.call(
            f"VFIO_GROUP_GET_DEVICE_FD {address.sysfs_name}", abi.VFIO_GROUP_GET_DEVICE_FD, name
        )
        try:
            return VfioFunction(self._kernel, address, file)
        except Exception:
            self._kernel.close(file)
            raise


def _open_group(kernel: Kernel, number: int, members: GroupMembers) -> int:
    path = f"/dev/vfio/{number}"
    try:
        return kernel.open(path, os.O_RDWR)
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise GroupBusy(number) from error
        if error.errno == errno.ENOENT:
            # The node appears with the first member that is bound to vfio-pci.
            raise GroupNotViable(number, members) from error
        raise KernelCallFailed(f"IOMMU group {number}", f"open {path}", error) from error


class Region(NamedTuple):
    """A BAR or the configuration space as VFIO offers it.

    ``offset`` is the region's place in the function's file; ``mappable`` are the pieces
    (offsets within the region) that may be mapped into a process.
    """

    number: int
    size: int
    offset: int
    mappable: tuple[AddressRange, ...]


class VfioFunction(KernelObject):
    """One PCI function in this process's hands."""

    def __init__(self, kernel: Kernel, address: PciAddress, file: int) -> None:
        super().__init__(kernel, file, address.sysfs_name)
        self.address = address
        info = bytearray(abi.DEVICE_INFO.pack(abi.DEVICE_INFO.size, 0, 0, 0))
        self.call("VFIO_DEVICE_GET_INFO", abi.VFIO_DEVICE_GET_INFO, info)
        self._flags = abi.DEVICE_INFO.unpack(info)[1]
        self.config = self.region(abi.VFIO_PCI_CONFIG_REGION_INDEX)

    @property
    def can_reset(self) -> bool:
        """The kernel has some method to reset this function alone."""
        return bool(self._flags & abi.VFIO_DEVICE_FLAGS_RESET)

    def reset(self) -> None:
        """Reset by the best method the kernel has. Raises KernelCallFailed."""
        self.call("VFIO_DEVICE_RESET", abi.VFIO_DEVICE_RESET)

    def groups_of_hot_reset(self) -> tuple[int, ...]:
        """The IOMMU groups of all functions that a reset of the slot or bus takes along.

        Empty where the kernel has no such reset. Raises KernelCallFailed.
        """
        head, device = abi.HOT_RESET_INFO, abi.DEPENDENT_DEVICE
        info = bytearray(head.size + _MAX_DEPENDENTS * device.size)
        head.pack_into(info, 0, len(info), 0, 0)
        name = "VFIO_DEVICE_GET_PCI_HOT_RESET_INFO"
        try:
            self.call(name, abi.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, info)
        except KernelCallFailed as failure:
            # ENODEV: neither slot nor bus can be reset; EPERM: a neighbour is in no group.
            if failure.error.errno in (errno.ENODEV, errno.EPERM):
                return ()
            raise
        count = head.unpack_from(info)[2]
        places = range(head.size, head.size + count * device.size, device.size)
        return tuple(sorted({device.unpack_from(info, place)[0] for place in places}))

    def hot_reset(self, groups: Sequence[VfioGroup]) -> None:
        """Reset the slot or bus; ``groups`` are those of groups_of_hot_reset, all held here.

        Every function in them is reset. Raises KernelCallFailed.
        """
        files = b"".join(group.file.to_bytes(4, "little") for group in groups)
        head = abi.HOT_RESET.pack(abi.HOT_RESET.size + len(files), 0, len(groups))
        self.call(
            "VFIO_DEVICE_PCI_HOT_RESET", abi.VFIO_DEVICE_PCI_HOT_RESET, bytearray(head + files)
        )

    def region(self, index: int) -> Region:
        """What VFIO says of a region; size 0 where the function has none."""
        info = bytearray(abi.REGION_INFO.pack(abi.REGION_INFO.size, 0, index, 0, 0, 0))
        name = f"VFIO_DEVICE_GET_REGION_INFO {index}"
        self.call(name, abi.VFIO_DEVICE_GET_REGION_INFO, info)
        needed = abi.REGION_INFO.unpack_from(info)[0]
        if needed > len(info):
            # The kernel told how much room the capabilities take; ask again with that.
            info = bytearray(needed)
            abi.REGION_INFO.pack_into(info, 0, needed, 0, index, 0, 0, 0)
            self.call(name, abi.VFIO_DEVICE_GET_REGION_INFO, info)
        _, flags, _, first_capability, size, offset = abi.REGION_INFO.unpack_from(info)
        mappable: tuple[AddressRange, ...] = ()
        if flags & abi.VFIO_REGION_INFO_FLAG_MMAP:
            mappable = (AddressRange(0, size),)
            if flags & abi.VFIO_REGION_INFO_FLAG_CAPS:
                areas = _sparse_areas(info, first_capability)
                mappable = mappable if areas is None else areas
        return Region(index, size, offset, mappable)

    def read(self, region: Region, offset: int, size: int) -> int:
        """A little-endian value of 1, 2, 4 or 8 bytes; all ones where the device is gone."""
        try:
            data = self._kernel.read(self.file, size, region.offset + offset)
        except OSError:
            data = b""
        return int.from_bytes(data.ljust(size, b"\xff"), "little")

    def write(self, region: Region, offset: int, size: int, value: int) -> None:
        """Store a little-endian value; a device that is gone takes nothing."""
        data = (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
        try:
            self._kernel.write(self.file, data, region.offset + offset)
        except OSError as error:
            if error.errno not in (errno.EIO, errno.ENODEV):
                raise KernelCallFailed(str(self), f"write at {offset:#x}", error) from error

    def map_region(self, region: Region, part: AddressRange) -> Mapping:
        """Map ``part`` of a region, writable. Raises KernelCallFailed."""
        return self.map(part.size, region.offset + part.start)

    def interrupt_count(self, index: int) -> int:
        """How many interrupts of this kind (INTx, MSI, MSI-X) the function has."""
        info = bytearray(abi.IRQ_INFO.pack(abi.IRQ_INFO.size, 0, index, 0))
        self.call("VFIO_DEVICE_GET_IRQ_INFO", abi.VFIO_DEVICE_GET_IRQ_INFO, info)
        return int(abi.IRQ_INFO.unpack(info)[3])

    def signal_interrupts(self, index: int, eventfds: Sequence[int], *, start: int = 0) -> None:
        """Signal these eventfds, one per vector from ``start``, for interrupts of kind ``index``.

        The first call enables as many vectors as it names, as the kernel allocates them
        together; a later one can only change those. NO_EVENTFD leaves a vector silent.
        Raises VectorShortage, and KernelCallFailed while another kind is enabled.
        """
        self._set_irqs(index, abi.VFIO_IRQ_SET_ACTION_TRIGGER, eventfds, start)

    def unmask_interrupt_by(self, eventfd: int) -> None:
        """Unmask INTx whenever ``eventfd`` is signalled."""
        self._set_irqs(abi.VFIO_PCI_INTX_IRQ_INDEX, abi.VFIO_IRQ_SET_ACTION_UNMASK, [eventfd])

    def disable_interrupts(self, index: int) -> None:
        """Stop all interrupts of this kind."""
        header = abi.IRQ_SET.pack(
            abi.IRQ_SET.size,
            abi.VFIO_IRQ_SET_DATA_NONE | abi.VFIO_IRQ_SET_ACTION_TRIGGER,
            index,
            0,
            0,
        )
        self.call("VFIO_DEVICE_SET_IRQS off", abi.VFIO_DEVICE_SET_IRQS, bytearray(header))

    def _set_irqs(self, index: int, action: int, eventfds: Sequence[int], start: int = 0) -> None:
        data = b"".join(fd.to_bytes(4, "little", signed=True) for fd in eventfds)
        header = abi.IRQ_SET.pack(
            abi.IRQ_SET.size + len(data),
            abi.VFIO_IRQ_SET_DATA_EVENTFD | action,
            index,
            start,
            len(eventfds),
        )
        name = f"VFIO_DEVICE_SET_IRQS ({len(eventfds)} of kind {index})"
        left = self.call(name, abi.VFIO_DEVICE_SET_IRQS, bytearray(header + data))
        if left > 0:
            # A positive answer is the number of vectors that the host could have given.
            raise VectorShortage(str(self), name, left)


def _sparse_areas(info: bytearray, offset: int) -> tuple[AddressRange, ...] | None:
    """The mappable areas that a region's capability chain lists, none that are empty.

    No area means that nothing may be mapped; None, that the chain has no such list.
    """
    for position in _capabilities(info, offset):
        identifier, _, _ = abi.INFO_CAP_HEADER.unpack_from(info, position)
        if identifier == abi.VFIO_REGION_INFO_CAP_SPARSE_MMAP:
            start = position + abi.INFO_CAP_HEADER.size
            count, _ = abi.SPARSE_MMAP.unpack_from(info, start)
            areas = (
                abi.SPARSE_MMAP_AREA.unpack_from(
                    info, start + abi.SPARSE_MMAP.size + n * abi.SPARSE_MMAP_AREA.size
                )
                for n in range(count)
            )
            return tuple(AddressRange(*area) for area in areas if area[1])
    return None


def _capabilities(info: bytearray, offset: int) -> list[int]:
    positions = []
    while offset and offset + abi.INFO_CAP_HEADER.size <= len(info) and offset not in positions:
        positions.append(offset)
        offset = abi.INFO_CAP_HEADER.unpack_from(info, offset)[2]
    return positions
