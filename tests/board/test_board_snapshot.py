# SPDX-License-Identifier: Apache-2.0
import json
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange, PciAddress
from passthru.board import model, snapshot
from passthru.board.model import (
    Abilities,
    Bar,
    BarKind,
    Board,
    CpuCluster,
    HostRegion,
    InterruptLine,
    KernelFeature,
    PciCapabilities,
    PciFunction,
    PlatformDevice,
    Trigger,
    UioDevice,
)
from passthru.board.snapshot import (
    DamagedBoardError,
    NewerBoardError,
    read_snapshot,
    write_board,
)
from sample_board import BOARD

FULL = BOARD._replace(
    clusters=(CpuCluster("cluster0", (0, 1)),),
    ports=(HostRegion(AddressRange(0x3F8, 8), "serial"),),
    interrupts=(InterruptLine("gic", 33, Trigger.LEVEL, None),),
    devices=(
        PlatformDevice(
            "/pl011@9000000",
            ("arm,pl011", "arm,primecell"),
            (AddressRange(0x9000000, 0x1000),),
            (33,),
            ("/apb-pclk",),
            (),
            (),
            ("/smmuv3@9050000:0x100",),
            None,
            7,
            ("dma-coherent", "iommus"),
        ),
    ),
    pci=(
        BOARD.pci[0]._replace(capabilities=PciCapabilities((1, 0x10), (1, 0x15), 4, 65)),
        *BOARD.pci[1:-1],
        BOARD.pci[-1]._replace(capabilities=PciCapabilities((5,), None, None, 0)),
    ),
    iommu_kind="smmuv3",
    features=(KernelFeature("vfio-pci", "module"),),
    unseen=("something: could not be read",),
    uio=(UioDevice("uio0", "0000:00:05.0", "uio_pci_generic", (21,), (AddressRange(0, 0x1000),)),),
    total_ram=16314552 << 10,
)


def any_value(hint: Any, number: Any) -> st.SearchStrategy[Any]:
    """Values of a field of the model, within what the snapshot lets it be."""
    if get_origin(hint) is tuple:
        return st.lists(any_value(get_args(hint)[0], number), max_size=3).map(tuple)
    if type(None) in get_args(hint):
        return st.none() | any_value(get_args(hint)[0], number)
    if hint is PciAddress:
        bits = [st.integers(0, most) for most in (0xFFFFFF, 0xFF, 0x1F, 7)]
        return st.builds(PciAddress, *bits)
    if hint is AddressRange:
        return any_range()
    if hint is Bar:
        sizes = st.integers(0, 40).map(lambda bit: 1 << bit)
        ranges = st.builds(AddressRange, st.integers(0, 1 << 60), sizes)
        return st.builds(
            Bar, st.integers(0, 5), st.sampled_from(list(BarKind)), st.booleans(), ranges
        )
    if hint is KernelFeature:
        states = st.sampled_from(["built-in", "module", "missing", "unknown"])
        return st.builds(KernelFeature, st.text(), states)
    if hint is int:
        return st.integers(number.lowest, number.highest)
    if hint is bool:
        return st.booleans()
    if hint is str:
        return st.text(max_size=9)
    if issubclass(hint, tuple):
        return any_tuple(hint)
    return st.sampled_from(list(hint))


def any_range() -> st.SearchStrategy[AddressRange]:
    ends = st.tuples(st.integers(0, (1 << 64) - 1), st.integers(0, 1 << 64))
    return ends.filter(lambda pair: pair[0] <= pair[1]).map(lambda p: AddressRange.between(*p))


def any_tuple(kind: Any) -> st.SearchStrategy[Any]:
    fields = {
        field: any_value(hint, snapshot._NUMBERS.get((kind, field)))
        for field, hint in kind.__annotations__.items()
    }
    return st.builds(kind, **fields)


@given(any_tuple(Board))
def test_every_board_comes_back_as_it_went(board: Board) -> None:
    written = write_board(board)
    assert read_snapshot(written, "x") == board
    assert write_board(read_snapshot(written, "x")) == written


def test_every_number_of_the_model_has_its_limits() -> None:
    def numbers(kind: Any) -> set[tuple[type, str]]:
        found = set()
        for field, hint in kind.__annotations__.items():
            hints = {hint, *get_args(hint)} - {Ellipsis}
            hints |= {part for each in hints for part in get_args(each)} - {Ellipsis}
            if int in hints:
                found.add((kind, field))
            for each in hints:
                if isinstance(each, type) and issubclass(each, tuple) and each is not PciAddress:
                    found |= numbers(each) if hasattr(each, "_fields") else set()
        return found

    assert numbers(Board) == set(snapshot._NUMBERS)


