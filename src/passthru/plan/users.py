# SPDX-License-Identifier: Apache-2.0
"""What has locations and interrupts in a configuration, gathered once for all who ask."""

from passthru.language.model import (
    Interrupt,
    Pass,
    PciLocation,
    PortLocation,
    Reserve,
    Vdev,
    VmConfig,
)
from passthru.lean import NamedTuple, Sequence

__all__ = ["InterruptUse", "User", "Uses", "name_of", "uses_of"]

User = Pass | Reserve | Vdev

InterruptUse = tuple[User, Interrupt]


class Uses(NamedTuple):
    """The ports, PCI functions and interrupts of a configuration, each with its user.

    Virtual devices go first, then passes, then reserves.
    """

    ports: Sequence[tuple[User, PortLocation]]
    functions: Sequence[tuple[User, PciLocation]]
    interrupts: Sequence[InterruptUse]


def uses_of(config: VmConfig) -> Uses:
    """Everything that all virtual devices, passes and reserves use, but for memory."""
    ports: list[tuple[User, PortLocation]] = []
    functions: list[tuple[User, PciLocation]] = []
    interrupts: list[InterruptUse] = []
    users: tuple[User, ...] = (*config.vdevs, *config.passes, *config.reserves)
    for user in users:
        for location in user.locations:
            if isinstance(location, PortLocation):
                ports.append((user, location))
            elif isinstance(location, PciLocation):
                functions.append((user, location))
        for interrupt in user.interrupts:
            interrupts.append((user, interrupt))
    return Uses(ports, functions, interrupts)


def name_of(user: User) -> str:
    """How messages call it: a device by its type, the others by their option."""
    if isinstance(user, Vdev):
        return user.type
    return "pass" if isinstance(user, Pass) else "reserve"
