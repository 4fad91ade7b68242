# SPDX-License-Identifier: Apache-2.0
"""One configuration joined with one host: the plan of a VM on x86-64."""

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.lean import TYPE_CHECKING, Iterable, Iterator, NamedTuple
from passthru.plan.blobs import plan_blobs
from passthru.plan.memory import (
    IoApic,
    configured_regions,
    find_ioapic,
    machine_regions,
    too_high,
)
from passthru.plan.model import (
    Blob,
    Claim,
    GuestFunction,
    GuestRegion,
    PassedInterrupt,
    PciWindows,
    SerialPort,
    VcpuThread,
    VmPlan,
)
from passthru.plan.support import (
    passes_functions,
    too_many_processors,
    unsupported_host,
    unsupported_page_sharing,
)
from passthru.plan.vdevs import configured_lines, plan_serial_ports, unsupported_vdevs
from passthru.plan.windows import (
    configured_ports,
    find_windows,
    no_room_for_pci,
    window_regions,
)
from passthru.plan.x86_64 import IOAPIC_SPACE_END, MOST_ADDRESS_BITS

if TYPE_CHECKING:
    from passthru.plan.functions import PlacedFunction

__all__ = [
    "Planned",
    "PlannedWithoutBoard",
    "look_at_passes",
    "look_at_words",
    "plan_passed_interrupts",
    "plan_vcpu_threads",
    "plan_vm",
    "plan_without_board",
]

_HOLE = "leave a hole below 0xfec00000: ram 0,2048m ram 0x100000000,…"


class Planned(NamedTuple):
    """A plan, and what is wrong with it.

    ``plan`` is None only where the guest's address map has no room for a PCI bus; with
    errors among the findings it is fit to be looked at, not to be run.
    """

    plan: VmPlan | None
    findings: tuple[Finding, ...]


class PlannedWithoutBoard(NamedTuple):
    """The guest's address map without its PCI bus, and what is wrong on every host."""

    regions: tuple[GuestRegion, ...]
    findings: tuple[Finding, ...]


class _Parts(NamedTuple):
    """What a configuration asks for, apart from PCI; ``findings`` hold on every host."""

    ioapic: IoApic
    configured: tuple[GuestRegion, ...]
    regions: tuple[GuestRegion, ...]
    blobs: tuple[Blob, ...]
    serial_ports: tuple[SerialPort, ...]
    findings: tuple[Finding, ...]


def plan_vm(config: VmConfig, board: Board) -> Planned:
    """Decide everything about the VM that ``config`` describes on the host ``board``.

    Pure: the same arguments give the same plan, and nothing of the host is touched.
    """
    parts = _plan_parts(config, board)
    placed, not_placed = _place_functions(config, board)
    interrupts, not_delivered = plan_passed_interrupts(config, board)
    threads, _ = plan_vcpu_threads(config, board)
    findings = [
        *unsupported_host(config, board),
        *parts.findings,
        *not_placed,
        *not_delivered,
    ]
    windows = find_windows(
        parts.regions,
        configured_ports(config),
        _memory64_size(placed),
        board.abilities.address_bits,
        kept=_kept_windows(placed, board),
    )
    if windows is None:
        findings.append(no_room_for_pci(config, parts.configured, _HOLE))
        return Planned(None, _of_vm(config, findings))
    functions, without_room = _finish_functions(placed, windows, configured_lines(config))
    findings.extend(without_room)
    regions = (*parts.regions, *window_regions(windows))
    plan = VmPlan(
        name=config.name,
        cpu_count=max(1, len(config.cpus)),
        regions=tuple(sorted(regions, key=lambda each: each.range)),
        blobs=parts.blobs,
        command_line=config.cmdline.value if config.cmdline else "",
        functions=functions,
        pci=windows,
        serial_ports=parts.serial_ports,
        ioapic_address=parts.ioapic[0],
        locked_memory=_locked_memory(parts.regions, functions),
        claims=_claims(config, parts.regions, placed, interrupts),
        interrupts=interrupts,
        threads=threads,
    )
    return Planned(plan, _of_vm(config, findings))


def plan_without_board(config: VmConfig) -> PlannedWithoutBoard:
    """As much of a plan as no host can change, for checking without one.

    What it says is wrong keeps the VM from running on any host with KVM.
    """
    parts = _plan_parts(config, None)
    findings = [*parts.findings]
    if passes_functions(config):
        from passthru.plan.guest_bus import check_places

        findings.extend(check_places(config, has_host_bridge=True))
    ports = configured_ports(config)
    if find_windows(parts.regions, ports, 0, MOST_ADDRESS_BITS) is None:
        findings.append(no_room_for_pci(config, parts.configured, _HOLE))
    return PlannedWithoutBoard(parts.regions, _of_vm(config, findings))


