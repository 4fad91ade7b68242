# SPDX-License-Identifier: Apache-2.0
"""One configuration joined with one host: the plan of a VM on arm64."""

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.language.model import BlobType, VmConfig
from passthru.lean import TYPE_CHECKING, Iterable, Iterator, NamedTuple
from passthru.plan.aarch64 import HIGHEST_ADDRESS, UART_SIZE, ArmPlan, Gic, Uart
from passthru.plan.arm_devices import plan_gic, plan_uarts, unsupported_arm_vdevs
from passthru.plan.blobs import plan_blobs
from passthru.plan.claims import claims, locked_memory
from passthru.plan.memory import (
    option_regions,
    pass_regions,
    plain_region,
    reserved_regions,
    too_high,
)
from passthru.plan.model import Blob, BlobRole, GuestRegion, RegionKind
from passthru.plan.planner import (
    look_at_passes,
    look_at_words,
    plan_passed_interrupts,
    plan_vcpu_threads,
)
from passthru.plan.support import (
    TREE_DUMP,
    passes_functions,
    too_many_processors,
    unsupported,
    unsupported_page_sharing,
)

if TYPE_CHECKING:
    from passthru.plan.arm_pci import ArmFunctions

__all__ = ["ArmPlanned", "plan_arm_vm"]

_WHY_NO_HIGHER = "KVM gives a machine addresses of 40 bits"


class ArmPlanned(NamedTuple):
    """A plan, and what is wrong with it: with errors it is fit to be looked at only."""

    plan: ArmPlan
    findings: tuple[Finding, ...]


def plan_arm_vm(config: VmConfig, board: Board | None) -> ArmPlanned:
    """Decide everything about the VM that ``config`` describes on the arm64 host ``board``.

    Without a board it is as much as no host can change, and what is wrong on every one. Pure:
    the same arguments give the same plan, and nothing of the host is touched.
    """
    cpu_count = max(1, len(config.cpus))
    gic = plan_gic(config, cpu_count)
    uarts = plan_uarts(config.vdevs)
    blobs = plan_blobs(config, has_tree=True)
    interrupts, not_delivered = ((), ()) if board is None else plan_passed_interrupts(config, board)
    threads, not_scheduled = plan_vcpu_threads(config, board)
    memory = (
        *option_regions(config.memory),
        *pass_regions(config, board),
        *reserved_regions(config),
    )
    regions = (*memory, *_gic_regions(gic.gic), *_uart_regions(uarts.uarts))
    pci = _plan_functions(config, board, regions, gic.gic)
    findings = [
        *_unsupported_host(config, board),
        *too_many_processors(config),
        *look_at_passes(config, arm64=True),
        *not_scheduled,
        *look_at_words(config, has_tree=True),
        *unsupported_arm_vdevs(config.vdevs),
        *unsupported_page_sharing(regions),
        *too_high(regions, HIGHEST_ADDRESS, _WHY_NO_HIGHER),
        *gic.findings,
        *uarts.findings,
        *blobs.findings,
        *not_delivered,
        *(pci.findings if pci else ()),
    ]
    if pci:
        regions = (*regions, *pci.regions)
    plan = ArmPlan(
        name=config.name,
        cpu_count=cpu_count,
        regions=tuple(sorted(regions, key=lambda each: each.range)),
        blobs=blobs.blobs,
        command_line=config.cmdline.value if config.cmdline else "",
        gic=gic.gic,
        uarts=uarts.uarts,
        claims=tuple(claims(config.name, regions, pci.placed if pci else (), interrupts)),
        interrupts=interrupts,
        functions=pci.functions if pci else (),
        bus=pci.bus if pci else None,
        locked_memory=locked_memory(regions, has_functions=bool(pci and pci.functions)),
        wants_tree=_wants_tree(config, blobs.blobs),
        threads=threads,
    )
    return ArmPlanned(plan, tuple(each._replace(vm=config.name) for each in findings))


def _plan_functions(
    config: VmConfig, board: Board | None, regions: tuple[GuestRegion, ...], gic: Gic
) -> "ArmFunctions | None":
    # A guest to which no function is passed has no bus, and starts without this module.
    if board is None or not passes_functions(config):
        return None
    from passthru.plan.arm_pci import plan_functions

    return plan_functions(config, board, regions, gic)


def _wants_tree(config: VmConfig, blobs: Iterable[Blob]) -> bool:
    """Whether the configuration speaks of the guest's device tree."""
    return (
        any(blob.role is BlobRole.FDT for blob in blobs)
        or any(setting.blob is BlobType.FDT for setting in config.settings)
        or any(variable.name == TREE_DUMP for variable in config.variables)
    )


def _unsupported_host(config: VmConfig, board: Board | None) -> Iterator[Finding]:
    if board is not None and board.architecture != "aarch64":
        yield unsupported(
            f"this host is {board.architecture}; the guest is for aarch64 hosts", config.span
        )


def _gic_regions(gic: Gic) -> Iterator[GuestRegion]:
    names = ("gic distributor", f"gic {gic.processors_name}")
    for name, place in zip(names, (gic.distributor, gic.processors), strict=True):
        yield plain_region(place, RegionKind.DEVICE, name, gic.span)


def _uart_regions(uarts: tuple[Uart, ...]) -> Iterator[GuestRegion]:
    for uart in uarts:
        place = AddressRange(uart.registers.start, UART_SIZE)
        yield plain_region(place, RegionKind.DEVICE, "pl011", uart.span)
