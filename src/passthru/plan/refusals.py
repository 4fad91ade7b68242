# SPDX-License-Identifier: Apache-2.0
"""What passes may ask for and this version cannot run: refused, never skipped.

Blobs and virtual devices are looked at where they are planned.
"""

from passthru.diagnostics.finding import Finding
from passthru.language.model import MemoryLocation, Pass, PciLocation, PortLocation, VmConfig
from passthru.lean import Iterator
from passthru.plan.support import unsupported

__all__ = ["refused_passes"]


def refused_passes(config: VmConfig, *, arm64: bool) -> Iterator[Finding]:
    """Everything of the passes that would have to be skipped.

    ``arm64`` means its machine, whose guests get a device tree and can have bus errors.
    """
    for passed in config.passes:
        yield from _pass_options(passed, arm64=arm64)


def _pass_options(passed: Pass, *, arm64: bool) -> Iterator[Finding]:
    if passed.interrupts or passed.sched is not None:
        yield from _interrupts(passed)
    for location in passed.locations:
        if isinstance(location, PortLocation):
            yield unsupported(f"`loc {location.span.text}`: run passes no ports", location.span)
        elif isinstance(location, MemoryLocation):
            yield from _access_letters(location)
            if location.access.reports_exceptions and not arm64:
                yield unsupported(
                    "`e`: run raises no bus errors in a guest",
                    location.span,
                    fix="remove `e` from the access letters",
                )


def _interrupts(passed: Pass) -> Iterator[Finding]:
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
    # Here, not above: most passes have none.
    from passthru.plan.scheduling import priority_out_of_range, thread_priority

    finding = priority_out_of_range(passed.sched, thread_priority(passed.sched))
    if finding is not None:
        yield finding


def _access_letters(location: MemoryLocation) -> Iterator[Finding]:
    access = location.access
    reached_by_dma = access.dma_source or access.dma_target
    if not access.readable and (access.system_memory or access.executable or reached_by_dma):
        yield unsupported(
            "`m`, `x`, `s` or `t` without `r`: memory that cannot be read is not mapped at all",
            location.span,
            fix="add `r` to the access letters",
        )
    elif access.dma_target and not access.writable:
        yield unsupported(
            "`t` without `w`: run maps what the guest may not write read-only for devices, too",
            location.span,
            fix="add `w` to the access letters, or remove `t`",
        )
    elif reached_by_dma and location.guest != location.guest.page_aligned():
        yield unsupported(
            "`s` or `t` on a range that is not whole pages: an IOMMU maps pages only",
            location.span,
        )
