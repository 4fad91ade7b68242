# SPDX-License-Identifier: Apache-2.0
"""The machine of ``run`` for x86-64, as people look at it."""

from passthru.board.model import Board
from passthru.language.model import VmConfig
from passthru.lean import Iterator
from passthru.plan.blobs import plan_blobs
from passthru.plan.described_machine import planned, without_board
from passthru.plan.described_ports import PortRange, configured_port_ranges, sorted_ports
from passthru.plan.planner import plan_vm, plan_without_board
from passthru.plan.users import Uses
from passthru.plan.vm_description import VmDescription
from passthru.plan.x86_64 import MACHINE_PORTS

__all__ = ["planned_on_x86"]


def planned_on_x86(config: VmConfig, uses: Uses, board: Board | None) -> VmDescription:
    """The machine of ``run`` for x86-64."""
    plan = plan_vm(config, board).plan if board is not None else None
    if board is None or plan is None:
        return _planned_without_bus(config, uses, board)
    machine = PortRange(plan.pci.ports, "pci port window", False, None)
    ports = sorted_ports((*_machine_ports(config, uses), machine))
    description = planned(config, uses, board, plan, controller="ioapic", first_line=0)
    return description._replace(ports=ports)


def _planned_without_bus(config: VmConfig, uses: Uses, board: Board | None) -> VmDescription:
    """The machine for x86-64 but for its PCI bus, for which there is no board or no room."""
    regions = tuple(sorted(plan_without_board(config).regions, key=lambda each: each.range))
    ports = sorted_ports(_machine_ports(config, uses))
    blobs = plan_blobs(config).blobs
    description = without_board(config, uses, regions, blobs, board, architecture="x86_64")
    description = description._replace(ports=ports)
    if board is not None:
        reason = "the guest's address map has no room for its PCI bus"
        return description._replace(not_run_because=reason)
    return description


def _machine_ports(config: VmConfig, uses: Uses) -> Iterator[PortRange]:
    """What answers at ports in the machine of ``run``."""
    for ports, name in MACHINE_PORTS:
        yield PortRange(ports, name, False, None)
    for each in configured_port_ranges(config, uses):
        if not any(ports.contains(each.range) for ports, _ in MACHINE_PORTS):
            yield each
