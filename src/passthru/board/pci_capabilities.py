# SPDX-License-Identifier: Apache-2.0
"""What a PCI function can do, from the capability lists in its configuration space.

Source: PCI Local Bus Specification 3.0, sections 6.7 and 6.8; PCI Express Base Specification
5.0, section 7.6.3; the offsets are in include/uapi/linux/pci_regs.h.
"""

from passthru.board.host_files import HostFiles
from passthru.board.model import PciCapabilities, PciFunction
from passthru.lean import Iterable, Iterator

__all__ = ["EXPRESS", "MSI", "MSIX", "read_capabilities", "with_capabilities"]

MSI = 0x05
EXPRESS = 0x10
MSIX = 0x11
"""Ids of standard capabilities."""

_VENDOR = 0x00
_STATUS = 0x06
_STATUS_HAS_LIST = 0x10
_FIRST_POINTER = 0x34
_HEADER_SIZE = 0x40
_EXTENDED = 0x100
_NOTHING_THERE = 0xFF


def with_capabilities(
    functions: Iterable[PciFunction], files: HostFiles
) -> tuple[PciFunction, ...]:
    """The functions with what their configuration spaces tell."""
    return tuple(each._replace(capabilities=read_capabilities(each, files)) for each in functions)


def read_capabilities(function: PciFunction, files: HostFiles) -> PciCapabilities | None:
    """The capabilities of a function; None where they cannot be seen.

    sysfs shows the first 64 bytes to everybody and the lists, which begin behind them, to
    root only (drivers/pci/pci-sysfs.c, ``pci_read_config``).
    """
    space = _ConfigSpace(files, f"/sys/bus/pci/devices/{function.address.sysfs_name}/config")
    if not space.word(_VENDOR):  # no function has zero: the file cannot be read
        return None
    if not space.byte(_STATUS) & _STATUS_HAS_LIST:
        return PciCapabilities(standard=(), extended=(), msi_vectors=0, msix_vectors=0)
    places = list(_standard_places(space))
    if not places:
        return None
    by_id = {capability: place for place, capability in reversed(places)}
    return PciCapabilities(
        standard=tuple(capability for _, capability in places),
        # Without PCI Express there is no space for more.
        extended=tuple(_extended_ids(space)) if EXPRESS in by_id else (),
        msi_vectors=_msi_vectors(space, by_id[MSI]) if MSI in by_id else 0,
        msix_vectors=_msix_vectors(space, by_id[MSIX]) if MSIX in by_id else 0,
    )


class _ConfigSpace:
    """A function's configuration space, of which no more is read than is asked for."""

    def __init__(self, files: HostFiles, path: str) -> None:
        self._files = files
        self._path = path

    def byte(self, offset: int) -> int:
        return self._files.byte(self._path, offset)

    def word(self, offset: int) -> int:
        return self.byte(offset) | self.byte(offset + 1) << 8


def _standard_places(space: _ConfigSpace) -> Iterator[tuple[int, int]]:
    """Offsets and ids in the order of the list, as far as it can be read."""
    place = space.byte(_FIRST_POINTER) & 0xFC
    seen = set()
    while place >= _HEADER_SIZE and place not in seen:
        seen.add(place)
        capability, following = space.byte(place), space.byte(place + 1)
        # Past what may be read all is zero. No list ends there: its last entry has an id.
        if capability == _NOTHING_THERE or (capability, following) == (0, 0):
            return
        yield place, capability
        place = following & 0xFC


def _extended_ids(space: _ConfigSpace) -> Iterator[int]:
    place = _EXTENDED
    seen = set()
    while place >= _EXTENDED and place not in seen:
        seen.add(place)
        capability, rest = space.word(place), space.word(place + 2)
        if (capability, rest) in ((0, 0), (0xFFFF, 0xFFFF)):
            return
        yield capability
        place = rest >> 4 & 0xFFC


def _msi_vectors(space: _ConfigSpace, place: int) -> int:
    """How many the function asks for: a power of two, up to 32."""
    return 1 << min(space.byte(place + 2) >> 1 & 7, 5)


def _msix_vectors(space: _ConfigSpace, place: int) -> int:
    """The size of its table."""
    return (space.word(place + 2) & 0x7FF) + 1
