# SPDX-License-Identifier: Apache-2.0
"""Device trees of guests in files: reading what a configuration brings, writing what is made."""

from passthru.board.flattened_tree import DamagedTreeError, parse_flattened_tree
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Span
from passthru.guest_tree.assembly import LARGEST_TREE
from passthru.guest_tree.loaded_tree import LoadedTree
from passthru.language.model import Load

__all__ = [
    "UnreadableTreeError",
    "UnusableTreeError",
    "UnwritableTreeError",
    "parse_loaded_tree",
    "read_tree_file",
    "write_tree_file",
]

_WHOLE_BLOB = "a whole device tree blob: dtc -O dtb -o FILE.dtb FILE.dts"


class UnwritableTreeError(PassthruError):
    """A file that a tree cannot be written to; ``problem`` is the system's word for it."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot write the device tree `{self.path}`: {self.problem}"


class UnreadableTreeError(PassthruError):
    """A tree that the configuration brings and that cannot be read here."""

    def __init__(self, place: str, path: str, problem: str, fix: str) -> None:
        super().__init__(place, path, problem, fix)
        self.place = place
        self.path = path
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        return f"[{self.place}] cannot read the device tree `{self.path}`: {self.problem}"


class UnusableTreeError(UnreadableTreeError):
    """A tree that can be had, but has more bytes than it may: as wrong as a damaged one."""

    exit_status = ExitStatus.CONFIGURATION


def read_tree_file(load: Load, path: str) -> LoadedTree:
    """What ``fdt load`` brings from ``path``.

    Raises UnreadableTreeError, UnusableTreeError, DamagedTreeError.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 (a start shall not wait for pathlib)
            data = file.read(LARGEST_TREE + 1)
    except OSError as error:
        raise UnreadableTreeError(
            str(load.span),
            load.path,
            error.strerror or str(error),
            "a path that counts from where the VM is started, its configuration's folder",
        ) from None
    return parse_loaded_tree(data, load.span, load.path)


def parse_loaded_tree(data: bytes, span: Span, name: str) -> LoadedTree:
    """The tree in the blob ``data``, which the text calls ``name``.

    Raises UnusableTreeError, DamagedTreeError.
    """
    if len(data) > LARGEST_TREE:
        problem = f"it has over {LARGEST_TREE >> 20} MiB"
        raise UnusableTreeError(str(span), name, problem, _WHOLE_BLOB)
    try:
        return LoadedTree(parse_flattened_tree(data, f"[{span}] `{name}`"), span)
    except DamagedTreeError as error:
        error.fix = _WHOLE_BLOB
        raise


def write_tree_file(path: str, data: bytes) -> None:
    """Write a blob or a source. Raises UnwritableTreeError."""
    try:
        with open(path, "wb") as file:  # noqa: PTH123 (a start shall not wait for pathlib)
            file.write(data)
    except OSError as error:
        raise UnwritableTreeError(path, error.strerror or str(error)) from error
