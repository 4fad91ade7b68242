# SPDX-License-Identifier: Apache-2.0
"""What each access letter of passed memory really does on KVM, x86-64."""

from passthru.language.access import Access
from passthru.plan.model import Enforcement, Verdict

__all__ = ["access_verdicts"]

_ENFORCED = Enforcement.ENFORCED
_ADVISORY = Enforcement.ADVISORY
_REFUSED = Enforcement.REFUSED
_TRAPPED = Enforcement.TRAPPED


def access_verdicts(
    access: Access, *, host_is_ram: bool | None, externally_managed: bool
) -> tuple[Verdict, ...]:
    """One verdict for each letter that is given, and for each withheld one that matters.

    ``host_is_ram`` tells what KVM makes of the host range: RAM is mapped write-back,
    anything else uncached (arch/x86/kvm/mmu/spte.c, ``kvm_is_mmio_pfn``); None where the
    host's memory map is not known. ``externally_managed`` is the configuration's
    ``smmu-externally-managed``.
    """
    return (
        *_read_write(access),
        _execute(access),
        *_cache(access, host_is_ram),
        *_declarations(access, externally_managed),
        *_dma_directions(access),
    )


def _read_write(access: Access) -> tuple[Verdict, Verdict]:
    if not access.readable:
        read = Verdict("r", _TRAPPED, "withheld: no memory slot; every read exits and gets ones")
        if access.writable:
            return read, Verdict("w", _TRAPPED, "no memory slot; every write exits")
        return read, Verdict("w", _TRAPPED, "withheld: a write exits and changes nothing")
    read = Verdict("r", _ENFORCED, "memory slot; no exit")
    if access.writable:
        return read, Verdict("w", _ENFORCED, "memory slot; no exit")
    withheld = "withheld: read-only memory slot; a write exits and changes nothing"
    return read, Verdict("w", _ENFORCED, withheld)


def _execute(access: Access) -> Verdict:
    if not access.readable:
        return Verdict("x", _TRAPPED, "no memory slot; nothing there can be executed")
    if access.executable:
        return Verdict("x", _ENFORCED, "memory slot; may be executed")
    return Verdict("x", _ADVISORY, "withheld: KVM has no execute permission for a memory slot")


def _cache(access: Access, host_is_ram: bool | None) -> tuple[Verdict, ...]:
    if not access.readable:
        return ()  # nothing is mapped that could be cached
    state = "given" if access.cacheable else "withheld"
    if host_is_ram is None:
        what = "KVM decides by the host's memory map"
    elif host_is_ram:
        what = "KVM maps host RAM cached"
    else:
        what = "KVM maps what is not RAM uncached"
    return (Verdict("c", _ADVISORY, f"{state}: {what}"),)


def _declarations(access: Access, externally_managed: bool) -> tuple[Verdict, ...]:
    found = []
    if access.reports_exceptions:
        found.append(Verdict("e", _REFUSED, "KVM cannot raise a bus error on x86"))
    if access.system_memory:
        found.append(Verdict("m", _ENFORCED, "listed as RAM in the guest's memory map"))
    if access.uses_dma and externally_managed:
        found.append(Verdict("d", _ADVISORY, "managed externally; nothing is done for it"))
    elif access.uses_dma:
        found.append(Verdict("d", _REFUSED, "bare memory has no IOMMU stream that could be set up"))
    if access.without_dma:
        found.append(Verdict("n", _ADVISORY, "declared by the configuration; nothing checks it"))
    return tuple(found)


def _dma_directions(access: Access) -> tuple[Verdict, ...]:
    found = []
    if access.dma_source:
        found.append(Verdict("s", _ENFORCED, "passed PCI functions may read it through the IOMMU"))
    elif access.dma_target:
        # drivers/iommu/intel/iommu.c, __domain_mapping: DMA_FL_PTE_PRESENT is the read bit.
        found.append(
            Verdict("s", _ADVISORY, "withheld: Intel's IOMMU lets what is written be read")
        )
    if access.dma_target:
        found.append(Verdict("t", _ENFORCED, "passed PCI functions may write it through the IOMMU"))
    return tuple(found)
