# SPDX-License-Identifier: Apache-2.0
"""VFIO's answers, the good and the bad, on a fake kernel."""

import errno

import pytest

from fake_kernel import FakeFunction, FakeKernel
from passthru.addresses import AddressRange, PciAddress
from passthru.host import vfio_abi as abi
from passthru.host.errors import DmaMapFailed, GroupBusy, GroupNotViable, VfioMissing
from passthru.host.kernel import KernelCallFailed
from passthru.host.vfio import NO_EVENTFD, VectorShortage, VfioContainer, VfioFunction

ADDRESS = PciAddress(0, 0, 4, 0)
MSI, MSIX = abi.VFIO_PCI_MSI_IRQ_INDEX, abi.VFIO_PCI_MSIX_IRQ_INDEX
INTX = abi.VFIO_PCI_INTX_IRQ_INDEX


class RefusingKernel(FakeKernel):
    """Answers one ioctl with an error."""

    def __init__(self, request: int, error: int) -> None:
        super().__init__()
        self.request = request
        self.error = error

    def ioctl(self, file: int, request: int, argument: int | bytearray = 0) -> int:
        if request == self.request:
            raise OSError(self.error, "refused")
        return super().ioctl(file, request, argument)


class SparseKernel(FakeKernel):
    """BAR 0 is mappable, but for what the sparse areas leave out; None: no such list."""

    def __init__(self, areas: list[tuple[int, int]] | None) -> None:
        super().__init__(FakeFunction(bar_sizes={0: 0x4000}))
        chain = abi.INFO_CAP_HEADER.pack(abi.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, 0)
        if areas is not None:
            following = abi.REGION_INFO.size + abi.INFO_CAP_HEADER.size
            chain = abi.INFO_CAP_HEADER.pack(
                abi.VFIO_REGION_INFO_CAP_MSIX_MAPPABLE, 1, following
            ) + abi.INFO_CAP_HEADER.pack(abi.VFIO_REGION_INFO_CAP_SPARSE_MMAP, 1, 0)
            chain += abi.SPARSE_MMAP.pack(len(areas), 0)
            chain += b"".join(abi.SPARSE_MMAP_AREA.pack(*area) for area in areas)
        self.chain = chain

    def _vfio_device_get_region_info(self, file: int, argument: bytearray) -> int:
        number = abi.REGION_INFO.unpack_from(argument)[2]
        if number != 0:
            return super()._vfio_device_get_region_info(file, argument)
        head = abi.REGION_INFO.size
        needed = head + len(self.chain)
        whole = len(argument) >= needed
        flags = abi.VFIO_REGION_INFO_FLAG_MMAP | abi.VFIO_REGION_INFO_FLAG_CAPS
        abi.REGION_INFO.pack_into(argument, 0, needed, flags, 0, head if whole else 0, 0x4000, 0)
        if whole:
            argument[head:needed] = self.chain
        return 0


def open_function(kernel: FakeKernel) -> VfioFunction:
    return VfioContainer(kernel).add_group(7, ()).open_function(ADDRESS)


@pytest.mark.parametrize(
    ("areas", "mappable"),
    [
        (None, (AddressRange(0, 0x4000),)),
        ([], ()),
        ([(0x1000, 0)], ()),
        ([(0, 0x1000), (0x3000, 0x1000)], (AddressRange(0, 0x1000), AddressRange(0x3000, 0x1000))),
    ],
)
def test_of_a_region_only_the_sparse_areas_are_mappable(areas, mappable):
    assert open_function(SparseKernel(areas)).region(0).mappable == mappable


def test_an_iommu_that_does_not_isolate_interrupts_is_named():
    kernel = RefusingKernel(abi.VFIO_SET_IOMMU, errno.EPERM)
    container = VfioContainer(kernel)
    with pytest.raises(VfioMissing, match="no interrupt remapping"):
        container.add_group(7, ())
    container.close()
    assert not kernel.files


