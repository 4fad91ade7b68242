# SPDX-License-Identifier: Apache-2.0
"""A rule about what a Linux kernel must have to give a process memory of the host."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.lean import Iterator, Sequence
from passthru.rules.passed_memory import PassedMemory

__all__ = ["MEMORY_SUPPORT_MISSING", "memory_support_missing"]

MEMORY_SUPPORT_MISSING = Rule(
    "memory-support-missing",
    Severity.ERROR,
    "The host cannot pass memory.",
    "Linux gives a process memory of the host through /dev/mem, which kernels without "
    "CONFIG_DEVMEM do not have.",
)


def memory_support_missing(passed: Sequence[PassedMemory], board: Board) -> Iterator[Finding]:
    """``memory-support-missing``, once for all passes."""
    states = {feature.name: feature.state for feature in board.features}
    if not passed or states.get("CONFIG_DEVMEM") != "missing":
        return
    from passthru.rules.host_steps import booting

    first, *rest = passed
    yield MEMORY_SUPPORT_MISSING.finding(
        "the host's kernel was built without /dev/mem",
        first.location.span,
        resource=first.resource,
        others=(Place("needs it too", each.location.span) for each in rest),
        steps=(booting("give the host a kernel with CONFIG_DEVMEM"),),
    )
