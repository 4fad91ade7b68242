# SPDX-License-Identifier: Apache-2.0
"""What the VM takes of the host: claims, and memory that stays in place for DMA."""

from passthru.lean import TYPE_CHECKING, Iterator
from passthru.plan.model import Claim, GuestRegion, PassedInterrupt, RegionKind

if TYPE_CHECKING:
    from passthru.plan.functions import PlacedFunction

__all__ = ["claims", "dma_regions", "locked_memory"]


def claims(
    vm: str,
    regions: tuple[GuestRegion, ...],
    functions: "tuple[PlacedFunction, ...]",
    interrupts: tuple[PassedInterrupt, ...] = (),
) -> Iterator[Claim]:
    """Every host thing the VM needs, in the notation of the configuration."""
    for region in regions:
        if region.host is not None and region.span is not None:
            resource = f"mem:{region.host.start:#x},{region.host.size:#x}"
            yield Claim(resource, vm, region.span)
    for function in functions:
        yield Claim(str(function.host.address), vm, function.span)
    for interrupt in interrupts:
        yield Claim(f"vector {interrupt.vector}", vm, interrupt.span)


def dma_regions(regions: tuple[GuestRegion, ...]) -> Iterator[GuestRegion]:
    """What passed PCI functions may reach: RAM, and passed memory with ``s`` or ``t``."""
    for region in regions:
        access = region.access
        reachable = access is not None and (access.dma_source or access.dma_target)
        if region.kind is RegionKind.RAM or reachable:
            yield region


def locked_memory(regions: tuple[GuestRegion, ...], *, has_functions: bool) -> int:
    """Bytes that VFIO pins while the VM runs; nothing without a passed function."""
    if not has_functions:
        return 0
    return sum(region.range.page_aligned().size for region in dma_regions(regions))
