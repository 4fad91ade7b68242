# SPDX-License-Identifier: Apache-2.0
"""How KVM gives a guest host memory: in a memory slot or by trapping, cached or not."""

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.language.access import Access

__all__ = ["is_ram_to_kvm", "is_trapped"]

_RAM_OF_KERNEL = "system ram"


def is_trapped(access: Access) -> bool:
    """Whether every access of the guest exits, so that the letters hold to the byte.

    A memory slot, which has whole pages, can withhold writing, but not reading.
    """
    return not access.readable


def is_ram_to_kvm(host: AddressRange, board: Board) -> bool | None:
    """Whether KVM maps ``host`` (HPA) as RAM; None where the board does not tell enough.

    On x86-64 it does so with RAM that is kept from the kernel, too (arch/x86/kvm/mmu/spte.c,
    ``kvm_is_mmio_pfn``). On arm64 only with RAM of which the kernel has a map
    (arch/arm64/mm/init.c, ``pfn_is_map_memory``), which leaves out areas with ``no-map``.
    """
    if not board.memory_known:
        return None
    if any(host.overlaps(each) for each in board.allocated):
        return True
    is_reserved = any(host.overlaps(region.range) for region in board.reserved)
    if board.architecture != "aarch64" or not is_reserved:
        return is_reserved
    # In /proc/iomem reserved areas are inside the RAM, but for those with `no-map`. A device
    # tree's own map does not tell them apart.
    ram = [each for each in board.memory if each.name.lower().startswith(_RAM_OF_KERNEL)]
    return any(host.overlaps(each.range) for each in ram) if ram else None
