# SPDX-License-Identifier: Apache-2.0
"""Passed interrupts: which line of the guest each raises, and who delivers it on the host."""

from passthru.board.gic import FIRST_SHARED
from passthru.board.model import Board, Trigger, UioDevice
from passthru.board.uio import MAIN_CONTROLLERS
from passthru.diagnostics.finding import Finding
from passthru.language.model import Interrupt, MemoryLocation, Pass, PciLocation, VmConfig
from passthru.lean import NamedTuple
from passthru.plan.host_vectors import first_vectors, host_vector
from passthru.plan.model import PassedInterrupt
from passthru.plan.scheduling import thread_priority
from passthru.plan.support import unsupported

__all__ = ["InterruptPlan", "plan_interrupts", "uio_devices_of"]


class InterruptPlan(NamedTuple):
    """The interrupts in the order of the text, and those that cannot be passed as they stand."""

    interrupts: tuple[PassedInterrupt, ...]
    findings: tuple[Finding, ...]


def plan_interrupts(config: VmConfig, board: Board) -> InterruptPlan:
    """Every `intr` of a pass that is not a PCI function's.

    What is wrong on every host is left to unsupported_options.
    """
    vectors = first_vectors(config)
    interrupts: list[PassedInterrupt] = []
    findings: list[Finding] = []
    for passed in config.passes:
        if any(isinstance(each, PciLocation) for each in passed.locations):
            continue
        for interrupt in passed.interrupts:
            if interrupt.line is None:
                continue
            gsi, vector = _gsi(interrupt.line, board), host_vector(interrupt, vectors)
            if vector is None:
                findings.append(_uncertain(interrupt))
            elif gsi < 0:
                findings.append(_of_processors(interrupt, interrupt.line))
            else:
                devices = uio_devices_of(vector, passed, board)
                findings.extend(_ambiguous(interrupt, vector, devices))
                interrupts.append(
                    PassedInterrupt(
                        gsi=gsi,
                        vector=vector,
                        uio=devices[0].name if len(devices) == 1 else None,
                        immediate_unmask=interrupt.immediate_unmask or _ends_unseen(vector, board),
                        priority=thread_priority(passed.sched) if passed.sched else None,
                        span=interrupt.span,
                    )
                )
    return InterruptPlan(tuple(interrupts), tuple(findings))


def uio_devices_of(vector: int, passed: Pass, board: Board) -> tuple[UioDevice, ...]:
    """Every UIO device that may deliver ``vector``.

    Where several may, because they share a line or a name, the ones count whose registers the
    same pass has.
    """
    found = tuple(each for each in board.uio or () if vector in each.vectors)
    if len(found) < 2:
        return found
    memory = [each.host for each in passed.locations if isinstance(each, MemoryLocation)]
    own = tuple(
        each
        for each in found
        if any(place.overlaps(host) for place in each.registers for host in memory)
    )
    return own or found


def _gsi(line: int, board: Board) -> int:
    """KVM's number of the line: on ARM it counts a GIC's shared interrupts from zero."""
    return line - FIRST_SHARED if board.architecture == "aarch64" else line


def _ends_unseen(vector: int, board: Board) -> bool:
    """Whether KVM does not tell when the guest has ended the interrupt.

    On ARM it tells that of level-triggered ones only (ICH_LR_EOI in arch/arm64/kvm/vgic). An
    edge cannot storm: unmasked at once, it comes again only when there is something new.
    """
    if board.architecture != "aarch64":
        return False
    lines = [each for each in board.interrupts if each.vector == vector]
    return {each.trigger for each in lines if each.controller in MAIN_CONTROLLERS} == {Trigger.EDGE}


def _of_processors(interrupt: Interrupt, line: int) -> Finding:
    # Here, not above: a guest for x86 starts without it.
    from passthru.plan.arm_devices import line_of_processors

    return line_of_processors(interrupt, line)


def _uncertain(interrupt: Interrupt) -> Finding:
    return unsupported(
        f"`intr {interrupt.span.text}`: the host's interrupt behind this line is not certain",
        interrupt.span,
        fix=f"intr {interrupt.span.text}=VECTOR, with the host's own number",
    )


def _ambiguous(
    interrupt: Interrupt, vector: int, devices: tuple[UioDevice, ...]
) -> tuple[Finding, ...]:
    if len(devices) < 2:
        return ()
    names = " and ".join(f"{each.name} ({each.device})" for each in devices)
    return (
        unsupported(
            f"interrupt {vector} of the host may come from {names}",
            interrupt.span,
            resource=f"vector {vector}",
            fix="pass registers of the device in the same `pass`, by `loc`",
        ),
    )
