# SPDX-License-Identifier: Apache-2.0
"""The kernel as the rest of the project touches it: one small object, so that a fake can
stand in for it and fail at any step; and open files that take ioctls, with errors that say
whose call failed.
"""

import _ctypes
import errno
import fcntl
import os
import select

from passthru.diagnostics.errors import PassthruError
from passthru.lean import TYPE_CHECKING, Callable, Protocol, Sequence, partial

if TYPE_CHECKING:
    from typing import Literal

    IntegerFormat = Literal["B", "H", "I", "Q"]
    _Integer = _ctypes._SimpleCData[int]
else:
    _Integer = _ctypes._SimpleCData

__all__ = ["Kernel", "KernelCallFailed", "KernelObject", "LinuxKernel", "Mapping", "new_eventfd"]


class Mapping:
    """Memory mapped into this process: ``address`` is a user virtual address."""

    __slots__ = ("address", "size", "view")

    def __init__(self, address: int, size: int) -> None:
        self.address = address
        self.size = size
        self.view = _memory_at(address, size)

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

    def store_words(self, offset: int, data: bytes | bytearray | memoryview) -> None:
        """Store ``data`` at ``offset`` in aligned words, the bytes before and after one by one.

        As ``write``, but slow, and for what is device memory to arm64, too: there the unaligned
        stores of a fast copy would end the process (SIGBUS).
        """
        self._check(offset, len(data))
        head = min(-offset % _WORD, len(data))
        tail = head + (len(data) - head) // _WORD * _WORD
        if head < tail:
            place = self.view[offset + head : offset + tail].cast("Q")
            # One by one: a slice would be a fast copy.
            for number, word in enumerate(memoryview(data)[head:tail].cast("Q")):
                place[number] = word
        for number in (*range(head), *range(tail, len(data))):
            self.store(offset + number, 1, data[number])

    def _check(self, offset: int, size: int) -> None:
        if offset < 0 or size < 0 or offset + size > self.size:
            raise IndexError(f"{offset:#x}+{size:#x} outside a mapping of {self.size:#x} bytes")


_WORD = 8
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

    def clear(self, eventfd: int) -> None:
        """Set an event counter back to zero."""

    def wait(self, files: Sequence[int]) -> list[int]:
        """Sleep until one of ``files`` can be read, or is broken; answers all that are."""

    def lock(self, file: int) -> None:
        """Keep others from locking an open file, until it is closed; no waiting."""

    def become_realtime(self, priority: int, *, round_robin: bool = False) -> None:
        """Schedule the calling thread by SCHED_FIFO, or by SCHED_RR."""

    def allowed_processors(self) -> frozenset[int]:
        """The processors that the calling thread may run on."""

    def stay_on(self, processors: Sequence[int]) -> None:
        """Keep the calling thread on these of the host's processors."""

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
            return _ioctl_with_number(file, request, argument)
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
        protection = _PROT_READ | (_PROT_WRITE if writable else 0)
        return Mapping(_map_file(file, size, offset, protection), size)

    def unmap(self, mapping: Mapping) -> None:
        """See Kernel."""
        _unmap(mapping.address, mapping.size)

    def eventfd(self) -> int:
        """See Kernel."""
        return os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    def signal(self, eventfd: int) -> None:
        """See Kernel."""
        os.eventfd_write(eventfd, 1)

    def clear(self, eventfd: int) -> None:
        """See Kernel."""
        os.eventfd_read(eventfd)

    def wait(self, files: Sequence[int]) -> list[int]:
        """See Kernel."""
        poll = select.poll()
        for file in files:
            poll.register(file, select.POLLIN)
        return [file for file, _ in poll.poll()]

    def lock(self, file: int) -> None:
        """See Kernel."""
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def become_realtime(self, priority: int, *, round_robin: bool = False) -> None:
        """See Kernel."""
        policy = os.SCHED_RR if round_robin else os.SCHED_FIFO
        # For Linux, 0 is the calling thread, not the process (sched_setscheduler(2)).
        os.sched_setscheduler(0, policy, os.sched_param(priority))

    def allowed_processors(self) -> frozenset[int]:
        """See Kernel."""
        return frozenset(os.sched_getaffinity(0))

    def stay_on(self, processors: Sequence[int]) -> None:
        """See Kernel."""
        os.sched_setaffinity(0, processors)

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


