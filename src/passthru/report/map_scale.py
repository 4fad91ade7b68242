# SPDX-License-Identifier: Apache-2.0
"""The scale of an address column in a picture: to scale where it helps, compressed where not.

An address space holds pages beside gibibytes, so no single scale shows both. Here each cell
of a column (a stretch of addresses between two edges) is as long as one common scale makes
it, but never shorter than its texts need and never longer than is useful. Positions and
lengths are in lines of text. The scale is monotone: what lies higher in the address space is
never drawn before what lies lower.
"""

from bisect import bisect_right
from collections.abc import Sequence

from passthru.addresses import AddressRange
from passthru.lean import NamedTuple

__all__ = ["AddressScale", "Cell", "ScaledCell", "address_scale"]

_STEPS = 40
"""Halvings of the ratio between the largest and the smallest scale that are thinkable."""

_TOLERANCE = 0.02


class Cell(NamedTuple):
    """A stretch of addresses, not empty, and the lines that it may take.

    ``sets_scale``: the scale is never so large that this cell would need more than ``most``.
    """

    range: AddressRange
    least: float
    most: float
    is_hole: bool = False
    sets_scale: bool = True


class ScaledCell(NamedTuple):
    """A cell with its place in the column, in lines from the column's start.

    ``is_to_scale`` tells whether its length compares with that of the others that are.
    """

    range: AddressRange
    start: float
    length: float
    is_hole: bool
    is_to_scale: bool


class AddressScale(NamedTuple):
    """The cells of a column, sorted by address and without gaps between them."""

    cells: tuple[ScaledCell, ...]

    @property
    def length(self) -> float:
        """Lines that the whole column takes."""
        return self.cells[-1].start + self.cells[-1].length if self.cells else 0.0

    def position(self, address: int) -> float:
        """Where ``address`` is, in lines; one outside the column is at its nearer end."""
        after = bisect_right(self.cells, address, key=lambda each: each.range.start)
        if after == 0:
            return 0.0
        cell = self.cells[after - 1]
        part = min(1.0, (address - cell.range.start) / cell.range.size)
        return cell.start + part * cell.length


def address_scale(cells: Sequence[Cell], length: float) -> AddressScale:
    """The scale of ``cells``, which are sorted and adjacent, for a column of ``length`` lines.

    The column gets longer than that where the texts need it, and stays shorter where the
    largest cell that sets the scale has all the lines that it may take.
    """
    if not cells:
        return AddressScale(())
    lines_per_byte = _lines_per_byte(cells, length)
    scaled = []
    start = 0.0
    for cell in cells:
        lines = _lines(cell, lines_per_byte)
        fair = cell.range.size * lines_per_byte
        is_to_scale = abs(fair - lines) <= _TOLERANCE * lines
        scaled.append(ScaledCell(cell.range, start, lines, cell.is_hole, is_to_scale))
        start += lines
    return AddressScale(tuple(scaled))


def _lines(cell: Cell, lines_per_byte: float) -> float:
    return max(cell.least, min(cell.most, cell.range.size * lines_per_byte))


def _lines_per_byte(cells: Sequence[Cell], length: float) -> float:
    """The largest scale that keeps to ``length``, and to the cells that set the scale."""
    setting = [cell for cell in cells if cell.sets_scale] or cells
    high = min(cell.most / cell.range.size for cell in setting)
    low = min(min(cell.least, cell.most) / cell.range.size for cell in cells)
    if low >= high or _total(cells, high) <= length:
        return high
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        if _total(cells, middle) <= length:
            low = middle
        else:
            high = middle
    return low


def _total(cells: Sequence[Cell], lines_per_byte: float) -> float:
    return sum(_lines(cell, lines_per_byte) for cell in cells)
