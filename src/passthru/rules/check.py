# SPDX-License-Identifier: Apache-2.0
"""The one call that applies every rule over plans and boards.

A rule's module is imported where its subject is there: most of what a rule is made of are
words for people, and a guest with nothing passed shall not wait for the words about passing.
"""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.lean import Callable, Iterator
from passthru.plan.model import VmPlan

__all__ = ["check"]

_ConfigurationRule = Callable[[VmConfig, Board], Iterator[Finding]]
_PlanRule = Callable[[VmPlan, Board], Iterator[Finding]]


def check(config: VmConfig, plan: VmPlan | None, board: Board) -> tuple[Finding, ...]:
    """What is wrong with one VM on one host, beyond what reading and planning told.

    ``plan`` is what plan_vm made of ``config``; None (it could not make one) leaves out
    the rules that need it. Pure, like the plan.
    """
    findings = [found for rule in _configuration_rules(config) for found in rule(config, board)]
    if plan is not None:
        findings.extend(found for rule in _plan_rules(plan) for found in rule(plan, board))
    return tuple(finding._replace(vm=config.name) for finding in findings)


def _configuration_rules(config: VmConfig) -> Iterator[_ConfigurationRule]:
    from passthru.rules import guest_map, interrupts

    yield guest_map.port_overlap
    yield interrupts.interrupt_controller_unknown
    yield interrupts.interrupt_line_out_of_range
    yield interrupts.interrupt_claimed_twice
    # A variable that says who manages DMA concerns virtual devices, too.
    if config.passes or config.variables:
        yield from _dma_rules()
    if config.passes:
        yield from _passed_memory_rules()


def _dma_rules() -> Iterator[_ConfigurationRule]:
    from passthru.rules import dma

    yield dma.dma_status_missing
    yield dma.dma_status_conflict
    yield dma.dma_on_system_memory
    yield dma.dma_needs_read_write
    yield dma.memory_without_dma_manager
    yield dma.dma_externally_managed
    yield dma.smmu_vdev_not_allowed
    yield dma.bus_master_declared_harmless
    yield dma.blob_without_dma


def _passed_memory_rules() -> Iterator[_ConfigurationRule]:
    from passthru.rules import blobs, host_functions, host_memory

    yield blobs.blob_type_not_relevant
    yield host_memory.host_memory_unknown
    yield host_memory.host_memory_in_use
    yield host_memory.host_memory_absent
    yield host_memory.host_memory_not_zeroed
    yield host_memory.not_page_aligned
    yield host_memory.access_not_enforceable
    yield host_functions.memory_driver_active


def _plan_rules(plan: VmPlan) -> Iterator[_PlanRule]:
    from passthru.rules import blobs, guest_map

    yield blobs.blob_looks_swapped
    yield blobs.load_outside_memory
    yield guest_map.address_overlap
    yield guest_map.address_too_high
    yield guest_map.memory_granularity
    if plan.functions:
        yield from _function_rules()


def _function_rules() -> Iterator[_PlanRule]:
    from passthru.rules import dma, host_functions

    yield dma.functions_without_iommu
    yield host_functions.pci_support_missing
    yield host_functions.function_driver_active
    yield host_functions.vfio_driver_missing
    yield host_functions.iommu_group_split
    yield host_functions.iova_reserved
    yield host_functions.memory_lock_limit
