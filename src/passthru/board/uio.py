# SPDX-License-Identifier: Apache-2.0
"""Devices whose interrupts Linux hands on to processes, from ``/sys/class/uio``."""

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.interrupts import read_interrupts
from passthru.board.kernel_features import read_kernel_features
from passthru.board.model import BarKind, Board, InterruptLine, PciFunction, UioDevice
from passthru.lean import Iterator, Mapping

__all__ = ["MAIN_CONTROLLERS", "read_uio_devices", "with_interrupts"]

MAIN_CONTROLLERS = ("gic", "ioapic")
"""Those whose numbers are host vectors; others, as of GPIO pins, count theirs from zero."""

_UIO = "/sys/class/uio"


def with_interrupts(board: Board, files: HostFiles) -> Board:
    """The board with what a guest needs to know of it that gets interrupts passed."""
    lines = read_interrupts(files)
    uio = read_uio_devices(files, lines, board.pci)
    return board._replace(
        interrupts=tuple(lines.values()),
        uio=uio,
        # Only where there is no such device does it matter whether there could be one.
        features=() if uio else read_kernel_features(files),
    )


def read_uio_devices(
    files: HostFiles, lines: Mapping[int, InterruptLine], functions: tuple[PciFunction, ...]
) -> tuple[UioDevice, ...]:
    """Every UIO device; ``lines`` are the interrupts by the kernel's own numbers.

    Source: drivers/uio/uio.c, and Documentation/driver-api/uio-howto.rst.
    """
    return tuple(_read_device(files, name, lines, functions) for name in files.names(_UIO))


def _read_device(
    files: HostFiles,
    name: str,
    lines: Mapping[int, InterruptLine],
    functions: tuple[PciFunction, ...],
) -> UioDevice:
    folder = f"{_UIO}/{name}"
    device = files.link_name(f"{folder}/device") or ""
    driver = files.text(f"{folder}/name")
    function = next((each for each in functions if each.address.sysfs_name == device), None)
    return UioDevice(
        name=name,
        device=device,
        driver=driver,
        vectors=_vectors(driver, files.text(f"{folder}/device/irq"), lines),
        registers=tuple(_maps(files, folder)) if function is None else _bars(function),
    )


def _vectors(driver: str, told: str, lines: Mapping[int, InterruptLine]) -> tuple[int, ...]:
    """Vectors of the lines that ``driver`` has; ``told`` is the kernel's number where PCI has it.

    A line is counted only under the name by which UIO asks for it: what has no interrupt says
    that it has number 0.
    """
    numbers = [int(told)] if told.isdecimal() and len(told) < 10 else list(lines)
    found = (lines[number] for number in numbers if number in lines)
    return tuple(
        line.vector
        for line in found
        if line.controller in MAIN_CONTROLLERS and driver in (line.owner or "").split(",")
    )


def _bars(function: PciFunction) -> tuple[AddressRange, ...]:
    return tuple(bar.range for bar in function.bars if bar.kind is not BarKind.PORTS)


def _maps(files: HostFiles, folder: str) -> Iterator[AddressRange]:
    for name in files.names(f"{folder}/maps"):
        start = _hexadecimal(files.text(f"{folder}/maps/{name}/addr"))
        size = _hexadecimal(files.text(f"{folder}/maps/{name}/size"))
        if start is not None and size and start + size <= 1 << 64:
            yield AddressRange(start, size)


def _hexadecimal(text: str) -> int | None:
    try:
        return int(text, 16)
    except ValueError:
        return None
