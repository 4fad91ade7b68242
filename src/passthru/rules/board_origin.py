# SPDX-License-Identifier: Apache-2.0
"""How far a board tells of the host that will run a VM."""

from passthru.board.model import Board, BoardOrigin
from passthru.rules.hypervisor import Hypervisor

__all__ = ["shows_state_of_linux", "shows_what_the_host_uses"]


def shows_what_the_host_uses(board: Board, hypervisor: Hypervisor) -> bool:
    """Whether the drivers and owners that the board names are those of the VM's host.

    A board that Linux described tells nothing of what QNX would use there, nor the other way
    round. A device tree names no drivers, so it is not asked.
    """
    origin = board.origin
    if origin is BoardOrigin.LINUX:
        return hypervisor is Hypervisor.KVM
    if origin is BoardOrigin.QNX:
        return hypervisor is not Hypervisor.KVM
    return True


def shows_state_of_linux(board: Board) -> bool:
    """Whether the board's drivers, IOMMU groups and limits can be those of a Linux kernel.

    Other descriptions leave them empty or take them as present.
    """
    return board.origin in (BoardOrigin.LINUX, BoardOrigin.UNKNOWN)
