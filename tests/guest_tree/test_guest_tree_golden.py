# SPDX-License-Identifier: Apache-2.0
"""Whole trees: of QEMU's machine, of the boards of the tests, and of SoCs in three styles.

``PASSTHRU_REGENERATE=1`` writes the golden files anew.
"""

import os
import subprocess
from functools import cache
from pathlib import Path

import pytest

from guest_trees import config_of, warnings_of
from passthru.board.flattened_tree import FlattenedTree, parse_flattened_tree
from passthru.board.load import load_tree
from passthru.guest_tree.assembly import GuestTree, guest_tree, make_guest_tree
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.tree_source import tree_as_source

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SOCS = HERE / "socs"
BOARDS = HERE.parent / "boards"
GATEWAY = ROOT / "examples/gateway"

QEMU = "qemu-virt"
CASES = {
    "peripheral-bridges": (SOCS / "peripheral-bridges.qvmconf", SOCS / "peripheral-bridges.dts"),
    "system-mmu": (SOCS / "system-mmu.qvmconf", SOCS / "system-mmu.dts"),
    "crossbars": (SOCS / "crossbars.qvmconf", SOCS / "crossbars.dts"),
    "nested-buses": (SOCS / "nested-buses.qvmconf", BOARDS / "nested-buses.dts"),
    "pi4-like": (SOCS / "pi4-like.qvmconf", BOARDS / "pi4-like.dts"),
    "virt-reduced": (SOCS / "virt-reduced.qvmconf", BOARDS / "virt-reduced.dts"),
    "uio-devices": (SOCS / "uio-devices.qvmconf", SOCS / "uio-devices.dts"),
    "functions": (SOCS / "functions.qvmconf", BOARDS / "virt-reduced.dts"),
    "functions-gicv2": (SOCS / "functions-gicv2.qvmconf", None),
    "gateway-linux": (GATEWAY / "linux.qvmconf", GATEWAY / "board.dts"),
    QEMU: (SOCS / "qemu-virt.qvmconf", None),
}


@pytest.fixture(scope="module")
def qemu_blob(tmp_path_factory):
    blob = tmp_path_factory.mktemp("qemu") / "virt.dtb"
    machine = f"virt,gic-version=3,dumpdtb={blob}"
    command = ["qemu-system-aarch64", "-M", machine, "-cpu", "cortex-a72", "-m", "1G"]
    subprocess.run(command, capture_output=True, check=True, timeout=60)
    return blob


@cache
def host_of(path: Path) -> FlattenedTree:
    return load_tree(str(path))


def case(name: str, qemu_blob: Path) -> GuestTree:
    configuration, board = CASES[name]
    config = config_of(configuration.read_text(), configuration.name)
    return make_guest_tree(config, host_of(board or qemu_blob))


@pytest.mark.parametrize("name", CASES)
def test_the_tree_is_the_golden_one_and_dtc_has_nothing_to_say(name, qemu_blob, tmp_path) -> None:
    made = case(name, qemu_blob)
    assert warnings_of(made.tree, tmp_path) == ""
    told = "".join(f"// {remark}\n" for remark in made.remarks)
    golden = HERE / "golden" / f"{name}.dts"
    if os.environ.get("PASSTHRU_REGENERATE"):
        golden.write_text(told + tree_as_source(made.tree))
    assert told + tree_as_source(made.tree) == golden.read_text()


@pytest.mark.parametrize("name", CASES)
def test_the_golden_source_compiles_to_the_same_blob_without_a_warning(
    name, qemu_blob, tmp_path
) -> None:
    made = case(name, qemu_blob)
    source = HERE / "golden" / f"{name}.dts"
    command = ["dtc", "-I", "dts", "-O", "dtb", "-o", str(tmp_path / "x"), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    compiled = parse_flattened_tree((tmp_path / "x").read_bytes(), "x")
    assert write_flattened_tree(compiled) == write_flattened_tree(made.tree)


@pytest.mark.parametrize(
    ("name", "path", "value", "shown"),
    [
        (QEMU, "/pl031@1c170000", "reg", "0 1c170000 0 1000"),
        (QEMU, "/pl031@1c170000", "interrupts", "0 8 4"),
        (QEMU, "/pl061@9030000", "interrupts", "0 7 4"),
        (QEMU, "/chosen", "linux,initrd-start", "0 b0000000"),
        (QEMU, "/chosen", "linux,initrd-end", "0 b0100000"),
        ("peripheral-bridges", "/i2c@20000000", "interrupts", "0 44 4"),
        ("peripheral-bridges", "/rtc@30370000", "reg", "0 30370000 0 1000 0 30378000 0 400"),
        ("crossbars", "/mailbox@50000000", "reg", "0 50000000 0 200 0 50080000 0 200"),
        ("system-mmu", "/usb@a6f8800/usb@a600000", "reg", "0 a600000 0 cd00"),
    ],
)
def test_fdtget_finds_what_the_configuration_says(
    name, path, value, shown, qemu_blob, tmp_path
) -> None:
    blob = tmp_path / "guest.dtb"
    blob.write_bytes(write_flattened_tree(case(name, qemu_blob).tree))
    command = ["fdtget", "-t", "x", str(blob), path, value]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == shown


def test_the_same_comes_again_from_what_was_made(qemu_blob) -> None:
    configuration, board = CASES["system-mmu"]
    config = config_of(configuration.read_text(), configuration.name)
    before = write_flattened_tree(host_of(board))
    assert guest_tree(config, host_of(board)) == guest_tree(config, host_of(board))
    assert write_flattened_tree(host_of(board)) == before  # the host's tree is only read


def test_a_tree_that_is_loaded_again_stays_as_it_was(qemu_blob) -> None:
    from passthru.guest_tree.loaded_tree import LoadedTree

    configuration, board = CASES["peripheral-bridges"]
    config = config_of(configuration.read_text(), configuration.name)
    made = make_guest_tree(config, host_of(board))
    again = make_guest_tree(config, host_of(board), [LoadedTree(made.tree, None)])
    one, other = made.tree.root, again.tree.root
    assert sorted(child.name for child in one.children) == sorted(c.name for c in other.children)
    for child in one.children:
        copy = other.child(child.name)
        assert copy is not None
        assert copy.properties == child.properties
