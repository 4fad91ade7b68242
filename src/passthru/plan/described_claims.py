# SPDX-License-Identifier: Apache-2.0
"""What a VM takes of the host, as far as a plan on a board has not decided it."""

from passthru.addresses import AddressRange
from passthru.language.model import VmConfig
from passthru.lean import Iterator
from passthru.plan.claims import claims, dma_regions
from passthru.plan.described_functions import DescribedFunction
from passthru.plan.described_ports import PortRange
from passthru.plan.interrupt_routes import InterruptRoute
from passthru.plan.model import Claim, GuestRegion

__all__ = ["dma_windows", "host_claims", "interrupt_claims", "port_claims"]


def dma_windows(regions: tuple[GuestRegion, ...], *, has_devices: bool) -> tuple[AddressRange, ...]:
    """What devices may reach (GPA): nothing where the guest has none that is passed."""
    return tuple(each.range for each in dma_regions(regions)) if has_devices else ()


def host_claims(
    config: VmConfig, regions: tuple[GuestRegion, ...], functions: tuple[DescribedFunction, ...]
) -> tuple[Claim, ...]:
    """Memory and PCI functions of the host."""
    return (
        *claims(config.name, regions, ()),
        *(
            Claim(str(each.host.address) if each.host else each.selector, config.name, each.span)
            for each in functions
        ),
    )


def port_claims(vm: str, ports: tuple[PortRange, ...]) -> Iterator[Claim]:
    """x86 ports of the host."""
    for each in ports:
        if each.is_passed and each.span is not None:
            yield Claim(f"io:{each.range.start:#x},{each.range.size}", vm, each.span)


def interrupt_claims(vm: str, routes: tuple[InterruptRoute, ...]) -> Iterator[Claim]:
    """Interrupts of the host."""
    for each in routes:
        if each.vector is not None:
            yield Claim(f"vector {each.vector}", vm, each.span)
