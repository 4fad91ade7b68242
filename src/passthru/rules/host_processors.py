# SPDX-License-Identifier: Apache-2.0
"""A rule about the host's processors that a guest's are bound to."""

from passthru.board.model import Board
from passthru.board.origin import BoardOrigin, origin_of
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import Text, VmConfig
from passthru.lean import Iterator

__all__ = ["CPU_ABSENT", "cpu_absent"]

CPU_ABSENT = Rule(
    "cpu-absent",
    Severity.ERROR,
    "A `cpu` is bound to a processor or a cluster that the board does not have.",
    "Processors count from 0. The host's startup names the clusters; `_all` and `_cpu-N` are there "
    "on every board.",
)

_EVERY_CLUSTER = "_all"
_ONE_CPU = "_cpu-"


def cpu_absent(config: VmConfig, board: Board) -> Iterator[Finding]:
    """``cpu-absent``; silent on what the board does not tell."""
    if _counts_processors(board):
        for cpu in config.cpus:
            if cpu.runmask is not None:
                yield from _absent_processors(cpu.runmask, _numbers(cpu.runmask.value), board)
            if cpu.cluster is not None and cpu.cluster.value.startswith(_ONE_CPU):
                number = _numbers(cpu.cluster.value.removeprefix(_ONE_CPU))
                yield from _absent_processors(cpu.cluster, number, board)
    if _names_clusters(board):
        for cpu in config.cpus:
            if cpu.cluster is not None:
                yield from _absent_cluster(cpu.cluster, board)


def _counts_processors(board: Board) -> bool:
    """Whether the number of processors is known; a board that lacks it counts one."""
    return not any(sentence.startswith("processors") for sentence in board.unseen)


def _names_clusters(board: Board) -> bool:
    """Whether the board's clusters have the names of QNX's startup: others have their own."""
    return bool(board.clusters) and origin_of(board) in (BoardOrigin.QNX, BoardOrigin.UNKNOWN)


def _numbers(text: str) -> list[int]:
    """Processor numbers with commas between; what is none, the reader tells."""
    return [int(part) for part in text.split(",") if part.isdecimal() and len(part) < 10]


def _absent_processors(text: Text, numbers: list[int], board: Board) -> Iterator[Finding]:
    absent = sorted({number for number in numbers if number >= board.cpu_count})
    if absent:
        names = " and ".join(str(number) for number in absent)
        yield CPU_ABSENT.finding(
            f"the board has no processor {names}; its last one is {board.cpu_count - 1}",
            text.span,
            resource=text.value,
            fix=f"name processors from 0 to {board.cpu_count - 1}",
        )


def _absent_cluster(text: Text, board: Board) -> Iterator[Finding]:
    name = text.value
    known = [cluster.name for cluster in board.clusters]
    if name == _EVERY_CLUSTER or name.startswith(_ONE_CPU) or name in known:
        return
    yield CPU_ABSENT.finding(
        f"the board has no cluster `{name}`",
        text.span,
        resource=name,
        fix=f"name one that it has: {', '.join((*known, _EVERY_CLUSTER))}",
    )
