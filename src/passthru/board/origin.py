# SPDX-License-Identifier: Apache-2.0
"""From what a board was read, and whose guests its processors run."""

from passthru.board.model import Board
from passthru.lean import Enum

__all__ = ["BoardOrigin", "board_architecture", "origin_of"]

_ARCHITECTURES = {"x86_64": "x86", "i686": "x86", "aarch64": "arm", "armv7l": "arm"}


class BoardOrigin(Enum):
    """Who described the board."""

    LINUX = "a Linux kernel"
    QNX = "texts of QNX"
    TREE = "a device tree"
    UNKNOWN = "somebody"


def origin_of(board: Board) -> BoardOrigin:
    """What the board was read from, as far as it shows."""
    if board.features:
        return BoardOrigin.LINUX
    if board.asinfo or any("QNX's texts" in sentence for sentence in board.unseen):
        return BoardOrigin.QNX
    if any(device.name.startswith("/") for device in board.devices):
        return BoardOrigin.TREE
    return BoardOrigin.UNKNOWN


def board_architecture(board: Board) -> str | None:
    """``x86`` or ``arm``, whose guests the board's processors run; None where it is neither."""
    return _ARCHITECTURES.get(board.architecture)
