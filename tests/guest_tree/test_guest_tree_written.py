# SPDX-License-Identifier: Apache-2.0
"""Blobs and sources: what is written is read again, and ``dtc`` takes it."""

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guest_trees import compile_tree, tree_of
from passthru.addresses import AddressRange
from passthru.board.flattened_tree import FlattenedTree, parse_flattened_tree
from passthru.board.tree_nodes import TreeNode
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.problems import UnwritableNameError
from passthru.guest_tree.tree_source import tree_as_source

NAMES = st.from_regex(r"[a-z][a-z0-9,._+-]{0,11}", fullmatch=True)
CELLS = st.lists(st.integers(0, 3) | st.integers(0, (1 << 32) - 1), max_size=6).map(
    lambda cells: b"".join(cell.to_bytes(4, "big") for cell in cells)
)
TEXTS = st.lists(st.text(st.characters(min_codepoint=1, max_codepoint=126)), max_size=3).map(
    lambda texts: b"".join(text.encode() + b"\0" for text in texts)
)
PROPERTIES = st.dictionaries(
    NAMES | st.sampled_from(["clocks", "interrupts-extended", "reg", "x-supply", "#clock-cells"]),
    CELLS | TEXTS | st.binary(max_size=9),
    max_size=4,
)
PHANDLES = st.none() | st.integers(1, 3)
RESERVATIONS = st.lists(
    st.builds(AddressRange, st.integers(0, 1 << 62), st.integers(1, 1 << 62)), max_size=3
)


@st.composite
def trees(draw: st.DrawFn) -> FlattenedTree:
    root = TreeNode("", None)
    nodes = [root]
    taken: set[int] = set()
    for _ in range(draw(st.integers(0, 8))):
        parent = draw(st.sampled_from(nodes))
        name = f"n-{draw(NAMES)}"
        if parent.child(name) is None:
            node = TreeNode(name, parent)
            parent.children.append(node)
            nodes.append(node)
    for node in nodes:
        node.properties.update(draw(PROPERTIES))
        phandle = draw(PHANDLES)
        if phandle is not None and phandle not in taken:
            taken.add(phandle)
            node.properties["phandle"] = phandle.to_bytes(4, "big")
    return FlattenedTree(root, tuple(draw(RESERVATIONS)))


def same(one: TreeNode, other: TreeNode) -> bool:
    return (
        one.name == other.name
        and list(one.properties.items()) == list(other.properties.items())
        and len(one.children) == len(other.children)
        and all(map(same, one.children, other.children))
    )


@settings(max_examples=200)
@given(trees())
def test_what_is_written_is_read_again(tree: FlattenedTree) -> None:
    again = parse_flattened_tree(write_flattened_tree(tree), "again")
    assert same(again.root, tree.root)
    assert again.reservations == tree.reservations


@settings(max_examples=40, deadline=None)
@given(trees())
def test_dtc_takes_every_blob_and_makes_the_same_tree_of_every_source(tree: FlattenedTree) -> None:
    blob = write_flattened_tree(tree)
    command = ["dtc", "-q", "-f", "-I", "dtb", "-O", "dtb"]
    done = subprocess.run(command, input=blob, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert same(parse_flattened_tree(done.stdout, "by dtc").root, tree.root)
    compiled = parse_flattened_tree(compile_tree(tree_as_source(tree)), "compiled")
    assert same(compiled.root, tree.root)
    assert compiled.reservations == tree.reservations


def test_the_header_says_what_dtc_would_say() -> None:
    by_dtc = compile_tree('/dts-v1/; /memreserve/ 0x1000 0x20; / { a = "b"; c { a = <1>; }; };')
    blob = write_flattened_tree(parse_flattened_tree(by_dtc, "by dtc"))
    # The order of the blocks is the writer's own; versions and sizes are not.
    for place in (0, 4, 20, 24, 28, 32, 36):
        assert blob[place : place + 4] == by_dtc[place : place + 4], place


def test_references_that_are_known_have_labels() -> None:
    source = tree_as_source(
        tree_of(
            "/dts-v1/; / { interrupt-parent = <&i>;"
            "i: pic@1 { #interrupt-cells = <2>; }; c: 5clock { #clock-cells = <1>; };"
            "x { clocks = <&c 7>, <0>, <&c 8>; interrupts-extended = <&i 1 2>; other = <&c>;"
            " resets = <&c 1>; }; };"
        )
    )
    assert "interrupt-parent = <&pic_1>;" in source
    assert "clocks = <&node_5clock 0x7>, <0x0>, <&node_5clock 0x8>;" in source
    assert "interrupts-extended = <&pic_1 0x1 0x2>;" in source
    assert "other = <0x2>;" in source
    assert "resets = <0x2 0x1>;" in source  # its provider has no #reset-cells


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (b"", "p;"),
        (b"\0", "p = [00];"),
        (b"a\0", 'p = "a";'),
        (b"a\0b\0", 'p = "a", "b";'),
        (b"a\0\0b\0", "p = [61 00 00 62 00];"),
        (b'\\"\0', 'p = "\\\\\\"";'),
        (b"a\n\0", "p = [61 0a 00];"),
        (b"\0\0\0\x0a", "p = <0xa>;"),
    ],
)
def test_values_are_written_as_what_they_seem(value: bytes, written: str) -> None:
    root = TreeNode("", None)
    root.properties["p"] = value
    source = tree_as_source(FlattenedTree(root, ()))
    assert f"\t{written}\n" in source
    assert parse_flattened_tree(compile_tree(source), "x").root.properties == {"p": value}


@pytest.mark.parametrize("name", ["a b", "a;b", 'a"', "\n", "}", "ä"])
def test_a_name_that_source_cannot_have_is_refused(name: str) -> None:
    root = TreeNode("", None)
    root.children.append(TreeNode(name, root))
    with pytest.raises(UnwritableNameError) as caught:
        tree_as_source(FlattenedTree(root, ()))
    assert caught.value.fix == "write a blob instead: -o FILE.dtb"
    again = parse_flattened_tree(write_flattened_tree(FlattenedTree(root, ())), "again")
    assert again.root.children[0].name == name
