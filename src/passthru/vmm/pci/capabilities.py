# SPDX-License-Identifier: Apache-2.0
"""The capability list of a host function, read with suspicion (PCI 3.0, 6.7)."""

from passthru.lean import Callable, NamedTuple

__all__ = [
    "EXPRESS",
    "MSI",
    "MSIX",
    "POWER_MANAGEMENT",
    "Capability",
    "read_capabilities",
]

POWER_MANAGEMENT = 0x01
MSI = 0x05
VENDOR_SPECIFIC = 0x09
SUBSYSTEM_IDS = 0x0D
EXPRESS = 0x10
MSIX = 0x11
_NULL = 0x00
_AGP, _VPD, _SLOT, _HOT_SWAP, _SATA, _ADVANCED = 0x02, 0x03, 0x04, 0x06, 0x12, 0x13

_POINTER = 0x34
_STATUS = 0x06
_HAS_LIST = 0x10
_FIRST = 0x40
_LIMIT = 0x100

_EXPRESS_SIZES = {1: 0x14, 2: 0x3C}
_FIXED_SIZES = {
    POWER_MANAGEMENT: 8,
    _AGP: 12,
    _VPD: 8,
    _SLOT: 4,
    _HOT_SWAP: 4,
    SUBSYSTEM_IDS: 8,
    MSIX: 12,
    _ADVANCED: 6,
}
_SATA_SIZES = {0xF: 16}  # index and data registers follow the capability itself


class Capability(NamedTuple):
    """A capability: id, its place in configuration space and its length in bytes.

    Where no length is known, it reaches to the next capability or the end of the space.
    """

    identifier: int
    offset: int
    size: int


def read_capabilities(read: Callable[[int, int], int]) -> tuple[Capability, ...]:
    """Every capability in the order of the list; ``read(offset, size)`` gives registers.

    A loop or a pointer out of range ends the list there; so does a capability that runs over
    the end, which becomes a nameless one: nobody can say what its registers are.
    """
    if not read(_STATUS, 2) & _HAS_LIST:
        return ()
    found: list[tuple[int, int, int | None]] = []
    offsets: list[int] = []
    offset = read(_POINTER, 1) & 0xFC
    while offset >= _FIRST and offset not in offsets:
        identifier = read(offset, 1)
        size = _size(read, identifier, offset)
        if offset + (size or 0) > _LIMIT:
            found.append((_NULL, offset, None))
            break
        found.append((identifier, offset, size))
        offsets.append(offset)
        offset = read(offset + 1, 1) & 0xFC
    return tuple(
        Capability(identifier, offset, _space(offset, offsets) if size is None else size)
        for identifier, offset, size in found
    )


def _space(offset: int, offsets: list[int]) -> int:
    """Bytes up to the next capability in the order of addresses."""
    return min((other for other in offsets if other > offset), default=_LIMIT) - offset


def _size(read: Callable[[int, int], int], identifier: int, offset: int) -> int | None:
    """The capability's length in bytes; None where neither it nor its id tells."""
    if identifier == MSI:
        control = read(offset + 2, 2)
        wide, maskable = control & 0x80, control & 0x100
        return (14 if wide else 10) + (10 if maskable else 0)
    if identifier == EXPRESS:
        return _EXPRESS_SIZES.get(read(offset + 2, 1) & 0xF, 0x3C)
    if identifier == VENDOR_SPECIFIC:
        return max(read(offset + 2, 1), 3)
    if identifier == _SATA:
        return _SATA_SIZES.get(read(offset + 4, 1) & 0xF, 8)
    return _FIXED_SIZES.get(identifier)
