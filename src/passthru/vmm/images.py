# SPDX-License-Identifier: Apache-2.0
"""The files that a guest is given: reading them, what kind of image one is, and whether the
guest has memory where they go.
"""

import os

from passthru.addresses import AddressRange
from passthru.lean import TYPE_CHECKING, Enum, Mapping, Sequence
from passthru.plan.model import Blob, BlobRole, GuestRegion, RegionKind

if TYPE_CHECKING:
    from passthru.vmm.image_errors import ImageError

__all__ = [
    "ImageFormat",
    "blobs_in_place",
    "initrd_place",
    "is_writable_ram",
    "read_file",
    "recognise",
    "refusal",
]


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
    ImageFormat.BZIMAGE: "x86-64",
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


def refusal(name: str, kind: ImageFormat, machine: str) -> "ImageError":
    """Why data of this kind cannot be started on ``machine`` (``x86-64``, ``arm64``)."""
    from passthru.vmm.image_errors import NotAnImage, OtherArchitecture

    if kind in _ARCHITECTURES:
        return OtherArchitecture(name, _ARCHITECTURES[kind], machine)
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


def read_file(blob: Blob) -> bytes:
    """The content of what a ``load`` names. Raises FileUnreadable."""
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


def initrd_place(initrd: Blob | None, files: Mapping[Blob, bytes]) -> AddressRange | None:
    """Where the initrd lies if the user has decided it (GPA), or None."""
    if initrd is None or initrd.address is None or initrd.passed is not None:
        return initrd.passed if initrd else None
    return AddressRange(initrd.address, len(files[initrd]))


def is_writable_ram(region: GuestRegion) -> bool:
    """Whether it is RAM of the guest that can be written; this process cannot write others."""
    if region.kind is RegionKind.PASSED_RAM:
        return region.access is not None and region.access.writable
    return region.kind is RegionKind.RAM


def blobs_in_place(
    regions: Sequence[GuestRegion], files: Mapping[Blob, bytes]
) -> tuple[tuple[Blob, bytes], ...]:
    """The files that go where the user wants them. Raises OutsideGuestMemory."""
    data = tuple((blob, files[blob]) for blob in files if _is_placed_by_us(blob))
    for blob, content in data:
        _check_place(regions, blob, len(content))
    return data


def _is_placed_by_us(blob: Blob) -> bool:
    return blob.role is BlobRole.DATA or (blob.role is BlobRole.INITRD and blob.address is not None)


def _check_place(regions: Sequence[GuestRegion], blob: Blob, size: int) -> None:
    start = blob.address or 0
    for region in regions:
        if region.kind is RegionKind.ROM or is_writable_ram(region):
            inside = region.range.start <= start and start + size <= region.range.end
            if inside:
                return
    from passthru.vmm.errors import OutsideGuestMemory

    raise OutsideGuestMemory(blob.path or "", start, size, blob.span)