def test_what_people_read() -> None:
    lines = write_board(FULL).decode().splitlines()
    assert lines[1:5] == [
        ' "format": "passthru board",',
        ' "version": 4,',
        ' "name": "sample",',
        ' "architecture": "x86_64",',
    ]
    assert '  {"range": {"start": "0x1000", "size": "0x9f000"}, "name": "System RAM"},' in lines
    assert any('"address": "0000:00:1f.2", "vendor": "0x8086"' in line for line in lines)
    assert ' "asinfo": [],' in lines


def test_fields_with_a_default_may_be_left_out() -> None:
    document = json.loads(write_board(BOARD))
    for field in Board._field_defaults:
        del document[field]
    assert read_snapshot(json.dumps(document).encode(), "x") == BOARD


def put(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        (put("memory", 1, "range", "start", value=4096), "memory[1].range.start", "0x"),
        (put("memory", 1, "range", "start", value="4096"), "memory[1].range.start", "0x"),
        (put("memory", 1, "range", "start", value="-0x1"), "memory[1].range.start", "0x"),
        (put("memory", 1, "range", "size", value="0x10000000000000000"), "memory[1].range", "ends"),
        (put("memory", 1, "name", value=None), "memory[1].name", "a string"),
        (put("memory", value={}), "memory", "a list"),
        (put("allocated", 0, value=[1, 2]), "allocated[0]", "an object"),
        (put("abilities", "iommu", value=1), "abilities.iommu", "true or false"),
        (put("abilities", "address_bits", value=65), "abilities.address_bits", "from 1 to 64"),
        (put("abilities", "address_bits", value=True), "abilities.address_bits", "from 1 to 64"),
        (put("cpu_count", value=0), "cpu_count", "from 1"),
        (put("cpu_count", value=1.0), "cpu_count", "from 1"),
        (put("pci", 0, "address", value="00:00.0"), "pci[0].address", "0000:00:1f.2"),
        (put("pci", 0, "address", value="0000:00:1f.8"), "pci[0].address", "0000:00:1f.2"),
        (put("pci", 0, "vendor", value="0x10000"), "pci[0].vendor", "0xffff"),
        (put("pci", 0, "interrupt_pin", value=5), "pci[0].interrupt_pin", "from 0 to 4"),
        (put("pci", 2, "bars", 0, "number", value=6), "pci[2].bars[0].number", "from 0 to 5"),
        (put("pci", 2, "bars", 0, "kind", value="mem16"), "pci[2].bars[0].kind", "mem32"),
        (
            put("pci", 2, "bars", 0, "range", "size", value="0x3000"),
            "pci[2].bars[0].range",
            "power of two",
        ),
        (put("interrupts", 0, "trigger", value=[]), "interrupts[0].trigger", "edge"),
        (put("features", 0, "state", value="maybe"), "features[0].state", "built-in"),
        (put("devices", 0, "interrupts", 0, value=-1), "devices[0].interrupts[0]", "from 0"),
        (
            put("pci", 0, "capabilities", "standard", 1, value="0x100"),
            "pci[0].capabilities.standard[1]",
            "from 0x0 to 0xff",
        ),
        (
            put("pci", 0, "capabilities", "standard", value=None),
            "pci[0].capabilities.standard",
            "a list",
        ),
        (
            put("pci", 0, "capabilities", "msix_vectors", value=2049),
            "pci[0].capabilities.msix_vectors",
            "from 0 to 2048",
        ),
        (put("pci_functions", value=[]), "pci_functions", "no field"),
        (put("pci", 0, "colour", value=1), "pci[0].colour", "no field"),
        (lambda document: document.pop("memory"), "memory", "missing"),
        (lambda document: document["pci"][0].pop("driver"), "pci[0].driver", "missing"),
        (put("version", value="1"), "version", "number"),
        (put("version", value=0), "version", "number"),
        (lambda document: document.pop("version"), "version", "number"),
        (put("format", value="another"), "", "format"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(
    change: Callable[[dict[str, Any]], None], place: str, problem: str
) -> None:
    document = json.loads(write_board(FULL))
    change(document)
    with pytest.raises(DamagedBoardError) as caught:
        read_snapshot(json.dumps(document).encode(), "my.board.json")
    assert caught.value.place == place
    assert problem in caught.value.problem
    assert "my.board.json" in str(caught.value)


def test_a_newer_version_is_told_before_its_fields() -> None:
    with pytest.raises(NewerBoardError, match="version 5; this program knows versions up to 4"):
        read_snapshot(b'{"format": "passthru board", "version": 5, "shape": "new"}', "x")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'"passthru board"',
        b"{",
        b'{"format": "passthru board", "version": 1',
        b'{"format": "passthru board", "version": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"format": "passthru board", "version": 1, "name": "a", "name": "b"}',
    ],
)
def test_damaged_documents_are_told(data: bytes) -> None:
    with pytest.raises(DamagedBoardError):
        read_snapshot(data, "x")


