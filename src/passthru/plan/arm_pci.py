# SPDX-License-Identifier: Apache-2.0
"""The PCI bus of an arm64 guest: where it lives, its interrupts, and the functions on it.

Addresses are guest-physical (GPA), interrupt lines the GIC's interrupt ids.
"""

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.lean import Iterable, Iterator, NamedTuple, Sequence
from passthru.plan.aarch64 import FIRST_LINE, HIGHEST_ADDRESS, ITS_SIZE, LINE_END, ArmPciBus, Gic
from passthru.plan.arm_devices import plan_gic
from passthru.plan.bars import guest_functions, memory64_size
from passthru.plan.functions import PlacedFunction, kept_windows, place_functions
from passthru.plan.memory import configured_regions, plain_region
from passthru.plan.model import GuestFunction, GuestRegion, RegionKind
from passthru.plan.support import unsupported
from passthru.plan.vdevs import configured_lines
from passthru.plan.windows import (
    WindowSpaces,
    find_windows,
    highest_gap,
    lowest_gap,
    no_room_for_pci,
    window_regions,
)

__all__ = ["ArmFunctions", "bus_without_board", "plan_functions"]

_BELOW_4G = AddressRange.between(0x10000, 1 << 32)
_PORTS = AddressRange.between(0x1000, 0x10000)
"""Drivers take a BAR at port 0 for one that has no place."""

_SPACES = WindowSpaces(
    memory32=_BELOW_4G,
    memory64=AddressRange.between(1 << 32, HIGHEST_ADDRESS),
    ports=(_PORTS,),
)
_ADDRESS_BITS = HIGHEST_ADDRESS.bit_length() - 1
_PINS = 4
_HOLE = "leave a hole below 4 GiB: ram 0x80000000,1024m ram 0x100000000,…"


class ArmFunctions(NamedTuple):
    """The passed functions and their bus, its places in the address map, and what is wrong."""

    placed: tuple[PlacedFunction, ...]
    functions: tuple[GuestFunction, ...]
    bus: ArmPciBus | None
    regions: tuple[GuestRegion, ...]
    findings: tuple[Finding, ...]


def plan_functions(
    config: VmConfig, board: Board, regions: Sequence[GuestRegion], gic: Gic
) -> ArmFunctions:
    """The functions that ``config`` passes, on a bus in the holes between ``regions``."""
    placed, findings = place_functions(config, board)
    kept = kept_windows(placed, board)
    bus = _find_bus(config, regions, gic, memory64_size(placed), kept)
    if bus is None:
        findings = (*findings, no_room_for_pci(config, regions, _HOLE))
        return ArmFunctions(placed, (), None, (), findings)
    gsis = [_gsi(bus, each) for each in placed]
    functions, without_room = guest_functions(placed, bus.windows, gsis)
    findings = (*findings, *without_room, *_without_interrupt(placed, bus))
    return ArmFunctions(placed, functions, bus, tuple(_bus_regions(bus)), findings)


def bus_without_board(config: VmConfig) -> ArmPciBus | None:
    """The bus as far as no host changes it; None where the address map has no room for it.

    A host does where its functions have more than 64 GiB of BARs, or where its IOMMU keeps
    addresses back that the bus would have.
    """
    gic = plan_gic(config, max(1, len(config.cpus))).gic
    places = (gic.distributor, gic.processors)
    machine = (plain_region(place, RegionKind.DEVICE, "gic", None) for place in places)
    return _find_bus(config, (*configured_regions(config, None), *machine), gic, 0, ())


def _find_bus(
    config: VmConfig,
    regions: Sequence[GuestRegion],
    gic: Gic,
    least64: int,
    kept: tuple[AddressRange, ...],
) -> ArmPciBus | None:
    used = [region.range for region in regions]
    its = None
    if gic.version == 3:
        # By default that is where the Foundation Model has it, too.
        behind = AddressRange.between(gic.distributor.end, HIGHEST_ADDRESS)
        its = lowest_gap((*used, *kept), ITS_SIZE, behind)
        if its is None:
            return None
        used.append(its)
    port_memory = highest_gap((*used, *kept), 1 << 16, _BELOW_4G)
    lines = _free_lines(config)
    if port_memory is None or len(lines) < _PINS:
        return None
    used.append(port_memory)
    taken = [plain_region(place, RegionKind.DEVICE, "", None) for place in used]
    windows = find_windows(taken, (), least64, _ADDRESS_BITS, spaces=_SPACES, kept=kept)
    return None if windows is None else ArmPciBus(windows, port_memory, lines, its)


def _free_lines(config: VmConfig) -> tuple[int, ...]:
    """The last four lines that the configuration gives to nothing, ascending."""
    taken = configured_lines(config)
    free = [line for line in range(FIRST_LINE, LINE_END) if line not in taken]
    return tuple(free[-_PINS:])


def _gsi(bus: ArmPciBus, placed: PlacedFunction) -> int | None:
    """KVM's number of the line that carries the function's INTx."""
    pin = placed.host.interrupt_pin
    return bus.line(placed.guest.device, pin) - FIRST_LINE if pin else None


def _without_interrupt(placed: Iterable[PlacedFunction], bus: ArmPciBus) -> Iterator[Finding]:
    if bus.its is not None:
        return
    for each in placed:
        if each.host.interrupt_pin == 0:
            yield unsupported(
                f"{each.host} has no wired interrupt, and messages do not reach a guest with a "
                "GIC of version 2",
                each.span,
                resource=str(each.host.address),
                fix="vdev gic version 3",
            )


def _bus_regions(bus: ArmPciBus) -> Iterator[GuestRegion]:
    yield from window_regions(bus.windows)
    yield plain_region(bus.port_memory, RegionKind.PCI_WINDOW, "pci port window", None)
    if bus.its is not None:
        yield plain_region(bus.its, RegionKind.DEVICE, "gic its", None)
