# SPDX-License-Identifier: Apache-2.0
"""The calls that apply every rule: to one VM on a host, and to its configuration alone.

A rule's module is imported where its subject is there: most of what a rule is made of are
words for people, and a guest with nothing passed shall not wait for the words about passing.
"""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.lean import TYPE_CHECKING, Iterable, Iterator
from passthru.plan.model import GuestRegion

if TYPE_CHECKING:
    from passthru.plan.aarch64 import ArmPlan
    from passthru.plan.model import VmPlan
    from passthru.rules.host_functions import PassedFunctions
    from passthru.rules.hypervisor import Hypervisor
    from passthru.rules.passed_memory import PassedMemory

__all__ = ["check", "check_configuration", "functions_on_linux"]


def check(config: VmConfig, plan: "VmPlan | ArmPlan | None", board: Board) -> tuple[Finding, ...]:
    """What is wrong with one VM on one host, beyond what reading and planning told.

    ``plan`` is what plan_vm or plan_arm_vm made of ``config``; None (it could not make one)
    leaves out the rules that need it. Pure, like the plan.
    """
    passed, unusual = _passed_memory(config)
    findings = [
        *_with_any_hypervisor(config, unusual, board),
        *_with_kvm(config, passed, board, is_arm=board.architecture == "aarch64"),
    ]
    if any(cpu.cluster or cpu.runmask for cpu in config.cpus):
        from passthru.rules.host_processors import cpu_absent

        findings.extend(cpu_absent(config, board, for_run=True))
    if passed:
        findings.extend(_memory_on_board(passed, board))
        if board.devices:
            findings.extend(_devices_on_board(passed, board))
    if any(each.interrupts for each in config.passes):
        findings.extend(_interrupts_on_board(config, passed, board))
    if plan is not None:
        findings.extend(_address_map_of_kvm(config, passed, plan.regions, board))
        if plan.functions:
            findings.extend(functions_on_linux(plan, board))
    if config.passes:
        from passthru.rules.infrastructure import host_infrastructure

        functions = () if plan is None else plan.functions
        refused = [*host_infrastructure(config, passed, functions, board)]
        if refused:
            # The rules' other modules are for a refusal only.
            from passthru.rules.told_once import told_once

            findings = told_once([*refused, *findings])
    return _of_vm(config, findings)


def check_configuration(
    config: VmConfig, hypervisor: "Hypervisor", *, complete: bool = True
) -> tuple[Finding, ...]:
    """What is wrong with one VM on every host, beyond what reading told.

    ``complete`` is ReadResult.complete: where the configuration lacks something that could
    not be read, nothing is said that it could change. Pure.
    """
    passed, unusual = _passed_memory(config)
    findings = [
        *_with_any_hypervisor(config, unusual, None, hypervisor),
        *_without_board(config, passed),
    ]
    if complete:
        findings.extend(_with(hypervisor, config, passed, unusual))
    else:
        from passthru.rules.incomplete import needs_the_whole, part_with_certain_places

        part = part_with_certain_places(config)
        told = _with(hypervisor, part, passed, unusual)
        findings.extend(each for each in told if not needs_the_whole(each, hypervisor))
    return _of_vm(config, findings)


def _passed_memory(
    config: VmConfig,
) -> "tuple[tuple[PassedMemory, ...], tuple[PassedMemory, ...]]":
    """All passed memory, and what of it is unusual."""
    if not config.passes:
        return (), ()
    from passthru.rules.passed_memory import passed_memory, unusual_memory

    passed = passed_memory(config)
    return passed, unusual_memory(passed)


def _with(
    hypervisor: "Hypervisor",
    config: VmConfig,
    passed: "tuple[PassedMemory, ...]",
    unusual: "tuple[PassedMemory, ...]",
) -> Iterator[Finding]:
    from passthru.rules.hypervisor import Hypervisor

    if hypervisor is Hypervisor.KVM:
        from passthru.plan.architecture import is_arm_guest
        from passthru.plan.users import uses_of

        is_arm = is_arm_guest(config, uses_of(config))
        regions, found = _plan_without_board(config, is_arm=is_arm)
        yield from found
        yield from _with_kvm(config, passed, None, is_arm=is_arm)
        yield from _address_map_of_kvm(config, passed, regions, None)
    else:
        from passthru.rules.qvm import with_qvm

        yield from with_qvm(config, unusual, hypervisor)


