# SPDX-License-Identifier: Apache-2.0
"""The call that applies every rule to one VM on a board, for any hypervisor.

Where the board does not know something, the rules are silent. For KVM on an x86-64 board
the plan and the rules are those of `run`, so that what is told here is what `run` does.
"""

from passthru.board.model import Board, board_architecture
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.lean import TYPE_CHECKING, Iterable, Iterator
from passthru.plan.architecture import is_arm_guest
from passthru.plan.problems import PCI_NOT_FOUND
from passthru.plan.users import uses_of
from passthru.rules import dma, host_functions, host_interrupts, host_memory, platform_devices
from passthru.rules.architecture import X86_ONLY, foreign_to_board
from passthru.rules.blobs import BLOB_LOOKS_SWAPPED, is_blob_for_guests
from passthru.rules.board_functions import ChosenFunctions, choose_functions, knows_functions
from passthru.rules.board_origin import shows_state_of_linux, shows_what_the_host_uses
from passthru.rules.check import check, check_configuration, functions_on_linux
from passthru.rules.host_ports import host_ports_in_use
from passthru.rules.host_processors import cpu_absent
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.incomplete import needs_the_whole, part_with_certain_places
from passthru.rules.infrastructure import host_infrastructure
from passthru.rules.interrupt_devices import interrupt_not_of_device
from passthru.rules.interrupts import IMMEDIATE_UNMASK_NEEDS_EDGE
from passthru.rules.memory_support import memory_support_missing
from passthru.rules.passed_memory import PassedMemory, passed_memory
from passthru.rules.told_once import told_once

if TYPE_CHECKING:
    from passthru.plan.aarch64 import ArmPlan
    from passthru.plan.model import VmPlan

__all__ = ["check_on_board"]

_OF_RUN = ("x86_64", "aarch64")


def check_on_board(
    config: VmConfig, hypervisor: Hypervisor, board: Board, *, complete: bool = True
) -> tuple[Finding, ...]:
    """What is wrong with one VM on the host ``board``, beyond what reading told.

    That is everything that check_configuration tells, but for what the board knows better.
    ``complete`` is ReadResult.complete: where the configuration lacks something that could
    not be read, nothing is said that it could change. Pure.
    """
    part = config if complete else part_with_certain_places(config)
    answers = [*_answers(part, hypervisor, board)]
    if not complete:
        answers = [each for each in answers if not needs_the_whole(each, hypervisor)]
    general = check_configuration(config, _reader(config, hypervisor, board), complete=complete)
    findings = told_once([*answers, *_not_answered(general, answers, part, hypervisor, board)])
    return tuple(finding._replace(vm=config.name) for finding in findings)


def _reader(config: VmConfig, hypervisor: Hypervisor, board: Board) -> Hypervisor:
    """Whose machine the configuration itself is compared with.

    That of KVM follows from what the configuration shows. Where it shows no ARM guest, on an
    ARM board only what the text itself has counts, as for qvm.
    """
    if hypervisor is not Hypervisor.KVM or board_architecture(board) != "arm":
        return hypervisor
    has_machine = board.architecture == "aarch64" and is_arm_guest(config, uses_of(config))
    return hypervisor if has_machine else Hypervisor.QNX_8_0


def _not_answered(
    general: Iterable[Finding],
    answers: Iterable[Finding],
    config: VmConfig,
    hypervisor: Hypervisor,
    board: Board,
) -> Iterator[Finding]:
    """What is told of the configuration alone and not told again, nor refuted, by the board."""
    answered = {(each.id, each.span) for each in answers}
    interrupts = host_interrupts.passed_interrupts(config, board)
    edges = {each.interrupt.span for each in interrupts if host_interrupts.is_edge_triggered(each)}
    blobs = {
        each.location.span for each in passed_memory(config) if is_blob_for_guests(each, board)
    }
    knows_architecture = board_architecture(board) is not None
    for finding in general:
        if (finding.id, finding.span) in answered:
            continue
        if finding.id == IMMEDIATE_UNMASK_NEEDS_EDGE.id and finding.span in edges:
            continue
        if finding.id == host_memory.NOT_PAGE_ALIGNED.id:
            continue  # the board's answer is all of it
        if finding.id == BLOB_LOOKS_SWAPPED.id and finding.span in blobs:
            continue
        if finding.id == X86_ONLY.id and knows_architecture:
            continue
        yield finding


def _answers(config: VmConfig, hypervisor: Hypervisor, board: Board) -> Iterator[Finding]:
    """What the board tells, alone or more exactly."""
    passed = passed_memory(config)
    if _is_for_run(hypervisor, board):
        yield from _as_run_tells(config, board)
        if board.architecture == "aarch64":
            yield from foreign_to_board(config, uses_of(config), "arm", board.name)
    else:
        yield from _machine_on_board(config, passed, hypervisor, board)
        yield from _memory_on_board(passed, hypervisor, board)
        chosen = choose_functions(config, board)
        yield from host_infrastructure(config, passed, chosen.functions, board)
        yield from _functions_on_board(chosen, hypervisor, board)
        yield from cpu_absent(config, board)
    yield from host_memory.memory_not_on_board(passed, board)
    yield from _devices_and_interrupts(config, passed, hypervisor, board)


