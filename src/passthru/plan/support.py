# SPDX-License-Identifier: Apache-2.0
"""What run cannot do: the finding that says so, for a host and for an address map."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place
from passthru.diagnostics.source import Span
from passthru.language.model import PciLocation, VmConfig
from passthru.lean import Iterator
from passthru.plan.model import GuestRegion, RegionKind

__all__ = [
    "TREE_DUMP",
    "passes_functions",
    "too_many_processors",
    "unsupported",
    "unsupported_host",
    "unsupported_page_sharing",
]

TREE_DUMP = "fdt-dump-file"
"""The variable with the file that the guest's device tree is written to."""

_MOST_CPUS = 254  # 8-bit APIC ids, without the broadcast id and the I/O APIC's

_MAPPED = (RegionKind.RAM, RegionKind.ROM, RegionKind.PASSED, RegionKind.PASSED_RAM)


def unsupported(
    message: str,
    span: Span | None,
    *,
    resource: str | None = None,
    others: tuple[Place, ...] = (),
    fix: str | None = None,
) -> Finding:
    """A finding of ``not-supported-by-run``."""
    # Imported by those who have something to tell: starting fast is a feature.
    from passthru.plan.problems import NOT_SUPPORTED_BY_RUN

    return NOT_SUPPORTED_BY_RUN.finding(message, span, resource=resource, others=others, fix=fix)


def passes_functions(config: VmConfig) -> bool:
    """Whether the configuration passes a PCI function, wherever it may be."""
    locations = (location for passed in config.passes for location in passed.locations)
    return any(isinstance(location, PciLocation) for location in locations)


def unsupported_host(config: VmConfig, board: Board) -> Iterator[Finding]:
    """The host, if it is none that run is for."""
    if board.architecture != "x86_64":
        yield unsupported(
            f"this host is {board.architecture}; run is for x86_64 and aarch64 hosts", config.span
        )


def too_many_processors(config: VmConfig) -> Iterator[Finding]:
    """More ``cpu`` than a guest of run can have."""
    if len(config.cpus) > _MOST_CPUS:
        yield unsupported(
            f"{len(config.cpus)} cpus; run gives a guest at most {_MOST_CPUS}",
            config.cpus[_MOST_CPUS].span,
        )


def unsupported_page_sharing(regions: tuple[GuestRegion, ...]) -> Iterator[Finding]:
    """Regions that share a page but no byte: KVM has one memory slot for a page.

    Regions that are trapped have none, and may share one with each other.
    """
    mapped = sorted(
        (region for region in regions if region.kind in _MAPPED and region.range.size > 0),
        key=lambda region: region.range,
    )
    for number, other in enumerate(mapped[1:]):
        one = mapped[number]
        if one.range.overlaps(other.range):
            continue  # address-overlap has it
        if not one.range.page_aligned().overlaps(other.range.page_aligned()):
            continue
        if not (_is_trapped(one) and _is_trapped(other)):
            yield unsupported(
                f"{other.name} shares a page of the guest with {one.name}",
                other.span,
                others=(Place(one.name, one.span),),
                fix="pass both with one `loc`, or at guest addresses in different pages",
            )


def _is_trapped(region: GuestRegion) -> bool:
    if region.access is None:
        return False
    # Here, not above: most guests start without it.
    from passthru.plan.memory_types import is_trapped

    return is_trapped(region.access)
