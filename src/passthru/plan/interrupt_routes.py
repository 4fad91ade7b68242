# SPDX-License-Identifier: Apache-2.0
"""From whom each interrupt line of a guest comes."""

from passthru.board.model import Board
from passthru.board.uio import MAIN_CONTROLLERS
from passthru.diagnostics.source import Span
from passthru.language.model import (
    Interrupt,
    MemoryLocation,
    Pass,
    PciLocation,
    PortLocation,
    Reserve,
    Vdev,
    VmConfig,
)
from passthru.lean import Iterator, NamedTuple
from passthru.plan.host_vectors import CONTROLLER_LINES, first_vectors, host_vector
from passthru.plan.scheduling import thread_priority
from passthru.plan.users import User, Uses

__all__ = ["InterruptRoute", "interrupt_routes", "user_name"]


class InterruptRoute(NamedTuple):
    """One interrupt line of the guest, and who drives it.

    ``line`` is None for the local APIC of an x86 guest. ``vector`` is the host's own number,
    None for what is no interrupt of the host and where it is not certain. ``user`` is what
    people call the device (``pass mem:0xe6060000``, ``vdev pl011``). ``owner`` has the
    interrupt on the host now, None where nobody has it or no board is known; ``uio`` is the UIO
    device by which ``run`` gets it, None where it does not or that is not known. ``priority`` is
    that of the thread that hands it on, under SCHED_FIFO; None for an ordinary one.
    """

    controller: str
    line: int | None
    vector: int | None
    user: str
    is_passed: bool
    immediate_unmask: bool
    owner: str | None
    span: Span
    uio: str | None = None
    priority: int | None = None


def interrupt_routes(config: VmConfig, uses: Uses, board: Board | None) -> Iterator[InterruptRoute]:
    """Every line that the configuration gives to something, in the order of ``uses``."""
    first = first_vectors(config)
    owners = _owners(board)
    for user, interrupt in uses.interrupts:
        if isinstance(user, Vdev) and user.type in CONTROLLER_LINES:
            continue  # its way to the processors
        is_passed = isinstance(user, Pass)
        vector = host_vector(interrupt, first) if is_passed else None
        yield _route(user, interrupt, vector, None if vector is None else owners.get(vector))


def _route(
    user: User, interrupt: Interrupt, vector: int | None, owner: str | None
) -> InterruptRoute:
    return InterruptRoute(
        controller=interrupt.controller,
        line=interrupt.line,
        vector=vector,
        user=user_name(user),
        is_passed=isinstance(user, Pass),
        immediate_unmask=interrupt.immediate_unmask,
        owner=owner,
        span=interrupt.span,
        priority=thread_priority(user.sched) if isinstance(user, Pass) and user.sched else None,
    )


def _owners(board: Board | None) -> dict[int, str | None]:
    """Who has each of the main controller's interrupts; others may count alike."""
    if board is None:
        return {}
    return {
        each.vector: each.owner for each in board.interrupts if each.controller in MAIN_CONTROLLERS
    }


def user_name(user: User) -> str:
    """What people call it: a device by its type, the others by their first location."""
    if isinstance(user, Vdev):
        return f"vdev {user.type}"
    option = "reserve" if isinstance(user, Reserve) else "pass"
    for location in user.locations:
        if isinstance(location, MemoryLocation):
            return f"{option} mem:{location.guest.start:#x}"
        if isinstance(location, PortLocation):
            return f"{option} io:{location.ports.start:#x}"
        if isinstance(location, PciLocation):
            return f"{option} {location.host}"
    return option
