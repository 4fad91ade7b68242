# SPDX-License-Identifier: Apache-2.0
"""Host-physical memory through ``/dev/mem``: reserved RAM and device registers."""

import os
from struct import pack

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.model import Board
from passthru.host.errors import PhysicalMemoryRefused
from passthru.host.guard import guard_memory
from passthru.host.kernel import Kernel, Mapping

__all__ = ["map_physical_memory", "read_physical_memory"]

_WORD = 8
_AT_ONCE = 1 << 20


def map_physical_memory(
    kernel: Kernel, board: Board, host: AddressRange, *, writable: bool
) -> Mapping:
    """Map whole pages of the host's memory (HPA) into this process; ``board`` is that host.

    Opened without O_SYNC, so that RAM stays cacheable; for anything else the kernel
    chooses uncached by itself (drivers/char/mem.c, phys_mem_access_prot).
    Raises HostInfrastructureRefused and PhysicalMemoryRefused.
    """
    guard_memory(host, board)
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


def read_physical_memory(kernel: Kernel, board: Board, host: AddressRange) -> bytes:
    """A copy of the host's memory (HPA), read in aligned words: where the kernel does not know it
    as RAM, processors take no others. Raises what map_physical_memory raises."""
    mapping = map_physical_memory(kernel, board, host.page_aligned(), writable=False)
    try:
        skipped = host.start % PAGE_SIZE
        start = skipped // _WORD * _WORD
        end = skipped + host.size
        parts = []
        for at in range(start, end, _AT_ONCE):
            size = min(_AT_ONCE, -(-(end - at) // _WORD) * _WORD)
            words = mapping.view[at : at + size].cast("Q").tolist()
            parts.append(pack(f"={len(words)}Q", *words))
    finally:
        kernel.unmap(mapping)
    return b"".join(parts)[skipped - start :][: host.size]
