# SPDX-License-Identifier: Apache-2.0
"""A writer for the archive that Linux unpacks as its first root file system.

The format is "newc" (kernel: Documentation/driver-api/early-userspace/buffer-format.rst).
"""

import stat
from pathlib import Path, PurePosixPath

__all__ = ["CpioArchive"]

_TRAILER = "TRAILER!!!"
_ALIGNMENT = 4


class CpioArchive:
    """Collects entries; parents are made as needed, everything belongs to root.

    Names are absolute paths inside the archive. Times are zero, so that equal content
    gives equal bytes.
    """

    def __init__(self) -> None:
        self._chunks: list[bytes] = []
        self._names: set[str] = set()

    def add_directory(self, name: str) -> None:
        """Add a directory and its missing parents; one that is there already stays."""
        relative = name.strip("/")
        if relative in ("", ".") or relative in self._names:
            return
        self.add_directory(str(PurePosixPath(relative).parent))
        self._append(relative, stat.S_IFDIR | 0o755)

    def add_file(self, name: str, content: bytes, *, executable: bool = False) -> None:
        """Add a regular file."""
        self._add_entry(name, stat.S_IFREG | (0o755 if executable else 0o644), content)

    def add_symlink(self, name: str, target: str) -> None:
        """Add a symbolic link."""
        self._add_entry(name, stat.S_IFLNK | 0o777, target.encode())

    def add_character_device(self, name: str, major: int, minor: int) -> None:
        """Add a character device node (the kernel opens /dev/console before any mount)."""
        self._add_entry(name, stat.S_IFCHR | 0o600, device=(major, minor))

    def add_tree(self, name: str, source: Path) -> None:
        """Add the files and links below the directory ``source``, as they would be in ``name``."""
        for path in sorted(source.rglob("*")):
            place = f"{name}/{path.relative_to(source)}"
            if path.is_symlink():
                self.add_symlink(place, str(path.readlink()))
            elif path.is_file():
                executable = bool(path.stat().st_mode & stat.S_IXUSR)
                self.add_file(place, path.read_bytes(), executable=executable)

    def to_bytes(self) -> bytes:
        """The whole archive with its trailer."""
        return b"".join([*self._chunks, _entry(0, _TRAILER, 0)])

    def _add_entry(
        self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        relative = name.strip("/")
        if relative in self._names:
            raise ValueError(f"{name} is in the archive already")
        self.add_directory(str(PurePosixPath(relative).parent))
        self._append(relative, mode, content, device)

    def _append(
        self, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)
    ) -> None:
        self._names.add(name)
        self._chunks.append(_entry(len(self._names), name, mode, content, device))


def _entry(
    inode: int, name: str, mode: int, content: bytes = b"", device: tuple[int, int] = (0, 0)
) -> bytes:
    encoded = name.encode() + b"\0"
    # magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor,
    # rdevminor, namesize, check
    fields = (inode, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(encoded), 0)
    header = b"070701" + b"".join(b"%08X" % field for field in fields)
    return _padded(header + encoded) + _padded(content)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
