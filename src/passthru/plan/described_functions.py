# SPDX-License-Identifier: Apache-2.0
"""Passed PCI functions as far as they can be told, with or without a board."""

from passthru.addresses import PciAddress
from passthru.board.model import Board, PciFunction
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language.model import PciLocation, VmConfig
from passthru.lean import NamedTuple
from passthru.plan.guest_bus import WantedPlace, named_place, passed_locations, take_places
from passthru.plan.host_functions import choose_function
from passthru.plan.model import GuestFunction, PlannedBar

__all__ = ["DescribedFunction", "configured_functions", "planned_functions"]


class DescribedFunction(NamedTuple):
    """A passed PCI function.

    ``guest`` is its place on the guest's bus, None where that is not decided or cannot be;
    ``selector`` how the configuration names it. ``host`` is None without a board, and where
    the board has no such function; ``gsi``, the line that carries its INTx, and ``bars`` are
    there where ``run`` has decided them.
    """

    guest: PciAddress | None
    selector: str
    host: PciFunction | None
    gsi: int | None
    bars: tuple[PlannedBar, ...]
    span: Span


def planned_functions(
    config: VmConfig, functions: tuple[GuestFunction, ...], board: Board, *, first_line: int = 0
) -> tuple[DescribedFunction, ...]:
    """The ``functions`` of the machine that ``run`` makes, and those that it has no place for.

    ``first_line`` is the guest's name of the line that KVM counts as 0.
    """
    planned = {function.span: _with_line(function, first_line) for function in functions}
    return tuple(
        _planned(location, planned[location.span])
        if location.span in planned
        else _without_place(location, board)
        for location in passed_locations(config)
    )


def _with_line(function: GuestFunction, first_line: int) -> GuestFunction:
    return function if function.gsi is None else function._replace(gsi=function.gsi + first_line)


def _planned(location: PciLocation, function: GuestFunction) -> DescribedFunction:
    return DescribedFunction(
        guest=function.guest,
        selector=str(location.host),
        host=function.host,
        gsi=function.gsi,
        bars=function.bars,
        span=location.span,
    )


def _without_place(location: PciLocation, board: Board) -> DescribedFunction:
    host = _on_board(location, board)
    return DescribedFunction(None, str(location.host), host, None, (), location.span)


def configured_functions(
    config: VmConfig, board: Board | None, *, kvm: bool
) -> tuple[DescribedFunction, ...]:
    """The functions as the text names them.

    ``run`` on ``kvm`` gives a place to those without one; where qvm puts those is not known.
    """
    locations = tuple(passed_locations(config))
    wanted = [WantedPlace(each, each.host, str(each.host)) for each in locations]
    taken = take_places(config, wanted, has_host_bridge=kvm)
    return tuple(
        DescribedFunction(
            guest if kvm or named_place(location) is not None else None,
            str(location.host),
            None if board is None else _on_board(location, board),
            None,
            (),
            location.span,
        )
        for location, guest in zip(locations, taken.places, strict=True)
    )


def _on_board(location: PciLocation, board: Board) -> PciFunction | None:
    function = choose_function(location, board)
    return None if isinstance(function, Finding) else function
