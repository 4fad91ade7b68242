# SPDX-License-Identifier: Apache-2.0
"""Interrupts that QNX's processes have attached, as ``pidin irqs`` prints them.

A line for each thread (process id, thread id, name), and below it one for each of its
interrupts: id, vector in hexadecimal, mask count, three flags, and the handler or event.
Source: public sources of ``pidin`` (openqnx, utils/p/pidin, ``Interrupt()``); newer
releases may print more, so what follows the flags is not looked at.
"""

from passthru.board.model import InterruptLine, Trigger
from passthru.lean import Iterable, Mapping

__all__ = ["interrupt_lines", "read_interrupts"]

_HEADER = r"\s*pid\s+tid\s+name\b.*"
_PROCESS = r"\s*\d+\s+\d+\s+([^\s:=,]+)\s*"
_INTERRUPT = r"\s*\d+\s+(?:0x([0-9a-f]{1,8})|0)\s+\d+\s+[A-Z-]{3,}(?:\s.*)?"
_UNKNOWN_OWNER = "a process"

_FIRST_SYNTHETIC = 0x10000
"""Vectors from here on are the kernel's own (sys/neutrino.h, ``_NTO_INTR_CLASS_…``)."""


def read_interrupts(lines: Iterable[str]) -> tuple[dict[int, list[str]], list[str]]:
    """The owners' names by vector among the lines, and the lines that are something else."""
    import re

    header, process, interrupt = re.compile(_HEADER), re.compile(_PROCESS), re.compile(_INTERRUPT)
    owners: dict[int, list[str]] = {}
    owner, rest = _UNKNOWN_OWNER, []
    for line in lines:
        attached = interrupt.fullmatch(line)
        if attached is not None:
            vector = int(attached[1] or "0", 16)
            if vector < _FIRST_SYNTHETIC:
                owners.setdefault(vector, []).append(owner)
            continue
        named = process.fullmatch(line)
        if named is not None:
            owner = named[1]
        elif not header.fullmatch(line):
            rest.append(line)
    return owners, rest


def interrupt_lines(owners: Mapping[int, list[str]], controller: str) -> tuple[InterruptLine, ...]:
    """The lines of the only ``controller``; several owners are separated by commas.

    The texts do not tell what a line reacts to.
    """
    return tuple(
        InterruptLine(controller, vector, Trigger.UNKNOWN, ",".join(dict.fromkeys(names)))
        for vector, names in sorted(owners.items())
    )
