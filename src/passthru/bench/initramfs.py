# SPDX-License-Identifier: Apache-2.0
"""First root file systems: busybox, kernel modules in load order, and an init script."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from passthru.bench.cpio import CpioArchive
from passthru.bench.kernels import Kernel
from passthru.bench.modules import ModuleIndex, module_name, read_module
from passthru.bench.tools import find_tool

__all__ = ["MODULE_DIRECTORY", "build_initramfs"]

MODULE_DIRECTORY = "/modules"
"""Where the modules lie, in the archive, and the lists of their load order."""


def build_initramfs(
    kernel: Kernel,
    init: str,
    modules: Mapping[str, Sequence[str]],
    files: Mapping[str, bytes] | None = None,
) -> bytes:
    """An initramfs whose ``/init`` is the given shell script; not compressed.

    An emulated processor would take longer to unpack it than the whole takes to load.

    ``/bin/busybox`` is there with a link for ``sh`` only (``busybox --install -s`` makes
    the others), ``/dev/console``, ``/proc`` and ``/sys``. ``modules`` names groups of
    drivers, each with its parameters behind it: for each group, the text file
    ``/modules/GROUP`` has the module files to load in that order with their parameters, one
    a line, without those of the groups before it. ``files`` maps absolute paths to content;
    those in a ``bin`` or ``sbin`` are executable. busybox is this machine's, or the one among
    the kernel's own programs. Raises ModuleMissingError, MissingToolError.
    """
    program = kernel.programs.busybox if kernel.programs else Path(find_tool("busybox"))
    archive = CpioArchive()
    for directory in ("/bin", "/sbin", "/dev", "/proc", "/sys", "/tmp"):
        archive.add_directory(directory)
    archive.add_character_device("/dev/console", 5, 1)
    archive.add_file("/bin/busybox", program.read_bytes(), executable=True)
    archive.add_symlink("/bin/sh", "busybox")
    archive.add_file("/init", init.encode(), executable=True)
    _add_modules(archive, kernel, modules)
    for name, content in (files or {}).items():
        archive.add_file(
            name, content, executable=PurePosixPath(name).parent.name in ("bin", "sbin")
        )
    return archive.to_bytes()


def _add_modules(archive: CpioArchive, kernel: Kernel, groups: Mapping[str, Sequence[str]]) -> None:
    index = ModuleIndex.of(kernel)
    added: set[str] = set()
    for group, drivers in groups.items():
        parameters = {module_name(name): rest for name, *rest in map(str.split, drivers)}
        lines = []
        for file in index.load_order(parameters):
            name = module_name(file)
            if name not in added:
                added.add(name)
                lines.append(" ".join([f"{name}.ko", *parameters.get(name, [])]))
                module = read_module(kernel.modules / file)
                archive.add_file(f"{MODULE_DIRECTORY}/{name}.ko", module)
        order = "".join(f"{line}\n" for line in lines)
        archive.add_file(f"{MODULE_DIRECTORY}/{group}", order.encode())
