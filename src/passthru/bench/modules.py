# SPDX-License-Identifier: Apache-2.0
"""Kernel modules: which files a driver needs, in the order in which they load."""

import gzip
import lzma
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from passthru.bench.errors import ModuleMissingError
from passthru.bench.kernels import Kernel
from passthru.bench.tools import find_tool

__all__ = ["ModuleIndex", "module_name", "read_module"]


def module_name(file: str) -> str:
    """The kernel's name of a module file: no directory, no suffix, ``_`` for ``-``."""
    return PurePosixPath(file).name.split(".ko", 1)[0].replace("-", "_")


class ModuleIndex:
    """``modules.dep`` and ``modules.builtin`` of one kernel, as depmod writes them."""

    def __init__(self, release: str, dependencies: str, builtin: str) -> None:
        self._release = release
        self._files: dict[str, str] = {}
        self._needs: dict[str, list[str]] = {}
        self._builtin = {module_name(line) for line in builtin.splitlines() if line.strip()}
        for line in dependencies.splitlines():
            file, separator, needs = line.partition(":")
            if separator:
                name = module_name(file)
                self._files[name] = file
                self._needs[name] = [module_name(need) for need in needs.split()]

    @classmethod
    def of(cls, kernel: Kernel) -> "ModuleIndex":
        """The index of an unpacked kernel."""
        dependencies = (kernel.modules / "modules.dep").read_text()
        builtin = (kernel.modules / "modules.builtin").read_text()
        return cls(kernel.release, dependencies, builtin)

    def load_order(self, names: Iterable[str]) -> list[str]:
        """Files to load, dependencies first, relative to the kernel's module directory.

        What is built into the kernel needs no file. Raises ModuleMissingError.
        """
        order: dict[str, None] = {}
        for name in names:
            self._add(module_name(name), order)
        return list(order)

    def _add(self, name: str, order: dict[str, None]) -> None:
        file = self._files.get(name)
        if file is None:
            if name in self._builtin:
                return
            raise ModuleMissingError(name, self._release)
        if file in order:
            return
        # modules.dep lists all of them, nearest first: the last has the fewest needs.
        for need in reversed(self._needs[name]):
            self._add(need, order)
        order[file] = None


def read_module(file: Path) -> bytes:
    """The module as the kernel takes it, unpacked if the distribution compresses it."""
    data = file.read_bytes()
    match file.suffix:
        case ".xz":
            return lzma.decompress(data)
        case ".gz":
            return gzip.decompress(data)
        case ".zst":
            command = [find_tool("zstd"), "--decompress", "--stdout", "--quiet"]
            return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return data
