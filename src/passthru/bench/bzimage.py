# SPDX-License-Identifier: Apache-2.0
"""The kernel proper inside a bzImage.

An emulated processor takes seconds to unpack it; this machine does it once. The result
is an ELF file that boots by the PVH protocol.
"""

import lzma
import struct
import subprocess
import zlib

from passthru.bench.tools import find_tool

__all__ = ["unpack_kernel"]

# Linux: Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header".
_SETUP_SECTORS = 0x1F1
_MAGIC = 0x202
_VERSION = 0x206
_PAYLOAD = 0x248
_HEADER_END = 0x250
_PAYLOAD_SINCE = 0x0208
_SECTOR = 512


def unpack_kernel(image: bytes) -> bytes | None:
    """The ELF file that ``image`` unpacks itself to, or None if that cannot be had.

    Known compressions are gzip, xz, lzma and zstd. Raises MissingToolError where the
    kernel is compressed with zstd and that is not installed.
    """
    if len(image) < _HEADER_END or image[_MAGIC : _MAGIC + 4] != b"HdrS":
        return None
    if struct.unpack_from("<H", image, _VERSION)[0] < _PAYLOAD_SINCE:
        return None
    sectors = image[_SETUP_SECTORS] or 4
    offset, length = struct.unpack_from("<II", image, _PAYLOAD)
    start = (sectors + 1) * _SECTOR + offset
    kernel = _decompress(image[start : start + length])
    return kernel if kernel is not None and kernel.startswith(b"\x7fELF") else None


def _decompress(payload: bytes) -> bytes | None:
    try:
        if payload.startswith(b"\x1f\x8b"):
            return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(payload)
        if payload.startswith((b"\xfd7zXZ\0", b"\x5d\0\0")):
            return lzma.LZMADecompressor().decompress(payload)
        if payload.startswith(b"\x28\xb5\x2f\xfd"):
            return _decompress_zstd(payload)
    except (zlib.error, lzma.LZMAError, subprocess.CalledProcessError):
        return None
    return None


def _decompress_zstd(payload: bytes) -> bytes:
    # The kernel's build appends the unpacked size, 4 bytes, which zstd would not have.
    command = [find_tool("zstd"), "--decompress", "--stdout", "--quiet"]
    return subprocess.run(command, input=payload[:-4], capture_output=True, check=True).stdout
