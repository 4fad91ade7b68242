# SPDX-License-Identifier: Apache-2.0
"""What the machines of ``run`` have in common, as people look at them."""

from passthru.board.model import Board
from passthru.language.model import VmConfig
from passthru.lean import Iterable, Iterator
from passthru.plan.aarch64 import ArmPlan
from passthru.plan.claims import locked_memory
from passthru.plan.described_claims import dma_windows, host_claims, interrupt_claims
from passthru.plan.described_functions import (
    DescribedFunction,
    configured_functions,
    planned_functions,
)
from passthru.plan.interrupt_routes import InterruptRoute, interrupt_routes
from passthru.plan.model import Blob, GuestRegion, PassedInterrupt, VmPlan
from passthru.plan.planner import plan_vcpu_threads
from passthru.plan.users import Uses
from passthru.plan.variables import smmu_externally_managed
from passthru.plan.verdicts import access_verdicts
from passthru.plan.vm_description import VmDescription

__all__ = ["planned", "without_board"]


def planned(
    config: VmConfig,
    uses: Uses,
    board: Board,
    plan: VmPlan | ArmPlan,
    *,
    controller: str,
    first_line: int,
) -> VmDescription:
    """What the plans of all architectures tell.

    ``controller`` is the type of the guest's main interrupt controller, whose line
    ``first_line`` is KVM's 0.
    """
    functions = planned_functions(config, plan.functions, board, first_line=first_line)
    wires = _wires(config, functions, controller)
    return VmDescription(
        name=plan.name,
        config=config,
        cpu_count=plan.cpu_count,
        regions=plan.regions,
        interrupts=(*_delivered(interrupt_routes(config, uses, board), plan.interrupts), *wires),
        ports=(),
        functions=functions,
        blobs=plan.blobs,
        dma_windows=dma_windows(plan.regions, has_devices=bool(plan.functions)),
        locked_memory=plan.locked_memory,
        claims=plan.claims,
        steps=(),
        plan=plan,
        not_run_because=None,
        threads=plan.threads,
    )


def _delivered(
    routes: Iterable[InterruptRoute], interrupts: tuple[PassedInterrupt, ...]
) -> Iterator[InterruptRoute]:
    """The routes with what the plan decided: who delivers them, and when they are unmasked."""
    decided = {each.span: each for each in interrupts}
    for route in routes:
        interrupt = decided.get(route.span)
        if interrupt is None:
            yield route
        else:
            at_once = interrupt.immediate_unmask
            yield route._replace(uio=interrupt.uio, immediate_unmask=at_once)


def _wires(
    config: VmConfig, functions: tuple[DescribedFunction, ...], controller: str
) -> Iterator[InterruptRoute]:
    """The lines that carry the INTx of passed functions, at the ``controller`` of that type."""
    names = [vdev.name.value for vdev in config.vdevs if vdev.type == controller and vdev.name]
    controller = names[0] if names else controller
    for function in functions:
        if function.gsi is not None:
            user = f"pass {function.selector}"
            yield InterruptRoute(
                controller, function.gsi, None, user, True, False, None, function.span
            )


def without_board(
    config: VmConfig,
    uses: Uses,
    regions: tuple[GuestRegion, ...],
    blobs: tuple[Blob, ...],
    board: Board | None,
    *,
    architecture: str,
) -> VmDescription:
    """What is known of the machine of ``run`` where a plan has nothing of a board."""
    judged = tuple(_judged(each, config, architecture) for each in regions)
    functions = configured_functions(config, board, kvm=True)
    interrupts = tuple(interrupt_routes(config, uses, board))
    return VmDescription(
        name=config.name,
        config=config,
        cpu_count=max(1, len(config.cpus)),
        regions=judged,
        interrupts=interrupts,
        ports=(),
        functions=functions,
        blobs=blobs,
        dma_windows=dma_windows(judged, has_devices=bool(functions)),
        locked_memory=locked_memory(judged, has_functions=bool(functions)),
        claims=(
            *host_claims(config, judged, functions),
            *interrupt_claims(config.name, interrupts),
        ),
        steps=(),
        plan=None,
        not_run_because=None,
        threads=plan_vcpu_threads(config, board)[0],
    )


def _judged(region: GuestRegion, config: VmConfig, architecture: str) -> GuestRegion:
    """Passed memory with the verdicts that hold on every host of that architecture."""
    if region.access is None:
        return region
    managed = smmu_externally_managed(config)
    verdicts = access_verdicts(
        region.access, host_is_ram=None, externally_managed=managed, architecture=architecture
    )
    return region._replace(verdicts=verdicts)
