# SPDX-License-Identifier: Apache-2.0
"""One VM described: on any architecture, with a board and without.

Where ``run`` has a machine for it, that machine; elsewhere what the configuration itself
places. Nothing here says what is wrong: that is the rules' business.
"""

from passthru.board.model import Board, BoardOrigin, board_architecture
from passthru.language.model import VmConfig
from passthru.plan.architecture import guest_architecture, is_arm_guest
from passthru.plan.arm_devices import ARM_VDEVS
from passthru.plan.described_arm import planned_on_arm
from passthru.plan.described_blobs import configured_blobs
from passthru.plan.described_claims import (
    dma_windows,
    host_claims,
    interrupt_claims,
    port_claims,
)
from passthru.plan.described_functions import configured_functions
from passthru.plan.described_ports import configured_port_ranges, sorted_ports
from passthru.plan.described_x86 import planned_on_x86
from passthru.plan.interrupt_routes import interrupt_routes
from passthru.plan.qvm_map import address_map, placed_memory
from passthru.plan.steps import run_steps
from passthru.plan.users import Uses, uses_of
from passthru.plan.vm_description import VmDescription

__all__ = ["describe_vm", "why_not_for_run"]


def describe_vm(config: VmConfig, board: Board | None, *, kvm: bool) -> VmDescription:
    """What ``config`` makes of a VM on ``board``; None is no board in particular.

    ``kvm``: by ``run``, where it has a machine for the architecture; else by QNX's
    hypervisor. Pure.
    """
    uses = uses_of(config)
    reason = _not_run_because(board, kvm=kvm)
    if reason is not None:
        return _configured(config, uses, board, reason)
    if _is_for_arm(config, uses, board):
        described = planned_on_arm(config, uses, board)
    else:
        described = planned_on_x86(config, uses, board)
    if described.not_run_because is not None:
        return described
    return described._replace(steps=tuple(run_steps(described)))


def why_not_for_run(config: VmConfig, board: Board | None) -> str | None:
    """Why a VM of which nobody says who runs it is not taken for one of ``run``.

    Of an ARM guest neither a device tree nor the text tells that the host has Linux; then it is
    so if it has virtual devices that ``run`` does not have. None where it is one for ``run``.
    """
    reason = describe_vm(config, board, kvm=True).not_run_because
    is_certain = board is not None and board.origin is BoardOrigin.LINUX
    if reason is not None or is_certain or not _is_for_arm(config, uses_of(config), board):
        return reason
    others = sorted({each.type for each in config.vdevs} - {*ARM_VDEVS})
    return f"on arm64 `run` has no vdev {', '.join(others)}" if others else None


def _not_run_because(board: Board | None, *, kvm: bool) -> str | None:
    """Why nothing of ``run`` is in the description, whatever is in the configuration."""
    if not kvm:
        return "the plan is for QNX's hypervisor; `run` is for Linux hosts with KVM"
    if board is None:
        return None
    if board.origin is BoardOrigin.QNX:
        return "the board runs QNX; `run` is for Linux hosts with KVM"
    if board.architecture not in ("x86_64", "aarch64"):
        return f"`run` has no machine for {board.architecture} hosts"
    return None


def _is_for_arm(config: VmConfig, uses: Uses, board: Board | None) -> bool:
    """Whether the machine of ``run`` is the one for arm64."""
    if board is not None:
        return board.architecture == "aarch64"
    return is_arm_guest(config, uses)


def _configured(config: VmConfig, uses: Uses, board: Board | None, reason: str) -> VmDescription:
    """What the text itself places, by the documentation of QNX's hypervisor."""
    architecture = _architecture(config, uses, board)
    places = address_map(config, placed_memory(config), architecture)
    regions = tuple(sorted(places, key=lambda each: each.range))
    functions = configured_functions(config, board, kvm=False)
    interrupts = tuple(interrupt_routes(config, uses, board))
    ports = sorted_ports(configured_port_ranges(config, uses))
    uses_dma = any(each.access is not None and each.access.uses_dma for each in regions)
    return VmDescription(
        name=config.name,
        config=config,
        cpu_count=max(1, len(config.cpus)),
        regions=regions,
        interrupts=interrupts,
        ports=ports,
        functions=functions,
        blobs=tuple(configured_blobs(config)),
        dma_windows=dma_windows(regions, has_devices=bool(functions) or uses_dma),
        locked_memory=0,
        claims=(
            *host_claims(config, regions, functions),
            *port_claims(config.name, ports),
            *interrupt_claims(config.name, interrupts),
        ),
        steps=(),
        plan=None,
        not_run_because=reason,
    )


def _architecture(config: VmConfig, uses: Uses, board: Board | None) -> str | None:
    """``x86`` or ``arm``, by the configuration or else by the board."""
    shown_by = guest_architecture(config, uses)
    if shown_by is not None:
        return shown_by.architecture
    return None if board is None else board_architecture(board)
