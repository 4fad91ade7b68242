# SPDX-License-Identifier: Apache-2.0
"""Rules about things of the host that are wanted twice."""

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.access import Access
from passthru.language.model import Interrupt, VmConfig
from passthru.lean import Iterator, Sequence
from passthru.plan.host_vectors import first_vectors, host_vector
from passthru.rules.guest_map import any_overlap
from passthru.rules.passed_memory import PassedMemory

__all__ = [
    "HOST_INTERRUPT_CLAIMED_TWICE",
    "HOST_MEMORY_CLAIMED_TWICE",
    "are_harmless",
    "host_interrupt_claimed_twice",
    "host_memory_claimed_twice",
]

HOST_MEMORY_CLAIMED_TWICE = Rule(
    "host-memory-claimed-twice",
    Severity.ERROR,
    "One range of the host's memory is passed twice.",
    "Two drivers at one device, or two systems in one memory, undo each other's work. A warning "
    "where neither may write, both say `n` and it is no system memory.",
)

HOST_INTERRUPT_CLAIMED_TWICE = Rule(
    "host-interrupt-claimed-twice",
    Severity.ERROR,
    "One interrupt of the host is passed twice.",
    "The host hands an interrupt to one line of one guest, and unmasks it when that guest is done. "
    "Without `=VECTOR` the host's vector is the controller's `hostvector` plus the line.",
)


def host_memory_claimed_twice(passed: Sequence[PassedMemory]) -> Iterator[Finding]:
    """``host-memory-claimed-twice`` within one VM."""
    if not any_overlap([each.location.host for each in passed]):
        return
    from passthru.rules.sweep import overlapping_pairs

    hosts = [each.location.host for each in passed]
    taken = ((host.start, host.end, number, number) for number, host in enumerate(hosts))
    for one, other in overlapping_pairs(taken):
        first, second = (passed[number] for number in sorted((one[-1], other[-1])))
        if first.location.guest.overlaps(second.location.guest):
            continue  # address-overlap has it
        shared = first.location.host.intersection(second.location.host)
        accesses = (first.access_in_force, second.access_in_force)
        yield HOST_MEMORY_CLAIMED_TWICE.finding(
            f"{shared} of the host is passed to this guest a second time",
            second.location.span,
            resource=second.resource,
            others=(Place("passed here first", first.location.span),),
            fix="remove one of the two, or correct its host address, which stands behind `=`",
            severity=Severity.WARNING if are_harmless(*accesses) else Severity.ERROR,
        )


def are_harmless(*accesses: Access) -> bool:
    """Whether those who have one piece of memory so cannot do each other any harm."""
    return all(
        access.without_dma and not access.system_memory and not access.writable
        for access in accesses
    )


def host_interrupt_claimed_twice(config: VmConfig) -> Iterator[Finding]:
    """``host-interrupt-claimed-twice`` within one VM."""
    wanted = [each for passed in config.passes for each in passed.interrupts]
    if not wanted:
        return
    vectors = first_vectors(config)
    owners: dict[int, Interrupt] = {}
    for interrupt in wanted:
        vector = host_vector(interrupt, vectors)
        if vector is None:
            continue
        earlier = owners.setdefault(vector, interrupt)
        if earlier is interrupt:
            continue
        is_same_line = (earlier.controller, earlier.line) == (
            interrupt.controller,
            interrupt.line,
        )
        if is_same_line and interrupt.line is not None:
            continue  # of one line interrupt-claimed-twice tells
        yield HOST_INTERRUPT_CLAIMED_TWICE.finding(
            f"vector {vector} of the host is passed a second time",
            interrupt.span,
            resource=str(vector),
            others=(Place("passed here first", earlier.span),),
            fix="remove one of the two, or give it its own host vector: `=VECTOR`",
        )
