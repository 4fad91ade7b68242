# SPDX-License-Identifier: Apache-2.0
"""What the options of ``cpu`` say: processors of the host, and how a thread is scheduled.

Source: QNX Hypervisor 7.1 and 8.0, vm/cpu.html.
"""

from passthru.lean import Enum, NamedTuple

__all__ = [
    "EVERY_PROCESSOR",
    "ONE_PROCESSOR",
    "Policy",
    "Scheduling",
    "parse_runmask",
    "parse_scheduling",
]

EVERY_PROCESSOR = "_all"
"""The cluster of all of the host's processors."""

ONE_PROCESSOR = "_cpu-"
"""With a number behind it, the cluster of the processor that has this number."""

_SPORADIC_PARTS = 5
_NANOSECONDS_DIGITS = 19


class Policy(Enum):
    """How a thread takes turns with others of its priority; the value is for messages."""

    UNNAMED = "the default policy"
    ROUND_ROBIN = "round robin"
    FIFO = "first in, first out"
    OTHER = "the ordinary policy"
    SPORADIC = "sporadic"


class Scheduling(NamedTuple):
    """``sched PRIORITY[r|f|o]`` or ``sched HIGH,LOW,MAX_REPLENISHMENTS,PERIOD,BUDGET``.

    ``priority`` is in QNX's numbers, the higher the more urgent; of a sporadic one it is HIGH.
    """

    priority: int
    policy: Policy


_LETTERS = {"r": Policy.ROUND_ROBIN, "f": Policy.FIFO, "o": Policy.OTHER}


def parse_runmask(text: str) -> tuple[int, ...] | None:
    """The processors of ``0,2``, sorted; None if the text is not such a list."""
    numbers = [_number(part) for part in text.split(",")]
    found = {number for number in numbers if number is not None}
    return None if None in numbers else tuple(sorted(found))


def parse_scheduling(text: str) -> Scheduling | None:
    """What ``text`` asks for; None if it has no form of ``sched``."""
    parts = text.split(",")
    if len(parts) == _SPORADIC_PARTS:
        # The budget, and in some texts the period, has a unit.
        numbers = [_number(part.removesuffix("s"), _NANOSECONDS_DIGITS) for part in parts]
        high = numbers[0]
        return None if high is None or None in numbers else Scheduling(high, Policy.SPORADIC)
    policy = _LETTERS.get(text[-1:])
    priority = _number(text if policy is None else text[:-1])
    return None if priority is None else Scheduling(priority, policy or Policy.UNNAMED)


def _number(text: str, most_digits: int = 5) -> int | None:
    """A decimal number. `0x3` is not one: it may be meant as a mask, and `0x1f` as 0x1 and `f`."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= most_digits
    return int(text) if is_number else None
