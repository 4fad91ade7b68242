# SPDX-License-Identifier: Apache-2.0
"""Rules about interrupts of the host that several VMs are given."""

from passthru.diagnostics.finding import Finding
from passthru.language.model import Interrupt
from passthru.lean import Iterator, Sequence
from passthru.plan.host_vectors import first_vectors, host_vector
from passthru.rules.claimed_twice import HOST_INTERRUPT_CLAIMED_TWICE
from passthru.rules.shared_parties import CheckedVm, HostClaims, Party, conflict

__all__ = ["interrupts_of_several_vms"]


def interrupts_of_several_vms(vms: Sequence[CheckedVm], claims: HostClaims) -> Iterator[Finding]:
    """``host-interrupt-claimed-twice`` across VMs, once for each VM after the first."""
    owners: dict[int, tuple[int, Interrupt]] = {}
    told: set[tuple[int, int]] = set()
    vectors = _FirstVectors(vms)
    for claim in claims.interrupts:
        number, interrupt = claim
        vector = interrupt.vector
        if vector is None:
            vector = host_vector(interrupt, vectors.of(number))
            if vector is None:
                continue
        owner = owners.setdefault(vector, claim)
        if owner[0] == number or (vector, number) in told:
            continue
        told.add((vector, number))
        earlier, later = (
            Party(each, vms[each].config, its_interrupt.span)
            for each, its_interrupt in (owner, claim)
        )
        yield conflict(
            HOST_INTERRUPT_CLAIMED_TWICE,
            later,
            [earlier],
            f"vector {vector} of the host is passed to {earlier.title}, too",
            resource=str(vector),
            fix="pass it to one VM only, or give one of the two its own host vector: `=VECTOR`",
        )


class _FirstVectors:
    """The host vectors of the controllers' first lines, of each VM looked at once."""

    def __init__(self, vms: Sequence[CheckedVm]) -> None:
        self._vms = vms
        self._known: dict[int, dict[str, int]] = {}

    def of(self, number: int) -> dict[str, int]:
        """Those of the VM; nothing is certain where a part of its text is missing."""
        if number not in self._known:
            config, complete = self._vms[number]
            self._known[number] = first_vectors(config) if complete else {}
        return self._known[number]
