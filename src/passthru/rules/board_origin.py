# SPDX-License-Identifier: Apache-2.0
"""From what a board was read, which says how far it tells of the host that will run a VM."""

from passthru.board.model import Board
from passthru.lean import Enum
from passthru.rules.hypervisor import Hypervisor

__all__ = [
    "BoardOrigin",
    "board_architecture",
    "origin_of",
    "shows_state_of_linux",
    "shows_what_the_host_uses",
]

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


def shows_what_the_host_uses(board: Board, hypervisor: Hypervisor) -> bool:
    """Whether the drivers and owners that the board names are those of the VM's host.

    A board that Linux described tells nothing of what QNX would use there, nor the other way
    round. A device tree names no drivers, so it is not asked.
    """
    origin = origin_of(board)
    if origin is BoardOrigin.LINUX:
        return hypervisor is Hypervisor.KVM
    if origin is BoardOrigin.QNX:
        return hypervisor is not Hypervisor.KVM
    return True


def shows_state_of_linux(board: Board) -> bool:
    """Whether the board's drivers, IOMMU groups and limits can be those of a Linux kernel.

    Other descriptions leave them empty or take them as present.
    """
    return origin_of(board) in (BoardOrigin.LINUX, BoardOrigin.UNKNOWN)


def board_architecture(board: Board) -> str | None:
    """``x86`` or ``arm``, whose guests the board's processors run; None where it is neither."""
    return _ARCHITECTURES.get(board.architecture)
