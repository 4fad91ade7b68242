# SPDX-License-Identifier: Apache-2.0
"""The rule that a guest gets nothing that its host needs to live."""

from passthru.board.infrastructure import function_of_host, needed_line, needed_ports
from passthru.board.model import Board, HostRegion
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import PortLocation, VmConfig
from passthru.lean import Iterable, Iterator, Sequence
from passthru.plan.model import GuestFunction
from passthru.rules.host_interrupts import PassedInterrupt, passed_interrupts
from passthru.rules.passed_memory import PassedMemory, and_more

__all__ = [
    "HOST_INFRASTRUCTURE",
    "host_infrastructure",
]

_MOST_PLACES = 8

HOST_INFRASTRUCTURE = Rule(
    "host-infrastructure",
    Severity.ERROR,
    "Something is passed that the host needs to live.",
    "A guest that reaches the host's interrupt controllers, IOMMU, PCI configuration, timers or "
    "firmware can stop the host, or take it over. No comment and no option allows it.",
    allowable=False,
)


def host_infrastructure(
    config: VmConfig,
    passed: Sequence[PassedMemory],
    functions: Iterable[GuestFunction],
    board: Board,
) -> Iterator[Finding]:
    """``host-infrastructure``; ``functions`` are those that ``config`` means on the board."""
    yield from _memory(passed, board)
    yield from _ports(config, board)
    yield from _interrupts(passed_interrupts(config, board), board)
    yield from _functions(functions)


def _memory(passed: Sequence[PassedMemory], board: Board) -> Iterator[Finding]:
    """Memory, in whole pages, as it is mapped."""
    if not passed or not board.infrastructure:
        return
    from passthru.rules.places import Places

    needed = board.infrastructure
    places = Places((each.start, each.end, number) for number, (each, _) in enumerate(needed))
    for memory in passed:
        found = [needed[number] for number in places.at(memory.location.host.page_aligned())]
        if found:
            yield HOST_INFRASTRUCTURE.finding(
                f"at {memory.location.host} the host has its {_names(found)}",
                memory.location.span,
                resource=memory.resource,
                others=(Place(f"{each.name} is at {each.range}") for each in found[:_MOST_PLACES]),
                fix="take it out: the guest has interrupt controllers, timers and PCI "
                "configuration space of its own, and a device is passed by its own registers or "
                "by `loc pci:`",
            )


def _ports(config: VmConfig, board: Board) -> Iterator[Finding]:
    needed = needed_ports(board)
    for passed in config.passes if needed else ():
        for location in passed.locations:
            if not isinstance(location, PortLocation):
                continue
            found = [each for each in needed if each.range.overlaps(location.ports)]
            if found:
                yield HOST_INFRASTRUCTURE.finding(
                    f"these ports of the host are its {_names(found)}",
                    location.span,
                    resource=f"io:{location.ports.start:#x},{location.ports.size}",
                    others=(
                        Place(f"{each.name} is at {each.range}") for each in found[:_MOST_PLACES]
                    ),
                    fix="take it out: the guest's own machine answers at these ports",
                )


def _interrupts(interrupts: Iterable[PassedInterrupt], board: Board) -> Iterator[Finding]:
    for each in interrupts:
        reason = needed_line(each.vector, each.lines, board)
        if reason is not None:
            yield HOST_INFRASTRUCTURE.finding(
                f"interrupt {each.vector} of the host is not to be passed: {reason}",
                each.interrupt.span,
                resource=str(each.vector),
                fix="take it out, or write the number of the device that is meant behind `=`",
            )


def _functions(functions: Iterable[GuestFunction]) -> Iterator[Finding]:
    for function in functions:
        part = function_of_host(function.host)
        if part is not None:
            yield HOST_INFRASTRUCTURE.finding(
                f"{function.host} is {part}",
                function.span,
                resource=str(function.host.address),
                fix="take it out; where a guest's driver looks for its ids, `vdev pci-dummy clone "
                f"{function.host.address}` shows them",
            )


def _names(found: Iterable[HostRegion]) -> str:
    return and_more(list(dict.fromkeys(each.name for each in found)))
