# SPDX-License-Identifier: Apache-2.0
"""Property values as a blob has them.

Source: Devicetree Specification, release 0.4, section 2.2.4.
"""

__all__ = ["cells", "number_in_cells", "strings"]

_CELL_SIZE = 4


def cells(*numbers: int) -> bytes:
    """Big-endian 32-bit numbers; OverflowError for one that has no place in them."""
    return b"".join(number.to_bytes(_CELL_SIZE, "big") for number in numbers)


def number_in_cells(number: int, width: int) -> bytes:
    """One number over ``width`` cells; OverflowError where it has no place in them."""
    return number.to_bytes(_CELL_SIZE * width, "big")


def strings(*texts: str) -> bytes:
    """Texts that a zero ends each; characters that are no ASCII become UTF-8."""
    return b"".join(text.encode("utf-8", "surrogateescape") + b"\0" for text in texts)
