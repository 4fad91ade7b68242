# SPDX-License-Identifier: Apache-2.0
"""The flattened format: what ``dtc`` writes is read back, and no bytes break the reader."""

import subprocess
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.board.device_tree import board_from_tree
from passthru.board.flattened_tree import MAGIC, DamagedTreeError, parse_flattened_tree
from passthru.board.snapshot import read_snapshot, write_board
from passthru.board.tree_nodes import TreeNode
from passthru.diagnostics.errors import PassthruError

BOARDS = Path(__file__).parent.parent / "boards"
LIMIT = 1 << 64


def compile_tree(source: str | bytes) -> bytes:
    data = source if isinstance(source, bytes) else source.encode()
    command = ["dtc", "-q", "-f", "-I", "dts", "-O", "dtb"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


@cache
def blobs() -> list[bytes]:
    return [compile_tree(path.read_bytes()) for path in sorted(BOARDS.glob("*.dts"))]


class Made(NamedTuple):
    """A node that a test made."""

    properties: dict[str, bytes]
    children: dict[str, "Made"]


NAMES = st.text(alphabet="abcxyz0123456789,-_", min_size=1, max_size=12).filter(
    lambda name: name[0].isalpha()
)
SPECIAL = st.sampled_from(
    ["reg", "ranges", "interrupts", "clocks", "iommus", "compatible", "status"]
)
CELLS = st.lists(st.integers(0, 9) | st.integers(0, (1 << 32) - 1), max_size=8).map(
    lambda cells: b"".join(cell.to_bytes(4, "big") for cell in cells)
)
SMALL = st.integers(0, 5).map(lambda number: number.to_bytes(4, "big"))
PROPERTIES = st.builds(
    lambda usual, counts: usual | counts,
    st.dictionaries(NAMES | SPECIAL, CELLS | st.binary(max_size=9), max_size=4),
    st.dictionaries(
        st.sampled_from(
            ["#address-cells", "#size-cells", "#interrupt-cells", "interrupt-parent", "phandle"]
        ),
        SMALL,
    ),
)
TREES = st.recursive(
    st.builds(Made, PROPERTIES, st.just({})),
    lambda inner: st.builds(
        Made,
        PROPERTIES,
        st.dictionaries(NAMES | st.sampled_from(["memory", "cpus"]), inner, max_size=3),
    ),
    max_leaves=8,
)
RESERVATIONS = st.lists(
    st.tuples(st.integers(0, LIMIT - 1), st.integers(1, LIMIT - 1)).filter(
        lambda pair: sum(pair) <= LIMIT
    ),
    max_size=3,
)


def source_of(node: Made) -> str:
    values = (
        f"{name} = [{value.hex()}];" if value else f"{name};"
        for name, value in node.properties.items()
    )
    inner = (f"n-{name} {source_of(child)};" for name, child in node.children.items())
    return "{ " + " ".join((*values, *inner)) + " }"


def same(read: TreeNode, made: Made) -> bool:
    return (
        read.properties == made.properties
        and [child.name for child in read.children] == [f"n-{name}" for name in made.children]
        and all(map(same, read.children, made.children.values()))
    )


@settings(max_examples=40)
@given(TREES, RESERVATIONS)
def test_any_tree_that_dtc_writes_is_read_back(
    made: Made, reservations: list[tuple[int, int]]
) -> None:
    kept = "".join(f"/memreserve/ {start:#x} {size:#x};" for start, size in reservations)
    blob = compile_tree(f"/dts-v1/; {kept} / {source_of(made)};")
    tree = parse_flattened_tree(blob, "made")
    assert same(tree.root, made)
    assert list(tree.reservations) == [AddressRange(*pair) for pair in reservations]
    board = board_from_tree(blob, "made")
    assert read_snapshot(write_board(board), "again") == board


@given(st.binary(max_size=200))
def test_any_bytes_give_a_board_or_an_error(data: bytes) -> None:
    for each in (data, MAGIC + data):
        with pytest.raises(PassthruError):
            board_from_tree(each, "noise")


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_blob_gives_a_board_or_an_error(data: st.DataObject) -> None:
    blob = bytearray(data.draw(st.sampled_from(blobs())))
    for _ in range(data.draw(st.integers(1, 4))):
        header = data.draw(st.booleans())
        place = data.draw(st.integers(0, 39 if header else len(blob) - 1))
        blob[place] = data.draw(st.sampled_from([0, 1, 2, 3, 4, 9, 127, 128, 255]))
    end = data.draw(st.integers(0, len(blob)) | st.just(len(blob)))
    try:
        board = board_from_tree(bytes(blob[:end]), "damaged")
    except PassthruError:
        return
    assert read_snapshot(write_board(board), "again") == board


def words(*numbers: int) -> bytes:
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def blob_of(structure: bytes, strings: bytes = b"", *, version: int = 17) -> bytes:
    start = 40 + 16
    total = start + len(structure) + len(strings)
    header = words(
        0xD00DFEED, total, start, start + len(structure), 40, version, 16, 0, len(strings), 0
    )
    return header + bytes(16) + structure + strings


ROOT = words(1, 0)
END_NODE, END = words(2), words(9)


def test_nops_and_the_older_version_are_read() -> None:
    structure = words(4) + ROOT + words(4, 3, 4, 0, 7) + END_NODE + words(4) + END
    for version in (16, 17):
        tree = parse_flattened_tree(blob_of(structure, b"reg\0", version=version), "t")
        assert tree.root.cells("reg") == (7,)


def test_names_come_from_the_strings_alone() -> None:
    blob = bytearray(blob_of(ROOT + words(3, 0, 4) + END_NODE + END, b"one\0two\0"))
    assert "two" in parse_flattened_tree(bytes(blob), "t").root.properties
    blob[32:36] = words(4)
    with pytest.raises(DamagedTreeError, match="a name does not end"):
        parse_flattened_tree(bytes(blob), "t")


def test_the_first_of_two_properties_counts() -> None:
    structure = ROOT + words(3, 4, 0, 7) + words(3, 4, 0, 8) + END_NODE + END
    assert parse_flattened_tree(blob_of(structure, b"reg\0"), "t").root.cells("reg") == (7,)


@pytest.mark.parametrize(
    ("blob", "problem"),
    [
        (b"", "does not begin with d00dfeed"),
        (MAGIC, "ends too early"),
        (blob_of(ROOT + END_NODE + END)[:-1], "is 71 bytes and says 72"),
        (blob_of(ROOT + END_NODE + END, version=15), "neither 16 nor 17"),
        (blob_of(ROOT + END_NODE), "ends too early"),
        (blob_of(ROOT + END), "token 0x9"),
        (blob_of(END), "token 0x9"),
        (blob_of(END_NODE), "token 0x2"),
        (blob_of(ROOT + END_NODE + ROOT + END_NODE + END), "token 0x1"),
        (blob_of(words(3, 0, 0), b"a\0"), "token 0x3"),
        (blob_of(ROOT + words(5)), "token 0x5"),
        (blob_of(ROOT + words(3, 100, 0), b"a\0"), "value ends outside"),
        (blob_of(ROOT + words(3, 0xFFFFFFFF, 0), b"a\0"), "value ends outside"),
        (blob_of(ROOT + words(3, 0, 9) + END_NODE + END, b"a\0"), "a name does not end"),
        (blob_of(ROOT + words(3, 0, 0) + END_NODE + END, b"a"), "a name does not end"),
        (blob_of(words(1) + b"a" * 300 + bytes(4) + END_NODE + END), "a name does not end"),
        (blob_of(ROOT * 65 + END_NODE * 65 + END), "nested over 64 deep"),
    ],
)
def test_each_kind_of_damage_is_told(blob: bytes, problem: str) -> None:
    with pytest.raises(DamagedTreeError) as caught:
        parse_flattened_tree(blob, "x.dtb")
    assert str(caught.value).startswith("x.dtb is no sound device tree blob: ")
    assert problem in str(caught.value)


def test_a_range_that_leaves_64_bits_is_left_out() -> None:
    blob = compile_tree(
        "/dts-v1/; / { #address-cells = <2>; #size-cells = <2>;"
        'a { compatible = "a"; reg = <0xffffffff 0xfffff000 0 0x1000>, '
        "<0xffffffff 0xfffff000 0 0x1001>; }; };"
    )
    [device] = board_from_tree(blob, "edge").devices
    assert device.registers == (AddressRange(LIMIT - 0x1000, 0x1000),)
