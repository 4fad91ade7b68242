# SPDX-License-Identifier: Apache-2.0
"""Files and passed blobs to the guest's memory, and from there to the first instruction.

The modules in here are the boot protocols and what they share.
"""

import os

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.lean import NamedTuple
from passthru.plan.model import Blob, BlobRole, RegionKind, VmPlan
from passthru.plan.x86_64 import FIRMWARE_AREA
from passthru.vmm.address_space import GuestMemory
from passthru.vmm.x86_64.acpi import AcpiPlatform, PciInterruptRoute, build_tables
from passthru.vmm.x86_64.boot.loader import ImageFormat, plan_boot, recognise
from passthru.vmm.x86_64.boot.request import BootPlan, BootRequest, memory_map

__all__ = ["Images", "load", "read_images"]

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
    files = {blob: _read(blob) for blob in plan.blobs if blob.path is not None}
    boot_blob = next(blob for blob in plan.blobs if blob.role is BlobRole.BOOT_IMAGE)
    image = files[boot_blob]
    if recognise(image) in _KERNELS and not board.abilities.hardware_virtualization:
        from passthru.vmm.errors import SoftwareKvm

        raise SoftwareKvm(boot_blob.path or "")
    initrd = next((blob for blob in plan.blobs if blob.role is BlobRole.INITRD), None)
    initrd_place = _initrd_place(initrd, files)
    ram = tuple(r.range for r in plan.regions if r.kind in _RAM_KINDS)
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
            initrd=initrd_place,
            initrd_data=files.get(initrd) if initrd and initrd_place is None else None,
            address=boot_blob.address,
            explicit=boot_blob.typed,
        )
    )
    data = tuple((blob, files[blob]) for blob in files if _is_placed_by_us(blob))
    for blob, content in data:
        _check_place(plan, blob, len(content))
    return Images(boot, data, build_tables(_acpi_platform(plan)))


def _initrd_place(initrd: Blob | None, files: dict[Blob, bytes]) -> AddressRange | None:
    """Where the initrd lies if the user has decided it (GPA), or None."""
    if initrd is None or initrd.address is None or initrd.passed is not None:
        return initrd.passed if initrd else None
    return AddressRange(initrd.address, len(files[initrd]))


def _is_placed_by_us(blob: Blob) -> bool:
    return blob.role is BlobRole.DATA or (blob.role is BlobRole.INITRD and blob.address is not None)


_RAM_KINDS = (RegionKind.RAM, RegionKind.PASSED_RAM)


def _read(blob: Blob) -> bytes:
    path = blob.path or ""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            chunks = []
            while chunk := os.read(file, 1 << 24):
                chunks.append(chunk)
        finally:
            os.close(file)
    except OSError as error:
        from passthru.vmm.errors import FileUnreadable

        raise FileUnreadable(path, blob.span, error) from error
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def _check_place(plan: VmPlan, blob: Blob, size: int) -> None:
    start = blob.address or 0
    for region in plan.regions:
        if region.kind in (*_RAM_KINDS, RegionKind.ROM):
            inside = region.range.start <= start and start + size <= region.range.end
            if inside:
                return
    from passthru.vmm.errors import OutsideGuestMemory

    raise OutsideGuestMemory(blob.path or "", start, size, blob.span)


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
