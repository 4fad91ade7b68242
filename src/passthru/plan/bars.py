# SPDX-License-Identifier: Apache-2.0
"""Guest addresses for the BARs of passed functions."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.model import Bar, BarKind
from passthru.diagnostics.finding import Finding
from passthru.lean import Iterable, NamedTuple, Sequence
from passthru.plan.functions import PlacedFunction
from passthru.plan.model import GuestFunction, PciWindows, PlannedBar
from passthru.plan.problems import BAR_DOES_NOT_FIT
from passthru.plan.windows import lowest_gap, power_of_two_from

__all__ = ["guest_functions", "memory64_size"]

_SMALLEST_PORT_BAR = 4


class _BarPlan(NamedTuple):
    """The planned BARs of each function, in the order of the functions."""

    bars: tuple[tuple[PlannedBar, ...], ...]
    findings: tuple[Finding, ...]


class _Request(NamedTuple):
    """A BAR that wants a place; ``owner`` is the position of its function."""

    owner: int
    bar: Bar
    size: int


def memory64_size(functions: Iterable[PlacedFunction]) -> int:
    """Bytes of a 64-bit window that takes every 64-bit BAR: a power of two."""
    bars = (bar for function in functions for bar in function.host.bars)
    total = sum(_slot_size(bar) for bar in bars if bar.kind is BarKind.MEMORY64)
    return power_of_two_from(total)


def _assign_bars(functions: tuple[PlacedFunction, ...], windows: PciWindows) -> _BarPlan:
    """Give every BAR a naturally aligned place, the largest first.

    64-bit prefetchable BARs go to the 64-bit window, all others to the 32-bit one; a
    64-bit BAR that does not fit there goes above. I/O BARs go to the port window.
    """
    taken: list[AddressRange] = []
    ports_taken: list[AddressRange] = []
    planned: list[list[PlannedBar]] = [[] for _ in functions]
    findings = []
    for request in _requests(functions):
        used = ports_taken if request.bar.kind is BarKind.PORTS else taken
        place = _place(request, windows, used)
        if place is None:
            findings.append(_does_not_fit(functions[request.owner], request.bar))
            continue
        used.append(place)
        planned[request.owner].append(PlannedBar(request.bar, place.start))
    return _BarPlan(tuple(tuple(sorted(bars)) for bars in planned), tuple(findings))


def guest_functions(
    placed: tuple[PlacedFunction, ...], windows: PciWindows, gsis: Sequence[int | None]
) -> tuple[tuple[GuestFunction, ...], tuple[Finding, ...]]:
    """The functions with their BARs and the GSIs of their INTx, and the BARs that do not fit."""
    bars = _assign_bars(placed, windows)
    functions = tuple(
        GuestFunction(function.guest, function.host, planned, gsi, function.span)
        for function, planned, gsi in zip(placed, bars.bars, gsis, strict=True)
    )
    return functions, bars.findings


def _requests(functions: tuple[PlacedFunction, ...]) -> list[_Request]:
    requests = [
        _Request(owner, bar, _slot_size(bar))
        for owner, function in enumerate(functions)
        for bar in function.host.bars
    ]
    return sorted(requests, key=lambda r: (-r.size, functions[r.owner].guest, r.bar.number))


def _slot_size(bar: Bar) -> int:
    # A memory BAR becomes a memory slot, and no two of those may share a page.
    least = _SMALLEST_PORT_BAR if bar.kind is BarKind.PORTS else PAGE_SIZE
    return max(least, power_of_two_from(bar.range.size))


def _place(request: _Request, windows: PciWindows, used: list[AddressRange]) -> AddressRange | None:
    for window in _windows_for(request.bar, windows):
        place = lowest_gap(used, request.size, window)
        if place is not None:
            return place
    return None


def _windows_for(bar: Bar, windows: PciWindows) -> tuple[AddressRange, ...]:
    if bar.kind is BarKind.PORTS:
        return (windows.ports,)
    if bar.kind is BarKind.MEMORY32:
        return (windows.memory32,)
    if bar.prefetchable:
        return (windows.memory64,)
    return (windows.memory32, windows.memory64)


def _does_not_fit(function: PlacedFunction, bar: Bar) -> Finding:
    unit = "ports" if bar.kind is BarKind.PORTS else "bytes"
    return BAR_DOES_NOT_FIT.finding(
        f"BAR {bar.number} of {function.host} ({bar.range.size:#x} {unit}) has no room left in "
        "the guest's PCI window",
        function.span,
        resource=str(function.host.address),
        fix=None
        if bar.kind is BarKind.PORTS
        else "move ram above 4 GiB or make it smaller, so that a larger hole is left below 4 GiB",
    )
