# SPDX-License-Identifier: Apache-2.0
"""The setup header of a Linux bzImage (Documentation/arch/x86/boot.rst, "The Real-Mode
Kernel Header"), read without trust.
"""

from struct import unpack_from

from passthru.lean import NamedTuple
from passthru.vmm.image_errors import ImageTruncated, ImageUnsupported

__all__ = ["SETUP_HEADER_START", "SetupHeader", "read_setup_header"]

SETUP_HEADER_START = 0x1F1
"""Offset of the header in the image and in boot_params alike."""

_BOOT_PARAMS_HEADER_END = 0x290  # edd_mbr_sig_buffer follows
_SECTOR = 512
_PARAGRAPH = 16
_BOOT_FLAG = 0xAA55
# xloadflags came with 2.12 (Linux 3.8), and only they tell of a 64-bit entry.
_OLDEST_VERSION = 0x020C
_LOADED_HIGH = 1 << 0
_KERNEL_64, _ABOVE_4G = 1 << 0, 1 << 1
_SMALLEST = 0x268
"""Up to and including handover_offset, the last field of version 2.12."""


class SetupHeader(NamedTuple):
    """The fields that a 64-bit loader needs.

    ``raw`` is the header from SETUP_HEADER_START on; ``kernel_offset`` and ``kernel_size``
    (bytes) are the protected-mode kernel in the image. ``init_size`` is how much RAM it
    needs from its load address on. ``preferred_address`` and ``initrd_limit`` (first
    address that an initrd must not reach) are GPAs.
    """

    raw: bytes
    kernel_offset: int
    kernel_size: int
    relocatable: bool
    alignment: int
    preferred_address: int
    init_size: int
    command_line_limit: int
    initrd_limit: int
    above_4gib: bool


def read_setup_header(name: str, image: bytes | memoryview) -> SetupHeader:
    """The header of ``image``, which recognise() found to be a bzImage.

    Raises ImageTruncated or ImageUnsupported.
    """
    if len(image) < _SMALLEST:
        raise ImageTruncated(name, "the setup header", _SMALLEST, len(image))
    (boot_flag,) = unpack_from("<H", image, 0x1FE)
    (version,) = unpack_from("<H", image, 0x206)
    if boot_flag != _BOOT_FLAG:
        raise ImageUnsupported(name, "damaged bzImage: its boot flag is not 0xaa55")
    if version < _OLDEST_VERSION:
        raise ImageUnsupported(
            name,
            f"boot protocol {version >> 8}.{version & 0xFF:02} has no 64-bit entry; 2.12 has",
            "use a Linux kernel of version 3.8 or later",
        )
    (load_flags,) = unpack_from("<B", image, 0x211)
    (xload_flags,) = unpack_from("<H", image, 0x236)
    if not load_flags & _LOADED_HIGH or not xload_flags & _KERNEL_64:
        raise ImageUnsupported(
            name,
            "a 32-bit Linux kernel, without the 64-bit entry that this machine uses",
            "use a kernel with CONFIG_64BIT=y (Debian: linux-image-amd64)",
        )
    kernel_offset, kernel_size = _kernel_place(name, image)
    (initrd_max, alignment, relocatable) = unpack_from("<IIB", image, 0x22C)
    (command_line_limit,) = unpack_from("<I", image, 0x238)
    preferred, init_size = unpack_from("<QI", image, 0x258)
    if relocatable and (alignment == 0 or alignment & (alignment - 1)):
        raise ImageUnsupported(
            name, f"damaged bzImage: its alignment {alignment:#x} is no power of two"
        )
    return SetupHeader(
        raw=bytes(image[SETUP_HEADER_START : _header_end(image)]),
        kernel_offset=kernel_offset,
        kernel_size=kernel_size,
        relocatable=bool(relocatable),
        alignment=alignment or 1,
        preferred_address=preferred,
        init_size=max(init_size, kernel_size),
        command_line_limit=command_line_limit,
        initrd_limit=initrd_max + 1,
        above_4gib=bool(xload_flags & _ABOVE_4G),
    )


def _header_end(image: bytes | memoryview) -> int:
    # The second byte of the jump at 0x200 is the header's length from 0x202 on.
    return min(0x202 + image[0x201], _BOOT_PARAMS_HEADER_END, len(image))


def _kernel_place(name: str, image: bytes | memoryview) -> tuple[int, int]:
    setup_sectors = image[SETUP_HEADER_START] or 4
    (paragraphs,) = unpack_from("<I", image, 0x1F4)
    offset, size = (setup_sectors + 1) * _SECTOR, paragraphs * _PARAGRAPH
    if offset + size > len(image):
        raise ImageTruncated(name, "the kernel", offset + size, len(image))
    if size < _SECTOR + 1:
        raise ImageUnsupported(name, f"damaged bzImage: a kernel of {size} bytes has no entry")
    return offset, size
