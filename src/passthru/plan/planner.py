# SPDX-License-Identifier: Apache-2.0
"""One configuration joined with one host: the plan of a VM on x86-64."""

from collections.abc import Iterator
from typing import NamedTuple

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.plan.bars import assign_bars, memory64_size
from passthru.plan.blobs import plan_blobs
from passthru.plan.claims import claims, locked_memory
from passthru.plan.functions import PlacedFunction, interrupt_lines, place_functions
from passthru.plan.memory import configured_regions, find_ioapic, machine_regions
from passthru.plan.model import GuestFunction, GuestRegion, PlannedBar, VmPlan
from passthru.plan.problems import NO_ROOM_FOR_PCI
from passthru.plan.support import unsupported_options, unsupported_page_sharing
from passthru.plan.vdevs import plan_serial_ports, unsupported_vdevs
from passthru.plan.windows import configured_ports, find_windows, window_regions

__all__ = ["Planned", "plan_vm"]


class Planned(NamedTuple):
    """A plan, and what is wrong with it.

    ``plan`` is None only where the guest's address map has no room for a PCI bus; with
    errors among the findings it is fit to be looked at, not to be run.
    """

    plan: VmPlan | None
    findings: tuple[Finding, ...]


def plan_vm(config: VmConfig, board: Board) -> Planned:
    """Decide everything about the VM that ``config`` describes on the host ``board``.

    Pure: the same arguments give the same plan, and nothing of the host is touched.
    """
    ioapic = find_ioapic(config)
    configured = configured_regions(config, board)
    regions = (*configured, *machine_regions(configured, ioapic))
    functions = place_functions(config, board)
    blobs = plan_blobs(config)
    serial = plan_serial_ports(config.vdevs)
    findings = [
        *unsupported_options(config, board),
        *unsupported_vdevs(config.vdevs),
        *unsupported_page_sharing(regions),
        *blobs.findings,
        *serial.findings,
        *functions.findings,
    ]
    windows = find_windows(regions, configured_ports(config), memory64_size(functions.functions))
    if windows is None:
        findings.append(_no_room(config, configured))
        return Planned(None, _of_vm(config, findings))
    bars = assign_bars(functions.functions, windows)
    findings.extend(bars.findings)
    plan = VmPlan(
        name=config.name,
        cpu_count=max(1, len(config.cpus)),
        regions=tuple(sorted((*regions, *window_regions(windows)), key=lambda each: each.range)),
        blobs=blobs.blobs,
        command_line=config.cmdline.value if config.cmdline else "",
        functions=tuple(_guest_functions(functions.functions, bars.bars)),
        pci=windows,
        serial_ports=serial.ports,
        ioapic_address=ioapic[0],
        locked_memory=locked_memory(regions, has_functions=bool(functions.functions)),
        claims=tuple(claims(config.name, regions, functions.functions)),
    )
    return Planned(plan, _of_vm(config, findings))


def _guest_functions(
    functions: tuple[PlacedFunction, ...], bars: tuple[tuple[PlannedBar, ...], ...]
) -> Iterator[GuestFunction]:
    lines = interrupt_lines(functions)
    for function, planned, gsi in zip(functions, bars, lines, strict=True):
        yield GuestFunction(function.guest, function.host, planned, gsi, function.span)


def _no_room(config: VmConfig, configured: tuple[GuestRegion, ...]) -> Finding:
    largest = max(configured, key=lambda region: region.range.size, default=None)
    return NO_ROOM_FOR_PCI.finding(
        "the guest's address map has no room for its PCI bus",
        largest.span if largest else config.span,
        fix="leave a hole below 0xfec00000: ram 0,2048m ram 0x100000000,…",
    )


def _of_vm(config: VmConfig, findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(finding._replace(vm=config.name) for finding in findings)
