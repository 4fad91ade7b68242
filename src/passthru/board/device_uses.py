# SPDX-License-Identifier: Apache-2.0
"""What a Linux host has of its devices: disks, with what is mounted from them, and interfaces.

The kernel names the device of each in the target of its link (Documentation/ABI/testing/sysfs-class
and Documentation/ABI/testing/sysfs-block).
"""

from passthru.board.host_files import HostFiles
from passthru.board.model import Board, DeviceUse, UseKind
from passthru.board.sysfs_place import sysfs_place
from passthru.lean import Iterable, Iterator, Mapping, Sequence

__all__ = ["read_device_uses", "with_uses"]

_BLOCK = "/sys/class/block"
_NET = "/sys/class/net"
_MOUNTS = "/proc/self/mountinfo"
_SWAPS = "/proc/swaps"


def with_uses(board: Board, files: HostFiles) -> Board:
    """The board with what the host has of its PCI functions and other devices."""
    places = (sysfs_place(device) for device in board.devices)
    names = {place.name for place in places if place is not None}
    names |= {function.address.sysfs_name for function in board.pci}
    return board._replace(uses=read_device_uses(files, names))


def read_device_uses(files: HostFiles, devices: "set[str]") -> tuple[DeviceUse, ...]:
    """Every disk and interface of ``devices``, which are names of sysfs, sorted."""
    blocks = {name: _path(files, f"{_BLOCK}/{name}") for name in files.names(_BLOCK)}
    mounts = _Mounts(files, blocks)
    found = []
    for name, path in blocks.items():
        device = _nearest(path, devices)
        if device is not None and not _is_partition(path, blocks):
            disk = _shown_name(name)
            found.append(DeviceUse(device, UseKind.DISK, disk, mounts.of_disk(disk)))
    for name in files.names(_NET):
        device = _nearest(_path(files, f"{_NET}/{name}"), devices)
        if device is not None:
            found.append(DeviceUse(device, UseKind.INTERFACE, name, ()))
    return tuple(sorted(set(found), key=lambda use: (use.device, use.kind.value, use.name)))


def _path(files: HostFiles, link: str) -> list[str]:
    return files.link_target(link).split("/")


def _nearest(path: Sequence[str], devices: "set[str]") -> str | None:
    """The device that is the last one on the way: a disk on USB is its controller's."""
    return next((part for part in reversed(path[:-1]) if part in devices), None)


def _is_partition(path: Sequence[str], blocks: Mapping[str, object]) -> bool:
    return len(path) > 1 and path[-2] in blocks


def _shown_name(name: str) -> str:
    """The disk that people know: of NVMe with multipath, ``nvme0c1n1`` is a way to ``nvme0n1``.

    Source: drivers/nvme/host/multipath.c, nvme_mpath_set_disk_name().
    """
    controller, _, rest = name.removeprefix("nvme").partition("c")
    path, _, space = rest.partition("n")
    if name.startswith("nvme") and all(each.isdecimal() for each in (controller, path, space)):
        return f"nvme{controller}n{space}"
    return name


class _Mounts:
    """Where block devices are mounted, or that they are swapped to."""

    def __init__(self, files: HostFiles, blocks: Mapping[str, Sequence[str]]) -> None:
        self._files = files
        self._blocks = blocks
        self._by_number: dict[str, list[str]] = {}
        self._by_name: dict[str, list[str]] = {}
        for line in files.text(_MOUNTS).splitlines():
            self._add_mount(line)
        for line in files.text(_SWAPS).splitlines()[1:]:
            name = line.split(" ")[0].split("\t")[0]
            self._by_name.setdefault(_unescaped(name), []).append("swap")

    def _add_mount(self, line: str) -> None:
        # proc_pid_mountinfo(5): id, parent, major:minor, root, mount point, options, optional
        # fields, "-", type, source. Of some file systems (btrfs) only the source tells.
        own, _, rest = line.partition(" - ")
        words, after = own.split(" "), rest.split(" ")
        if len(words) > 4 and len(after) > 1:
            place = _unescaped(words[4])
            self._by_number.setdefault(words[2], []).append(place)
            self._by_name.setdefault(_unescaped(after[1]), []).append(place)

    def of_disk(self, disk: str) -> tuple[str, ...]:
        """Every place, the shortest first: of the disk, its partitions and what lies on them."""
        parts = [name for name, path in self._blocks.items() if disk in path[-2:-1]]
        found = set(self._of_all([disk, *parts], set()))
        return tuple(sorted(found, key=lambda place: (len(place), place)))

    def _of_all(self, names: Iterable[str], seen: "set[str]") -> Iterator[str]:
        for name in names:
            if name in seen:
                continue
            seen.add(name)
            # Not through the link: a recording has either a link or files in its place.
            folder = "/sys/" + "/".join(p for p in self._blocks.get(name, ()) if p != "..")
            yield from self._by_number.get(self._files.text(f"{folder}/dev"), ())
            yield from self._by_name.get(f"/dev/{name}", ())
            # Volumes, encrypted disks and arrays that lie on it.
            yield from self._of_all(self._files.names(f"{folder}/holders"), seen)


def _unescaped(word: str) -> str:
    r"""A name in which ``\040`` stands for a blank (fs/proc_namespace.c, mangle())."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        word = word.replace(code, character)
    return word
