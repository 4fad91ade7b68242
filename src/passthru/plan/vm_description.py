# SPDX-License-Identifier: Apache-2.0
"""One VM as people look at it: what the guest sees, and what the host gives for it."""

from passthru.addresses import AddressRange
from passthru.language.model import VmConfig
from passthru.lean import NamedTuple
from passthru.plan.aarch64 import ArmPlan, Gic, Uart
from passthru.plan.described_functions import DescribedFunction
from passthru.plan.described_ports import PortRange
from passthru.plan.interrupt_routes import InterruptRoute
from passthru.plan.model import Blob, Claim, GuestRegion, RegionKind, VcpuThread, VmPlan

__all__ = ["VmDescription", "has_known_size"]


class VmDescription(NamedTuple):
    """One VM: what the guest sees, where it comes from, what the host gives for it.

    ``regions`` are sorted by address; where there is a ``plan``, they are the plan's.
    ``dma_windows`` are what passed devices may reach (GPA, which is the IOVA);
    ``locked_memory`` is in bytes. ``steps`` are what ``run`` would do on the host, in order;
    without any, ``not_run_because`` says why none are here. ``gic``, ``uarts`` and ``its`` are
    those of the arm64 machine of ``run``; ``its`` is None without a board or functions, too.
    ``plan`` is the machine that ``run`` makes on the board. ``threads`` are those of virtual
    processors that ask something of the host's scheduler.
    """

    name: str
    config: VmConfig
    cpu_count: int
    regions: tuple[GuestRegion, ...]
    interrupts: tuple[InterruptRoute, ...]
    ports: tuple[PortRange, ...]
    functions: tuple[DescribedFunction, ...]
    blobs: tuple[Blob, ...]
    dma_windows: tuple[AddressRange, ...]
    locked_memory: int
    claims: tuple[Claim, ...]
    steps: tuple[str, ...]
    plan: VmPlan | ArmPlan | None
    not_run_because: str | None
    gic: Gic | None = None
    uarts: tuple[Uart, ...] = ()
    its: AddressRange | None = None
    threads: tuple[VcpuThread, ...] = ()

    @property
    def holes(self) -> tuple[AddressRange, ...]:
        """Guest addresses between 0 and the last region at which nothing answers.

        Of a device whose size is not known, the page is left out in which it starts.
        """
        found = []
        end = 0
        for region in self.regions:
            if region.range.start > end:
                found.append(AddressRange.between(end, region.range.start))
            place = region.range
            end = max(end, (place if has_known_size(region) else place.page_aligned()).end)
        return tuple(found)


def has_known_size(region: GuestRegion) -> bool:
    """Whether all of its range is known to be the region's; else only the start is."""
    return region.range.size != 1 or region.kind is not RegionKind.DEVICE