def _plan_without_board(
    config: VmConfig, *, is_arm: bool
) -> tuple[tuple[GuestRegion, ...], tuple[Finding, ...]]:
    """The guest's address map as far as no host can change it, and what is wrong on every one."""
    if is_arm:
        from passthru.plan.arm_planner import plan_arm_vm

        on_arm = plan_arm_vm(config, None)
        return on_arm.plan.regions, on_arm.findings
    from passthru.plan.planner import plan_without_board

    plan = plan_without_board(config)
    return plan.regions, plan.findings


def _of_vm(config: VmConfig, findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple([finding._replace(vm=config.name) for finding in findings])


def _with_any_hypervisor(
    config: VmConfig,
    unusual: "tuple[PassedMemory, ...]",
    board: Board | None,
    hypervisor: "Hypervisor | None" = None,
) -> Iterator[Finding]:
    """What is told everywhere, here for ``hypervisor``, which is KVM where none is given.

    ``unusual`` is the passed memory that can be wrong by itself.
    """
    from passthru.rules.guest_map import memory_granularity

    yield from memory_granularity(config, unusual)
    # A variable that says who manages DMA concerns virtual devices, too.
    if config.variables:
        from passthru.rules import dma

        yield from dma.dma_externally_managed(unusual, config)
        yield from dma.smmu_vdev_not_allowed(config)
    if unusual:
        from passthru.rules import dma

        yield from dma.dma_status_conflict(unusual, config)
        yield from dma.dma_on_system_memory(unusual)
        yield from dma.dma_needs_read_write(unusual)
        yield from dma.blob_without_dma(unusual)
    if config.passes:
        from passthru.rules.blobs import blob_type_not_relevant

        yield from blob_type_not_relevant(config)
    if unusual:
        from passthru.rules.host_memory import not_page_aligned

        yield from not_page_aligned(unusual, board, hypervisor)


def _without_board(config: VmConfig, passed: "tuple[PassedMemory, ...]") -> Iterator[Finding]:
    """What is told when no board is looked at, whatever the hypervisor."""
    from passthru.rules.claimed_twice import (
        host_interrupt_claimed_twice,
        host_memory_claimed_twice,
    )
    from passthru.rules.guest_map import load_overlap
    from passthru.rules.interrupts import immediate_unmask_needs_edge
    from passthru.rules.peers import device_path_taken, peer_of_itself

    yield from load_overlap(config)
    yield from immediate_unmask_needs_edge(config)
    yield from host_memory_claimed_twice(passed)
    yield from host_interrupt_claimed_twice(config)
    yield from peer_of_itself(config)
    yield from device_path_taken(config)


def _with_kvm(
    config: VmConfig, passed: "tuple[PassedMemory, ...]", board: Board | None, *, is_arm: bool
) -> Iterator[Finding]:
    """The configuration against the machine that run makes, the one for arm64 if ``is_arm``."""
    from passthru.plan.users import uses_of
    from passthru.plan.vdevs import SUPPORTED_VDEVS
    from passthru.rules import guest_map, interrupts

    uses = uses_of(config)
    if is_arm:
        from passthru.plan.arm_devices import ARM_VDEVS

        controllers = interrupts.arm_controllers(config)
        users = interrupts.kvm_interrupt_users(uses, ARM_VDEVS)
    else:
        yield from guest_map.port_overlap(guest_map.kvm_port_occupants(uses))
        controllers = interrupts.kvm_controllers(config)
        users = interrupts.kvm_interrupt_users(uses, SUPPORTED_VDEVS)
    yield from interrupts.interrupt_controller_unknown(users, controllers)
    yield from interrupts.interrupt_line_out_of_range(users, controllers)
    yield from interrupts.interrupt_claimed_twice(users, controllers)
    if passed:
        from passthru.rules import dma, host_memory

        yield from dma.dma_status_missing(passed, config)
        yield from dma.memory_without_dma_manager(passed, config)
        yield from host_memory.access_not_enforceable(passed, board)


def _address_map_of_kvm(
    config: VmConfig,
    passed: "tuple[PassedMemory, ...]",
    regions: tuple[GuestRegion, ...],
    board: Board | None,
) -> Iterator[Finding]:
    from passthru.rules import guest_map

    memory = guest_map.guest_memory(regions)
    yield from guest_map.load_outside_memory(config, memory)
    yield from guest_map.address_overlap(regions)
    if passed:
        from passthru.rules import blobs

        yield from blobs.blob_looks_swapped(passed, memory, board)


def _memory_on_board(passed: "tuple[PassedMemory, ...]", board: Board) -> Iterator[Finding]:
    from passthru.rules import dma, host_functions, host_memory

    yield from dma.bus_master_declared_harmless(passed, board)
    yield from host_memory.host_memory_unknown(passed, board)
    yield from host_memory.host_memory_in_use(passed, board)
    # Of devices without a driver Linux's memory map tells only where there are ACPI tables.
    has_tree = board.architecture == "aarch64"
    yield from host_memory.host_memory_absent(passed, board, has_tree=has_tree)
    yield from host_memory.host_memory_not_zeroed(passed, board)
    yield from host_functions.memory_driver_active(passed, board)


def _devices_on_board(passed: "tuple[PassedMemory, ...]", board: Board) -> Iterator[Finding]:
    from passthru.rules import platform_devices
    from passthru.rules.hypervisor import Hypervisor

    devices = platform_devices.passed_devices(passed, board)
    yield from platform_devices.device_declared_harmless(devices, Hypervisor.KVM)
    yield from platform_devices.device_driver_active(devices, board)
    yield from platform_devices.clock_dependent_device(devices)


def functions_on_linux(plan: "PassedFunctions", board: Board) -> Iterator[Finding]:
    """What keeps a host with Linux from passing the functions."""
    from passthru.rules import dma, host_functions

    yield from dma.functions_without_iommu(plan, board)
    yield from host_functions.pci_support_missing(plan, board)
    yield from host_functions.function_driver_active(plan, board)
    yield from host_functions.vfio_driver_missing(plan, board)
    yield from host_functions.iommu_group_split(plan, board)
    yield from host_functions.iova_reserved(plan, board)
    yield from host_functions.memory_lock_limit(plan, board)


def _interrupts_on_board(
    config: VmConfig, passed: "tuple[PassedMemory, ...]", board: Board
) -> Iterator[Finding]:
    from passthru.rules import host_interrupts
    from passthru.rules.claimed_twice import host_interrupt_claimed_twice
    from passthru.rules.hypervisor import Hypervisor
    from passthru.rules.interrupt_devices import interrupt_not_of_device
    from passthru.rules.interrupts import immediate_unmask_needs_edge
    from passthru.rules.platform_devices import passed_devices

    interrupts = host_interrupts.passed_interrupts(config, board)
    devices = passed_devices(passed, board)
    told = [
        *host_interrupts.host_interrupt_in_use(interrupts, devices, board),
        *host_interrupts.interrupt_source_missing(interrupts, board, Hypervisor.KVM),
    ]
    yield from told
    spans = {finding.span for finding in told}
    others = [each for each in interrupts if each.interrupt.span not in spans]
    yield from host_interrupts.interrupt_not_delivered(others, board)
    yield from interrupt_not_of_device(config, passed, interrupts, board)
    yield from host_interrupt_claimed_twice(config)
    yield from host_interrupts.immediate_unmask_of_level(interrupts)
    known = {each.interrupt.span for each in interrupts if host_interrupts.has_known_trigger(each)}
    for finding in immediate_unmask_needs_edge(config):
        if finding.span not in known:
            yield finding
