# SPDX-License-Identifier: Apache-2.0
"""What a pass may ask for about its interrupts and run cannot do, on every host."""

from passthru.diagnostics.finding import Finding
from passthru.language.model import Pass, PciLocation, Text
from passthru.language.processors import Policy, parse_scheduling
from passthru.lean import Iterator
from passthru.plan.scheduling import PRIORITIES, priority_out_of_range
from passthru.plan.support import unsupported

__all__ = ["thread_priority", "unsupported_interrupts"]


def unsupported_interrupts(passed: Pass) -> Iterator[Finding]:
    """What of the pass's ``intr`` and ``sched`` would have to be skipped."""
    is_function = any(isinstance(each, PciLocation) for each in passed.locations)
    for interrupt in passed.interrupts:
        if is_function:
            yield unsupported(
                f"`intr {interrupt.span.text}` of a passed PCI function: it brings its own",
                interrupt.span,
                fix=f"remove `intr {interrupt.span.text}`",
            )
        elif interrupt.line is None:
            yield unsupported(
                f"`intr {interrupt.span.text}`: run raises lines of the interrupt controller, "
                "not those of one processor",
                interrupt.span,
            )
    if passed.sched is None:
        return
    if is_function or not passed.interrupts:
        yield unsupported(
            f"`sched {passed.sched.value}` of a pass without `intr`: no thread of run, which could "
            "have a priority, stands between such a device and the guest",
            passed.sched.span,
            fix=f"remove `sched {passed.sched.value}`",
        )
        return
    finding = priority_out_of_range(passed.sched, thread_priority(passed.sched))
    if finding is not None:
        yield finding


def thread_priority(sched: Text) -> int | None:
    """The number that was meant, for SCHED_FIFO; None if it is none."""
    scheduling = parse_scheduling(sched.value)
    if scheduling is None or scheduling.policy is not Policy.UNNAMED:
        return None
    return scheduling.priority if scheduling.priority in PRIORITIES else None
