# SPDX-License-Identifier: Apache-2.0
"""What each access letter of passed memory really does on KVM."""

from passthru.language.access import Access
from passthru.plan.memory_types import is_trapped
from passthru.plan.model import Enforcement, Verdict

__all__ = ["access_verdicts"]

_ENFORCED = Enforcement.ENFORCED
_ADVISORY = Enforcement.ADVISORY
_REFUSED = Enforcement.REFUSED
_TRAPPED = Enforcement.TRAPPED


def access_verdicts(
    access: Access,
    *,
    host_is_ram: bool | None,
    externally_managed: bool,
    architecture: str = "x86_64",
) -> tuple[Verdict, ...]:
    """One verdict for each letter that is given, and for each withheld one that matters.

    ``host_is_ram`` tells what KVM takes the host range for (see is_ram_to_kvm); None where that is
    not known. ``externally_managed`` is the configuration's ``smmu-externally-managed``.
    ``architecture`` is the host's: ``x86_64`` or ``aarch64``.
    """
    is_arm = architecture == "aarch64"
    return (
        *_read_write(access),
        _execute(access, is_device=is_arm and host_is_ram is False),
        *_cache(access, host_is_ram, is_arm=is_arm),
        *_declarations(access, externally_managed, is_arm=is_arm),
        *_dma_directions(access, is_arm=is_arm),
    )


def _read_write(access: Access) -> tuple[Verdict, Verdict]:
    if is_trapped(access):
        read = Verdict("r", _TRAPPED, "withheld: no memory slot; every read exits and gets ones")
        if access.writable:
            return read, Verdict("w", _TRAPPED, "no memory slot; every write exits")
        return read, Verdict("w", _TRAPPED, "withheld: a write exits and changes nothing")
    read = Verdict("r", _ENFORCED, "memory slot; no exit")
    if access.writable:
        return read, Verdict("w", _ENFORCED, "memory slot; no exit")
    withheld = "withheld: read-only memory slot; a write exits and changes nothing"
    return read, Verdict("w", _ENFORCED, withheld)


def _execute(access: Access, *, is_device: bool) -> Verdict:
    """``is_device``: KVM maps the memory as arm64's device memory."""
    if is_trapped(access):
        return Verdict("x", _TRAPPED, "no memory slot; nothing there can be executed")
    if is_device:
        # arch/arm64/kvm/mmu.c, user_mem_abort and its caller: such a fetch is answered so.
        if access.executable:
            return Verdict("x", _ADVISORY, "given: nothing can be executed in device memory")
        return Verdict("x", _ENFORCED, "withheld: device memory; a fetch aborts in the guest")
    if access.executable:
        return Verdict("x", _ENFORCED, "memory slot; may be executed")
    return Verdict("x", _ADVISORY, "withheld: KVM has no execute permission for a memory slot")


def _cache(access: Access, host_is_ram: bool | None, *, is_arm: bool) -> tuple[Verdict, ...]:
    if is_trapped(access):
        return ()  # nothing is mapped that could be cached
    state = "given" if access.cacheable else "withheld"
    if host_is_ram is None:
        what = "KVM decides by the host's memory map"
    elif is_arm and host_is_ram:
        what = "KVM maps RAM of the host's kernel as normal memory, cached"
    elif is_arm:
        what = "KVM maps what is no RAM of the host's kernel as device memory (Device-nGnRE)"
    elif host_is_ram:
        what = "KVM maps host RAM cached"
    else:
        what = "KVM maps what is not RAM uncached"
    return (Verdict("c", _ADVISORY, f"{state}: {what}"),)


def _declarations(access: Access, externally_managed: bool, *, is_arm: bool) -> tuple[Verdict, ...]:
    found = []
    if access.reports_exceptions and is_arm:
        what = "an access that is not allowed is an external abort in the guest"
        found.append(Verdict("e", _ENFORCED, what))
    elif access.reports_exceptions:
        found.append(Verdict("e", _REFUSED, "KVM cannot raise a bus error on x86"))
    if access.system_memory:
        where = "device tree" if is_arm else "memory map"
        found.append(Verdict("m", _ENFORCED, f"listed as RAM in the guest's {where}"))
    if access.uses_dma and externally_managed:
        found.append(Verdict("d", _ADVISORY, "managed externally; nothing is done for it"))
    elif access.uses_dma:
        found.append(Verdict("d", _REFUSED, "bare memory has no IOMMU stream that could be set up"))
    if access.without_dma:
        found.append(Verdict("n", _ADVISORY, "declared by the configuration; nothing checks it"))
    return tuple(found)


def _dma_directions(access: Access, *, is_arm: bool) -> tuple[Verdict, ...]:
    found = []
    if access.dma_source:
        found.append(Verdict("s", _ENFORCED, "passed PCI functions may read it through the IOMMU"))
    elif access.dma_target:
        # drivers/iommu/intel/iommu.c, __domain_mapping: DMA_FL_PTE_PRESENT is the read bit;
        # drivers/iommu/io-pgtable-arm.c, arm_lpae_prot_to_pte: a first stage has AP_RDONLY only.
        whose = "an SMMU" if is_arm else "Intel's IOMMU"
        found.append(Verdict("s", _ADVISORY, f"withheld: {whose} lets what is written be read"))
    if access.dma_target:
        found.append(Verdict("t", _ENFORCED, "passed PCI functions may write it through the IOMMU"))
    return tuple(found)
