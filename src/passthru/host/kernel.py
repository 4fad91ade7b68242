# SPDX-License-Identifier: Apache-2.0
"""The kernel as the rest of the project touches it: one small object, so that a fake can
stand in for it and fail at any step."""

import ctypes
import fcntl
import mmap
import os

from passthru.lean import Callable, Protocol, partial

__all__ = ["Kernel", "LinuxKernel", "Mapping"]


class Mapping:
    """Memory mapped into this process: ``address`` is a user virtual address."""

    __slots__ = ("address", "size", "view")

    def __init__(self, address: int, size: int) -> None:
        self.address = address
        self.size = size
        self.view = memoryview((ctypes.c_ubyte * size).from_address(address)).cast("B")

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
        """Store ``value`` in one access of 1, 2, 4 or 8 bytes, as device registers want it.

        Raises IndexError outside the mapping, KeyError for another size.
        """
        self._check(offset, size)
        _INTEGERS[size].from_address(self.address + offset).value = value

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise IndexError(f"{offset:#x}+{size:#x} outside a mapping of {self.size:#x} bytes")


_INTEGERS = {1: ctypes.c_uint8, 2: ctypes.c_uint16, 4: ctypes.c_uint32, 8: ctypes.c_uint64}


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


_libc = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [
    ctypes.c_void_p,
    ctypes.c_size_t,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_int,
    ctypes.c_long,
]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_MAX_C_INT = (1 << 31) - 1
_MAP_FAILED = ctypes.c_void_p(-1).value


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
            # fcntl.ioctl takes no more than a C int; KVM_SET_TSS_ADDR wants an address.
            answer: int = _libc.ioctl(file, ctypes.c_ulong(request), ctypes.c_ulong(argument))
            if answer < 0:
                error = ctypes.get_errno()
                raise OSError(error, os.strerror(error))
            return answer
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
        # Python's own mmap objects do not tell their address, which KVM and VFIO want.
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        address = _libc.mmap(None, size, protection, mmap.MAP_SHARED, file, offset)
        if address == _MAP_FAILED:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error))
        return Mapping(address, size)

    def unmap(self, mapping: Mapping) -> None:
        """See Kernel."""
        _libc.munmap(mapping.address, mapping.size)

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
