# SPDX-License-Identifier: Apache-2.0
"""A machine as ACPI tells it to the guest: what its tables are made of."""

from passthru.addresses import AddressRange
from passthru.lean import NamedTuple

__all__ = ["AcpiPlatform", "PciInterruptRoute"]


class PciInterruptRoute(NamedTuple):
    """INTx of one device on bus 0: ``pin`` 0 is INTA, ``gsi`` the line it drives."""

    device: int
    pin: int
    gsi: int


class AcpiPlatform(NamedTuple):
    """The machine as ACPI tells it to the guest.

    The tables go to the GPA ``address``, RSDP first, into ``space`` bytes. ``ecam``,
    ``memory32`` and ``memory64`` are GPA ranges (an empty window is left out), ``ports``
    the PCI port window; ``serial_ports`` are pairs of first port and GSI.
    """

    address: int
    space: int
    cpu_count: int
    ioapic_address: int
    ecam: AddressRange
    memory32: AddressRange
    memory64: AddressRange
    ports: AddressRange
    interrupt_routes: tuple[PciInterruptRoute, ...]
    serial_ports: tuple[tuple[int, int], ...]
