# SPDX-License-Identifier: Apache-2.0
"""The device tree of a virtual host that has one: QEMU's own, changed for the bench.

It tells of the reserved memory, and which devices belong to the driver that lets processes have
a device's registers and interrupt.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from passthru.addresses import AddressRange
from passthru.bench.boards import BenchBoard
from passthru.bench.errors import BenchBoardError
from passthru.bench.tools import find_tool

__all__ = ["UIO_COMPATIBLE", "write_host_tree"]

UIO_COMPATIBLE = "generic-uio"
"""What a device is compatible with that is for ``uio_pdrv_genirq``."""

_FOLDER = "/reserved-memory"


def write_host_tree(
    file: Path, program: str, board: BenchBoard, reserve: Sequence[AddressRange]
) -> None:
    """Write the tree of the board, with ``reserve`` kept from the kernel (HPA).

    Raises BenchBoardError where QEMU does not know the machine, or the machine not a device,
    and MissingToolError.
    """
    command = [
        *(program, "-nodefaults", "-no-user-config", "-display", "none"),
        *("-machine", f"{board.machine},dumpdtb={file}", "-cpu", board.processor),
        *("-smp", str(board.processors), "-m", f"{board.memory // 1024}K"),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode or not file.is_file():
        raise BenchBoardError(f"{board.name}.toml", "machine", done.stderr.strip())
    # In any case: fdtput packs the file. QEMU's own is padded, and doubled when it is loaded,
    # to more than arm64 kernels map of a device tree (2 MiB).
    _reserve(file, reserve)
    for node in board.uio:
        _give_to_uio(file, node, board)


def _reserve(file: Path, ranges: Sequence[AddressRange]) -> None:
    put = [find_tool("fdtput"), str(file)]
    _call([*put, "-c", _FOLDER])
    for cells in ("#address-cells", "#size-cells"):
        _call([*put, "-t", "i", _FOLDER, cells, "2"])
    _call([*put, _FOLDER, "ranges"])
    for place in ranges:
        node = f"{_FOLDER}/kept@{place.start:x}"
        _call([*put, "-c", node])
        numbers = (f"{half:x}" for each in place for half in (each >> 32, each & 0xFFFFFFFF))
        _call([*put, "-t", "x", node, "reg", *numbers])
        # Not mapped by the kernel: what lies there can be passed on.
        _call([*put, node, "no-map"])


def _give_to_uio(file: Path, node: str, board: BenchBoard) -> None:
    get = [find_tool("fdtget"), "-t", "s", str(file), node, "compatible"]
    done = subprocess.run(get, check=False, capture_output=True, text=True)
    if done.returncode:
        raise BenchBoardError(f"{board.name}.toml", "uio", f"the machine has no device {node}")
    # What it is stays told. "arm,primecell" does not: Linux gives such a device to drivers
    # for AMBA only, which this one is not.
    own = done.stdout.split()[0]
    put = [find_tool("fdtput"), "-t", "s", str(file), node, "compatible"]
    _call([*put, UIO_COMPATIBLE, own])


def _call(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