# Python's own `mmap` objects do not tell their address, which KVM and VFIO want, and
# `fcntl.ioctl` takes no number above a C int. The C half of `ctypes` does both; its Python
# half, which is left out, takes longer to import than a small machine to build. Each type
# that is made here counts, too: a view costs less than an array's type of its own.

_PROT_READ = 1
_PROT_WRITE = 2
_MAP_SHARED = 1
_MAP_FAILED = (1 << 64) - 1
_PYBUF_WRITE = 0x200


class _Int(_Integer):
    _type_ = "i"


class _UnsignedLong(_Integer):
    _type_ = "L"


class _Object(_Integer):
    _type_ = "O"


class _ReturnsInt(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Int


class _ReturnsAddress(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _UnsignedLong


class _ReturnsObject(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_PYTHONAPI
    _restype_ = _Object


_process = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]  # typeshed does not know of None
_mmap = _ReturnsAddress(_ctypes.dlsym(_process, "mmap"))
_mmap.argtypes = (_UnsignedLong, _UnsignedLong, _Int, _Int, _Int, _UnsignedLong)
_munmap = _ReturnsInt(_ctypes.dlsym(_process, "munmap"))
_munmap.argtypes = (_UnsignedLong, _UnsignedLong)
_ioctl = _ReturnsInt(_ctypes.dlsym(_process, "ioctl"))
_ioctl.argtypes = (_Int, _UnsignedLong, _UnsignedLong)
_view = _ReturnsObject(_ctypes.dlsym(_process, "PyMemoryView_FromMemory"))
_view.argtypes = (_UnsignedLong, _UnsignedLong, _Int)


def _map_file(file: int, size: int, offset: int, protection: int) -> int:
    """A shared mapping of a file; answers its user virtual address. Raises OSError."""
    address: int = _mmap(0, size, protection, _MAP_SHARED, file, offset)
    if address == _MAP_FAILED:
        raise _last_error()
    return address


def _unmap(address: int, size: int) -> None:
    """End a mapping; what nobody has mapped is no error."""
    _munmap(address, size)


def _memory_at(address: int, size: int) -> memoryview:
    """The memory of this process at ``address``, as bytes."""
    view: memoryview = _view(address, size, _PYBUF_WRITE)
    return view


def _ioctl_with_number(file: int, request: int, number: int) -> int:
    """An ioctl whose argument is a number of up to 64 bits. Raises OSError."""
    answer: int = _ioctl(file, request, number)
    if answer < 0:
        raise _last_error()
    return answer


def _last_error() -> OSError:
    number = _ctypes.get_errno()
    return OSError(number, os.strerror(number))


class KernelCallFailed(PassthruError):
    """The kernel refused a call; ``error`` has its number."""

    def __init__(self, subject: str, call: str, error: OSError) -> None:
        name = errno.errorcode.get(error.errno or 0, str(error.errno))
        super().__init__(f"{subject}: {call}: {os.strerror(error.errno or 0)} ({name})")
        self.error = error


class KernelObject:
    """Something of the kernel's behind a file descriptor; ``name`` stands in every error."""

    def __init__(self, kernel: Kernel, file: int, name: str) -> None:
        self._kernel = kernel
        self.file = file
        self._name = name

    def __str__(self) -> str:
        return self._name

    def close(self) -> None:
        """Give it back."""
        self._kernel.close(self.file)

    def call(self, name: str, request: int, argument: int | bytearray = 0) -> int:
        """An ioctl. Raises KernelCallFailed."""
        try:
            return self._kernel.ioctl(self.file, request, argument)
        except OSError as error:
            raise KernelCallFailed(self._name, name, error) from error

    def map(self, size: int, offset: int) -> Mapping:
        """A shared, writable mapping from ``offset``. Raises KernelCallFailed."""
        try:
            return self._kernel.map(self.file, size, offset, writable=True)
        except OSError as error:
            raise KernelCallFailed(self._name, f"mmap of {size:#x} bytes", error) from error


def new_eventfd(kernel: Kernel) -> int:
    """An event counter. Raises KernelCallFailed."""
    try:
        return kernel.eventfd()
    except OSError as error:
        raise KernelCallFailed("this process", "eventfd", error) from error
