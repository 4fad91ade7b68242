# SPDX-License-Identifier: Apache-2.0
"""The host's address space as a bar of text, top down, with what is small beside it enlarged."""

from collections.abc import Iterable, Iterator

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.lean import NamedTuple
from passthru.report.board_memory import MemoryRow, MemoryUse, memory_rows
from passthru.report.map_scale import Cell, ScaledCell, address_scale
from passthru.report.sizes import rough_size_text
from passthru.report.text import printable

__all__ = ["memory_picture"]

_WIDTH = 10
_LINES = 28
_MOST = {MemoryUse.HOLE: 2, MemoryUse.DEVICES: 4, MemoryUse.FIRMWARE: 2}
_MOST_OF_RAM = 16

_FILLS = {
    MemoryUse.HOST: "█",
    MemoryUse.RESERVED: "▓",
    MemoryUse.DEVICES: "▒",
    MemoryUse.FIRMWARE: "░",
    MemoryUse.HOLE: " ",
}
_SMALL = 64 << 20
"""Bytes from which something that is no RAM has a piece of the bar to itself."""

_NAMES = 2


class _Piece(NamedTuple):
    """Rows of the memory map that are drawn as one."""

    range: AddressRange
    use: MemoryUse
    names: tuple[str, ...]


def memory_picture(board: Board) -> Iterator[str]:
    """The lines of the bar with its legend; none where the memory map is not known."""
    pieces = list(_pieces(memory_rows(board)))
    if not pieces:
        return
    cells = [_cell(piece) for piece in pieces]
    scale = address_scale(cells, _LINES)
    widest = len(f"{pieces[-1].range.end:#x}")
    yield f"  {_legend(pieces)}"
    for piece, cell in zip(pieces, scale.cells, strict=True):
        yield from _bar(piece, cell, widest)
    yield f"  {pieces[-1].range.end:#{widest}x}"
    if not all(cell.is_to_scale for cell in scale.cells):
        yield f"  {'':{widest}} ≈ not to scale"


def _pieces(rows: Iterable[MemoryRow]) -> Iterator[_Piece]:
    """The rows, with small ones that follow each other and are no RAM put together."""
    gathered: list[MemoryRow] = []
    for row in rows:
        if row.use in _MOST and row.range.size < _SMALL:
            gathered.append(row)
            continue
        yield from _gathered(gathered)
        gathered = []
        yield _Piece(row.range, row.use, (row.name,))
    yield from _gathered(gathered)


def _gathered(rows: list[MemoryRow]) -> Iterator[_Piece]:
    if not rows:
        return
    solid = [row for row in rows if row.use is not MemoryUse.HOLE]
    uses = {row.use for row in solid}
    use = MemoryUse.DEVICES if MemoryUse.DEVICES in uses else next(iter(uses), MemoryUse.HOLE)
    names = dict.fromkeys(row.name for row in solid)
    yield _Piece(AddressRange.between(rows[0].range.start, rows[-1].range.end), use, tuple(names))


def _cell(piece: _Piece) -> Cell:
    is_ram = piece.use not in _MOST
    most = _MOST_OF_RAM if is_ram else _MOST[piece.use]
    # Windows of hundreds of gibibytes must not make all RAM one line each.
    return Cell(piece.range, 1, most, piece.use is MemoryUse.HOLE, sets_scale=is_ram)


def _bar(piece: _Piece, cell: ScaledCell, widest: int) -> Iterator[str]:
    lines = _rounded(cell.start + cell.length) - _rounded(cell.start)
    fill = _FILLS[piece.use] * _WIDTH
    mark = " " if cell.is_to_scale else "≈"
    label = " ".join(part for part in (rough_size_text(piece.range.size), _label(piece)) if part)
    yield f"  {piece.range.start:#{widest}x} {mark}│{fill}│ {label}".rstrip()
    for _ in range(lines - 1):
        yield f"  {'':{widest}}  │{fill}│"


def _rounded(place: float) -> int:
    # Halves go up: what is at least one line long has at least one line.
    return int(place + 0.5)


def _label(piece: _Piece) -> str:
    names = [printable(name) for name in piece.names if name]
    more = f" and {len(names) - _NAMES} more" if len(names) > _NAMES else ""
    told = ", ".join(names[:_NAMES]) + more
    return f"{piece.use.value}: {told}" if told else piece.use.value


def _legend(pieces: Iterable[_Piece]) -> str:
    used = {piece.use for piece in pieces}
    return "  ".join(
        f"{fill} {use.value}" for use, fill in _FILLS.items() if use in used and fill != " "
    )
