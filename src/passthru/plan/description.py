# SPDX-License-Identifier: Apache-2.0
"""One VM as people look at it: on any architecture, with a board and without.

Where ``run`` has a machine for it, that machine; elsewhere what the configuration itself
places. Nothing here says what is wrong: that is the rules' business.
"""

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.board.origin import BoardOrigin, board_architecture, origin_of
from passthru.diagnostics.source import Span
from passthru.language.model import Pass, Vdev, VmConfig
from passthru.lean import Iterable, Iterator, NamedTuple
from passthru.plan.aarch64 import FIRST_LINE, ArmPlan, Gic, Uart
from passthru.plan.architecture import guest_architecture, is_arm_guest
from passthru.plan.arm_devices import ARM_VDEVS
from passthru.plan.arm_planner import plan_arm_vm
from passthru.plan.blobs import plan_blobs
from passthru.plan.claims import claims, dma_regions, locked_memory
from passthru.plan.described_blobs import configured_blobs
from passthru.plan.described_functions import (
    DescribedFunction,
    configured_functions,
    planned_functions,
)
from passthru.plan.interrupt_routes import InterruptRoute, interrupt_routes, user_name
from passthru.plan.model import (
    Blob,
    Claim,
    GuestRegion,
    PassedInterrupt,
    RegionKind,
    VmPlan,
)
from passthru.plan.planner import plan_vm, plan_without_board
from passthru.plan.ports import port_uses
from passthru.plan.qvm_map import address_map, placed_memory
from passthru.plan.steps import run_steps
from passthru.plan.users import Uses, uses_of
from passthru.plan.variables import smmu_externally_managed
from passthru.plan.verdicts import access_verdicts
from passthru.plan.x86_64 import MACHINE_PORTS

__all__ = [
    "DescribedFunction",
    "InterruptRoute",
    "PortRange",
    "VmDescription",
    "describe_vm",
    "has_known_size",
    "why_not_for_run",
]


class PortRange(NamedTuple):
    """x86 ports that something of the guest has; ``span`` is None for the machine's own."""

    range: AddressRange
    name: str
    is_passed: bool
    span: Span | None


class VmDescription(NamedTuple):
    """One VM: what the guest sees, where it comes from, what the host gives for it.

    ``regions`` are sorted by address; where there is a ``plan``, they are the plan's.
    ``dma_windows`` are what passed devices may reach (GPA, which is the IOVA);
    ``locked_memory`` is in bytes. ``steps`` are what ``run`` would do on the host, in order;
    without any, ``not_run_because`` says why none are here. ``gic``, ``uarts`` and ``its`` are
    those of the arm64 machine of ``run``; ``its`` is None without a board or functions, too.
    ``plan`` is the machine that ``run`` makes on the board.
    """

    name: str
    config: VmConfig
    cpu_count: int
    regions: tuple[GuestRegion, ...]
    interrupts: tuple[InterruptRoute, ...]
    ports: tuple[PortRange, ...]
    functions: tuple[DescribedFunction, ...]
    blobs: tuple[Blob, ...]
    dma_windows: tuple[AddressRange, ...]
    locked_memory: int
    claims: tuple[Claim, ...]
    steps: tuple[str, ...]
    plan: VmPlan | ArmPlan | None
    not_run_because: str | None
    gic: Gic | None = None
    uarts: tuple[Uart, ...] = ()
    its: AddressRange | None = None

    @property
    def holes(self) -> tuple[AddressRange, ...]:
        """Guest addresses between 0 and the last region at which nothing answers.

        Of a device whose size is not known, the page is left out in which it starts.
        """
        found = []
        end = 0
        for region in self.regions:
            if region.range.start > end:
                found.append(AddressRange.between(end, region.range.start))
            place = region.range
            end = max(end, (place if has_known_size(region) else place.page_aligned()).end)
        return tuple(found)