def _is_for_run(hypervisor: Hypervisor, board: Board) -> bool:
    """Whether `run` would look at such a host: one with KVM, whose state Linux told."""
    is_its_machine = hypervisor is Hypervisor.KVM and board.architecture in _OF_RUN
    return is_its_machine and shows_state_of_linux(board)


def _as_run_tells(config: VmConfig, board: Board) -> Iterator[Finding]:
    plan, findings = _planned(config, board)
    yield from findings
    for finding in check(config, plan, board):
        # To a run without the right to see the map it is an error; a board may be looked at.
        if finding.id != host_memory.HOST_MEMORY_UNKNOWN.id:
            yield finding


def _planned(
    config: VmConfig, board: Board
) -> "tuple[VmPlan | ArmPlan | None, tuple[Finding, ...]]":
    if board.architecture == "aarch64":
        from passthru.plan.arm_planner import plan_arm_vm

        return plan_arm_vm(config, board)
    from passthru.plan.planner import plan_vm

    return plan_vm(config, board)


def _machine_on_board(
    config: VmConfig, passed: tuple[PassedMemory, ...], hypervisor: Hypervisor, board: Board
) -> Iterator[Finding]:
    """What the board's kind of machine rules out."""
    architecture = board_architecture(board)
    if architecture is not None and (hypervisor is not Hypervisor.KVM or architecture == "arm"):
        yield from foreign_to_board(config, uses_of(config), architecture, board.name)
    if hypervisor is Hypervisor.KVM and architecture == "arm":
        yield from _not_run_on_arm(config, board)
        yield from dma.memory_without_dma_manager(passed, config)
        yield from host_memory.access_not_enforceable(passed, board)


def _not_run_on_arm(config: VmConfig, board: Board) -> Iterator[Finding]:
    """What keeps `run` from starting the VM on an ARM board, whoever described that."""
    if board.architecture == "aarch64":
        from passthru.plan.arm_planner import plan_arm_vm

        for finding in plan_arm_vm(config, board).findings:
            if finding.id != PCI_NOT_FOUND.id or knows_functions(board):
                yield finding
    else:
        from passthru.plan.support import unsupported_host

        yield from unsupported_host(config, board)


def _memory_on_board(
    passed: tuple[PassedMemory, ...], hypervisor: Hypervisor, board: Board
) -> Iterator[Finding]:
    has_tree = board_architecture(board) != "x86"
    yield from host_memory.not_page_aligned(passed, board, hypervisor)
    yield from host_memory.host_memory_in_use(passed, board, hypervisor)
    yield from host_memory.host_memory_absent(_told_of(passed, board), board, has_tree=has_tree)
    if board.memory_known:
        yield from host_memory.host_memory_not_zeroed(passed, board)
    yield from dma.bus_master_declared_harmless(passed, board)
    if shows_what_the_host_uses(board, hypervisor):
        yield from host_functions.memory_driver_active(passed, board)


def _told_of(passed: tuple[PassedMemory, ...], board: Board) -> tuple[PassedMemory, ...]:
    """The passed memory of whose kind the board tells: some trees leave RAM to the boot loader."""
    if board.allocated or board.reserved:
        return passed
    return tuple(each for each in passed if each.is_device)


def _functions_on_board(
    chosen: ChosenFunctions, hypervisor: Hypervisor, board: Board
) -> Iterator[Finding]:
    if hypervisor is not Hypervisor.KVM or board.architecture != "aarch64":
        # What the planner tells of that machine has been told.
        yield from chosen.findings
    if hypervisor is Hypervisor.KVM and shows_state_of_linux(board):
        yield from functions_on_linux(chosen, board)


def _devices_and_interrupts(
    config: VmConfig, passed: tuple[PassedMemory, ...], hypervisor: Hypervisor, board: Board
) -> Iterator[Finding]:
    devices = platform_devices.passed_devices(passed, board)
    interrupts = host_interrupts.passed_interrupts(config, board)
    if not _is_for_run(hypervisor, board):
        # What run tells has been told.
        yield from platform_devices.device_declared_harmless(devices, hypervisor)
        if shows_what_the_host_uses(board, hypervisor):
            yield from platform_devices.device_driver_active(devices, board)
        if hypervisor is Hypervisor.KVM:
            yield from platform_devices.clock_dependent_device(devices)
        if shows_what_the_host_uses(board, hypervisor):
            yield from host_interrupts.host_interrupt_in_use(interrupts, devices, board)
        yield from host_interrupts.interrupt_source_missing(interrupts, board, hypervisor)
        yield from interrupt_not_of_device(config, passed, interrupts, board)
        yield from host_interrupts.immediate_unmask_of_level(interrupts)
    if hypervisor is Hypervisor.KVM:
        yield from memory_support_missing(passed, board)
        yield from host_ports_in_use(config, board)
    else:
        yield from platform_devices.device_without_iommu(devices, config, board)
