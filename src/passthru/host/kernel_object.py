# SPDX-License-Identifier: Apache-2.0
"""Open files that take ioctls, with errors that say whose call failed."""

import errno
import os

from passthru.diagnostics.errors import PassthruError
from passthru.host.kernel import Kernel, Mapping

__all__ = ["KernelCallFailed", "KernelObject", "new_eventfd"]


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
