# SPDX-License-Identifier: Apache-2.0
"""The last look before something of the host is opened: what the host needs to live stays shut.

The rules have refused it before, with the line of the configuration. This does not trust them.
"""

from passthru.addresses import AddressRange
from passthru.board.infrastructure import needed_line
from passthru.board.model import Board
from passthru.board.uio import MAIN_CONTROLLERS
from passthru.host.errors import HostInfrastructureRefused
from passthru.lean import Iterable

__all__ = ["guard_interrupts", "guard_memory"]


def guard_memory(host: AddressRange, board: Board) -> None:
    """Raises HostInfrastructureRefused if the pages of ``host`` (HPA) have any of it."""
    pages = host.page_aligned()
    for needed in board.infrastructure:
        if needed.range.overlaps(pages):
            raise HostInfrastructureRefused(f"memory at {host}", f"{needed.name} {needed.range}")


def guard_interrupts(vectors: Iterable[int], board: Board) -> None:
    """Raises HostInfrastructureRefused if one of the host's ``vectors`` is not to be passed."""
    for vector in vectors:
        lines = [
            line
            for line in board.interrupts
            if line.vector == vector and line.controller in MAIN_CONTROLLERS
        ]
        reason = needed_line(vector, lines, board)
        if reason is not None:
            raise HostInfrastructureRefused(f"interrupt {vector}", reason)
