# SPDX-License-Identifier: Apache-2.0
"""The virtual boards: data files in ``boards/``, read into typed values.

Addresses are physical addresses of the virtual host (HPA, for what runs in it).
"""

import re
import tomllib
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from passthru.addresses import PAGE_SIZE, AddressRange, PciAddress
from passthru.bench.architectures import ARCHITECTURES, Architecture
from passthru.bench.board_values import Table
from passthru.bench.errors import BenchBoardError, UnknownBoardError

__all__ = [
    "ARM_BOARD",
    "DEFAULT_BOARD",
    "BenchBoard",
    "Disk",
    "ExpectedFunction",
    "PlacedFile",
    "PlacedPattern",
    "ReservedMemory",
    "board_names",
    "load_board",
    "parse_board",
]

DEFAULT_BOARD = "x86-64"
ARM_BOARD = "arm64-virt"

_IDS = re.compile(r"([0-9a-f]{4}):([0-9a-f]{4})")


class ReservedMemory(NamedTuple):
    """RAM that the virtual host's kernel leaves alone at every boot."""

    name: str
    range: AddressRange


class Disk(NamedTuple):
    """A disk image made anew for each boot, filled with the known pattern.

    ``device`` is QEMU's device without its drive; ``size`` is in bytes.
    """

    id: str
    size: int
    device: str


class PlacedFile(NamedTuple):
    """A file that lies in the virtual host's RAM before it boots, at ``address`` (HPA)."""

    path: str
    address: int


class PlacedPattern(NamedTuple):
    """``size`` bytes of the known pattern ``id``, in RAM before each boot (HPA)."""

    id: str
    address: int
    size: int

    @property
    def range(self) -> AddressRange:
        """Where they lie (HPA)."""
        return AddressRange(self.address, self.size)


class ExpectedFunction(NamedTuple):
    """A PCI function that the board has; ``group_with`` shares its IOMMU group."""

    address: PciAddress
    vendor: int
    device: int
    description: str
    driver: str | None
    group_with: tuple[PciAddress, ...]


class BenchBoard(NamedTuple):
    """One virtual board. ``memory`` is its RAM in bytes, one block.

    ``modules`` are drivers to load, each with its parameters behind it. ``uio`` are paths in
    the board's device tree: these devices are for the driver ``uio_pdrv_genirq``.
    """

    name: str
    description: str
    architecture: Architecture
    processors: int
    processor: str
    memory: int
    machine: str
    devices: tuple[str, ...]
    backends: tuple[str, ...]
    kernel_arguments: tuple[str, ...]
    modules: tuple[str, ...]
    reserved: tuple[ReservedMemory, ...]
    disks: tuple[Disk, ...]
    patterns: tuple[PlacedPattern, ...]
    functions: tuple[ExpectedFunction, ...]
    uio: tuple[str, ...] = ()

    @property
    def ram(self) -> AddressRange:
        """The board's RAM (HPA)."""
        return AddressRange(self.architecture.memory_start, self.memory)


def _directory() -> Traversable:
    return resources.files("passthru.bench") / "boards"


def board_names() -> list[str]:
    """The names of all boards, sorted."""
    names = (entry.name for entry in _directory().iterdir())
    return sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml"))


def load_board(name: str = DEFAULT_BOARD) -> BenchBoard:
    """The board of that name. Raises UnknownBoardError, BenchBoardError."""
    if name not in board_names():
        raise UnknownBoardError(name, board_names())
    file = _directory() / f"{name}.toml"
    return parse_board(name, file.read_text(encoding="utf-8"), f"{name}.toml")


def parse_board(name: str, text: str, file: str) -> BenchBoard:
    """Read a board from TOML text; ``file`` is its name in errors. Raises BenchBoardError."""
    try:
        table = Table(file, "", tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BenchBoardError(file, "syntax", str(error)) from error
    board = BenchBoard(
        name=name,
        description=table.string("description"),
        architecture=ARCHITECTURES[table.choice("architecture", tuple(ARCHITECTURES))],
        processors=table.integer("processors", low=1, high=64),
        processor=table.string("processor"),
        memory=table.size("memory"),
        machine=table.string("machine"),
        devices=table.strings("devices"),
        backends=table.strings("backends", default=()),
        kernel_arguments=table.strings("kernel_arguments"),
        modules=table.strings("modules"),
        reserved=tuple(_reserved(entry) for entry in table.tables("reserved")),
        disks=tuple(_disk(entry) for entry in table.tables("disk")),
        patterns=tuple(_pattern(entry) for entry in table.tables("pattern")),
        functions=tuple(_function(entry) for entry in table.tables("function")),
        uio=table.strings("uio", default=()),
    )
    table.finish()
    _check_places(board, file)
    return board


def _reserved(table: Table) -> ReservedMemory:
    start = table.integer("start", low=0, high=1 << 52)
    reserved = ReservedMemory(table.string("name"), AddressRange(start, table.size("size")))
    if reserved.range.page_aligned() != reserved.range:
        raise table.error("start", "must begin and end on a page of 4 KiB")
    table.finish()
    return reserved


def _disk(table: Table) -> Disk:
    disk = Disk(table.string("id"), table.size("size"), table.string("device"))
    table.finish()
    return disk


def _pattern(table: Table) -> PlacedPattern:
    address = table.integer("address", low=0, high=1 << 52)
    pattern = PlacedPattern(table.string("id"), address, table.size("size"))
    table.finish()
    return pattern


def _function(table: Table) -> ExpectedFunction:
    ids = _IDS.fullmatch(table.string("id"))
    if ids is None:
        raise table.error("id", "must be vendor:device, four hexadecimal digits each")
    function = ExpectedFunction(
        address=_pci_address(table, "address", table.string("address")),
        vendor=int(ids[1], 16),
        device=int(ids[2], 16),
        description=table.string("description"),
        driver=table.string("driver", default="") or None,
        group_with=tuple(
            _pci_address(table, "group_with", text)
            for text in table.strings("group_with", default=())
        ),
    )
    table.finish()
    return function


def _pci_address(table: Table, key: str, text: str) -> PciAddress:
    try:
        return PciAddress.from_sysfs(text)
    except ValueError as error:
        raise table.error(key, f"{text} is no PCI address like 0000:00:1f.2") from error


def _check_places(board: BenchBoard, file: str) -> None:
    if board.memory % PAGE_SIZE:
        raise BenchBoardError(file, "memory", f"must be whole pages, not {board.memory} bytes")
    for reserved in board.reserved:
        if not board.ram.contains(reserved.range):
            raise BenchBoardError(file, f"reserved {reserved.name}", "lies outside the memory")
    for pattern in board.patterns:
        if not any(reserved.range.contains(pattern.range) for reserved in board.reserved):
            raise BenchBoardError(file, f"pattern {pattern.id}", "lies outside the reserved memory")