def _plan_parts(config: VmConfig, board: Board | None) -> _Parts:
    ioapic = find_ioapic(config)
    configured = configured_regions(config, board)
    machine = machine_regions(configured, ioapic)
    regions = (*configured, *machine)
    blobs = plan_blobs(config)
    serial = plan_serial_ports(config.vdevs)
    findings = (
        *too_many_processors(config),
        *look_at_passes(config, arm64=False),
        *plan_vcpu_threads(config, board)[1],
        *look_at_words(config, has_tree=False),
        *unsupported_vdevs(config.vdevs),
        *unsupported_page_sharing(regions),
        *_too_high(configured, board),
        *too_high(machine[:1], IOAPIC_SPACE_END, "a guest's tables name its place with 32 bits"),
        *blobs.findings,
        *serial.findings,
    )
    return _Parts(ioapic, configured, regions, blobs.blobs, serial.ports, findings)


def _too_high(configured: tuple[GuestRegion, ...], board: Board | None) -> Iterator[Finding]:
    """Source: arch/x86/kvm/mmu/mmu.c, ``kvm_mmu_max_gfn``: KVM has no slot above."""
    if board is None:
        bits, whose = MOST_ADDRESS_BITS, "x86-64's processors have at most"
    else:
        bits = min(board.abilities.address_bits, MOST_ADDRESS_BITS)
        whose = "this host's processors have"
    return too_high(configured, 1 << bits, f"{whose} {bits} bits of address")


# A guest to which nothing is passed starts without the modules that these import.


def _place_functions(
    config: VmConfig, board: Board
) -> "tuple[tuple[PlacedFunction, ...], tuple[Finding, ...]]":
    """The passed functions on the guest's bus, and what is wrong with the others."""
    if not passes_functions(config):
        return (), ()
    from passthru.plan.functions import place_functions

    return place_functions(config, board)


def plan_passed_interrupts(
    config: VmConfig, board: Board
) -> tuple[tuple[PassedInterrupt, ...], tuple[Finding, ...]]:
    """The passed interrupts, and what is wrong with the others."""
    if not any(passed.interrupts for passed in config.passes):
        return (), ()
    from passthru.plan.passed_interrupts import plan_interrupts

    return plan_interrupts(config, board)


def plan_vcpu_threads(
    config: VmConfig, board: Board | None
) -> tuple[tuple[VcpuThread, ...], tuple[Finding, ...]]:
    """The vCPUs' threads that ask for processors or a priority, and what they cannot have."""
    if not any(cpu.cluster or cpu.runmask or cpu.sched for cpu in config.cpus):
        return (), ()
    from passthru.plan.scheduling import plan_threads

    return plan_threads(config, board)


def look_at_passes(config: VmConfig, *, arm64: bool) -> Iterable[Finding]:
    """What passes ask for that the machine cannot do; ``arm64``: that of an arm64 guest."""
    if not config.passes:
        return ()
    from passthru.plan.refusals import refused_passes

    return refused_passes(config, arm64=arm64)


def look_at_words(config: VmConfig, *, has_tree: bool) -> Iterable[Finding]:
    """What becomes of options that concern no memory, no interrupt and no device.

    ``has_tree``: the guest is one with a device tree, on arm64.
    """
    if not (
        config.settings
        or config.variables
        or any(cpu.partition or cpu.sched for cpu in config.cpus)
        or any(option.name == "log" for vdev in config.vdevs for option in vdev.options)
    ):
        return ()
    from passthru.plan.without_effect import words_without_effect

    return words_without_effect(config, has_tree=has_tree)


def _memory64_size(placed: "tuple[PlacedFunction, ...]") -> int:
    if not placed:
        return 0
    from passthru.plan.bars import memory64_size

    return memory64_size(placed)


def _kept_windows(placed: "tuple[PlacedFunction, ...]", board: Board) -> tuple[AddressRange, ...]:
    if not placed:
        return ()
    from passthru.plan.functions import kept_windows

    return kept_windows(placed, board)


def _finish_functions(
    placed: "tuple[PlacedFunction, ...]", windows: PciWindows, lines_in_use: frozenset[int]
) -> tuple[tuple[GuestFunction, ...], tuple[Finding, ...]]:
    """The functions with their BARs and interrupt lines, and the BARs that do not fit."""
    if not placed:
        return (), ()
    from passthru.plan.bars import guest_functions
    from passthru.plan.functions import interrupt_lines

    return guest_functions(placed, windows, interrupt_lines(placed, lines_in_use))


def _locked_memory(regions: tuple[GuestRegion, ...], functions: tuple[GuestFunction, ...]) -> int:
    if not functions:
        return 0
    from passthru.plan.claims import locked_memory

    return locked_memory(regions, has_functions=True)


def _claims(
    config: VmConfig,
    regions: tuple[GuestRegion, ...],
    placed: "tuple[PlacedFunction, ...]",
    interrupts: tuple[PassedInterrupt, ...],
) -> tuple[Claim, ...]:
    if not config.passes:
        return ()
    from passthru.plan.claims import claims

    return tuple(claims(config.name, regions, placed, interrupts))


def _of_vm(config: VmConfig, findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(finding._replace(vm=config.name) for finding in findings)
