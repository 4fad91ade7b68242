# SPDX-License-Identifier: Apache-2.0
"""The board that a device tree describes, from its blob or its source."""

from passthru.board.flattened_tree import parse_flattened_tree
from passthru.board.infrastructure import distinct
from passthru.board.model import ARM64_ADDRESS_BITS, Abilities, Board, BoardOrigin, HostRegion
from passthru.board.tree_devices import TreeDevices, iommu_kind, read_tree_devices
from passthru.board.tree_memory import TreeMemory, firmware_memory, read_tree_memory
from passthru.board.tree_processors import read_processors
from passthru.board.tree_ranges import layered_map
from passthru.board.tree_references import References
from passthru.board.tree_registers import Buses
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import Iterator

__all__ = [
    "BadTreeSourceError",
    "CompilerMissingError",
    "board_from_tree",
    "board_from_tree_source",
    "compile_tree_source",
]

_COMPILER_TIME = 60.0


class CompilerMissingError(PassthruError):
    """``dtc``, which reads device tree sources, is not installed."""

    fix = "apt install device-tree-compiler"

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name

    def __str__(self) -> str:
        return f"{self.name} is a device tree source, and dtc, which compiles it, is not installed"


class BadTreeSourceError(PassthruError):
    """A device tree source that ``dtc`` refuses; ``output`` is what it said."""

    exit_status = ExitStatus.CONFIGURATION

    def __init__(self, name: str, output: str, *, has_includes: bool = False) -> None:
        super().__init__(name, output)
        self.name = name
        self.output = output
        if has_includes:
            self.fix = (
                "#include is the C preprocessor's: cpp -nostdinc -undef -x assembler-with-cpp "
                f"-I INCLUDES {name} -o FILE.dts"
            )

    def __str__(self) -> str:
        return f"{self.name} cannot be compiled: {self.output}"


def board_from_tree(data: bytes, name: str) -> Board:
    """The board that a device tree blob describes.

    A tree does not tell of drivers, PCI functions and the kernel's abilities; ``unseen``
    says so, and the abilities count as present. Interrupts are the GIC's own numbers (an SPI
    n is n + 32, a PPI n is n + 16). ``memory`` has RAM, the registers of all devices, also of
    disabled ones, and the windows of buses where no device is known.

    Raises DamagedTreeError.
    """
    tree = parse_flattened_tree(data, name)
    references = References(tree.root)
    processors = read_processors(tree.root, references)
    buses = Buses()
    memory = read_tree_memory(tree.root, tree.reservations, buses)
    found = read_tree_devices(tree.root, references, buses)
    kind = iommu_kind(found.devices)
    return Board(
        name=name,
        architecture=processors.architecture,
        cpu_count=max(1, processors.cpu_count),
        memory=_memory_map(memory, found),
        allocated=memory.allocated,
        reserved=memory.reserved,
        pci=(),
        iommu_groups=(),
        abilities=Abilities(
            hardware_virtualization=True,
            vfio_pci=True,
            iommu=kind is not None,
            locked_memory_limit=None,
            address_bits=ARM64_ADDRESS_BITS,
        ),
        clusters=processors.clusters,
        interrupts=found.interrupts,
        devices=found.devices,
        iommu_kind=kind,
        origin=BoardOrigin.TREE,
        unseen=tuple(_unseen(processors.cpu_count, memory, found)),
        infrastructure=distinct((*found.infrastructure, *firmware_memory(memory.reserved))),
    )


def _memory_map(memory: TreeMemory, found: TreeDevices) -> tuple[HostRegion, ...]:
    used = (HostRegion(each, device.name) for device in found.devices for each in device.registers)
    regions = (*memory.ram, *memory.reserved, *used, *found.disabled)
    return layered_map(regions, found.windows)


def _unseen(cpu_count: int, memory: TreeMemory, found: TreeDevices) -> Iterator[str]:
    if not cpu_count:
        yield "processors: the tree has none; counted as one"
    if not memory.ram:
        yield "memory: the tree has none; the boot loader fills it in"
    if memory.unplaced:
        yield (
            f"reserved memory without a fixed place: {', '.join(memory.unplaced)}; the kernel "
            "chooses it as it starts"
        )
    if found.other_controllers:
        names = ", ".join(sorted(set(found.other_controllers)))
        yield (
            "interrupts of other controllers than the GIC, which no host vector names: "
            f"{len(found.other_controllers)} at {names}"
        )
    yield "PCI functions, IOMMU groups and drivers: a device tree does not tell of them"
    yield "the kernel's abilities: a device tree does not tell of them; taken as present"


def board_from_tree_source(path: str) -> Board:
    """The board that the device tree source at ``path`` describes.

    Raises what compile_tree_source raises, and DamagedTreeError.
    """
    from pathlib import Path

    return board_from_tree(compile_tree_source(path), Path(path).name)


def compile_tree_source(path: str) -> bytes:
    """The blob of the device tree source at ``path``.

    ``dtc`` compiles it; what it includes is looked for beside it. Raises
    CompilerMissingError and BadTreeSourceError.
    """
    from pathlib import Path
    from shutil import which
    from subprocess import TimeoutExpired, run

    source = Path(path)
    try:
        text = source.read_bytes()
    except OSError as error:
        raise BadTreeSourceError(source.name, error.strerror or str(error)) from None
    compiler = which("dtc")
    if compiler is None:
        raise CompilerMissingError(source.name)
    command = [compiler, "-q", "-I", "dts", "-O", "dtb", "-o", "-", str(source.absolute())]
    try:
        done = run(command, capture_output=True, timeout=_COMPILER_TIME, check=False)
    except TimeoutExpired:
        problem = f"dtc did not end within {_COMPILER_TIME:.0f} s"
        raise BadTreeSourceError(source.name, problem) from None
    if done.returncode:
        output = done.stderr.decode(errors="replace").strip()
        raise BadTreeSourceError(source.name, output, has_includes=b"#include" in text)
    return done.stdout
