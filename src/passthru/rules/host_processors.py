# SPDX-License-Identifier: Apache-2.0
"""A rule about the host's processors that a guest's are bound to."""

from passthru.board.model import Board, BoardOrigin
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import Text, VmConfig
from passthru.language.processors import EVERY_PROCESSOR, ONE_PROCESSOR, parse_runmask
from passthru.lean import Iterator
from passthru.plan.scheduling import cluster_processors

__all__ = ["CPU_ABSENT", "cpu_absent"]

CPU_ABSENT = Rule(
    "cpu-absent",
    Severity.ERROR,
    "A `cpu` is bound to a processor or a cluster that the board does not have.",
    "Processors count from 0. `_all` and `_cpu-N` are clusters on every board; others have their "
    "names from the startup of a QNX host, or from Linux's sysfs.",
)


def cpu_absent(config: VmConfig, board: Board, *, for_run: bool = False) -> Iterator[Finding]:
    """``cpu-absent``; silent on what the board does not tell.

    ``for_run``: the host is one with Linux that ``run`` looks at, so the clusters of the board
    are all that there are.
    """
    for cpu in config.cpus:
        if cpu.runmask is not None:
            yield from _absent_processors(cpu.runmask, parse_runmask(cpu.runmask.value), board)
        if cpu.cluster is not None:
            yield from _absent_cluster(cpu.cluster, board, for_run=for_run)


def _absent_cluster(text: Text, board: Board, *, for_run: bool) -> Iterator[Finding]:
    name = text.value
    if name == EVERY_PROCESSOR:
        return
    processors = cluster_processors(name, board)
    if processors is not None:
        yield from _absent_processors(text, processors, board)
    elif for_run or _names_clusters(board):
        known = (*(each.name for each in board.clusters), EVERY_PROCESSOR, f"{ONE_PROCESSOR}0")
        yield CPU_ABSENT.finding(
            f"the board has no cluster `{name}`",
            text.span,
            resource=name,
            fix=f"name one that it has: {', '.join(known)}",
        )


def _absent_processors(
    text: Text, numbers: tuple[int, ...] | None, board: Board
) -> Iterator[Finding]:
    if numbers is None or not _counts_processors(board):
        return
    # Where some are offline the numbers have gaps, and only the clusters tell.
    known = {*range(board.cpu_count), *(cpu for each in board.clusters for cpu in each.cpus)}
    absent = [number for number in numbers if number not in known]
    if absent:
        names = " and ".join(str(number) for number in absent)
        yield CPU_ABSENT.finding(
            f"the board has no processor {names}; its last one is {max(known)}",
            text.span,
            resource=text.value,
            fix=f"name processors from 0 to {max(known)}",
        )


def _counts_processors(board: Board) -> bool:
    """Whether the number of processors is known; a board that lacks it counts one."""
    return not any(sentence.startswith("processors") for sentence in board.unseen)


def _names_clusters(board: Board) -> bool:
    """Whether the board's clusters have the names of QNX's startup: others have their own."""
    return bool(board.clusters) and board.origin in (BoardOrigin.QNX, BoardOrigin.UNKNOWN)
