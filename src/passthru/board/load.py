# SPDX-License-Identifier: Apache-2.0
"""A board from whatever file describes it, told by its content and not by its name."""

from passthru.board.model import Board
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.lean import TYPE_CHECKING, Sequence

if TYPE_CHECKING:
    from passthru.board.flattened_tree import FlattenedTree

__all__ = [
    "NoTreeError",
    "NotABoardError",
    "UnreadableBoardError",
    "import_qnx_texts",
    "load_board",
    "load_tree",
]

_LARGEST = 64 << 20
"""Most bytes that are read of one file; more is no board (a disk image, a device)."""


class UnreadableBoardError(PassthruError):
    """A file that cannot be read; ``problem`` is the system's word for it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot read the board `{self.path}`: {self.problem}"


class NotABoardError(PassthruError):
    """Something that can be read and describes no board."""

    exit_status = ExitStatus.CONFIGURATION
    fix = "passthru board capture -o FILE describes the host that it runs on"

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return (
            f"`{self.path}` is no board: {self.problem}; known are a snapshot (*.board.json), a "
            "device tree (*.dtb, *.dts), texts of QNX's pidin and pci-tool, and a directory with "
            "a recorded /proc and /sys"
        )


class NoTreeError(PassthruError):
    """A description of a host that has no device tree in it."""

    exit_status = ExitStatus.CONFIGURATION
    fix = "dtc -I fs -O dtb -o host.dtb /proc/device-tree writes the one of a running host"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return (
            f"`{self.path}` has no device tree; known are a tree (*.dtb, *.dts), and a directory "
            "with the /sys of a host that runs with one"
        )


def load_board(path: str) -> Board:
    """The board that the file or directory at ``path`` describes.

    Raises UnreadableBoardError, NotABoardError, and what the reader for its kind raises: a
    PassthruError in every case.
    """
    from pathlib import Path

    if not path:  # Path would take it for the directory of this process
        raise UnreadableBoardError(path, "it has no name")
    place = Path(path)
    if place.is_dir():
        return _recorded_board(path)
    return _board_from_file(_read(path), path, place.name)


def load_tree(path: str) -> "FlattenedTree":
    """The device tree of the board that the file or directory at ``path`` describes.

    Raises UnreadableBoardError, NoTreeError, DamagedTreeError, and what compile_tree_source
    raises.
    """
    from pathlib import Path

    from passthru.board.flattened_tree import MAGIC, FlattenedTree, parse_flattened_tree

    place = Path(path)
    if place.is_dir():
        from passthru.board.host_files import HostFiles
        from passthru.board.live_tree import read_live_tree

        root = read_live_tree(HostFiles(path))
        if root is None:
            raise NoTreeError(path)
        return FlattenedTree(root, ())
    data = _read(path)
    if not data.startswith(MAGIC):
        if b"\0" in data or not _is_tree_source(data):
            raise NoTreeError(path)
        from passthru.board.device_tree import compile_tree_source

        data = compile_tree_source(path)
    return parse_flattened_tree(data, place.name)


def import_qnx_texts(paths: Sequence[str]) -> Board:
    """The board that the texts of QNX's tools in these files describe together.

    Raises UnreadableBoardError, NotABoardError for a file that is no text, and NotQnxTextError
    where none of them has a line that is known.
    """
    from pathlib import Path

    from passthru.board.qnx import board_from_qnx

    texts: dict[str, str] = {}
    for path in paths:
        data = _read(path)
        if b"\0" in data:
            raise NotABoardError(path, "it is no text")
        name = Path(path).name
        texts[path if name in texts else name] = data.decode(errors="replace")
    return board_from_qnx(texts)


def _read(path: str) -> bytes:
    from pathlib import Path

    try:
        with Path(path).open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UnreadableBoardError(path, error.strerror or str(error)) from None
    if len(data) > _LARGEST:
        raise NotABoardError(path, f"it has over {_LARGEST >> 20} MiB")
    return data


def _recorded_board(path: str) -> Board:
    from passthru.board.capture import capture_board
    from passthru.board.host_files import HostFiles

    files = HostFiles(path)
    if not (files.exists("/proc") or files.exists("/sys")):
        raise NotABoardError(path, "the directory has neither proc nor sys")
    return capture_board(files)


def _board_from_file(data: bytes, path: str, name: str) -> Board:
    from passthru.board.flattened_tree import MAGIC

    if data.startswith(MAGIC):
        from passthru.board.device_tree import board_from_tree

        return board_from_tree(data, name)
    if data.lstrip().startswith(b"{"):
        from passthru.board.snapshot import read_snapshot

        return read_snapshot(data, name)
    if b"\0" in data:
        raise NotABoardError(path, "it is neither text nor a device tree blob")
    if _is_tree_source(data):
        from passthru.board.device_tree import board_from_tree_source

        return board_from_tree_source(path)
    return _qnx_board(data.decode(errors="replace"), path, name)


def _is_tree_source(data: bytes) -> bool:
    from re import search

    return search(rb"/dts-v1/\s*;", data) is not None


def _qnx_board(text: str, path: str, name: str) -> Board:
    from passthru.board.qnx import NotQnxTextError, board_from_qnx

    try:
        return board_from_qnx({name: text})
    except NotQnxTextError:
        raise NotABoardError(path, "nothing in it is known") from None
