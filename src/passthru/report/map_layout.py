# SPDX-License-Identifier: Apache-2.0
"""Where the things of an address column stand: places without any texts on one another."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

from passthru.addresses import AddressRange
from passthru.lean import NamedTuple
from passthru.report.map_scale import AddressScale, Cell, ScaledCell, address_scale

__all__ = ["ColumnLayout", "Placed", "Room", "column_layout", "list_layout"]


_LARGE = 1 << 20
"""Bytes from which it is of use to see how large something is."""

_LARGE_HOLE = 16 << 20
"""Bytes from which a hole is a large one."""


class Room(NamedTuple):
    """What a column may take, in lines.

    ``length``: in all. ``memory``: for the largest piece of memory, to which all others are in
    scale. ``other``: for a large piece of anything else. ``hole``: for a hole. ``large_hole``:
    the least for a large hole. ``unnamed``: the least for a small one, and for a piece that
    another thing divides from its name.
    """

    length: float
    memory: float
    other: float
    hole: float
    large_hole: float
    unnamed: float


class Placed(NamedTuple):
    """One thing: its first line, which has its name, and its end, in lines.

    ``depth`` counts the things that it lies on; nothing that lies on it begins before the line
    with its name ends.
    """

    top: float
    bottom: float
    depth: int


class ColumnLayout(NamedTuple):
    """The things of a column in the order in which they were given, and its scale."""

    placed: tuple[Placed, ...]
    scale: AddressScale

    @property
    def holes(self) -> Iterator[ScaledCell]:
        """The stretches of addresses where nothing is."""
        return (cell for cell in self.scale.cells if cell.is_hole)

    @property
    def length(self) -> float:
        """Lines that the column takes."""
        if self.scale.cells:
            return self.scale.length
        return max((each.bottom for each in self.placed), default=0.0)


def list_layout(count: int) -> ColumnLayout:
    """``count`` things under one another, a line each."""
    placed = (Placed(float(each), each + 1.0, 0) for each in range(count))
    return ColumnLayout(tuple(placed), AddressScale(()))


def column_layout(
    ranges: Sequence[AddressRange], is_memory: Sequence[bool], room: Room
) -> ColumnLayout:
    """A place for each of ``ranges``, none of which is empty, by address.

    ``is_memory`` tells which of them are RAM or ROM. What begins later, and of two that begin
    together the shorter, lies on the other. What begins at one address lies like cards in a
    hand, so that each name is seen.
    """
    order = sorted(range(len(ranges)), key=lambda each: (ranges[each].start, -ranges[each].size))
    edges = sorted({edge for each in ranges for edge in (each.start, each.end)})
    pieces = [AddressRange.between(*pair) for pair in pairwise(edges)]
    depths, cover = _depths_and_cover(ranges, order, pieces)
    names: dict[int, list[int]] = {}
    for each in order:
        names.setdefault(ranges[each].start, []).append(each)
    cells = [
        _cell(piece, len(names.get(piece.start, ())), [is_memory[each] for each in present], room)
        for piece, present in zip(pieces, cover, strict=True)
    ]
    scale = address_scale(cells, room.length)
    placed = {
        each: Placed(
            top=scale.position(start) + rank,
            bottom=scale.position(ranges[each].end),
            depth=depths[each],
        )
        for start, named in names.items()
        for rank, each in enumerate(named)
    }
    return ColumnLayout(tuple(placed[each] for each in range(len(ranges))), scale)


def _depths_and_cover(
    ranges: Sequence[AddressRange], order: Sequence[int], pieces: Sequence[AddressRange]
) -> tuple[list[int], list[list[int]]]:
    """How deep each range lies, and which ranges are at each piece."""
    depths = [0] * len(ranges)
    cover = []
    active: list[int] = []
    waiting = list(reversed(order))
    for piece in pieces:
        active = [each for each in active if ranges[each].end > piece.start]
        while waiting and ranges[waiting[-1]].start == piece.start:
            each = waiting.pop()
            depths[each] = 1 + max((depths[other] for other in active), default=-1)
            active.append(each)
        cover.append(list(active))
    return depths, cover


def _cell(piece: AddressRange, names: int, is_memory: Sequence[bool], room: Room) -> Cell:
    """``is_memory`` is about each thing at ``piece``; where there is none, it is a hole."""
    if not is_memory:
        is_large = piece.size >= _LARGE_HOLE
        least = min(room.large_hole if is_large else room.unnamed, room.hole)
        return Cell(piece, least, room.hole, is_hole=True, sets_scale=False)
    least = max(float(names), room.unnamed)
    most = room.memory if any(is_memory) else room.other
    return Cell(
        piece,
        least,
        max(least, most) if piece.size >= _LARGE else least,
        sets_scale=any(is_memory),
    )
