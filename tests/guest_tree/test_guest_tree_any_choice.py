# SPDX-License-Identifier: Apache-2.0
"""Whatever is passed of a host: the tree is sound and has nothing that is not passed."""

import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guest_trees import config_of, warnings_of
from passthru.addresses import AddressRange
from passthru.board.device_tree import board_from_tree
from passthru.board.flattened_tree import FlattenedTree
from passthru.board.load import load_tree
from passthru.board.model import PlatformDevice
from passthru.board.tree_references import References
from passthru.board.tree_registers import Buses
from passthru.guest_tree.assembly import make_guest_tree
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.growing_tree import all_nodes
from passthru.guest_tree.problems import GuestTreeRefusedError
from passthru.guest_tree.references import kind_of, read_references

HERE = Path(__file__).parent
BOARDS = HERE.parent / "boards"
HOSTS = (*sorted(HERE.glob("socs/*.dts")), *sorted(BOARDS.glob("*.dts")))
MOVED = 0x100_0000_0000
RAM = AddressRange(MOVED * 2, 64 << 20)


@cache
def host_of(path: Path) -> FlattenedTree:
    return load_tree(str(path))


@cache
def devices_of(path: Path) -> list[PlatformDevice]:
    board = board_from_tree(write_flattened_tree(host_of(path)), path.name)
    return [each for each in board.devices if each.registers and "arm,gic" not in each.compatible]


def configuration(devices: list[PlatformDevice], moved: bool) -> str:
    words = [f"ram {RAM.start:#x},{RAM.size:#x}"]
    first = 32
    for device in devices:
        words.append("pass")
        for each in device.registers:
            guest = each.start + (MOVED if moved else 0)
            words.append(f"loc {guest:#x},{each.size:#x},rwn={each.start:#x}")
        for vector in device.interrupts:
            words.append(f"intr gic:{first}={vector}" if vector >= 32 else "")
            first += 1
    return " ".join(words)


@settings(max_examples=80, deadline=None)
@given(st.data())
@pytest.mark.parametrize("path", HOSTS, ids=lambda path: path.stem)
def test_the_tree_is_sound_or_refused(path: Path, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(devices_of(path)), unique_by=lambda d: d.name))
    moved = data.draw(st.booleans())
    config = config_of(configuration(chosen, moved))
    try:
        made = make_guest_tree(config, host_of(path))
    except GuestTreeRefusedError:
        assert chosen
        return
    with tempfile.TemporaryDirectory() as folder:
        assert warnings_of(made.tree, Path(folder)) == ""
    references = References(made.tree.root)
    buses = Buses()
    passed = [each for device in chosen for each in device.registers]
    places = [AddressRange(each.start + (MOVED if moved else 0), each.size) for each in passed]
    own = [RAM, AddressRange(0x2F000000, 0x10000), AddressRange(0x2F100000, 0x20000)]
    for node in all_nodes(made.tree.root):
        for registers in buses.registers(node):
            assert any(each.contains(registers) for each in (*places, *own)), node.path
        for name in node.properties:
            kind = kind_of(node, name)
            if kind is not None:
                assert read_references(node, name, kind, references) is not None, (node.path, name)
