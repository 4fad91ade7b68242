# SPDX-License-Identifier: Apache-2.0
"""Processors as QNX's ``pidin info`` prints them.

``CPU:AARCH64 Release:8.0.0 …`` and a line ``Processor1: …`` for each; source: public sources of
``pidin`` (openqnx, utils/p/pidin).
"""

from passthru.lean import Iterable, NamedTuple

__all__ = ["QnxProcessors", "read_processors"]

_ARCHITECTURES = {
    "AARCH64": "aarch64",
    "ARM": "armv7l",
    "X86_64": "x86_64",
    "X86": "i686",
}


class QnxProcessors(NamedTuple):
    """``architecture`` is None and ``cpu_count`` 0 where no line tells."""

    architecture: str | None
    cpu_count: int


def read_processors(lines: Iterable[str]) -> tuple[QnxProcessors, list[str]]:
    """What the lines say of the processors, and the lines that are something else."""
    import re

    processor = re.compile(r"\s*Processor\d+:\s.*")
    architecture, cpu_count, rest = None, 0, []
    for line in lines:
        word = line.strip().partition(" ")[0]
        if word.startswith("CPU:") and word[4:] in _ARCHITECTURES:
            architecture = _ARCHITECTURES[word[4:]]
        elif processor.fullmatch(line):
            cpu_count += 1
        else:
            rest.append(line)
    return QnxProcessors(architecture, cpu_count), rest
