# SPDX-License-Identifier: Apache-2.0
"""The known content of the boards' disks, which a guest must read back."""

import hashlib

__all__ = ["pattern"]


def pattern(disk: str, size: int) -> bytes:
    """The first ``size`` bytes of the disk of that id; no block equals another."""
    return hashlib.shake_128(f"passthru bench disk {disk}".encode()).digest(size)
