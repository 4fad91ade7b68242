# SPDX-License-Identifier: Apache-2.0
"""An arm64 machine: where things are before any configuration speaks, and the plan of one.

Addresses are guest-physical (GPA). Interrupt lines are the GIC's interrupt ids.
"""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.diagnostics.source import Span
from passthru.lean import NamedTuple
from passthru.plan.model import (
    Blob,
    Claim,
    GuestFunction,
    GuestRegion,
    PassedInterrupt,
    PciWindows,
    VcpuThread,
)

__all__ = [
    "DISTRIBUTOR_SIZES",
    "FIRST_LINE",
    "GIC_ADDRESSES",
    "GIC_NAME",
    "HIGHEST_ADDRESS",
    "ITS_SIZE",
    "LINE_END",
    "MOST_CPUS",
    "REDISTRIBUTOR_SIZE",
    "UART_SIZE",
    "ArmPciBus",
    "ArmPlan",
    "Gic",
    "Uart",
]

GIC_NAME = "gic"
"""What the interrupt controller is called where no ``vdev gic name`` says otherwise."""

GIC_ADDRESSES = {2: (0x2C001000, 0x2C002000), 3: (0x2F000000, 0x2F100000)}
"""Distributor, then CPU interface (2) or redistributors (3), as the Foundation Model has them."""

DISTRIBUTOR_SIZES = {2: PAGE_SIZE, 3: 0x10000}
"""Bytes of a distributor, by the GIC's version (KVM: include/linux/irqchip/arm-vgic)."""

CPU_INTERFACE_SIZE = 2 * PAGE_SIZE
"""Bytes of GICv2's CPU interface (KVM_VGIC_V2_CPU_SIZE)."""

REDISTRIBUTOR_SIZE = 0x20000
"""Bytes of one vCPU's redistributor in GICv3 (KVM_VGIC_V3_REDIST_SIZE)."""

ITS_SIZE = 0x20000
"""Bytes of GICv3's Interrupt Translation Service (KVM_VGIC_V3_ITS_SIZE)."""

MOST_CPUS = 8
"""What GICv2 can address and qvm's GICv3 allows."""

FIRST_LINE = 32
"""The first shared peripheral interrupt; those below belong to each processor."""

LINE_END = 992
"""After the last line that KVM's GIC has: a multiple of 32 below 1023 (VGIC_MAX_RESERVED)."""

HIGHEST_ADDRESS = 1 << 40
"""End of the addresses that KVM gives a machine without being asked for another size."""

UART_SIZE = PAGE_SIZE
"""Bytes of a PL011."""


class Gic(NamedTuple):
    """The interrupt controller. ``processors`` are its CPU interface or its redistributors."""

    version: int
    distributor: AddressRange
    processors: AddressRange
    span: Span | None

    @property
    def processors_name(self) -> str:
        """What people call ``processors``."""
        return "redistributors" if self.version == 3 else "cpu interface"


class Uart(NamedTuple):
    """A PL011: registers, interrupt id, and host streams in qvm's notation (``>-``)."""

    registers: AddressRange
    line: int
    host_devices: tuple[str, ...]
    span: Span


class ArmPciBus(NamedTuple):
    """The guest's PCI bus 0.

    Accesses to ``port_memory`` (GPA) are accesses to the bus's ports, from 0 on. ``lines`` are
    the interrupt ids of INTA to INTD of device 0; with each device they move on by one.
    ``its`` takes messages as interrupts (GPA), None where the GIC has no such part.
    """

    windows: PciWindows
    port_memory: AddressRange
    lines: tuple[int, ...]
    its: AddressRange | None

    def line(self, device: int, pin: int) -> int:
        """The interrupt id of a pin, 1 to 4 for INTA to INTD."""
        return self.lines[(device + pin - 1) % len(self.lines)]


class ArmPlan(NamedTuple):
    """Everything that is decided about one VM on arm64 before anything is opened.

    It has a ``bus`` if it has ``functions``.
    """

    name: str
    cpu_count: int
    regions: tuple[GuestRegion, ...]
    blobs: tuple[Blob, ...]
    command_line: str
    gic: Gic
    uarts: tuple[Uart, ...]
    wants_tree: bool
    """Whether an image gets a device tree of which that is not known, as it is of Linux."""
    claims: tuple[Claim, ...]
    interrupts: tuple[PassedInterrupt, ...] = ()
    functions: tuple[GuestFunction, ...] = ()
    bus: ArmPciBus | None = None
    locked_memory: int = 0
    threads: tuple[VcpuThread, ...] = ()

    @property
    def pci(self) -> PciWindows | None:
        """Where the PCI bus lives, if there is one."""
        return None if self.bus is None else self.bus.windows
