# SPDX-License-Identifier: Apache-2.0
"""Rules about the guest's interrupt lines."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import Interrupt, VmConfig
from passthru.lean import Iterator
from passthru.plan.x86_64 import IOAPIC_LINES, MACHINE_LINES

__all__ = [
    "INTERRUPT_CLAIMED_TWICE",
    "INTERRUPT_CONTROLLER_UNKNOWN",
    "INTERRUPT_LINE_OUT_OF_RANGE",
    "interrupt_claimed_twice",
    "interrupt_controller_unknown",
    "interrupt_line_out_of_range",
]

_CONTROLLERS = ("ioapic", "8259")
_LOCAL_APIC = "apic"
_SHARED_BY_DESIGN = frozenset(("timer8254", "hpet"))

INTERRUPT_CONTROLLER_UNKNOWN = Rule(
    "interrupt-controller-unknown",
    Severity.ERROR,
    "an `intr` names an interrupt controller that the guest does not have",
    "The part before the colon is the `name` of a `vdev ioapic`; `apic` is the local APIC.",
)

INTERRUPT_LINE_OUT_OF_RANGE = Rule(
    "interrupt-line-out-of-range",
    Severity.ERROR,
    "an `intr` names a line that its controller does not have",
    f"The I/O APIC of the machine has the lines 0 to {IOAPIC_LINES - 1}.",
)

INTERRUPT_CLAIMED_TWICE = Rule(
    "interrupt-claimed-twice",
    Severity.ERROR,
    "one guest interrupt line with two users",
    "A line that two devices drive loses interrupts unless both are made for sharing it.",
)


def _users(config: VmConfig) -> Iterator[tuple[str, Interrupt]]:
    """Every interrupt of the configuration, and who uses it."""
    for vdev in config.vdevs:
        if vdev.type not in _CONTROLLERS:
            for interrupt in vdev.interrupts:
                yield vdev.type, interrupt
    for passed in config.passes:
        for interrupt in passed.interrupts:
            yield "pass", interrupt
    for reserve in config.reserves:
        for interrupt in reserve.interrupts:
            yield "reserve", interrupt


def _controllers(config: VmConfig) -> tuple[str, ...]:
    names = [vdev.name.value for vdev in config.vdevs if vdev.type == "ioapic" and vdev.name]
    return tuple(names) or ("ioapic",)


def interrupt_controller_unknown(config: VmConfig, board: Board) -> Iterator[Finding]:
    """``interrupt-controller-unknown``."""
    names = _controllers(config)
    for user, interrupt in _users(config):
        if interrupt.controller in names or interrupt.controller == _LOCAL_APIC:
            continue
        line = "" if interrupt.line is None else f":{interrupt.line}"
        yield INTERRUPT_CONTROLLER_UNKNOWN.finding(
            f"the guest has no interrupt controller `{interrupt.controller}` for {user}; "
            f"it has {', '.join(names)}",
            interrupt.span,
            fix=f"{names[0]}{line}",
        )


def interrupt_line_out_of_range(config: VmConfig, board: Board) -> Iterator[Finding]:
    """``interrupt-line-out-of-range``."""
    names = _controllers(config)
    for _, interrupt in _users(config):
        line = interrupt.line
        if interrupt.controller in names and line is not None and line >= IOAPIC_LINES:
            yield INTERRUPT_LINE_OUT_OF_RANGE.finding(
                f"`{interrupt.controller}` has no line {line}", interrupt.span
            )


def interrupt_claimed_twice(config: VmConfig, board: Board) -> Iterator[Finding]:
    """``interrupt-claimed-twice``."""
    first: dict[tuple[str, int], tuple[str, Span]] = {}
    for user, interrupt in _users(config):
        if interrupt.line is None:
            continue
        if user not in MACHINE_LINES.get(interrupt.line, (user,)):
            yield INTERRUPT_CLAIMED_TWICE.finding(
                f"{user} uses line {interrupt.line} of `{interrupt.controller}`, which the "
                "machine itself has (0 timer, 8 clock, 9 power management)",
                interrupt.span,
            )
            continue
        wire = (interrupt.controller, interrupt.line)
        earlier = first.setdefault(wire, (user, interrupt.span))
        if earlier[1] == interrupt.span or {user, earlier[0]} == _SHARED_BY_DESIGN:
            continue
        yield INTERRUPT_CLAIMED_TWICE.finding(
            f"{user} uses line {interrupt.line} of `{interrupt.controller}`, which "
            f"{earlier[0]} has already",
            interrupt.span,
            others=(Place(f"{earlier[0]} has it here", earlier[1]),),
        )
