# SPDX-License-Identifier: Apache-2.0
"""The VMs of a set, and who of them wants what of the host."""

from passthru.board.model import PciFunction
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.access import Access
from passthru.language.model import (
    MemoryLocation,
    PciLocation,
    PortLocation,
    VmConfig,
)
from passthru.lean import NamedTuple, Sequence
from passthru.rules.passed_memory import PassedMemory
from passthru.rules.sweep import Taken

__all__ = [
    "CheckedVm",
    "ClaimedRanges",
    "HostClaims",
    "Party",
    "conflict",
    "host_claims",
    "vm_name",
]

_MOST_OTHERS = 4


class CheckedVm(NamedTuple):
    """One VM of a set; ``complete`` is ReadResult.complete: nothing of its text is missing."""

    config: VmConfig
    complete: bool


class ClaimedRanges(NamedTuple):
    """Ranges of the host that passes want, for the sweep.

    The owner is the VM's number in the set; the last number is that of the location.
    """

    taken: list[Taken]
    locations: list[MemoryLocation | PortLocation]


class HostClaims(NamedTuple):
    """What all VMs of a set pass of the host's address spaces, in file order, then text order.

    Functions come with their VM's number. Memory has the access letters that are in force: a
    blob's `n` is among them.
    """

    memory: ClaimedRanges
    ports: ClaimedRanges
    functions: list[tuple[int, PciLocation]]


def host_claims(vms: Sequence[CheckedVm]) -> HostClaims:
    """Everything that the passes of the VMs want of the host, but for interrupts."""
    memory, ports = ClaimedRanges([], []), ClaimedRanges([], [])
    functions: list[tuple[int, PciLocation]] = []
    for number, vm in enumerate(vms):
        for passed in vm.config.passes:
            for location in passed.locations:
                if isinstance(location, MemoryLocation):
                    claimed, (start, size) = memory, location.host
                    if passed.blob is not None:
                        access = PassedMemory(passed.blob, location).access_in_force
                        location = location._replace(access=access)
                elif isinstance(location, PortLocation):
                    claimed, (start, size) = ports, location.ports
                else:
                    functions.append((number, location))
                    continue
                claimed.taken.append((start, start + size, number, len(claimed.locations)))
                claimed.locations.append(location)
    return HostClaims(memory, ports, functions)


class Party(NamedTuple):
    """A place in the text of one VM of a set, and what it wants of the host.

    ``number`` is the VM's in the set. ``access`` is that of passed memory; ``function`` is
    set where a PCI function brings what is wanted with it (its registers).
    """

    number: int
    config: VmConfig
    span: Span
    access: Access | None = None
    function: PciFunction | None = None

    @property
    def order(self) -> tuple[int, int]:
        """By file, then by the place in its text."""
        return self.number, self.span.start

    @property
    def title(self) -> str:
        """How messages call the VM."""
        name = vm_name(self.config)
        return f"the VM of {self.config.span.file}" if name is None else f"VM `{name}`"


def vm_name(config: VmConfig) -> str | None:
    """The name that the text gives the VM; None where it gives none."""
    return config.system.value if config.system else None


def conflict(
    rule: Rule,
    later: Party,
    earlier: Sequence[Party],
    message: str,
    *,
    other: str = "passed here first",
    resource: str | None = None,
    fix: str | None = None,
    severity: Severity | None = None,
) -> Finding:
    """A finding at the later place; ``other`` is what is said of the earlier ones."""
    others = [Place(other, each.span, vm_name(each.config)) for each in earlier[:_MOST_OTHERS]]
    found = rule.finding(
        message, later.span, others=others, resource=resource, fix=fix, severity=severity
    )
    return found._replace(vm=vm_name(later.config))
