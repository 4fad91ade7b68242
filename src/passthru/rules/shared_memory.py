# SPDX-License-Identifier: Apache-2.0
"""Rules about memory and ports of the host that several VMs are given."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import MemoryLocation
from passthru.lean import Iterator, NamedTuple, Sequence
from passthru.rules.claimed_twice import HOST_MEMORY_CLAIMED_TWICE, are_harmless
from passthru.rules.shared_devices import DEVICE_SHARED, DMA_DEVICE_SHARED, BoardDevices
from passthru.rules.shared_functions import ChosenFunction, taken_registers
from passthru.rules.shared_parties import (
    CheckedVm,
    ClaimedRanges,
    HostClaims,
    Party,
    conflict,
)
from passthru.rules.shared_ranges import Overlap, overlaps_by_later_place
from passthru.rules.sweep import Taken

__all__ = ["HOST_PORT_CLAIMED_TWICE", "memory_of_several_vms", "ports_of_several_vms"]

HOST_PORT_CLAIMED_TWICE = Rule(
    "host-port-claimed-twice",
    Severity.ERROR,
    "An x86 port of the host is passed to two VMs.",
    "Guest and host port are the same, and each port has one device behind it, which one driver "
    "can use.",
)


class _Parties:
    """Who wants which range: passed locations, and behind them the functions' registers."""

    def __init__(
        self,
        vms: Sequence[CheckedVm],
        claimed: ClaimedRanges,
        functions: Sequence[ChosenFunction],
    ) -> None:
        self._vms = vms
        self._locations = claimed.locations
        self._functions = functions

    def registers(self, *, are_ports: bool) -> Iterator[Taken]:
        return taken_registers(self._functions, len(self._locations), are_ports=are_ports)

    def behind(self, taken: Taken) -> Party:
        _, _, number, what = taken
        if what >= len(self._locations):
            return self._functions[what - len(self._locations)].party
        location = self._locations[what]
        access = location.access if isinstance(location, MemoryLocation) else None
        return Party(number, self._vms[number].config, location.span, access)


class _Judgement(NamedTuple):
    """Which rule an overlap breaks, how badly, and what is shared."""

    rule: Rule
    severity: Severity
    name: str


def memory_of_several_vms(
    vms: Sequence[CheckedVm],
    claims: HostClaims,
    functions: Sequence[ChosenFunction],
    board: Board | None,
) -> Iterator[Finding]:
    """``device-shared``, ``dma-device-shared`` and ``host-memory-claimed-twice`` across VMs.

    The registers of a passed PCI function go with it. Of a function that is passed twice as
    such, ``functions_of_several_vms`` tells.
    """
    parties = _Parties(vms, claims.memory, functions)
    taken = [*claims.memory.taken, *parties.registers(are_ports=False)]
    devices = None
    for overlaps in overlaps_by_later_place(taken, parties.behind):
        devices = devices or (BoardDevices(board) if board is not None else None)
        by_rule: dict[str, list[tuple[_Judgement, Overlap]]] = {}
        for overlap in overlaps:
            judgement = _judge(overlap, devices)
            by_rule.setdefault(judgement.rule.id, []).append((judgement, overlap))
        for judged in by_rule.values():
            yield _finding(judged)


def _judge(overlap: Overlap, devices: BoardDevices | None) -> _Judgement:
    parties = (overlap.earlier, overlap.later)
    accesses = [party.access for party in parties if party.access is not None]
    device = devices.at(overlap.shared) if devices is not None else None
    if device is not None:
        does_dma = device.does_dma or any(access.uses_dma for access in accesses)
        rule = DMA_DEVICE_SHARED if does_dma else DEVICE_SHARED
        return _Judgement(rule, rule.severity, f"{device.name} ({overlap.shared} of the host)")
    severity = Severity.WARNING if are_harmless(*accesses) else Severity.ERROR
    return _Judgement(HOST_MEMORY_CLAIMED_TWICE, severity, f"{overlap.shared} of the host")


def _finding(judged: list[tuple[_Judgement, Overlap]]) -> Finding:
    """One finding for all that breaks the same rule at one place."""
    judgement, overlap = judged[0]
    severities = {each.severity for each, _ in judged}
    return conflict(
        judgement.rule,
        overlap.later,
        [each.earlier for _, each in judged],
        f"{judgement.name} is passed to {overlap.earlier.title}, too",
        resource=f"mem:{overlap.shared.start:#x},{overlap.shared.size:#x}",
        fix="pass it to one VM only, or correct the host address of one of them",
        severity=Severity.ERROR if Severity.ERROR in severities else Severity.WARNING,
    )


def ports_of_several_vms(
    vms: Sequence[CheckedVm], claims: HostClaims, functions: Sequence[ChosenFunction]
) -> Iterator[Finding]:
    """``host-port-claimed-twice``; ``dma-device-shared`` for ports of a passed PCI function."""
    parties = _Parties(vms, claims.ports, functions)
    taken = [*claims.ports.taken, *parties.registers(are_ports=True)]
    for overlaps in overlaps_by_later_place(taken, parties.behind):
        shared, earlier, later = overlaps[0]
        function = earlier.function or later.function
        yield conflict(
            HOST_PORT_CLAIMED_TWICE if function is None else DMA_DEVICE_SHARED,
            later,
            [each.earlier for each in overlaps],
            f"the ports {shared} of {function or 'the host'} are passed to {earlier.title}, too",
            resource=f"io:{shared.start:#x},{shared.size}",
            fix="pass them to one VM only",
        )
