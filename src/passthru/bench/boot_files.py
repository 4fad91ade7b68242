# SPDX-License-Identifier: Apache-2.0
"""The files of one boot: the virtual host's initramfs, its disks, the exchange directory."""

import os
import shlex
import time
from importlib import resources
from pathlib import Path

from passthru.bench.architectures import X86_64
from passthru.bench.boards import BenchBoard, PlacedFile
from passthru.bench.initramfs import build_initramfs
from passthru.bench.inner_command import hold_machine_command, passthru_command
from passthru.bench.kernels import Kernel
from passthru.bench.pattern import pattern

__all__ = ["write_disks", "write_host_initramfs", "write_patterns"]

_FIRST_MODULES = (
    *("virtio_pci", "virtio_console", "9pnet_virtio", "9p", "overlay"),
    "irqbypass",  # KVM and VFIO both need it, and load at the same time
)
"""What the agent and the shared root directory need."""

_PASSED_ENVIRONMENT = (
    *("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "PASSTHRU_CACHE", "PYTHONPATH"),
    *("TERM", "TMPDIR", "USER", "VIRTUAL_ENV"),
)
"""Variables that commands inside get as they are outside, so that both see one world."""


def write_disks(board: BenchBoard, directory: Path) -> None:
    """Make every disk image of the board anew, each with its known pattern."""
    for disk in board.disks:
        (directory / f"{disk.id}.img").write_bytes(pattern(disk.id, disk.size))


def write_patterns(board: BenchBoard, directory: Path) -> list[PlacedFile]:
    """Make the files with the patterns that lie in the board's RAM; tells their places."""
    placed = []
    for place in board.patterns:
        file = directory / f"{place.id}.bin"
        file.write_bytes(pattern(place.id, place.size))
        placed.append(PlacedFile(str(file), place.address))
    return placed


def write_host_initramfs(
    file: Path, kernel: Kernel, board: BenchBoard, kvm_module: str, mark: str, exchange: Path
) -> None:
    """Write the first root file system of a virtual host, with the agent as its init.

    ``mark`` is what the agent prints after the output of each command; ``exchange`` is
    mounted inside at the same place.
    """
    agent = resources.files("passthru.bench") / "agent/init.sh"
    image = build_initramfs(
        kernel,
        agent.read_text(encoding="utf-8"),
        {"first": _FIRST_MODULES, "kvm": (kvm_module,), "board": board.modules},
        {
            **_own_command(board),
            "/environment": _environment(board).encode(),
            "/exchange": str(exchange).encode(),
            "/hold-machine": _hold_machine(board).encode(),
            "/mark": mark.encode(),
            "/time": str(int(time.time())).encode() if board.uio else b"",
        },
    )
    # The kernel unpacks one archive after the other.
    system = kernel.programs.system.read_bytes() if kernel.programs else b""
    file.write_bytes(system + image)


def _own_command(board: BenchBoard) -> dict[str, bytes]:
    """For a shell in which the ``passthru`` of this machine cannot run: one that can."""
    if board.architecture is X86_64:
        return {}
    command = shlex.join(passthru_command([], board.architecture))
    return {"/system/usr/bin/passthru": f'#!/bin/sh\nexec {command} "$@"\n'.encode()}


def _hold_machine(board: BenchBoard) -> str:
    # Only x86's emulated processors hang when the scheduler's code is patched.
    return shlex.join(hold_machine_command()) if board.architecture is X86_64 else ":"


def _environment(board: BenchBoard) -> str:
    values = {name: os.environ[name] for name in _PASSED_ENVIRONMENT if name in os.environ}
    values["PASSTHRU_BENCH"] = board.name
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in values.items())
