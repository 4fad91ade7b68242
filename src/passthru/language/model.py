# SPDX-License-Identifier: Apache-2.0
"""A VM configuration with everything resolved, as typed and frozen values.

Every value keeps the span it came from. Addresses on the left of ``=`` are
guest-physical, on the right host-physical (docs/reference-readings.md, "Guest and host").
"""

from passthru.addresses import AddressRange, PciAddress
from passthru.diagnostics.source import Span
from passthru.language.access import Access
from passthru.lean import Enum, NamedTuple

__all__ = [
    "BlobType",
    "Cpu",
    "Interrupt",
    "Load",
    "Location",
    "MemoryKind",
    "MemoryLocation",
    "MemoryOption",
    "Pass",
    "PciLocation",
    "PciSelector",
    "PciVendorDevice",
    "PortLocation",
    "Reserve",
    "Setting",
    "Text",
    "Variable",
    "Vdev",
    "VdevOption",
    "VmConfig",
]


class Text(NamedTuple):
    """A string and where it stands."""

    value: str
    span: Span


class BlobType(Enum):
    """What the data of a ``load`` or ``pass`` are to the guest."""

    ACPI = "acpi"
    DATA = "data"
    FDT = "fdt"
    GUEST = "guest"
    INITRD = "initrd"
    RAW = "raw"


class MemoryKind(Enum):
    """The option that asked for guest memory."""

    RAM = "ram"
    ROM = "rom"


class MemoryOption(NamedTuple):
    """``ram`` or ``rom``; without a start it goes after the highest RAM or ROM so far."""

    kind: MemoryKind
    start: int | None
    size: int
    span: Span


class Cpu(NamedTuple):
    """One ``cpu`` context: one virtual CPU. Words are kept as the user wrote them."""

    cluster: Text | None
    runmask: Text | None
    partition: Text | None
    sched: Text | None
    span: Span


class Load(NamedTuple):
    """A file copied into guest memory; without an address its content decides."""

    blob: BlobType | None
    address: int | None
    path: str
    span: Span


class MemoryLocation(NamedTuple):
    """``loc [mem:]GPA,length[,access][=HPA]``; without ``=`` the host address is the same."""

    guest: AddressRange
    host: AddressRange
    access: Access
    span: Span


class PortLocation(NamedTuple):
    """``loc io:port[,length][,access]``: x86 ports, the same numbers on both sides."""

    ports: AddressRange
    access: Access
    span: Span


class PciVendorDevice(NamedTuple):
    """A PCI function chosen by its ids: ``pci:vid/did[/instance]`` (instances from 0)."""

    vendor: int
    device: int
    instance: int | None

    def __str__(self) -> str:
        text = f"pci:{self.vendor:#06x}/{self.device:#06x}"
        return text if self.instance is None else f"{text}/{self.instance}"


PciSelector = PciAddress | PciVendorDevice


class PciLocation(NamedTuple):
    """``loc pci:…``; ``guest`` is None where the place is left to the hypervisor."""

    guest: PciAddress | None
    host: PciSelector
    span: Span


Location = MemoryLocation | PortLocation | PciLocation


class Interrupt(NamedTuple):
    """``intr controller[:line][,u][=vector]``.

    ``line`` is None for the x86 local APIC (``apic``). ``vector`` is the host's number as
    written, or None where the controller's ``hostvector`` decides.
    """

    controller: str
    line: int | None
    immediate_unmask: bool
    vector: int | None
    span: Span


class Pass(NamedTuple):
    """One ``pass`` context: what belongs to one passed device or blob."""

    blob: BlobType | None
    locations: tuple[Location, ...]
    interrupts: tuple[Interrupt, ...]
    sched: Text | None
    span: Span


class Reserve(NamedTuple):
    """One ``reserve`` context: kept free from automatic allocation."""

    locations: tuple[Location, ...]
    interrupts: tuple[Interrupt, ...]
    span: Span


class VdevOption(NamedTuple):
    """An option of a vdev as words: ``hostdev >-``; value is None where it takes none."""

    name: str
    value: str | None
    span: Span


class Vdev(NamedTuple):
    """One virtual device. ``type`` is its plain name: ``vdev-pl011.so`` gives ``pl011``.

    ``location`` and ``interrupts`` are the common options, resolved; the rest keep
    their words in ``options``, in the order of the text.
    """

    type: str
    name: Text | None
    locations: tuple[Location, ...]
    interrupts: tuple[Interrupt, ...]
    options: tuple[VdevOption, ...]
    span: Span

    def values(self, name: str) -> tuple[str, ...]:
        """The values given to the option ``name``, in order."""
        return tuple(o.value for o in self.options if o.name == name and o.value is not None)


class Variable(NamedTuple):
    """``set name value``."""

    name: str
    value: str
    span: Span


class Setting(NamedTuple):
    """An option of the VM that nothing above stands for, as words: ``logger``, ``dump``.

    ``blob`` is set for ``fdt generate``.
    """

    name: str
    values: tuple[str, ...]
    blob: BlobType | None
    span: Span


class VmConfig(NamedTuple):
    """One virtual machine as configured; ``span`` is the first word that was read.

    ``left_out`` are virtual devices of the text that somebody has taken out of ``vdevs``.
    """

    system: Text | None
    cpus: tuple[Cpu, ...]
    memory: tuple[MemoryOption, ...]
    loads: tuple[Load, ...]
    cmdline: Text | None
    passes: tuple[Pass, ...]
    vdevs: tuple[Vdev, ...]
    reserves: tuple[Reserve, ...]
    variables: tuple[Variable, ...]
    dryrun: bool
    span: Span
    settings: tuple[Setting, ...] = ()
    left_out: tuple[Vdev, ...] = ()

    @property
    def name(self) -> str:
        """The VM's name; qvm's own prefix ``qvm-guest`` where no ``system`` is given."""
        return self.system.value if self.system else "qvm-guest"
