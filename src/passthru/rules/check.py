# SPDX-License-Identifier: Apache-2.0
"""Every rule over plans and boards, and the one call that applies them."""

from collections.abc import Callable, Iterator

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.rule import Rule
from passthru.language.model import VmConfig
from passthru.plan.model import VmPlan
from passthru.plan.problems import PLANNING_RULES
from passthru.rules import blobs, dma, guest_map, host_functions, host_memory, interrupts

__all__ = ["RULES", "check"]

RULES: tuple[Rule, ...] = (
    *PLANNING_RULES,
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
    blobs.LOAD_OUTSIDE_MEMORY,
    guest_map.ADDRESS_OVERLAP,
    guest_map.ADDRESS_TOO_HIGH,
    guest_map.MEMORY_GRANULARITY,
    guest_map.PORT_OVERLAP,
    interrupts.INTERRUPT_CONTROLLER_UNKNOWN,
    interrupts.INTERRUPT_LINE_OUT_OF_RANGE,
    interrupts.INTERRUPT_CLAIMED_TWICE,
    host_memory.HOST_MEMORY_UNKNOWN,
    host_memory.HOST_MEMORY_IN_USE,
    host_memory.HOST_MEMORY_ABSENT,
    host_memory.HOST_MEMORY_NOT_ZEROED,
    host_memory.NOT_PAGE_ALIGNED,
    host_memory.ACCESS_NOT_ENFORCEABLE,
    host_functions.PCI_SUPPORT_MISSING,
    host_functions.HOST_DRIVER_ACTIVE,
    host_functions.VFIO_DRIVER_MISSING,
    host_functions.IOMMU_GROUP_SPLIT,
    host_functions.IOVA_RESERVED,
    host_functions.MEMORY_LOCK_LIMIT,
)
"""Every rule beyond the language, those of the planning stage included."""

_CONFIGURATION_CHECKS: tuple[Callable[[VmConfig, Board], Iterator[Finding]], ...] = (
    dma.dma_status_missing,
    dma.dma_status_conflict,
    dma.dma_on_system_memory,
    dma.dma_needs_read_write,
    dma.memory_without_dma_manager,
    dma.dma_externally_managed,
    dma.smmu_vdev_not_allowed,
    dma.bus_master_declared_harmless,
    dma.blob_without_dma,
    blobs.blob_type_not_relevant,
    guest_map.port_overlap,
    interrupts.interrupt_controller_unknown,
    interrupts.interrupt_line_out_of_range,
    interrupts.interrupt_claimed_twice,
    host_memory.host_memory_unknown,
    host_memory.host_memory_in_use,
    host_memory.host_memory_absent,
    host_memory.host_memory_not_zeroed,
    host_memory.not_page_aligned,
    host_memory.access_not_enforceable,
    host_functions.memory_driver_active,
)

_PLAN_CHECKS: tuple[Callable[[VmPlan, Board], Iterator[Finding]], ...] = (
    blobs.blob_looks_swapped,
    blobs.load_outside_memory,
    guest_map.address_overlap,
    guest_map.address_too_high,
    guest_map.memory_granularity,
    dma.functions_without_iommu,
    host_functions.pci_support_missing,
    host_functions.function_driver_active,
    host_functions.vfio_driver_missing,
    host_functions.iommu_group_split,
    host_functions.iova_reserved,
    host_functions.memory_lock_limit,
)


def check(config: VmConfig, plan: VmPlan | None, board: Board) -> tuple[Finding, ...]:
    """What is wrong with one VM on one host, beyond what reading and planning told.

    ``plan`` is what plan_vm made of ``config``; None (it could not make one) leaves out
    the rules that need it. Pure, like the plan.
    """
    findings = [found for rule in _CONFIGURATION_CHECKS for found in rule(config, board)]
    if plan is not None:
        findings.extend(found for rule in _PLAN_CHECKS for found in rule(plan, board))
    return tuple(finding._replace(vm=config.name) for finding in findings)
