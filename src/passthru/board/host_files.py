# SPDX-License-Identifier: Apache-2.0
"""The pseudo files of a host: the live ones, or a tree in which they were recorded."""

import os

__all__ = ["ARCHITECTURE", "HostFiles"]

ARCHITECTURE = "/proc/sys/kernel/arch"

# A recorded tree is somebody's input: what it has instead of a file must not stop the reader.
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_LONGEST = 16 << 20
"""Most bytes that are read of one file; the kernel's own are far shorter."""


class HostFiles:
    """Reads ``/proc`` and ``/sys`` below ``root`` (empty for the live host).

    A file that is missing or may not be read counts as empty: kernels differ in what
    they offer, and what a reader makes of the absence is the reader's business.
    """

    __slots__ = ("root",)

    def __init__(self, root: str = "") -> None:
        self.root = root.rstrip("/")

    def data(self, path: str) -> bytes:
        """All bytes of the file at ``path``, which starts with a slash."""
        try:
            descriptor = os.open(self.root + path, _READ)
        except OSError:
            return b""
        try:
            return _read_all(descriptor)
        except OSError:
            return b""
        finally:
            os.close(descriptor)

    def byte(self, path: str, offset: int) -> int:
        """The byte at ``offset`` of a file; zero past its end.

        Reading no more than asked matters for PCI config space, where each dword is a
        slow access to the device (an exit to a hypervisor, if there is one below).
        """
        try:
            descriptor = os.open(self.root + path, _READ)
        except OSError:
            return 0
        try:
            found = os.pread(descriptor, 1, offset)
        except OSError:
            return 0
        finally:
            os.close(descriptor)
        return found[0] if found else 0

    def text(self, path: str) -> str:
        """The file as text without blanks around it; undecodable bytes are replaced."""
        return self.data(path).decode(errors="replace").strip()

    def names(self, path: str) -> list[str]:
        """The sorted names in a directory."""
        try:
            return sorted(os.listdir(self.root + path))  # noqa: PTH208 - pathlib costs start-up
        except OSError:
            return []

    def link_name(self, path: str) -> str | None:
        """The last component of what a symbolic link points to, or None."""
        try:
            target = os.readlink(self.root + path)  # noqa: PTH115 - pathlib costs start-up
        except OSError:
            return None
        return target.rstrip("/").rpartition("/")[2] or None

    def link_target(self, path: str) -> str:
        """All of what a symbolic link points to; empty where there is none."""
        try:
            return os.readlink(self.root + path)  # noqa: PTH115 - pathlib costs start-up
        except OSError:
            return ""

    def exists(self, path: str) -> bool:
        """Whether there is anything at ``path``."""
        return os.path.lexists(self.root + path)

    def architecture(self) -> str:
        """The machine's name as ``uname -m`` prints it; ``unknown`` where a tree does not tell."""
        # The file came with Linux 6.1 (kernel/utsname_sysctl.c, "arch").
        told = self.text(ARCHITECTURE)
        return told or ("unknown" if self.root else os.uname().machine)


def _read_all(descriptor: int) -> bytes:
    # Pseudo files report no size and may give one page for each read.
    pieces = []
    left = _LONGEST
    while left > 0 and (piece := os.read(descriptor, min(left, 1 << 16))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
