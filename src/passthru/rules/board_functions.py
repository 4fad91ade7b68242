# SPDX-License-Identifier: Apache-2.0
"""Passed PCI functions on a board whose machine is not planned: which ones are meant."""

from passthru.board.model import Board, BoardOrigin
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.lean import NamedTuple
from passthru.plan.claims import locked_memory
from passthru.plan.functions import chosen_functions
from passthru.plan.memory import configured_regions
from passthru.plan.model import GuestFunction, GuestRegion

__all__ = ["ChosenFunctions", "choose_functions", "knows_functions"]


class ChosenFunctions(NamedTuple):
    """The functions that are meant, the memory that they may reach, and what is wrong.

    Nothing is said of the guest's side: the functions have no BARs and no interrupt there.
    """

    functions: tuple[GuestFunction, ...]
    regions: tuple[GuestRegion, ...]
    locked_memory: int
    findings: tuple[Finding, ...]


def choose_functions(config: VmConfig, board: Board) -> ChosenFunctions:
    """Find every passed function on the board; none where the board tells of no PCI."""
    chosen, findings = chosen_functions(config, board) if knows_functions(board) else ([], [])
    functions = tuple(
        GuestFunction(
            each.location.guest or each.host.address, each.host, (), None, each.location.span
        )
        for each in chosen
    )
    regions = configured_regions(config, None)
    return ChosenFunctions(
        functions=functions,
        regions=regions,
        locked_memory=locked_memory(regions, has_functions=bool(functions)),
        findings=tuple(findings),
    )


def knows_functions(board: Board) -> bool:
    """Whether a function that the board does not name is not there."""
    return bool(board.pci) or board.origin is BoardOrigin.LINUX
