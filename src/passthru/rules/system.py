# SPDX-License-Identifier: Apache-2.0
"""The call that applies the rules about several VMs on one host."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.lean import Iterator, Sequence
from passthru.rules.shared_parties import CheckedVm

__all__ = ["CheckedVm", "check_system"]


def check_system(vms: Sequence[CheckedVm], board: Board | None) -> tuple[Finding, ...]:
    """What is wrong with the VMs together, beyond what is wrong with each by itself.

    Each conflict is told once, at the later place by file and then by text; the findings are
    in that order. ``board`` is the host of all of them, None where it is not known. Pure.
    """
    findings = [*_of_all(vms, board), *(_of_several(vms, board) if len(vms) > 1 else ())]
    if len(findings) > 1:
        files = {id(vm.config.span.source): number for number, vm in enumerate(vms)}
        findings.sort(key=lambda finding: _place(finding, files))
    return tuple(findings)


def _of_all(vms: Sequence[CheckedVm], board: Board | None) -> Iterator[Finding]:
    if board is not None:
        from passthru.rules.shared_ram import memory_oversubscribed

        yield from memory_oversubscribed(vms, board)


def _of_several(vms: Sequence[CheckedVm], board: Board | None) -> Iterator[Finding]:
    from passthru.rules.shared_functions import (
        chosen_functions,
        functions_of_several_vms,
        groups_of_several_vms,
    )
    from passthru.rules.shared_interrupts import interrupts_of_several_vms
    from passthru.rules.shared_memory import memory_of_several_vms, ports_of_several_vms
    from passthru.rules.shared_names import device_path_taken, system_name_taken
    from passthru.rules.shared_parties import host_claims
    from passthru.rules.shared_peers import peer_missing

    yield from system_name_taken(vms)
    yield from device_path_taken(vms)
    yield from peer_missing(vms)
    claims = host_claims(vms)
    functions = chosen_functions(vms, claims, board)
    yield from memory_of_several_vms(vms, claims, functions, board)
    yield from ports_of_several_vms(vms, claims, functions)
    yield from interrupts_of_several_vms(vms)
    yield from functions_of_several_vms(functions)
    yield from groups_of_several_vms(functions)


def _place(finding: Finding, files: dict[int, int]) -> tuple[int, int]:
    span = finding.span
    return (files.get(id(span.source), len(files)), span.start) if span else (len(files), 0)
