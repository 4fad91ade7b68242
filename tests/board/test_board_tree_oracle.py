# SPDX-License-Identifier: Apache-2.0
"""The device tree reader against ``fdtget``: every register, range and interrupt of every tree.

The expectation is made from what ``fdtget`` prints, by the plainest translation that there
is: each byte's address walks up by itself.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passthru.board.device_tree import board_from_tree
from passthru.board.flattened_tree import parse_flattened_tree
from passthru.board.tree_nodes import TreeNode
from passthru.board.tree_registers import Buses

PROJECT = Path(__file__).parents[2]
BOARDS = PROJECT / "tests/boards"
SOURCES = sorted(
    source
    for folder in ("tests", "examples", "src")
    for source in PROJECT.glob(f"{folder}/**/*.dts")
)
MACHINES = [
    "virt,gic-version=3,virtualization=on,iommu=smmuv3",
    "virt,gic-version=2,highmem=off",
]
PROPERTIES = (
    "#address-cells",
    "#size-cells",
    "#interrupt-cells",
    "reg",
    "ranges",
    "interrupts",
    "interrupt-parent",
    "interrupts-extended",
    "interrupt-map",
    "phandle",
)
GIC = ("arm,gic-v3", "arm,gic-400", "arm,cortex-a15-gic")
APART = ("/aliases", "/chosen", "/cpus", "/reserved-memory", "/memory@")

Cells = list[int]


def run(*words: str | Path) -> str:
    return subprocess.run([*map(str, words)], check=True, capture_output=True, text=True).stdout


class Oracle:
    """A tree as ``fdtget`` prints it."""

    def __init__(self, blob: Path) -> None:
        self.blob = blob
        self.properties: dict[str, set[str]] = {}
        self.cells: dict[tuple[str, str], Cells] = {}
        self.words: dict[tuple[str, str], list[str]] = {}
        self._read("/")
        self.by_phandle = {
            cells[0]: path for (path, name), cells in self.cells.items() if name == "phandle"
        }

    def _read(self, path: str) -> None:
        here = self.properties[path] = set(run("fdtget", "-p", self.blob, path).split())
        wanted = [name for name in PROPERTIES if name in here]
        pairs = [word for name in wanted for word in (path, name)]
        printed = run("fdtget", "-t", "x", self.blob, *pairs).split("\n") if pairs else []
        for name, line in zip(wanted, printed, strict=False):
            self.cells[path, name] = [int(word, 16) for word in line.split()]
        for name in ("compatible", "status", "device_type"):
            if name in here:
                self.words[path, name] = run("fdtget", self.blob, path, name).split()
        for child in run("fdtget", "-l", self.blob, path).splitlines():
            self._read(f"{path.rstrip('/')}/{child}")

    def number(self, path: str, name: str, default: int) -> int:
        return self.cells.get((path, name), [default])[0]

    def is_on(self, path: str) -> bool:
        while path:
            if self.words.get((path, "status"), ["okay"]) != ["okay"]:
                return False
            path = parent_of(path)
        return True

    def is_pci(self, path: str) -> bool:
        return self.words.get((path, "device_type")) == ["pci"]

    def devices(self) -> list[str]:
        return [
            path
            for path in self.properties
            if path != "/"
            and not path.startswith(APART)
            and (path, "compatible") in self.words
            and self.is_on(path)
        ]

    def windows(self, bus: str) -> Iterator[tuple[int, int, int]]:
        """Child address, parent address, size."""
        inner, size = self.number(bus, "#address-cells", 2), self.number(bus, "#size-cells", 1)
        outer = self.number(parent_of(bus), "#address-cells", 2)
        cells = self.cells.get((bus, "ranges"), [])
        for place in range(0, len(cells), inner + outer + size):
            entry = cells[place : place + inner + outer + size]
            child = entry[1 if self.is_pci(bus) else 0 : inner]
            yield joined(child), joined(entry[inner : inner + outer]), joined(entry[-size:])

    def address(self, bus: str, address: int) -> int | None:
        """One byte's address on the bus as the processors see it."""
        if bus == "/":
            return address
        if "ranges" not in self.properties[bus]:
            return None
        if not self.cells[bus, "ranges"]:
            return self.address(parent_of(bus), address)
        for child, parent, size in self.windows(bus):
            if child <= address < child + size:
                return self.address(parent_of(bus), address - child + parent)
        return None

    def registers(self, path: str) -> list[tuple[int, int]]:
        """First and last byte of each range that all can be reached of."""
        bus = parent_of(path)
        inner, size = self.number(bus, "#address-cells", 2), self.number(bus, "#size-cells", 1)
        cells = self.cells.get((path, "reg"), [])
        if not size or self.is_pci(bus):
            return []
        found = []
        for place in range(0, len(cells), inner + size):
            start = joined(cells[place : place + inner])
            length = joined(cells[place + inner : place + inner + size])
            reached = self.reach(bus, start, length)
            if reached is not None:
                found.append((reached, reached + length - 1))
        return found

    def reach(self, bus: str, start: int, length: int) -> int | None:
        """Where the range begins for the processors, if they have all of it in one piece."""
        first = self.address(bus, start)
        # Every page of what is not huge; in the trees that tests make, pages are the unit.
        step = max(4096, length // 512)
        offsets = [*range(0, length, step), length - 1]
        if not length or first is None:
            return None
        same = all(self.address(bus, start + offset) == first + offset for offset in offsets)
        return first if same else None

    def specifiers(self, path: str) -> Iterator[tuple[str, Cells]]:
        if (path, "interrupts-extended") in self.cells:
            rest = self.cells[path, "interrupts-extended"]
            while rest:
                controller = self.by_phandle[rest[0]]
                width = self.number(controller, "#interrupt-cells", 0)
                yield controller, rest[1 : 1 + width]
                rest = rest[1 + width :]
        elif (path, "interrupts") in self.cells:
            above = path
            while (above, "interrupt-parent") not in self.cells:
                above = parent_of(above)
            controller = self.by_phandle[self.cells[above, "interrupt-parent"][0]]
            rest = self.cells[path, "interrupts"]
            width = self.number(controller, "#interrupt-cells", 0)
            for place in range(0, len(rest), width):
                yield controller, rest[place : place + width]

    def mapped(self, path: str) -> Iterator[tuple[str, Cells]]:
        """What the node's ``interrupt-map`` leads to."""
        rest = self.cells.get((path, "interrupt-map"), [])
        here = self.number(path, "#address-cells", 2) + self.number(path, "#interrupt-cells", 0)
        while rest:
            controller = self.by_phandle[rest[here]]
            there = here + 1 + self.number(controller, "#address-cells", 0)
            width = self.number(controller, "#interrupt-cells", 0)
            yield controller, rest[there : there + width]
            rest = rest[there + width :]

    def vectors(self, specifiers: Iterator[tuple[str, Cells]]) -> list[int]:
        offsets = {0: 32, 1: 16, 2: 4096, 3: 1056}
        return [
            offsets[cells[0]] + cells[1]
            for controller, cells in specifiers
            if not set(GIC).isdisjoint(self.words[controller, "compatible"])
        ]


def parent_of(path: str) -> str:
    return "" if path == "/" else path.rpartition("/")[0] or "/"


def joined(cells: Cells) -> int:
    return int("".join(f"{cell:08x}" for cell in cells) or "0", 16)


def compare(blob: Path) -> int:
    """Compares every device; returns how many there were."""
    oracle = Oracle(blob)
    board = board_from_tree(blob.read_bytes(), blob.name)
    expected = {
        path: (oracle.registers(path), oracle.vectors(oracle.specifiers(path)))
        for path in oracle.devices()
    }
    expected = {path: each for path, each in expected.items() if each != ([], [])}
    found = {
        device.name: (
            [(each.start, each.end - 1) for each in device.registers],
            list(device.interrupts),
        )
        for device in board.devices
    }
    assert found == expected
    lines = {vector for _, vectors in expected.values() for vector in vectors}
    lines |= {vector for path in oracle.devices() for vector in oracle.vectors(oracle.mapped(path))}
    assert {line.vector for line in board.interrupts} == lines
    compare_windows(oracle, blob)
    return len(found)


def compare_windows(oracle: Oracle, blob: Path) -> None:
    nodes = {
        node.path: node for node in all_nodes(parse_flattened_tree(blob.read_bytes(), "").root)
    }
    assert set(nodes) == set(oracle.properties)
    for path in nodes:
        bus = path if (path, "ranges") in oracle.cells else None
        windows = [] if bus is None else list(oracle.windows(bus))
        starts = [oracle.reach(parent_of(path), parent, size) for _, parent, size in windows]
        expected = [
            (start, size)
            for start, (*_, size) in zip(starts, windows, strict=True)
            if start is not None
        ]
        found = [(each.start, each.size) for each in Buses().windows(nodes[path])]
        assert found == expected


def all_nodes(node: TreeNode) -> Iterator[TreeNode]:
    yield node
    for child in node.children:
        yield from all_nodes(child)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_every_source_reads_as_fdtget_prints_it(source: Path, tmp_path: Path) -> None:
    blob = tmp_path / f"{source.stem}.dtb"
    run("dtc", "-q", "-I", "dts", "-O", "dtb", "-o", blob, source)
    assert compare(blob) >= (8 if source.parent == BOARDS else 1)


@pytest.mark.parametrize("machine", MACHINES)
def test_the_tree_that_qemu_makes_reads_as_fdtget_prints_it(machine: str, tmp_path: Path) -> None:
    blob = tmp_path / "virt.dtb"
    command = ["qemu-system-aarch64", "-M", f"{machine},dumpdtb={blob}", "-cpu", "cortex-a72"]
    run(*command, "-smp", "2", "-m", "1G", "-display", "none")
    assert compare(blob) >= 40
    board = board_from_tree(blob.read_bytes(), "virt")
    assert (board.cpu_count, board.architecture) == (2, "aarch64")
    assert [each.size for each in board.allocated] == [1 << 30]
    assert board.iommu_kind == ("smmuv3" if "smmuv3" in machine else None)


class Bus(NamedTuple):
    """A bus that a test made, or a device: then ``size_cells`` is None."""

    cells: Cells
    address_cells: int
    size_cells: int | None
    windows: list[tuple[int, int, int]] | None
    children: list["Bus"]


NUMBERS = st.integers(0, 0x40).map(lambda number: number << 12)
SIZES = st.integers(1, 0x40).map(lambda number: number << 12)


def side_by_side(windows: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Windows of gaps, parent addresses and sizes; which of two that overlap counts is open."""
    placed, end = [], 0
    for gap, parent, size in windows:
        placed.append((end + gap, parent, size))
        end += gap + size
    return placed


WINDOWS = st.lists(st.tuples(NUMBERS, NUMBERS, SIZES), max_size=3).map(side_by_side)
DEVICES = st.builds(
    Bus, st.lists(NUMBERS, min_size=2, max_size=4), st.just(2), st.none(), st.none(), st.just([])
)
BUSES = st.recursive(
    DEVICES,
    lambda inner: st.builds(
        Bus,
        st.just([]),
        st.integers(1, 3),
        st.integers(1, 2),
        st.none() | WINDOWS,
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)


def source_of(bus: Bus, outer: tuple[int, int | None]) -> str:
    inner = bus.address_cells, bus.size_cells
    lines = []
    if bus.size_cells is None:
        pairs = zip(bus.cells[::2], bus.cells[1::2], strict=False)
        reg = [cells_of((start, outer[0]), (size, outer[1] or 0)) for start, size in pairs]
        lines.append(f'compatible = "d"; reg = <{" ".join(reg)}>;')
    else:
        lines.append(f"#address-cells = <{inner[0]}>; #size-cells = <{inner[1]}>;")
    if bus.windows is not None:
        shape = inner[0], outer[0], inner[1] or 0
        windows = [cells_of(*zip(each, shape, strict=True)) for each in bus.windows]
        lines.append(f"ranges = <{' '.join(windows)}>;" if windows else "ranges;")
    for number, child in enumerate(bus.children):
        lines.append(f"n{number} {{ {source_of(child, inner)} }};")
    return " ".join(lines)


def cells_of(*numbers: tuple[int, int]) -> str:
    cells = [(value >> 32 * place) & 0xFFFFFFFF for value, n in numbers for place in range(n)[::-1]]
    return " ".join(f"{cell:#x}" for cell in cells)


@settings(max_examples=25)
@given(st.lists(BUSES, min_size=1, max_size=3), st.integers(1, 3), st.integers(1, 2))
def test_any_nest_of_buses_translates_as_byte_by_byte(
    buses: list[Bus], address_cells: int, size_cells: int
) -> None:
    top = source_of(Bus([], address_cells, size_cells, None, buses), (0, 0))
    with TemporaryDirectory() as folder:
        blob, source = Path(folder) / "made.dtb", Path(folder) / "made.dts"
        source.write_text(f"/dts-v1/; / {{ {top} }};")
        run("dtc", "-q", "-f", "-I", "dts", "-O", "dtb", "-o", blob, source)
        compare(blob)
