# SPDX-License-Identifier: Apache-2.0
"""The kernel as the rest of the project touches it: one small object, so that a fake can
stand in for it and fail at any step."""

import fcntl
import os

from passthru.host import libc
from passthru.lean import TYPE_CHECKING, Callable, Protocol, partial

if TYPE_CHECKING:
    from typing import Literal

    IntegerFormat = Literal["B", "H", "I", "Q"]

__all__ = ["Kernel", "LinuxKernel", "Mapping"]


class Mapping:
    """Memory mapped into this process: ``address`` is a user virtual address."""

    __slots__ = ("address", "size", "view")

    def __init__(self, address: int, size: int) -> None:
        self.address = address
        self.size = size
        self.view = libc.memory_at(address, size)

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset``; raises IndexError outside the mapping."""
        self._check(offset, size)
        return bytes(self.view[offset : offset + size])

    def write(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Store ``data`` at ``offset``; raises IndexError outside the mapping.

        A mapping made read-only must not be written: the process would be killed.
        """
        self._check(offset, len(data))
        self.view[offset : offset + len(data)] = data

    def store(self, offset: int, size: int, value: int) -> None:
        """Store the low ``size`` bytes of ``value``, 1, 2, 4 or 8, in one access.

        Device registers want it so. Raises IndexError outside the mapping, KeyError for
        another size.
        """
        self._check(offset, size)
        low = value & ((1 << 8 * size) - 1)
        self.view[offset : offset + size].cast(_INTEGERS[size])[0] = low

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise IndexError(f"{offset:#x}+{size:#x} outside a mapping of {self.size:#x} bytes")


_INTEGERS: "dict[int, IntegerFormat]" = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""Formats of ``struct``, by size; one element of a memoryview is stored in one access."""


class Kernel(Protocol):
    """What is asked of the kernel. Failures are OSError with the kernel's errno."""

    def open(self, path: str, flags: int) -> int:
        """A new descriptor, closed on exec."""

    def close(self, file: int) -> None:
        """Give a descriptor back."""

    def ioctl(self, file: int, request: int, argument: int | bytearray = 0) -> int:
        """One ioctl; a bytearray is passed by address and holds the answer afterwards."""

    def repeated_ioctl(self, file: int, request: int) -> Callable[[], object]:
        """An ioctl without argument, made ready to be called many times."""

    def read(self, file: int, size: int, offset: int) -> bytes:
        """``pread``."""

    def write(self, file: int, data: bytes, offset: int) -> int:
        """``pwrite``."""

    def map(self, file: int, size: int, offset: int, *, writable: bool) -> Mapping:
        """A shared mapping of a file from ``offset`` (bytes, page aligned)."""

    def unmap(self, mapping: Mapping) -> None:
        """End a mapping."""

    def eventfd(self) -> int:
        """A new non-blocking event counter at zero."""

    def signal(self, eventfd: int) -> None:
        """Count one event."""

    def memfd(self, name: str, size: int, *, hugepages: bool) -> int:
        """Anonymous memory as a file of ``size`` bytes, sealed against shrinking."""


_MAX_C_INT = (1 << 31) - 1


class LinuxKernel:
    """The running kernel."""

    def open(self, path: str, flags: int) -> int:
        """See Kernel."""
        return os.open(path, flags | os.O_CLOEXEC)

    def close(self, file: int) -> None:
        """See Kernel."""
        os.close(file)

    def ioctl(self, file: int, request: int, argument: int | bytearray = 0) -> int:
        """See Kernel."""
        if isinstance(argument, int) and argument > _MAX_C_INT:
            return libc.ioctl_with_number(file, request, argument)
        return fcntl.ioctl(file, request, argument)

    def repeated_ioctl(self, file: int, request: int) -> Callable[[], object]:
        """See Kernel."""
        return partial(fcntl.ioctl, file, request)

    def read(self, file: int, size: int, offset: int) -> bytes:
        """See Kernel."""
        return os.pread(file, size, offset)

    def write(self, file: int, data: bytes, offset: int) -> int:
        """See Kernel."""
        return os.pwrite(file, data, offset)

    def map(self, file: int, size: int, offset: int, *, writable: bool) -> Mapping:
        """See Kernel."""
        protection = libc.PROT_READ | (libc.PROT_WRITE if writable else 0)
        return Mapping(libc.map_file(file, size, offset, protection), size)

    def unmap(self, mapping: Mapping) -> None:
        """See Kernel."""
        libc.unmap(mapping.address, mapping.size)

    def eventfd(self) -> int:
        """See Kernel."""
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def signal(self, eventfd: int) -> None:
        """See Kernel."""
        os.eventfd_write(eventfd, 1)

    def memfd(self, name: str, size: int, *, hugepages: bool) -> int:
        """See Kernel."""
        flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING | (os.MFD_HUGETLB if hugepages else 0)
        file = os.memfd_create(name, flags)
        try:
            os.ftruncate(file, size)
            fcntl.fcntl(file, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
        except OSError:
            os.close(file)
            raise
        return file
