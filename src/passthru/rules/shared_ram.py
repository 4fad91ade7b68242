# SPDX-License-Identifier: Apache-2.0
"""The RAM that the VMs of a set take together."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.lean import Iterator, Sequence
from passthru.rules.shared_parties import CheckedVm, vm_name

__all__ = ["MEMORY_OVERSUBSCRIBED", "memory_oversubscribed"]

_MOST_OTHERS = 4

MEMORY_OVERSUBSCRIBED = Rule(
    "memory-oversubscribed",
    Severity.ERROR,
    "The VMs have more RAM than the host can give.",
    "What `ram` and `rom` ask for comes from the memory that the host allocates from; a VM for "
    "which nothing is left does not start.",
)


def memory_oversubscribed(vms: Sequence[CheckedVm], board: Board) -> Iterator[Finding]:
    """``memory-oversubscribed``, once, at the first `ram` or `rom` for which nothing is left.

    Silent where it is not known what the host allocates from. How much of that is free, and how
    much the host needs itself, changes all the time; so this is told only where it is certain.
    """
    free = board.ram_to_allocate
    if free is None:
        return
    wanted = sum(option.size for vm in vms for option in vm.config.memory)
    if wanted <= free:
        return
    total = 0
    earlier: list[Place] = []
    for config, _ in vms:
        its_own = 0
        for option in config.memory:
            its_own += option.size
            if total + its_own > free:
                yield MEMORY_OVERSUBSCRIBED.finding(
                    f"{_amount(wanted)} are wanted in all, and the host allocates from "
                    f"{_amount(free)}",
                    option.span,
                    others=earlier[-_MOST_OTHERS:],
                    fix=f"give the VMs {_amount(wanted - free)} less",
                )._replace(vm=vm_name(config))
                return
        total += its_own
        if its_own:
            first = config.memory[0].span
            earlier.append(Place(f"{_amount(its_own)} wanted here", first, vm_name(config)))


def _amount(size: int) -> str:
    """The size in MiB, rounded up: the difference between two of them counts."""
    return f"{-(-size >> 20):,} MiB"
