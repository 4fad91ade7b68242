# SPDX-License-Identifier: Apache-2.0
"""Files and passed blobs to the guest's memory, and from there to the first instruction.

The modules in here are the boot protocols and what they share. A binary without any format
needs none: it is copied, and run from its first byte in real mode.
"""

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.lean import Callable, NamedTuple
from passthru.plan.model import Blob, BlobRole, RegionKind, VmPlan
from passthru.plan.x86_64 import FIRMWARE_AREA
from passthru.vmm.address_space import GuestMemory
from passthru.vmm.images import (
    ImageFormat,
    blobs_in_place,
    initrd_place,
    is_writable_ram,
    read_file,
    recognise,
    refusal,
)
from passthru.vmm.x86_64.acpi import build_tables
from passthru.vmm.x86_64.boot.entry import RealModeEntry
from passthru.vmm.x86_64.boot.request import (
    BootPlan,
    BootRequest,
    BootWrite,
    FreeRam,
    memory_map,
)
from passthru.vmm.x86_64.dsdt import AcpiPlatform, PciInterruptRoute

__all__ = ["Images", "load", "plan_boot", "read_images"]

_KERNELS = (ImageFormat.BZIMAGE, ImageFormat.ELF)


class Images(NamedTuple):
    """The loaded files' contents; the boot image's protocol has accepted it."""

    boot: BootPlan
    data: tuple[tuple[Blob, bytes], ...]
    acpi_tables: bytes


def read_images(plan: VmPlan, board: Board) -> Images:
    """Read every file and decide how the guest starts, before anything of KVM is touched.

    Raises FileUnreadable, ImageError, OutsideGuestMemory or SoftwareKvm.
    """
    files = {blob: read_file(blob) for blob in plan.blobs if blob.path is not None}
    boot_blob = next(blob for blob in plan.blobs if blob.role is BlobRole.BOOT_IMAGE)
    image = files[boot_blob]
    if recognise(image) in _KERNELS and not board.abilities.hardware_virtualization:
        from passthru.vmm.errors import SoftwareKvm

        raise SoftwareKvm(boot_blob.path or "")
    initrd = next((blob for blob in plan.blobs if blob.role is BlobRole.INITRD), None)
    place = initrd_place(initrd, files)
    ram = tuple(r.range for r in plan.regions if is_writable_ram(r))
    rom = tuple(r.range for r in plan.regions if r.kind is RegionKind.ROM)
    boot = plan_boot(
        BootRequest(
            name=boot_blob.path or "",
            image=image,
            command_line=plan.command_line,
            memory=memory_map(plan.regions),
            ram=ram,
            rom=rom,
            rsdp=FIRMWARE_AREA.start,
            initrd=place,
            initrd_data=files.get(initrd) if initrd and place is None else None,
            address=boot_blob.address,
            explicit=boot_blob.typed,
        )
    )
    data = blobs_in_place(plan.regions, files)
    return Images(boot, data, build_tables(_acpi_platform(plan)))


def _acpi_platform(plan: VmPlan) -> AcpiPlatform:
    windows = plan.pci
    return AcpiPlatform(
        address=FIRMWARE_AREA.start,
        space=FIRMWARE_AREA.size,
        cpu_count=plan.cpu_count,
        ioapic_address=plan.ioapic_address,
        ecam=windows.ecam,
        memory32=windows.memory32,
        memory64=windows.memory64,
        ports=windows.ports,
        interrupt_routes=tuple(
            PciInterruptRoute(f.guest.device, f.host.interrupt_pin - 1, f.gsi)
            for f in plan.functions
            if f.gsi is not None
        ),
        serial_ports=tuple((port.port, port.gsi) for port in plan.serial_ports),
    )


def load(memory: GuestMemory, images: Images) -> None:
    """Put everything in its place in guest memory; the firmware tables come first."""
    memory.write(FIRMWARE_AREA.start, images.acpi_tables)
    for blob, content in images.data:
        memory.write(blob.address or 0, content)
    for zeroed in images.boot.zeroed:
        memory.write(zeroed.start, bytes(zeroed.size))
    for write in images.boot.writes:
        memory.write(write.address, write.data)


def plan_boot(request: BootRequest) -> BootPlan:
    """How to start ``request.image``, by the protocol that fits its format.

    Nothing is written; each write and each zeroed range of the answer lies inside one range
    of ``request.ram`` or ``request.rom``, none of which may overlap. An image that is not
    recognised runs from its first byte in real mode. Raises ImageError.
    """
    return _by_memory(request, _protocol(request)(request))


def _protocol(request: BootRequest) -> Callable[[BootRequest], BootPlan]:
    """The only boot protocol that is imported: a flat guest starts without the others."""
    kind = recognise(request.image)
    if kind is ImageFormat.BZIMAGE:
        from passthru.vmm.x86_64.boot.bzimage import plan_bzimage

        return plan_bzimage
    if kind is ImageFormat.ELF:
        from passthru.vmm.x86_64.boot.pvh import plan_elf

        return plan_elf
    if kind is ImageFormat.FLAT and not request.explicit:
        return _plan_flat
    raise refusal(request.name, kind, "x86-64")


def _by_memory(request: BootRequest, plan: BootPlan) -> BootPlan:
    """``plan`` in pieces that each lie in one range of RAM or ROM."""
    writes = []
    for write in plan.writes:
        data = memoryview(write.data)
        for part in _pieces(request, write.range):
            start = part.start - write.address
            writes.append(BootWrite(part.start, data[start : start + part.size]))
    zeroed = [part for whole in plan.zeroed for part in _pieces(request, whole)]
    return plan._replace(writes=tuple(writes), zeroed=tuple(zeroed))


def _pieces(request: BootRequest, whole: AddressRange) -> list[AddressRange]:
    """Raises OutsideRam if there is a byte of ``whole`` that no memory holds."""
    common = [whole.intersection(memory) for memory in (*request.ram, *request.rom)]
    pieces = [part for part in common if part is not None]
    if sum(part.size for part in pieces) != whole.size:
        from passthru.vmm.image_errors import OutsideRam

        raise OutsideRam(request.name, "boot data", whole)
    return pieces


_PARAGRAPH = 16
_REACHABLE = AddressRange(0, 1 << 32)


def _plan_flat(request: BootRequest) -> BootPlan:
    """The image at ``request.address``, or at the lowest RAM or ROM that holds it.

    Such a program knows no memory map, so all memory counts, but not where the ACPI tables
    and an initrd in place are. Raises AddressNotPossible, OutsideRam or RamTooSmall.
    """
    free = FreeRam((*request.ram, *request.rom))
    if request.rsdp:
        free.take(FIRMWARE_AREA)
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
            from passthru.vmm.image_errors import RamTooSmall

            raise RamTooSmall(request.name, size, free.largest(), size)
        return found
    wanted = AddressRange(request.address, size)
    _check(request, request.address, wanted, free)
    return wanted


def _check(request: BootRequest, address: int, wanted: AddressRange, free: FreeRam) -> None:
    if _REACHABLE.contains(wanted) and address % _PARAGRAPH == 0 and free.is_free(wanted):
        return
    from passthru.vmm.image_errors import AddressNotPossible, OutsideRam

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
