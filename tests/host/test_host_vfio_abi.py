# SPDX-License-Identifier: Apache-2.0
"""VFIO numbers and layouts against the kernel's own header."""

from passthru.host import vfio_abi

HEADERS = ["linux/vfio.h"]
CONSTANTS = {name: value for name, value in vars(vfio_abi).items() if name.startswith("VFIO_")}
STRUCTURES = {
    "sizeof(struct vfio_group_status)": vfio_abi.GROUP_STATUS,
    "offsetof(struct vfio_device_info, cap_offset)": vfio_abi.DEVICE_INFO,
    "sizeof(struct vfio_region_info)": vfio_abi.REGION_INFO,
    "sizeof(struct vfio_info_cap_header)": vfio_abi.INFO_CAP_HEADER,
    "sizeof(struct vfio_region_sparse_mmap_area)": vfio_abi.SPARSE_MMAP_AREA,
    "sizeof(struct vfio_irq_info)": vfio_abi.IRQ_INFO,
    "sizeof(struct vfio_irq_set)": vfio_abi.IRQ_SET,
    "sizeof(struct vfio_pci_hot_reset_info)": vfio_abi.HOT_RESET_INFO,
    "sizeof(struct vfio_pci_dependent_device)": vfio_abi.DEPENDENT_DEVICE,
    "sizeof(struct vfio_pci_hot_reset)": vfio_abi.HOT_RESET,
    "sizeof(struct vfio_iommu_type1_dma_map)": vfio_abi.DMA_MAP,
    "sizeof(struct vfio_iommu_type1_dma_unmap)": vfio_abi.DMA_UNMAP,
}


def test_every_constant_is_the_header_s(header_probe):
    assert header_probe(HEADERS, list(CONSTANTS)) == CONSTANTS


def test_every_structure_has_the_header_s_size(header_probe):
    assert header_probe(HEADERS, list(STRUCTURES)) == {
        name: layout.size for name, layout in STRUCTURES.items()
    }


def test_the_sparse_areas_follow_their_count(header_probe):
    name = "offsetof(struct vfio_region_info_cap_sparse_mmap, areas)"
    assert header_probe(HEADERS, [name]) == {
        name: vfio_abi.INFO_CAP_HEADER.size + vfio_abi.SPARSE_MMAP.size
    }
