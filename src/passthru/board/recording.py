# SPDX-License-Identifier: Apache-2.0
"""Keeps what is read of a host, so that it can be read again elsewhere."""

import os

from passthru.board.host_files import ARCHITECTURE, HostFiles
from passthru.diagnostics.errors import PassthruError

__all__ = ["RecordingFiles", "UnwritableRecordingError"]


class UnwritableRecordingError(PassthruError):
    """A directory that cannot take a recording; ``problem`` says why."""

    def __init__(self, folder: str, problem: str) -> None:
        super().__init__(folder, problem)
        self.folder = folder
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot record into `{self.folder}`: {self.problem}"


class RecordingFiles(HostFiles):
    """Reads as HostFiles does and remembers each answer; ``save`` writes them as a tree.

    ``HostFiles`` on that tree gives the same answers again: no more of the host is in it
    than was read. Of files that were listed only, it has the names.
    """

    __slots__ = ("_bytes", "_data", "_links", "_present")

    def __init__(self, root: str = "") -> None:
        super().__init__(root)
        self._data: dict[str, bytes] = {}
        self._bytes: dict[str, dict[int, int]] = {}
        self._links: dict[str, str] = {}
        self._present: set[str] = set()

    def data(self, path: str) -> bytes:
        """As of HostFiles."""
        found = super().data(path)
        if found or super().exists(path):
            self._data[path] = found
        return found

    def byte(self, path: str, offset: int) -> int:
        """As of HostFiles."""
        found = super().byte(path, offset)
        if found or super().exists(path):
            self._bytes.setdefault(path, {})[offset] = found
        return found

    def names(self, path: str) -> list[str]:
        """As of HostFiles."""
        found = super().names(path)
        self._present.update(f"{path}/{name}" for name in found)
        return found

    def link_name(self, path: str) -> str | None:
        """As of HostFiles."""
        found = super().link_name(path)
        if found is not None:
            self._links[path] = os.readlink(self.root + path)  # noqa: PTH115 - as HostFiles
        return found

    def link_target(self, path: str) -> str:
        """As of HostFiles."""
        found = super().link_target(path)
        if found:
            self._links[path] = found
        return found

    def exists(self, path: str) -> bool:
        """As of HostFiles."""
        found = super().exists(path)
        if found:
            self._present.add(path)
        return found

    def architecture(self) -> str:
        """As of HostFiles."""
        found = super().architecture()
        # Kernels before 6.1 lack the file, and a recorded tree has no other place for it.
        self._data[ARCHITECTURE] = f"{found}\n".encode()
        return found

    def save(self, folder: str) -> None:
        """Write what was read below ``folder``, which must be empty or not exist.

        Raises UnwritableRecordingError.
        """
        from pathlib import Path

        top = Path(folder)
        try:
            top.mkdir(parents=True, exist_ok=True)
            if any(top.iterdir()):
                raise UnwritableRecordingError(folder, "it is not empty")
            for path, data in self._contents().items():
                file = top / path[1:]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(data)
            for path, target in self._links.items():
                link = top / path[1:]
                link.parent.mkdir(parents=True, exist_ok=True)
                link.symlink_to(target)
        except OSError as error:
            raise UnwritableRecordingError(folder, error.strerror or str(error)) from error

    def _contents(self) -> dict[str, bytes]:
        """The files of the recording; one that was listed only has no content."""
        files = {path: _sparse(known) for path, known in self._bytes.items()} | self._data
        listed = dict.fromkeys(self._present - self._links.keys(), b"")
        paths = (*files, *listed, *self._links)
        folders = {folder for path in paths for folder in _folders_above(path)}
        return {path: data for path, data in (listed | files).items() if path not in folders}


def _sparse(known: dict[int, int]) -> bytes:
    return bytes(known.get(offset, 0) for offset in range(max(known) + 1))


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")[1:-1]
    return ["/" + "/".join(parts[: depth + 1]) for depth in range(len(parts))]
