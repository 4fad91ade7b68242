# SPDX-License-Identifier: Apache-2.0
"""From an image to what must be written and where the first processor starts: what kind of
image it is, and the protocol for it.

A binary without any format needs none: it is copied, and run from its first byte in real
mode.
"""

from passthru.addresses import AddressRange
from passthru.lean import TYPE_CHECKING, Callable, Enum
from passthru.plan.x86_64 import FIRMWARE_AREA
from passthru.vmm.x86_64.boot.entry import RealModeEntry
from passthru.vmm.x86_64.boot.request import BootPlan, BootRequest, BootWrite, FreeRam

if TYPE_CHECKING:
    from passthru.vmm.x86_64.boot.errors import ImageError

__all__ = ["ImageFormat", "plan_boot", "recognise"]


class ImageFormat(Enum):
    """Kinds of data that people give as a guest image; the value is what to call them."""

    BZIMAGE = "a Linux bzImage"
    ELF = "an ELF file"
    FLAT = "a flat binary"
    EMPTY = "an empty file"
    ARM64_IMAGE = "a Linux Image for arm64"
    ARM_ZIMAGE = "a Linux zImage for arm"
    RISCV_IMAGE = "a Linux Image for RISC-V"
    EFI = "an EFI program"
    UIMAGE = "a U-Boot image"
    ANDROID = "an Android boot image"
    DEVICE_TREE = "a device tree blob"
    GZIP = "a gzip file"
    XZ = "an xz file"
    BZIP2 = "a bzip2 file"
    ZSTD = "a Zstandard file"
    LZ4 = "an lz4 file"
    CPIO = "a cpio archive"
    QCOW2 = "a qcow2 disk"


# Offset, bytes, format; the first that fits counts. A bzImage may also be an EFI program.
_MARKS = (
    (0x202, b"HdrS", ImageFormat.BZIMAGE),
    (0, b"\x7fELF", ImageFormat.ELF),
    (0x38, b"ARM\x64", ImageFormat.ARM64_IMAGE),
    (0x38, b"RSC\x05", ImageFormat.RISCV_IMAGE),
    (0x24, b"\x18\x28\x6f\x01", ImageFormat.ARM_ZIMAGE),
    (0, b"\x27\x05\x19\x56", ImageFormat.UIMAGE),
    (0, b"ANDROID!", ImageFormat.ANDROID),
    (0, b"\xd0\x0d\xfe\xed", ImageFormat.DEVICE_TREE),
    (0, b"\x1f\x8b\x08", ImageFormat.GZIP),
    (0, b"\xfd7zXZ\x00", ImageFormat.XZ),
    (0, b"BZh", ImageFormat.BZIP2),
    (0, b"\x28\xb5\x2f\xfd", ImageFormat.ZSTD),
    (0, b"\x02\x21\x4c\x18", ImageFormat.LZ4),
    (0, b"070701", ImageFormat.CPIO),
    (0, b"QFI\xfb", ImageFormat.QCOW2),
)
_PE_POINTER = 0x3C


def recognise(image: bytes | memoryview) -> ImageFormat:
    """What ``image`` is; FLAT if nothing tells. Never fails, whatever the bytes."""
    if not len(image):
        return ImageFormat.EMPTY
    for offset, mark, kind in _MARKS:
        if image[offset : offset + len(mark)] == mark:
            return kind
    return ImageFormat.EFI if _is_pe(image) else ImageFormat.FLAT


def _is_pe(image: bytes | memoryview) -> bool:
    if image[:2] != b"MZ":
        return False
    header = int.from_bytes(image[_PE_POINTER : _PE_POINTER + 4], "little")
    return image[header : header + 4] == b"PE\0\0"


_ARCHITECTURES = {
    ImageFormat.ARM64_IMAGE: "arm64",
    ImageFormat.ARM_ZIMAGE: "arm",
    ImageFormat.RISCV_IMAGE: "RISC-V",
}
_UNPACKERS = {
    ImageFormat.GZIP: "zcat",
    ImageFormat.XZ: "xzcat",
    ImageFormat.BZIP2: "bzcat",
    ImageFormat.ZSTD: "zstdcat",
    ImageFormat.LZ4: "lz4cat",
}


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
    raise _refusal(request.name, kind)


def _refusal(name: str, kind: ImageFormat) -> "ImageError":
    from passthru.vmm.x86_64.boot.errors import NotAnImage, OtherArchitecture

    if kind in _ARCHITECTURES:
        return OtherArchitecture(name, _ARCHITECTURES[kind])
    if kind is ImageFormat.FLAT:
        return NotAnImage(
            name, "data of no known format", f"to run them from the first byte: load {name}"
        )
    fix = None
    if kind in _UNPACKERS:
        fix = f"{_UNPACKERS[kind]} {name} > {name}.unpacked"
    elif kind is ImageFormat.CPIO:
        fix = f"initrd load {name}"
    return NotAnImage(name, kind.value, fix)


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
        from passthru.vmm.x86_64.boot.errors import OutsideRam

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