def test_another_failure_to_set_the_iommu_keeps_its_number():
    kernel = RefusingKernel(abi.VFIO_SET_IOMMU, errno.ENODEV)
    with pytest.raises(KernelCallFailed, match="ENODEV"):
        VfioContainer(kernel).add_group(7, ())


def test_a_missing_vfio_has_the_module_as_its_fix():
    kernel = FakeKernel()
    kernel.missing_paths["/dev/vfio/vfio"] = errno.ENOENT
    with pytest.raises(VfioMissing) as raised:
        VfioContainer(kernel)
    assert "modprobe vfio-pci" in str(raised.value.fix)


@pytest.mark.shows("owner-other-guest", "dma-taken", "dma-taken-ends")
def test_a_group_in_other_hands_is_busy_and_the_fix_tells_whose():
    kernel = FakeKernel()
    kernel.missing_paths["/dev/vfio/7"] = errno.EBUSY
    with pytest.raises(GroupBusy) as raised:
        VfioContainer(kernel).add_group(7, ())
    assert raised.value.fix == "fuser -v /dev/vfio/7 tells which"


def test_a_group_that_is_not_viable_has_a_fix_for_each_member_in_the_way():
    kernel = FakeKernel()
    kernel.group_flags = 0
    members = ((ADDRESS, "e1000e"), (PciAddress(0, 0, 4, 1), "vfio-pci"))
    with pytest.raises(GroupNotViable) as raised:
        VfioContainer(kernel).add_group(7, members)
    assert "0000:00:04.0/driver_override" in str(raised.value.fix)
    assert "0000:00:04.1" not in str(raised.value.fix)
    assert "0000:00:04.1 (driver vfio-pci)" in str(raised.value)


def test_a_dma_mapping_beyond_the_memory_lock_limit_names_the_limit():
    kernel = RefusingKernel(abi.VFIO_IOMMU_MAP_DMA, errno.ENOMEM)
    with pytest.raises(DmaMapFailed) as raised:
        VfioContainer(kernel).map_dma(AddressRange(0, 0x100000), 0)
    assert "more than 1024 KiB" in str(raised.value.fix)


def test_fewer_vectors_than_asked_for_are_told_and_none_is_enabled():
    kernel = FakeKernel()
    kernel.function.host_vectors = 3
    function = open_function(kernel)
    with pytest.raises(VectorShortage, match="the host has 3 vectors") as raised:
        function.signal_interrupts(MSIX, [NO_EVENTFD] * 4)
    assert (raised.value.available, kernel.function.active) == (3, None)
    function.signal_interrupts(MSIX, [NO_EVENTFD] * 3)
    assert kernel.function.triggers == [NO_EVENTFD] * 3


def test_one_vector_of_those_enabled_can_be_given_an_eventfd_later():
    kernel = FakeKernel()
    function = open_function(kernel)
    eventfd = kernel.eventfd()
    function.signal_interrupts(MSIX, [NO_EVENTFD] * 3)
    function.signal_interrupts(MSIX, [eventfd], start=1)
    assert kernel.function.triggers == [NO_EVENTFD, eventfd, NO_EVENTFD]
    with pytest.raises(KernelCallFailed, match="EINVAL"):
        function.signal_interrupts(MSIX, [eventfd], start=3)


def test_two_kinds_of_interrupts_at_once_are_refused():
    function = open_function(FakeKernel())
    function.signal_interrupts(MSI, [NO_EVENTFD])
    for other in (MSIX, INTX):
        with pytest.raises(KernelCallFailed, match="EINVAL"):
            function.signal_interrupts(other, [NO_EVENTFD])
    with pytest.raises(KernelCallFailed, match="EINVAL"):
        function.disable_interrupts(MSIX)
    function.disable_interrupts(MSI)
    function.signal_interrupts(MSIX, [NO_EVENTFD])
