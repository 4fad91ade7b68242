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
from passthru.plan.architecture import guest_architecture
from passthru.plan.blobs import plan_blobs
from passthru.plan.claims import claims, dma_regions, locked_memory
from passthru.plan.described_blobs import configured_blobs
from passthru.plan.described_functions import (
    DescribedFunction,
    configured_functions,
    planned_functions,
)
from passthru.plan.interrupt_routes import InterruptRoute, interrupt_routes, user_name
from passthru.plan.model import Blob, Claim, GuestRegion, RegionKind, VmPlan
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
    without any, ``not_run_because`` says why none are here. ``plan`` is the machine that
    ``run`` makes on the board.
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
    plan: VmPlan | None
    not_run_because: str | None

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
    reason = _not_run_because(config, uses, board, kvm=kvm)
    if reason is not None:
        return _configured(config, uses, board, reason)
    plan = plan_vm(config, board).plan if board is not None else None
    if board is None or plan is None:
        return _planned_without_bus(config, uses, board)
    return _planned(config, uses, board, plan)


def _not_run_because(config: VmConfig, uses: Uses, board: Board | None, *, kvm: bool) -> str | None:
    """Why nothing of ``run`` is in the description, whatever is in the configuration."""
    if not kvm:
        return "the plan is for QNX's hypervisor; `run` is for Linux hosts with KVM"
    if board is not None:
        if origin_of(board) is BoardOrigin.QNX:
            return "the board runs QNX; `run` is for Linux hosts with KVM"
        if board.architecture == "aarch64":
            return "`plan` does not show yet what `run` makes on aarch64 hosts"
        if board.architecture != "x86_64":
            return f"`run` has no machine for {board.architecture} hosts"
        return None
    shown_by = guest_architecture(config, uses)
    if shown_by is not None and shown_by.architecture != "x86":
        return f"{shown_by.name} shows an ARM guest; `plan` does not show those of `run` yet"
    return None


def _planned(config: VmConfig, uses: Uses, board: Board, plan: VmPlan) -> VmDescription:
    functions = planned_functions(config, plan, board)
    wires = _wires(config, functions)
    machine = PortRange(plan.pci.ports, "pci port window", False, None)
    description = VmDescription(
        name=plan.name,
        config=config,
        cpu_count=plan.cpu_count,
        regions=plan.regions,
        interrupts=(*interrupt_routes(config, uses, board), *wires),
        ports=_sorted_ports((*_machine_ports(config, uses), machine)),
        functions=functions,
        blobs=plan.blobs,
        dma_windows=_dma_windows(plan.regions, has_devices=bool(plan.functions)),
        locked_memory=plan.locked_memory,
        claims=plan.claims,
        steps=(),
        plan=plan,
        not_run_because=None,
    )
    return description._replace(steps=tuple(run_steps(description)))


def _planned_without_bus(config: VmConfig, uses: Uses, board: Board | None) -> VmDescription:
    """The machine of ``run`` but for its PCI bus, for which there is no board or no room."""
    regions = tuple(
        _judged(each, config) for each in _by_address(plan_without_board(config).regions)
    )
    functions = configured_functions(config, board, kvm=True)
    interrupts = tuple(interrupt_routes(config, uses, board))
    description = VmDescription(
        name=config.name,
        config=config,
        cpu_count=max(1, len(config.cpus)),
        regions=regions,
        interrupts=interrupts,
        ports=_sorted_ports(_machine_ports(config, uses)),
        functions=functions,
        blobs=plan_blobs(config).blobs,
        dma_windows=_dma_windows(regions, has_devices=bool(functions)),
        locked_memory=locked_memory(regions, has_functions=bool(functions)),
        claims=(
            *_host_claims(config, regions, functions),
            *_interrupt_claims(config.name, interrupts),
        ),
        steps=(),
        plan=None,
        not_run_because=None,
    )
    if board is not None:
        reason = "the guest's address map has no room for its PCI bus"
        return description._replace(not_run_because=reason)
    return description._replace(steps=tuple(run_steps(description)))


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


def _judged(region: GuestRegion, config: VmConfig) -> GuestRegion:
    """Passed memory with the verdicts that hold on every host with KVM."""
    if region.access is None:
        return region
    managed = smmu_externally_managed(config)
    verdicts = access_verdicts(region.access, host_is_ram=None, externally_managed=managed)
    return region._replace(verdicts=verdicts)


def _wires(config: VmConfig, functions: tuple[DescribedFunction, ...]) -> Iterator[InterruptRoute]:
    """The lines that carry the INTx of passed functions."""
    names = [vdev.name.value for vdev in config.vdevs if vdev.type == "ioapic" and vdev.name]
    controller = names[0] if names else "ioapic"
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
