# SPDX-License-Identifier: Apache-2.0
"""Processors in a device tree.

Source: Devicetree Specification, release 0.4, sections 3.7 and 3.8 (``/cpus``);
bindings/cpu/cpu-topology.txt (``cpu-map``); bindings/arm/cpus.yaml (``compatible``).
"""

from passthru.board.model import CpuCluster
from passthru.board.tree_nodes import TreeNode, available_nodes
from passthru.board.tree_references import References
from passthru.lean import Iterator, NamedTuple

__all__ = ["Processors", "read_processors"]

_ARM64 = "aarch64"

_OTHERS = {
    "arm,arm7": "armv4l",
    "arm,arm9": "armv5l",
    "arm,arm11": "armv6l",
    "arm,cortex-a5": "armv7l",
    "arm,cortex-a7": "armv7l",
    "arm,cortex-a8": "armv7l",
    "arm,cortex-a9": "armv7l",
    "arm,cortex-a12": "armv7l",
    "arm,cortex-a15": "armv7l",
    "arm,cortex-a17": "armv7l",
    "arm,cortex-m": "armv7m",
    "arm,cortex-r": "armv7l",
    "intel,": "x86_64",
    "marvell,pj4": "armv7l",
    "powerpc,": "ppc64",
    "qcom,krait": "armv7l",
    "qcom,scorpion": "armv7l",
    "riscv": "riscv64",
}
"""Starts of a processor's ``compatible`` that is none of 64-bit ARM's, and ``uname -m`` then.

A start that ends in a digit has to be followed by none (``cortex-a7`` is not ``cortex-a76``).
"""


class Processors(NamedTuple):
    """What ``/cpus`` says; ``cpu_count`` is 0 where the tree has no processor."""

    architecture: str
    cpu_count: int
    clusters: tuple[CpuCluster, ...]


def read_processors(root: TreeNode, references: References) -> Processors:
    """The processors that may be used, numbered in the tree's order."""
    folder = root.child("cpus")
    if folder is None:
        return Processors(_ARM64, 0, ())
    cpus = [node for node in folder.children if _is_processor(node) and node.is_available]
    return Processors(_architecture(cpus), len(cpus), tuple(_clusters(folder, cpus, references)))


def _is_processor(node: TreeNode) -> bool:
    return node.strings("device_type")[:1] == ("cpu",) or node.name.partition("@")[0] == "cpu"


def _architecture(cpus: list[TreeNode]) -> str:
    for cpu in cpus:
        for word in cpu.strings("compatible"):
            for start, architecture in _OTHERS.items():
                if _begins(word.lower(), start):
                    return architecture
    return _ARM64


def _begins(word: str, start: str) -> bool:
    if not word.startswith(start):
        return False
    # The old ARM cores' names go on with digits (arm926ej-s, arm1176jzf-s).
    whole_number = start.startswith("arm,cortex-") and start[-1].isdigit()
    return not (whole_number and word[len(start) : len(start) + 1].isdigit())


def _clusters(
    folder: TreeNode, cpus: list[TreeNode], references: References
) -> Iterator[CpuCluster]:
    """The nodes of ``cpu-map`` that have cores, by their names below it."""
    topology = folder.child("cpu-map")
    if topology is None:
        return
    numbers = {cpu.path: number for number, cpu in enumerate(cpus)}
    for node in available_nodes(topology):
        cores = [child for child in node.children if child.name.startswith("core")]
        members = {
            numbers[cpu.path]
            for core in cores
            for cpu in _processors_of(core, references)
            if cpu.path in numbers
        }
        if members:
            name = node.path.removeprefix(topology.path).lstrip("/")
            yield CpuCluster(name or topology.name, tuple(sorted(members)))


def _processors_of(core: TreeNode, references: References) -> Iterator[TreeNode]:
    for node in (core, *core.children):  # the children are threads
        cpu = references.node(node.cell("cpu"))
        if cpu is not None:
            yield cpu
