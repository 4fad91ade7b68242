# SPDX-License-Identifier: Apache-2.0
"""Rules about interrupts of the host that several VMs are given."""

from passthru.diagnostics.finding import Finding
from passthru.language.model import Interrupt
from passthru.lean import Iterator, Sequence
from passthru.plan.host_vectors import first_vectors, host_vector
from passthru.rules.claimed_twice import HOST_INTERRUPT_CLAIMED_TWICE
from passthru.rules.shared_parties import CheckedVm, Party, conflict

__all__ = ["interrupts_of_several_vms"]


def interrupts_of_several_vms(vms: Sequence[CheckedVm]) -> Iterator[Finding]:
    """``host-interrupt-claimed-twice`` across VMs, once for each VM after the first."""
    owners: dict[int, int] = {}
    first_users: dict[int, dict[int, Interrupt]] = {}
    told: set[tuple[int, int]] = set()
    for number, vm in enumerate(vms):
        for vector, interrupt in _passed_vectors(vm):
            owner = owners.setdefault(vector, number)
            if owner == number or (vector, number) in told:
                continue
            told.add((vector, number))
            if owner not in first_users:
                # Looked at again, as few VMs have a conflict: to keep all takes longer.
                first_users[owner] = _first_users(vms[owner])
            first = first_users[owner][vector]
            earlier = Party(owner, vms[owner].config, first.span)
            yield _claimed_twice(vector, earlier, Party(number, vm.config, interrupt.span))


def _passed_vectors(vm: CheckedVm) -> Iterator[tuple[int, Interrupt]]:
    """The host's vectors that the VM passes, as far as they are certain."""
    vectors = None
    for passed in vm.config.passes:
        for interrupt in passed.interrupts:
            vector = interrupt.vector
            if vector is None:
                if vectors is None:
                    # Nothing is certain of controllers where a part of the text is missing.
                    vectors = first_vectors(vm.config) if vm.complete else {}
                vector = host_vector(interrupt, vectors)
            if vector is not None:
                yield vector, interrupt


def _first_users(vm: CheckedVm) -> dict[int, Interrupt]:
    users: dict[int, Interrupt] = {}
    for vector, interrupt in _passed_vectors(vm):
        users.setdefault(vector, interrupt)
    return users


def _claimed_twice(vector: int, earlier: Party, later: Party) -> Finding:
    return conflict(
        HOST_INTERRUPT_CLAIMED_TWICE,
        later,
        [earlier],
        f"vector {vector} of the host is passed to {earlier.title}, too",
        resource=str(vector),
        fix="pass it to one VM only, or give one of the two its own host vector: `=VECTOR`",
    )