@given(st.integers(0), st.integers(1, 255))
def test_a_changed_byte_gives_a_board_or_an_error_of_ours(place: int, change: int) -> None:
    data = bytearray(write_board(FULL))
    data[place % len(data)] ^= change
    with suppress(DamagedBoardError, NewerBoardError):
        read_snapshot(bytes(data), "x")


def test_the_model_names_are_those_of_the_document() -> None:
    # A field that is renamed makes a new version of the format.
    kinds = (
        *(Board, Abilities, PciFunction, PciCapabilities),
        *(PlatformDevice, InterruptLine, model.IommuGroup, UioDevice, model.DeviceUse),
    )
    assert {kind.__name__: kind._fields for kind in kinds} == {
        "Board": (
            *("name", "architecture", "cpu_count", "memory", "allocated", "reserved", "pci"),
            *("iommu_groups", "abilities", "clusters", "ports", "interrupts", "devices"),
            *("iommu_kind", "asinfo", "features", "unseen", "uio", "infrastructure"),
            *("total_ram", "uses", "origin"),
        ),
        "Abilities": (
            *("hardware_virtualization", "vfio_pci", "iommu", "locked_memory_limit"),
            "address_bits",
        ),
        "PciFunction": (
            *("address", "vendor", "device", "class_code", "header_type", "interrupt_pin"),
            *("bars", "driver", "iommu_group", "reset_methods", "capabilities"),
        ),
        "PciCapabilities": ("standard", "extended", "msi_vectors", "msix_vectors"),
        "PlatformDevice": (
            *("name", "compatible", "registers", "interrupts", "clocks", "power_domains"),
            *("resets", "streams", "driver", "iommu_group", "dma"),
        ),
        "InterruptLine": ("controller", "vector", "trigger", "owner"),
        "IommuGroup": ("number", "members", "reserved"),
        "DeviceUse": ("device", "kind", "name", "mounts"),
        "UioDevice": ("name", "device", "driver", "vectors", "registers"),
    }


PAGE = (Path(__file__).parents[2] / "docs/boards.md").read_text(encoding="utf-8")


def test_the_page_names_every_field() -> None:
    kinds = (Board, Abilities, PciFunction, PciCapabilities, PlatformDevice, InterruptLine, Bar)
    kinds = (*kinds, UioDevice, model.DeviceUse)
    for field in ("format", "version", *(field for kind in kinds for field in kind._fields)):
        assert f"`{field}`" in PAGE, field


def test_the_board_by_hand_on_the_page_can_be_read() -> None:
    example = PAGE.partition("```json\n")[2].partition("```")[0]
    board = read_snapshot(example.encode(), "page")
    assert board.reserved[0].range == AddressRange(0xB0000000, 0x10000000)


def test_a_file_that_was_once_written_stays_readable() -> None:
    # Captured in the virtual bench by the first program that wrote version 1.
    data = (Path(__file__).parent / "golden/bench-2026.board.json").read_bytes()
    board = read_snapshot(data, "bench")
    assert (board.iommu_kind, len(board.pci), len(board.ports)) == ("vt-d", 12, 24)
    shared = board.iommu_group(7)
    assert shared is not None
    assert shared.members == (PciAddress(0, 0, 8, 0), PciAddress(0, 0, 8, 1))
    assert all(function.capabilities is None for function in board.pci)
    # Written again, it is of the present version and differs in nothing else.
    newer = data.replace(b'"version": 1,', b'"version": 4,')
    newer = re.sub(rb'("reset_methods": \[[^]]*\])', rb'\1, "capabilities": null', newer)
    newer = re.sub(rb'("streams": .*"iommu_group": \w+)}', rb'\1, "dma": []}', newer)
    newer = newer.removesuffix(b"\n}\n") + b',\n "uio": null'
    written, _, infrastructure = write_board(board).partition(b',\n "infrastructure": [\n')
    assert written == newer
    # That field came later: it is what the others show.
    last = b',\n "total_ram": null,\n "uses": [],\n "origin": "linux"\n}\n'
    assert [each["name"] for each in json.loads(b"[" + infrastructure.removesuffix(last))] == [
        "PCI configuration space PCI MMCONFIG 0000 [bus 00-ff]",
        "interrupt controller I/O APIC",
        "timer HPET 0",
        "IOMMU dmar0",
        "interrupt controller local APIC",
        "firmware at the reset vector",
    ]
