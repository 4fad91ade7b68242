# SPDX-License-Identifier: Apache-2.0
"""A binary without any format: copied, and run from its first byte in real mode."""

from passthru.addresses import AddressRange
from passthru.vmm.x86_64.boot.entry import RealModeEntry
from passthru.vmm.x86_64.boot.free_ram import FreeRam
from passthru.vmm.x86_64.boot.request import BootPlan, BootRequest, BootWrite
from passthru.vmm.x86_64.layout import ACPI_TABLES_ADDRESS, ACPI_TABLES_SIZE

__all__ = ["plan_flat"]

_PARAGRAPH = 16
_REACHABLE = AddressRange(0, 1 << 32)


def plan_flat(request: BootRequest) -> BootPlan:
    """The image at ``request.address``, or at the lowest RAM or ROM that holds it.

    Such a program knows no memory map, so all memory counts, but not where the ACPI tables
    and an initrd in place are. Raises AddressNotPossible, OutsideRam or RamTooSmall.
    """
    free = FreeRam((*request.ram, *request.rom))
    if request.rsdp:
        free.take(AddressRange(ACPI_TABLES_ADDRESS, ACPI_TABLES_SIZE))
    if request.initrd is not None:
        free.take(request.initrd)
    place = _place(request, free)
    writes = (BootWrite(place.start, request.image),)
    return BootPlan(writes, RealModeEntry(place.start))


def _place(request: BootRequest, free: FreeRam) -> AddressRange:
    size = len(request.image)
    if request.address is None:
        found = free.take_lowest(size, _REACHABLE)
        if found is None:
            from passthru.vmm.x86_64.boot.errors import RamTooSmall

            raise RamTooSmall(request.name, size, free.largest(), size)
        return found
    wanted = AddressRange(request.address, size)
    _check(request, request.address, wanted, free)
    return wanted


def _check(request: BootRequest, address: int, wanted: AddressRange, free: FreeRam) -> None:
    if _REACHABLE.contains(wanted) and address % _PARAGRAPH == 0 and free.is_free(wanted):
        return
    from passthru.vmm.x86_64.boot.errors import AddressNotPossible, OutsideRam

    if not _REACHABLE.contains(wanted):
        raise AddressNotPossible(
            request.name,
            address,
            "real mode reaches no address above 4 GiB",
            f"load 0x1000,{request.name}",
        )
    if address % _PARAGRAPH:
        raise AddressNotPossible(
            request.name,
            address,
            "a code segment begins at a multiple of 16",
            f"load {address & -_PARAGRAPH:#x},{request.name}",
        )
    raise OutsideRam(request.name, "the image", wanted)
