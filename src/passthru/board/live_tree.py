# SPDX-License-Identifier: Apache-2.0
"""The device tree that a Linux kernel runs with, and what the kernel made of its devices."""

from passthru.board.host_files import HostFiles
from passthru.board.model import PlatformDevice
from passthru.board.pci import group_number
from passthru.board.tree_nodes import TreeNode
from passthru.lean import Iterable, NamedTuple

__all__ = ["read_live_tree", "with_drivers"]

_TREE = "/sys/firmware/devicetree/base"
_DEEPEST = 64
_BUSES = ("/sys/bus/platform/devices", "/sys/bus/amba/devices")
_PATH = "OF_FULLNAME="


class _Use(NamedTuple):
    """What the kernel does with a device."""

    driver: str | None
    iommu_group: int | None


def read_live_tree(files: HostFiles) -> TreeNode | None:
    """The root of the running device tree; None where the kernel has none.

    ``/sys/firmware/fdt`` has the blob that the kernel was started with, but for root alone
    and without the overlays that were applied since.
    """
    if not files.names(_TREE):
        return None
    root = TreeNode("", None)
    _fill(root, files, _TREE, _DEEPEST)
    return root


def _fill(node: TreeNode, files: HostFiles, folder: str, deepest: int) -> None:
    for entry in files.names(folder):
        path = f"{folder}/{entry}"
        # A node is a folder that has at least its name in it, a property is a file.
        if not files.names(path):
            node.properties[entry] = files.data(path)
        elif deepest:
            child = TreeNode(entry, node)
            node.children.append(child)
            _fill(child, files, path, deepest - 1)


def with_drivers(devices: Iterable[PlatformDevice], files: HostFiles) -> tuple[PlatformDevice, ...]:
    """The devices of the running tree with their drivers and IOMMU groups."""
    uses = {path: use for bus in _BUSES for path, use in _uses(files, bus)}
    return tuple(
        device._replace(**uses[device.name]._asdict()) if device.name in uses else device
        for device in devices
    )


def _uses(files: HostFiles, bus: str) -> Iterable[tuple[str, _Use]]:
    for name in files.names(bus):
        folder = f"{bus}/{name}"
        for line in files.text(f"{folder}/uevent").splitlines():
            if line.startswith(_PATH):
                group = group_number(files.link_name(f"{folder}/iommu_group"))
                yield line.removeprefix(_PATH), _Use(files.link_name(f"{folder}/driver"), group)
