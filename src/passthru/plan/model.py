# SPDX-License-Identifier: Apache-2.0
"""The plan of one VM: what the guest will see, and what the host must give for it.

The machine is built from this and nothing else, so a printed plan is what runs.
Guest addresses are guest-physical (GPA), host addresses host-physical (HPA).
"""

from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import Bar, PciFunction
from passthru.diagnostics.source import Span
from passthru.language.access import Access
from passthru.language.model import Text
from passthru.lean import Enum, NamedTuple

__all__ = [
    "Binding",
    "Blob",
    "BlobRole",
    "Claim",
    "Enforcement",
    "GuestFunction",
    "GuestRegion",
    "PassedInterrupt",
    "PciWindows",
    "PlannedBar",
    "Realtime",
    "RealtimePolicy",
    "RegionKind",
    "SerialPort",
    "VcpuThread",
    "Verdict",
    "VmPlan",
]


class RegionKind(Enum):
    """What answers at a place of the guest's address map."""

    RAM = "ram"
    ROM = "rom"
    PASSED = "pass"
    PASSED_RAM = "pass, system memory"
    RESERVED = "reserve"
    DEVICE = "device"
    PCI_CONFIG = "pci config space"
    PCI_WINDOW = "pci window"
    FIRMWARE = "firmware tables"


class Enforcement(Enum):
    """How far the host holds the guest to an access letter (docs/design.md, principle 1)."""

    ENFORCED = "enforced"
    TRAPPED = "enforced by trapping"
    ADVISORY = "advisory"
    REFUSED = "refused"


class Verdict(NamedTuple):
    """What one access letter, given or withheld, really does here, and why."""

    letter: str
    enforcement: Enforcement
    explanation: str


class GuestRegion(NamedTuple):
    """A piece of the guest-physical address map.

    ``host`` is set for passed memory only (HPA); ``access`` too. ``name`` is what people
    call it (``ram``, ``pass mem:0x2000``, ``ioapic``).
    """

    range: AddressRange
    kind: RegionKind
    name: str
    span: Span | None
    host: AddressRange | None = None
    access: Access | None = None
    verdicts: tuple[Verdict, ...] = ()


class BlobRole(Enum):
    """What the boot protocol does with some data; ``run`` knows all but ``ACPI``."""

    BOOT_IMAGE = "guest"
    INITRD = "initrd"
    DATA = "data"
    FDT = "fdt"
    ACPI = "acpi"


class Blob(NamedTuple):
    """Data for the guest: a file to copy (``path``) or passed memory (``passed``).

    ``address`` is the GPA asked for; None leaves it to the image's own content.
    ``typed`` is set where the configuration gave the blob type (``guest load``).
    """

    role: BlobRole
    path: str | None
    address: int | None
    passed: AddressRange | None
    span: Span
    typed: bool = False


class PlannedBar(NamedTuple):
    """A host BAR and the guest address it is given before the guest moves it.

    ``guest_start`` is a GPA, or a guest port number for an I/O BAR.
    """

    bar: Bar
    guest_start: int


class GuestFunction(NamedTuple):
    """A passed PCI function on the guest's bus; ``gsi`` carries its INTx, if it has a pin."""

    guest: PciAddress
    host: PciFunction
    bars: tuple[PlannedBar, ...]
    gsi: int | None
    span: Span


class PciWindows(NamedTuple):
    """Where the guest's PCI bus 0 lives: ECAM, memory windows, port window."""

    ecam: AddressRange
    memory32: AddressRange
    memory64: AddressRange
    ports: AddressRange


class SerialPort(NamedTuple):
    """An 8250 UART: first port, GSI, and host streams in qvm's notation (``>-``)."""

    port: int
    gsi: int
    host_devices: tuple[str, ...]
    span: Span


class PassedInterrupt(NamedTuple):
    """A host interrupt that raises a line of the guest: one interrupt service thread.

    ``gsi`` is KVM's number of the guest's line; ``vector`` the host's. ``uio`` is the name of
    the UIO device that delivers it, None where none does: then the rules refuse it. With
    ``immediate_unmask`` nobody waits for the guest to end it: it is wanted so, or KVM would not
    tell. ``priority`` is that of the thread under SCHED_FIFO, None for an ordinary thread.
    """

    gsi: int
    vector: int
    uio: str | None
    immediate_unmask: bool
    priority: int | None
    span: Span


class RealtimePolicy(Enum):
    """A real-time policy of Linux; the value is its name (sched(7))."""

    FIFO = "SCHED_FIFO"
    ROUND_ROBIN = "SCHED_RR"


class Binding(NamedTuple):
    """The host's processors that a thread is kept on, by number; ``asked`` is what names them.

    They are empty for a cluster of which no board tells the processors.
    """

    processors: tuple[int, ...]
    asked: Text


class Realtime(NamedTuple):
    """A real-time policy and one of Linux's priorities, 1 to 99; ``asked`` is what names them."""

    policy: RealtimePolicy
    priority: int
    asked: Text


class VcpuThread(NamedTuple):
    """What the thread of one vCPU, counted from 0, asks of the host's scheduler.

    Without a ``binding`` it runs on all processors that the process may use, without
    ``realtime`` as an ordinary thread.
    """

    vcpu: int
    binding: Binding | None
    realtime: Realtime | None


class Claim(NamedTuple):
    """One host thing that the VM needs, in the user's notation, and who asked for it."""

    resource: str
    vm: str
    span: Span


class VmPlan(NamedTuple):
    """Everything that is decided about one VM before anything is opened."""

    name: str
    cpu_count: int
    regions: tuple[GuestRegion, ...]
    blobs: tuple[Blob, ...]
    command_line: str
    functions: tuple[GuestFunction, ...]
    pci: PciWindows
    serial_ports: tuple[SerialPort, ...]
    ioapic_address: int
    locked_memory: int
    claims: tuple[Claim, ...]
    interrupts: tuple[PassedInterrupt, ...] = ()
    threads: tuple[VcpuThread, ...] = ()
