# SPDX-License-Identifier: Apache-2.0
"""VFIO's user interface as numbers and layouts (linux/vfio.h).

Names are the kernel's; a test compares every one with the installed header.
"""

from struct import Struct

from passthru.lean import Final

VFIO_API_VERSION: Final = 0
VFIO_TYPE1v2_IOMMU: Final = 3

VFIO_GET_API_VERSION: Final = 0x3B64
VFIO_CHECK_EXTENSION: Final = 0x3B65
VFIO_SET_IOMMU: Final = 0x3B66
VFIO_GROUP_GET_STATUS: Final = 0x3B67
VFIO_GROUP_SET_CONTAINER: Final = 0x3B68
VFIO_GROUP_UNSET_CONTAINER: Final = 0x3B69
VFIO_GROUP_GET_DEVICE_FD: Final = 0x3B6A
VFIO_DEVICE_GET_INFO: Final = 0x3B6B
VFIO_DEVICE_GET_REGION_INFO: Final = 0x3B6C
VFIO_DEVICE_GET_IRQ_INFO: Final = 0x3B6D
VFIO_DEVICE_SET_IRQS: Final = 0x3B6E
VFIO_DEVICE_RESET: Final = 0x3B6F
VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: Final = 0x3B70
# The same number as VFIO_IOMMU_MAP_DMA, but for a function's file.
VFIO_DEVICE_PCI_HOT_RESET: Final = 0x3B71
VFIO_IOMMU_MAP_DMA: Final = 0x3B71
VFIO_IOMMU_UNMAP_DMA: Final = 0x3B72

VFIO_GROUP_FLAGS_VIABLE: Final = 1
VFIO_DEVICE_FLAGS_RESET: Final = 1
VFIO_DEVICE_FLAGS_PCI: Final = 2
VFIO_REGION_INFO_FLAG_MMAP: Final = 4
VFIO_REGION_INFO_FLAG_CAPS: Final = 8
VFIO_REGION_INFO_CAP_SPARSE_MMAP: Final = 1
VFIO_REGION_INFO_CAP_MSIX_MAPPABLE: Final = 3
VFIO_DMA_MAP_FLAG_READ: Final = 1
VFIO_DMA_MAP_FLAG_WRITE: Final = 2
VFIO_IRQ_SET_DATA_NONE: Final = 1
VFIO_IRQ_SET_DATA_EVENTFD: Final = 4
VFIO_IRQ_SET_ACTION_UNMASK: Final = 16
VFIO_IRQ_SET_ACTION_TRIGGER: Final = 32

VFIO_PCI_CONFIG_REGION_INDEX: Final = 7
VFIO_PCI_INTX_IRQ_INDEX: Final = 0
VFIO_PCI_MSI_IRQ_INDEX: Final = 1
VFIO_PCI_MSIX_IRQ_INDEX: Final = 2

# struct vfio_group_status: argsz, flags
GROUP_STATUS: Final = Struct("<II")
# struct vfio_device_info up to its capability offset: argsz, flags, num_regions, num_irqs
DEVICE_INFO: Final = Struct("<IIII")
# struct vfio_region_info: argsz, flags, index, cap_offset, size, offset
REGION_INFO: Final = Struct("<IIIIQQ")
# struct vfio_info_cap_header: id, version, next
INFO_CAP_HEADER: Final = Struct("<HHI")
# struct vfio_region_info_cap_sparse_mmap after the header: nr_areas, reserved
SPARSE_MMAP: Final = Struct("<II")
# struct vfio_region_sparse_mmap_area: offset, size
SPARSE_MMAP_AREA: Final = Struct("<QQ")
# struct vfio_irq_info: argsz, flags, index, count
IRQ_INFO: Final = Struct("<IIII")
# struct vfio_irq_set before its data: argsz, flags, index, start, count
IRQ_SET: Final = Struct("<IIIII")
# struct vfio_pci_hot_reset_info before its devices: argsz, flags, count
HOT_RESET_INFO: Final = Struct("<III")
# struct vfio_pci_dependent_device: group_id, segment, bus, devfn
DEPENDENT_DEVICE: Final = Struct("<IHBB")
# struct vfio_pci_hot_reset before its group files: argsz, flags, count
HOT_RESET: Final = Struct("<III")
# struct vfio_iommu_type1_dma_map: argsz, flags, vaddr, iova, size
DMA_MAP: Final = Struct("<IIQQQ")
# struct vfio_iommu_type1_dma_unmap: argsz, flags, iova, size
DMA_UNMAP: Final = Struct("<IIQQ")
