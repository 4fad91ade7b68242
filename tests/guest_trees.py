# SPDX-License-Identifier: Apache-2.0
"""Device trees of hosts and guests in tests; ``dtc`` and ``fdtget`` are the judges."""

import subprocess
from pathlib import Path

from passthru.board.flattened_tree import FlattenedTree, parse_flattened_tree
from passthru.board.tree_nodes import TreeNode
from passthru.diagnostics.source import Source
from passthru.guest_tree.assembly import GuestTree, make_guest_tree
from passthru.guest_tree.flattened_writer import write_flattened_tree
from passthru.guest_tree.growing_tree import all_nodes
from passthru.guest_tree.loaded_tree import LoadedTree
from passthru.language.model import VmConfig
from passthru.language.reader import read

HOST = """
/dts-v1/;
/ {{
    #address-cells = <2>; #size-cells = <2>; interrupt-parent = <&gic>;
    memory@40000000 {{ device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; }};
    gic: interrupt-controller@8000000 {{
        compatible = "arm,gic-v3"; interrupt-controller; #interrupt-cells = <3>;
        reg = <0 0x8000000 0 0x10000>, <0 0x80a0000 0 0xf60000>;
    }};
    clk: clock-controller@10000000 {{
        compatible = "example,clocks"; reg = <0 0x10000000 0 0x1000>;
        #clock-cells = <1>; #reset-cells = <1>; #power-domain-cells = <0>;
    }};
    osc: oscillator {{
        compatible = "fixed-clock"; #clock-cells = <0>; clock-frequency = <1000000>;
    }};
    {rest}
}};
"""
"""A host; ``rest`` are its devices."""

DEVICE = (
    'device@20000000 {{ compatible = "example,device"; reg = <0 0x20000000 0 0x1000>; {rest} }};'
)

PASS = "ram 0x80000000,64M pass loc 0x20000000,0x1000,rwn"


def compile_tree(source: str) -> bytes:
    command = ["dtc", "-q", "-f", "-I", "dts", "-O", "dtb"]
    return subprocess.run(command, input=source.encode(), capture_output=True, check=True).stdout


def tree_of(source: str) -> FlattenedTree:
    return parse_flattened_tree(compile_tree(source), "host")


def host_with(rest: str) -> FlattenedTree:
    return tree_of(HOST.format(rest=rest))


def host_with_device(rest: str) -> FlattenedTree:
    return host_with(DEVICE.format(rest=rest))


def config_of(text: str, name: str = "vm.qvmconf") -> VmConfig:
    result = read([Source(name, text)], environment={})
    assert not [each for each in result.findings if each.severity.value == "error"]
    return result.config


def made(text: str, host: FlattenedTree | None = None, loaded: str | None = None) -> GuestTree:
    trees = () if loaded is None else (LoadedTree(tree_of(loaded), None),)
    return make_guest_tree(config_of(text), host, trees)


def node_at(tree: GuestTree | FlattenedTree, path: str) -> TreeNode:
    flattened = tree.tree if isinstance(tree, GuestTree) else tree
    return next(node for node in all_nodes(flattened.root) if node.path == path)


def paths(tree: GuestTree) -> list[str]:
    return [node.path for node in all_nodes(tree.tree.root)]


def warnings_of(tree: FlattenedTree, folder: Path) -> str:
    """What ``dtc`` has to say of a tree's blob."""
    blob = folder / "guest.dtb"
    blob.write_bytes(write_flattened_tree(tree))
    command = ["dtc", "-I", "dtb", "-O", "dts", "-o", str(folder / "out.dts"), str(blob)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stderr + (f"status {done.returncode}" if done.returncode else "")
