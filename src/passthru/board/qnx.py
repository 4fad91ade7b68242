# SPDX-License-Identifier: Apache-2.0
"""The board as texts that QNX's own tools printed on it."""

from passthru.addresses import PciAddress
from passthru.board.infrastructure import distinct, fixed_infrastructure, qnx_infrastructure
from passthru.board.model import ARM64_ADDRESS_BITS, Abilities, Board, BoardOrigin, PciFunction
from passthru.board.qnx_address_space import (
    AddressSpaceEntry,
    leaf_names,
    ports,
    read_asinfo,
    read_memory,
)
from passthru.board.qnx_interrupts import interrupt_lines, read_interrupts
from passthru.board.qnx_pci import read_functions
from passthru.board.qnx_processors import QnxProcessors, read_processors
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import Iterator, Mapping, Sequence

__all__ = ["NotQnxTextError", "board_from_qnx"]


class NotQnxTextError(PassthruError):
    """Texts in which no tool of QNX's that is known here has left a line."""

    exit_status = ExitStatus.CONFIGURATION
    fix = (
        "on the QNX host: pidin syspage=asinfo > asinfo.txt; pidin irqs > irqs.txt; "
        "pci-tool -vvvvv > pci.txt; pidin info > info.txt"
    )

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.names = tuple(names)

    def __str__(self) -> str:
        return (
            f"nothing in {', '.join(self.names) or 'no text'} is the output of pidin "
            "syspage=asinfo, pidin irqs, pidin info or pci-tool -v"
        )


class _Found:
    """What is in the texts; ``unknown`` counts each text's lines that nobody knows."""

    def __init__(self) -> None:
        self.entries: list[AddressSpaceEntry] = []
        self.functions: dict[PciAddress, PciFunction] = {}
        self.processors = QnxProcessors(None, 0)
        self.owners: dict[int, list[str]] = {}
        self.unknown: dict[str, int] = {}

    @property
    def is_empty(self) -> bool:
        return not (self.entries or self.functions or self.owners or self.processors.cpu_count)

    def add(self, name: str, text: str) -> None:
        """Take in the text of the file ``name``."""
        entries, lines = read_asinfo(line for line in text.splitlines() if line.strip())
        processors, lines = read_processors(lines)
        functions, lines = read_functions(lines)
        owners, lines = read_interrupts(lines)
        self.entries.extend(entries)
        self.functions.update((function.address, function) for function in functions)
        for vector, names in owners.items():
            self.owners.setdefault(vector, []).extend(names)
        if processors.cpu_count:
            self.processors = processors
        if lines:
            self.unknown[name] = len(lines)


def board_from_qnx(texts: Mapping[str, str]) -> Board:
    """Merge texts (by the names of their files) into one board.

    Known are the outputs of ``pidin syspage=asinfo``, ``pidin irqs``, ``pidin info`` and
    ``pci-tool -v``, told apart line by line, so one file may hold several. ``unseen`` says
    which of them is missing, and counts the lines that are of none. Abilities, of which no
    text tells, count as present. Of one function in two texts, the last counts.

    Raises NotQnxTextError where no line is known.
    """
    found = _Found()
    for name, text in texts.items():
        found.add(name, text)
    if found.is_empty:
        raise NotQnxTextError(tuple(texts))
    architecture = found.processors.architecture or _usual_architecture(found.entries)
    memory = read_memory(found.entries)
    asinfo = leaf_names(found.entries)
    return Board(
        name=next(iter(texts)),
        architecture=architecture,
        cpu_count=max(1, found.processors.cpu_count),
        memory=memory.memory,
        allocated=memory.allocated,
        reserved=memory.reserved,
        pci=tuple(sorted(found.functions.values())),
        iommu_groups=(),
        abilities=Abilities(
            hardware_virtualization=True,
            vfio_pci=True,
            iommu=True,
            locked_memory_limit=None,
            address_bits=ARM64_ADDRESS_BITS,
        ),
        ports=ports(found.entries),
        interrupts=interrupt_lines(found.owners, _controller(architecture)),
        asinfo=asinfo,
        origin=BoardOrigin.QNX,
        unseen=tuple(_unseen(found)),
        infrastructure=distinct((*fixed_infrastructure(architecture), *qnx_infrastructure(asinfo))),
    )


def _usual_architecture(entries: Sequence[AddressSpaceEntry]) -> str:
    """x86 where the table has ports, else 64-bit ARM."""
    return "x86_64" if any(entry.path[0] == "io" for entry in entries) else "aarch64"


def _controller(architecture: str) -> str:
    return "ioapic" if architecture in ("x86_64", "i686") else "gic"


def _unseen(found: _Found) -> Iterator[str]:
    if not found.entries:
        yield "memory: no output of pidin syspage=asinfo is there"
    if not found.owners:
        yield "interrupts in use: no output of pidin irqs is there"
    if not found.functions:
        yield "PCI functions: no output of pci-tool -v is there"
    elif not any(function.bars for function in found.functions.values()):
        yield "BARs of PCI functions: pci-tool prints them with more -v"
    if not found.processors.cpu_count:
        yield "processors: no output of pidin info is there; counted as one"
    for name, count in found.unknown.items():
        yield f"{name}: lines of no known output: {count}"
    yield "devices, IOMMU and the host's abilities: QNX's texts do not tell; taken as present"