def has_known_size(region: GuestRegion) -> bool:
    """Whether all of its range is known to be the region's; else only the start is."""
    return region.range.size != 1 or region.kind is not RegionKind.DEVICE


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
        plan = plan_arm_vm(config, board).plan
        described = _planned_on_arm(config, uses, board, plan)
    else:
        described = _planned_on_x86(config, uses, board)
    if described.not_run_because is not None:
        return described
    return described._replace(steps=tuple(run_steps(described)))


def why_not_for_run(config: VmConfig, board: Board | None) -> str | None:
    """Why a VM of which nobody says who runs it is not taken for one of ``run``.

    Of an ARM guest neither a device tree nor the text tells that the host has Linux; then it is
    so if it has virtual devices that ``run`` does not have. None where it is one for ``run``.
    """
    reason = describe_vm(config, board, kvm=True).not_run_because
    is_certain = board is not None and origin_of(board) is BoardOrigin.LINUX
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
    if origin_of(board) is BoardOrigin.QNX:
        return "the board runs QNX; `run` is for Linux hosts with KVM"
    if board.architecture not in ("x86_64", "aarch64"):
        return f"`run` has no machine for {board.architecture} hosts"
    return None


def _is_for_arm(config: VmConfig, uses: Uses, board: Board | None) -> bool:
    """Whether the machine of ``run`` is the one for arm64."""
    if board is not None:
        return board.architecture == "aarch64"
    return is_arm_guest(config, uses)


def _planned_on_x86(config: VmConfig, uses: Uses, board: Board | None) -> VmDescription:
    plan = plan_vm(config, board).plan if board is not None else None
    if board is None or plan is None:
        return _planned_without_bus(config, uses, board)
    machine = PortRange(plan.pci.ports, "pci port window", False, None)
    ports = _sorted_ports((*_machine_ports(config, uses), machine))
    return _planned(config, uses, board, plan)._replace(ports=ports)


def _planned_on_arm(
    config: VmConfig, uses: Uses, board: Board | None, plan: ArmPlan
) -> VmDescription:
    if board is None:
        description = _without_board(config, uses, plan.regions, plan.blobs, None)
    else:
        description = _planned(config, uses, board, plan)
    its = plan.bus.its if plan.bus else None
    return description._replace(gic=plan.gic, uarts=plan.uarts, its=its)


def _planned(config: VmConfig, uses: Uses, board: Board, plan: VmPlan | ArmPlan) -> VmDescription:
    """What the plans of all architectures tell."""
    first_line = FIRST_LINE if isinstance(plan, ArmPlan) else 0
    functions = planned_functions(config, plan.functions, board, first_line=first_line)
    controller = "gic" if isinstance(plan, ArmPlan) else "ioapic"
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
        dma_windows=_dma_windows(plan.regions, has_devices=bool(plan.functions)),
        locked_memory=plan.locked_memory,
        claims=plan.claims,
        steps=(),
        plan=plan,
        not_run_because=None,
    )


def _delivered(
    routes: Iterable[InterruptRoute], interrupts: tuple[PassedInterrupt, ...]
) -> Iterator[InterruptRoute]:
    """The routes with what the plan decided: who delivers them, and when they are unmasked."""
    planned = {each.span: each for each in interrupts}
    for route in routes:
        interrupt = planned.get(route.span)
        if interrupt is None:
            yield route
        else:
            at_once = interrupt.immediate_unmask
            yield route._replace(uio=interrupt.uio, immediate_unmask=at_once)


def _planned_without_bus(config: VmConfig, uses: Uses, board: Board | None) -> VmDescription:
    """The machine for x86-64 but for its PCI bus, for which there is no board or no room."""
    regions = _by_address(plan_without_board(config).regions)
    ports = _sorted_ports(_machine_ports(config, uses))
    blobs = plan_blobs(config).blobs
    description = _without_board(config, uses, regions, blobs, board)._replace(ports=ports)
    if board is not None:
        reason = "the guest's address map has no room for its PCI bus"
        return description._replace(not_run_because=reason)
    return description


