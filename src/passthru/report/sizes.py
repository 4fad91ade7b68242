# SPDX-License-Identifier: Apache-2.0
"""Sizes for people."""

__all__ = ["rough_size_text", "size_text"]

_UNITS = ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB"))


def size_text(size: int) -> str:
    """``64 MiB``, in the largest unit that divides ``size``."""
    for unit, name in _UNITS[1:]:
        if size and size % unit == 0:
            return f"{size // unit:,} {name}"
    return f"{size:,} byte" + ("" if size == 1 else "s")


def rough_size_text(size: int) -> str:
    """``~512 MiB`` or ``~1.5 GiB``, in the largest unit; without ``~`` where it is exact."""
    for unit, name in _UNITS:
        if size >= unit:
            tenths = round(size * 10 / unit)
            is_round = tenths >= 100 or tenths % 10 == 0
            shown = f"{round(size / unit):,}" if is_round else f"{tenths / 10:.1f}"
            rounded = round(size / unit) * 10 if is_round else tenths
            return f"{'' if rounded * unit == size * 10 else '~'}{shown} {name}"
    return size_text(size)
