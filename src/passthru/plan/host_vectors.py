# SPDX-License-Identifier: Apache-2.0
"""The host's interrupts behind a guest's lines.

``=VECTOR`` names the host's own number; without it the guest's controller decides, by its
``hostvector`` and the line.
"""

from passthru.language.model import Interrupt, VmConfig
from passthru.plan.x86_64 import IOAPIC_LINES

__all__ = ["CONTROLLER_LINES", "first_vectors", "host_vector"]

CONTROLLER_LINES = {"ioapic": IOAPIC_LINES, "gic": None, "8259": None}
"""The types of interrupt controllers, each with its number of lines where that is certain."""


def host_vector(interrupt: Interrupt, first_vectors: dict[str, int]) -> int | None:
    """The vector behind a passed interrupt, None where it is not certain.

    ``first_vectors`` are those of the guest's controllers.
    """
    if interrupt.vector is not None:
        return interrupt.vector
    first = first_vectors.get(interrupt.controller)
    return None if first is None or interrupt.line is None else first + interrupt.line


def first_vectors(config: VmConfig) -> dict[str, int]:
    """The host vector of each controller's first line, where it is certain.

    A controller without `hostvector` goes on where the one before it ends; the first has 0.
    """
    vectors: dict[str, int] = {}
    following: int | None = 0
    for vdev in config.vdevs:
        if vdev.type not in CONTROLLER_LINES:
            continue
        written = vdev.values("hostvector")
        vector = _number(written[-1]) if written else following
        if vector is not None:
            vectors[vdev.name.value if vdev.name else vdev.type] = vector
        lines = CONTROLLER_LINES[vdev.type]
        following = None if vector is None or lines is None else vector + lines
    if not vectors and following == 0:
        vectors["gic"] = 0  # an ARM guest has it without any vdev
    return vectors


def _number(text: str) -> int | None:
    from passthru.language.numbers import BadNumber, Notation, parse_number

    number = parse_number(text, Notation.PLAIN)
    return None if isinstance(number, BadNumber) else number.value