def _without_board(
    config: VmConfig,
    uses: Uses,
    regions: tuple[GuestRegion, ...],
    blobs: tuple[Blob, ...],
    board: Board | None,
) -> VmDescription:
    """What is known of the machine of ``run`` where a plan has nothing of a board."""
    architecture = "aarch64" if _is_for_arm(config, uses, board) else "x86_64"
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
        dma_windows=_dma_windows(judged, has_devices=bool(functions)),
        locked_memory=locked_memory(judged, has_functions=bool(functions)),
        claims=(
            *_host_claims(config, judged, functions),
            *_interrupt_claims(config.name, interrupts),
        ),
        steps=(),
        plan=None,
        not_run_because=None,
    )


def _configured(config: VmConfig, uses: Uses, board: Board | None, reason: str) -> VmDescription:
    """What the text itself places, by the documentation of QNX's hypervisor."""
    architecture = _architecture(config, uses, board)
    regions = _by_address(address_map(config, placed_memory(config), architecture))
    functions = configured_functions(config, board, kvm=False)
    interrupts = tuple(interrupt_routes(config, uses, board))
    ports = _sorted_ports(_configured_ports(config, uses))
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
        dma_windows=_dma_windows(regions, has_devices=bool(functions) or uses_dma),
        locked_memory=0,
        claims=(
            *_host_claims(config, regions, functions),
            *_port_claims(config.name, ports),
            *_interrupt_claims(config.name, interrupts),
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


def _by_address(regions: tuple[GuestRegion, ...]) -> tuple[GuestRegion, ...]:
    return tuple(sorted(regions, key=lambda each: each.range))


def _judged(region: GuestRegion, config: VmConfig, architecture: str) -> GuestRegion:
    """Passed memory with the verdicts that hold on every host of that architecture."""
    if region.access is None:
        return region
    managed = smmu_externally_managed(config)
    verdicts = access_verdicts(
        region.access, host_is_ram=None, externally_managed=managed, architecture=architecture
    )
    return region._replace(verdicts=verdicts)


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


def _machine_ports(config: VmConfig, uses: Uses) -> Iterator[PortRange]:
    """What answers at ports in the machine of ``run``."""
    for ports, name in MACHINE_PORTS:
        yield PortRange(ports, name, False, None)
    for each in _configured_ports(config, uses):
        if not any(ports.contains(each.range) for ports, _ in MACHINE_PORTS):
            yield each


def _configured_ports(config: VmConfig, uses: Uses) -> Iterator[PortRange]:
    for user, ports, span in port_uses(config, uses):
        name = user_name(user) if isinstance(user, Vdev) else span.text
        yield PortRange(ports, name, isinstance(user, Pass), span)


def _sorted_ports(ports: Iterable[PortRange]) -> tuple[PortRange, ...]:
    return tuple(sorted(ports, key=lambda each: each.range))


def _dma_windows(
    regions: tuple[GuestRegion, ...], *, has_devices: bool
) -> tuple[AddressRange, ...]:
    return tuple(each.range for each in dma_regions(regions)) if has_devices else ()


def _host_claims(
    config: VmConfig, regions: tuple[GuestRegion, ...], functions: tuple[DescribedFunction, ...]
) -> tuple[Claim, ...]:
    return (
        *claims(config.name, regions, ()),
        *(
            Claim(str(each.host.address) if each.host else each.selector, config.name, each.span)
            for each in functions
        ),
    )


def _port_claims(vm: str, ports: tuple[PortRange, ...]) -> Iterator[Claim]:
    for each in ports:
        if each.is_passed and each.span is not None:
            yield Claim(f"io:{each.range.start:#x},{each.range.size}", vm, each.span)


def _interrupt_claims(vm: str, routes: tuple[InterruptRoute, ...]) -> Iterator[Claim]:
    for each in routes:
        if each.vector is not None:
            yield Claim(f"vector {each.vector}", vm, each.span)
