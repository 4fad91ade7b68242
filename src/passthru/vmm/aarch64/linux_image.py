# SPDX-License-Identifier: Apache-2.0
"""Linux' Image for arm64: its header, unpacking it, and the memory it wants.

Source: Documentation/arch/arm64/booting.rst.
"""

import zlib
from struct import unpack_from

from passthru.addresses import AddressRange, united, without
from passthru.lean import Iterable, NamedTuple, Sequence
from passthru.vmm.image_errors import ImageTruncated, ImageUnsupported, OutsideRam, RamTooSmall

__all__ = ["LARGEST_TREE", "FreeMemory", "LinuxHeader", "ram_too_small", "read_header", "unpacked"]

LARGEST_TREE = 2 << 20
"""Bytes of the largest device tree; kept for it, whatever its size."""

_ALIGNMENT = 2 << 20
_HEADER_SIZE = 64
_BIG_ENDIAN = 1
_OLD_TEXT_OFFSET = 0x80000
_GZIP = zlib.MAX_WBITS | 16


class LinuxHeader(NamedTuple):
    """Where an Image goes: ``text_offset`` bytes above 2 MiB, ``image_size`` bytes in memory."""

    text_offset: int
    image_size: int


def read_header(name: str, image: bytes) -> LinuxHeader:
    """The header of an Image. Raises ImageTruncated, ImageUnsupported."""
    if len(image) < _HEADER_SIZE:
        raise ImageTruncated(name, "the header", _HEADER_SIZE, len(image))
    text_offset, image_size, flags = unpack_from("<QQQ", image, 8)
    if flags & _BIG_ENDIAN:
        raise ImageUnsupported(name, "a big-endian kernel; run starts little-endian ones")
    if image_size == 0:  # before Linux 3.17
        return LinuxHeader(_OLD_TEXT_OFFSET, len(image))
    if image_size >= 1 << 40 or text_offset >= _ALIGNMENT:
        raise ImageUnsupported(name, "damaged: its header asks for an impossible place")
    return LinuxHeader(text_offset, max(image_size, len(image)))


def unpacked(name: str, image: bytes, memory: Sequence[AddressRange]) -> bytes:
    """What gzip has packed, if it fits into a piece of ``memory``.

    Raises ImageUnsupported, RamTooSmall.
    """
    limit = max((part.size for part in memory), default=0)
    unpacker = zlib.decompressobj(_GZIP)
    try:
        content = unpacker.decompress(image, limit + 1)
    except zlib.error as error:
        raise ImageUnsupported(name, f"damaged gzip file: {error}") from error
    if len(content) > limit:
        # The file's last word is the size of what it has packed (RFC 1952, 2.3.1).
        told = int.from_bytes(image[-4:], "little")
        raise ram_too_small(name, max(told, len(content)), memory, limit)
    if not unpacker.eof:
        raise ImageUnsupported(name, "damaged gzip file: it ends too early")
    return content


def ram_too_small(
    name: str, size: int, memory: Sequence[AddressRange], largest: int
) -> RamTooSmall:
    """No free piece of ``memory`` has ``size`` bytes; the last one of all would have to grow."""
    last = memory[-1] if memory else AddressRange(0, 0)
    end = -(-last.end // _ALIGNMENT) * _ALIGNMENT
    return RamTooSmall(name, size, largest, end + size, last.start)


class FreeMemory:
    """RAM that holds nothing yet (GPA); each piece is given out once."""

    def __init__(self, name: str, ram: Iterable[AddressRange]) -> None:
        self._name = name
        self._ram = united(ram)
        self._free = self._ram

    def take(self, place: AddressRange) -> None:
        """Keep ``place`` from being given out."""
        self._free = [rest for part in self._free for rest in without(part, [place])]

    def take_room(self, address: int, most: int) -> AddressRange | None:
        """Up to ``most`` bytes from ``address`` on; None where that is not free."""
        for part in self._free:
            if part.start <= address < part.end:
                room = AddressRange(address, min(most, part.end - address))
                self.take(room)
                return room
        return None

    def find(
        self,
        size: int,
        address: int | None = None,
        alignment: int = _ALIGNMENT,
        needed_by: str | None = None,
    ) -> AddressRange:
        """``size`` bytes from a multiple of ``alignment`` on, the lowest or at ``address``.

        ``needed_by`` is who needs them if it is not the image. Raises OutsideRam, RamTooSmall.
        """
        for part in self._free:
            start = address if address is not None else -(-part.start // alignment) * alignment
            place = AddressRange(start, size)
            if part.contains(place):
                self.take(place)
                return place
        if address is not None:
            raise OutsideRam(self._name, "the image", AddressRange(address, size))
        largest = max((part.size for part in self._free), default=0)
        raise ram_too_small(needed_by or self._name, size, self._ram, largest)
