# SPDX-License-Identifier: Apache-2.0
"""The list of all rules, for the documentation and for ``explain``; checking goes without."""

from passthru.diagnostics.rule import Rule
from passthru.language.mistakes import LANGUAGE_RULES
from passthru.language.suppression import UNUSED_ALLOWANCE
from passthru.plan.problems import PLANNING_RULES
from passthru.rules import (
    architecture,
    blobs,
    claimed_twice,
    dma,
    guest_map,
    host_functions,
    host_interrupts,
    host_memory,
    host_processors,
    interrupts,
    memory_support,
    peers,
    platform_devices,
)

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    *LANGUAGE_RULES,
    UNUSED_ALLOWANCE,
    *PLANNING_RULES,
    architecture.X86_ONLY,
    dma.DMA_STATUS_MISSING,
    dma.DMA_STATUS_CONFLICT,
    dma.DMA_ON_SYSTEM_MEMORY,
    dma.DMA_NEEDS_READ_WRITE,
    dma.DMA_MANAGER_MISSING,
    dma.DMA_EXTERNALLY_MANAGED,
    dma.SMMU_VDEV_NOT_ALLOWED,
    dma.DMA_DEVICE_DECLARED_HARMLESS,
    dma.BLOB_WITHOUT_DMA,
    blobs.BLOB_TYPE_NOT_RELEVANT,
    blobs.BLOB_LOOKS_SWAPPED,
    guest_map.LOAD_OUTSIDE_MEMORY,
    guest_map.ADDRESS_OVERLAP,
    guest_map.ADDRESS_TOO_HIGH,
    guest_map.MEMORY_GRANULARITY,
    guest_map.PORT_OVERLAP,
    interrupts.INTERRUPT_CONTROLLER_UNKNOWN,
    interrupts.INTERRUPT_LINE_OUT_OF_RANGE,
    interrupts.INTERRUPT_CLAIMED_TWICE,
    interrupts.IMMEDIATE_UNMASK_NEEDS_EDGE,
    claimed_twice.HOST_INTERRUPT_CLAIMED_TWICE,
    claimed_twice.HOST_MEMORY_CLAIMED_TWICE,
    host_interrupts.HOST_INTERRUPT_IN_USE,
    host_interrupts.INTERRUPT_SOURCE_MISSING,
    host_memory.HOST_MEMORY_UNKNOWN,
    host_memory.HOST_MEMORY_IN_USE,
    host_memory.HOST_MEMORY_ABSENT,
    host_memory.HOST_MEMORY_NOT_ZEROED,
    host_memory.NOT_PAGE_ALIGNED,
    host_memory.ACCESS_NOT_ENFORCEABLE,
    memory_support.MEMORY_SUPPORT_MISSING,
    platform_devices.CLOCK_DEPENDENT_DEVICE,
    host_processors.CPU_ABSENT,
    host_functions.PCI_SUPPORT_MISSING,
    host_functions.HOST_DRIVER_ACTIVE,
    host_functions.VFIO_DRIVER_MISSING,
    host_functions.IOMMU_GROUP_SPLIT,
    host_functions.IOVA_RESERVED,
    host_functions.MEMORY_LOCK_LIMIT,
    peers.PEER_OF_ITSELF,
)
"""Every rule: the language's, those of the planning stage, and the others by subject."""
