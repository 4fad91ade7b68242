# SPDX-License-Identifier: Apache-2.0
"""Telling what kind of image some bytes are, by the marks that each format carries."""

from passthru.lean import Enum

__all__ = ["ImageFormat", "recognise"]


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
