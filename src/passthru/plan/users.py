# SPDX-License-Identifier: Apache-2.0
"""What has locations and interrupts in a configuration, gathered once for all who ask."""

from passthru.addresses import AddressRange
from passthru.language.model import (
    Interrupt,
    MemoryLocation,
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

    Virtual devices go first, then passes, then reserves. ``memory`` is where they are in the
    guest's memory (GPA); of virtual devices without a length that is one page.
    """

    memory: Sequence[AddressRange]
    ports: Sequence[tuple[User, PortLocation]]
    functions: Sequence[tuple[User, PciLocation]]
    interrupts: Sequence[InterruptUse]


def uses_of(config: VmConfig) -> Uses:
    """Everything that all virtual devices, passes and reserves use."""
    memory: list[AddressRange] = []
    ports: list[tuple[User, PortLocation]] = []
    functions: list[tuple[User, PciLocation]] = []
    interrupts: list[InterruptUse] = []
    users: tuple[User, ...] = (*config.vdevs, *config.passes, *config.reserves)
    for user in users:
        for location in user.locations:
            if isinstance(location, MemoryLocation):
                memory.append(location.guest)
            elif isinstance(location, PortLocation):
                ports.append((user, location))
            else:
                functions.append((user, location))
        for interrupt in user.interrupts:
            interrupts.append((user, interrupt))
    return Uses(memory, ports, functions, interrupts)


def name_of(user: User) -> str:
    """How messages call it: a device by its type, the others by their option."""
    if isinstance(user, Vdev):
        return user.type
    return "pass" if isinstance(user, Pass) else "reserve"
