# SPDX-License-Identifier: Apache-2.0
"""The C functions that Python does not offer as they are needed here.

Python's own ``mmap`` objects do not tell their address, which KVM and VFIO want, and
``fcntl.ioctl`` takes no number above a C int. The C half of ``ctypes`` does both; its
Python half, which is left out, takes longer to import than a small machine to build.
"""

import _ctypes
import os

from passthru.lean import TYPE_CHECKING

if TYPE_CHECKING:
    _Integer = _ctypes._SimpleCData[int]
else:
    _Integer = _ctypes._SimpleCData

__all__ = ["PROT_READ", "PROT_WRITE", "ioctl_with_number", "map_file", "memory_at", "unmap"]

PROT_READ = 1
PROT_WRITE = 2
_MAP_SHARED = 1
_MAP_FAILED = (1 << 64) - 1


class _Byte(_Integer):
    _type_ = "B"


class _Int(_Integer):
    _type_ = "i"


class _Long(_Integer):
    _type_ = "l"


class _UnsignedLong(_Integer):
    _type_ = "L"


class _ReturnsInt(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Int


class _ReturnsAddress(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _UnsignedLong


_libc = _ctypes.dlopen("libc.so.6", 0)
_mmap = _ReturnsAddress(_ctypes.dlsym(_libc, "mmap"))
_mmap.argtypes = (_UnsignedLong, _UnsignedLong, _Int, _Int, _Int, _Long)
_munmap = _ReturnsInt(_ctypes.dlsym(_libc, "munmap"))
_munmap.argtypes = (_UnsignedLong, _UnsignedLong)
_ioctl = _ReturnsInt(_ctypes.dlsym(_libc, "ioctl"))
_ioctl.argtypes = (_Int, _UnsignedLong, _UnsignedLong)


def map_file(file: int, size: int, offset: int, protection: int) -> int:
    """A shared mapping of a file; answers its user virtual address. Raises OSError."""
    address: int = _mmap(0, size, protection, _MAP_SHARED, file, offset)
    if address == _MAP_FAILED:
        raise _last_error()
    return address


def unmap(address: int, size: int) -> None:
    """End a mapping; what nobody has mapped is no error."""
    _munmap(address, size)


def memory_at(address: int, size: int) -> memoryview:
    """The memory of this process at ``address``, as bytes."""
    return memoryview((_Byte * size).from_address(address)).cast("B")


def ioctl_with_number(file: int, request: int, number: int) -> int:
    """An ioctl whose argument is a number of up to 64 bits. Raises OSError."""
    answer: int = _ioctl(file, request, number)
    if answer < 0:
        raise _last_error()
    return answer


def _last_error() -> OSError:
    number = _ctypes.get_errno()
    return OSError(number, os.strerror(number))
