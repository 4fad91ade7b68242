# SPDX-License-Identifier: Apache-2.0
"""Host-physical memory through ``/dev/mem``: reserved RAM and device registers."""

import os

from passthru.addresses import AddressRange
from passthru.host.errors import PhysicalMemoryRefused
from passthru.host.kernel import Kernel, Mapping

__all__ = ["map_physical_memory"]


def map_physical_memory(kernel: Kernel, host: AddressRange, *, writable: bool) -> Mapping:
    """Map whole pages of host-physical memory into this process.

    Opened without O_SYNC, so that RAM stays cacheable; for anything else the kernel
    chooses uncached by itself (drivers/char/mem.c, phys_mem_access_prot).
    Raises PhysicalMemoryRefused.
    """
    try:
        file = kernel.open("/dev/mem", os.O_RDWR if writable else os.O_RDONLY)
    except OSError as error:
        raise PhysicalMemoryRefused(host, error) from error
    try:
        return kernel.map(file, host.size, host.start, writable=writable)
    except OSError as error:
        raise PhysicalMemoryRefused(host, error) from error
    finally:
        kernel.close(file)
