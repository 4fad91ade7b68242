# SPDX-License-Identifier: Apache-2.0
"""A rule about interrupts that are passed with the registers of a device that has others."""

from passthru.board.gic import FIRST_SHARED
from passthru.board.model import Board, PlatformDevice, board_architecture
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import VmConfig
from passthru.lean import Iterator, NamedTuple, Sequence
from passthru.rules.host_interrupts import (
    PassedInterrupt,
    devices_by_vector,
    with_vector,
)
from passthru.rules.passed_memory import PassedMemory, and_more
from passthru.rules.platform_devices import PassedDevice, passed_devices

__all__ = ["INTERRUPT_NOT_OF_DEVICE", "interrupt_not_of_device"]

INTERRUPT_NOT_OF_DEVICE = Rule(
    "interrupt-not-of-device",
    Severity.WARNING,
    "Registers of a device are passed with an interrupt that it does not have.",
    "The guest's driver waits for an interrupt that never comes, or gets another device's. A "
    "device tree counts the shared interrupts of a GIC from 0: its SPI n is the interrupt n + 32.",
)

_MOST_NAMED = 8


def interrupt_not_of_device(
    config: VmConfig,
    passed: Sequence[PassedMemory],
    interrupts: Sequence[PassedInterrupt],
    board: Board,
) -> Iterator[Finding]:
    """``interrupt-not-of-device``; ``interrupts`` are all of ``config`` with a certain vector.

    Silent where a device's own interrupts are not known or are passed, in this `pass` or in
    another one.
    """
    memory = [each for each in passed if each.is_device]
    if not interrupts or not memory:
        return
    board = _with_uio(board)
    devices = _by_location(passed_devices(memory, board))
    if not devices:
        return
    everywhere = {each.vector for each in interrupts}
    families = _Families(board)
    for number, its_own in _by_pass(config, interrupts):
        behind = [
            device
            for location in config.passes[number].locations
            for device in devices.get(location.span, ())
        ]
        missing = [
            each for each in behind if each.interrupts and everywhere.isdisjoint(each.interrupts)
        ]
        if not missing:
            continue
        known = families.interrupts_of(behind)
        strange = [each for each in its_own if each.vector not in known]
        is_certain = all(each.interrupts for each in behind)
        yield from _findings(strange, missing, board, is_certain=is_certain)


def _with_uio(board: Board) -> Board:
    """The board with its UIO devices, whose registers and interrupts are known, too, as others."""
    devices = (
        PlatformDevice(each.device, (), each.registers, each.vectors, (), (), (), (), None, None)
        for each in board.uio or ()
    )
    return board._replace(devices=(*board.devices, *devices))


def _by_location(devices: Sequence[PassedDevice]) -> dict[Span, list[PlatformDevice]]:
    found: dict[Span, list[PlatformDevice]] = {}
    for memory, device in devices:
        found.setdefault(memory.location.span, []).append(device)
    return found


def _by_pass(
    config: VmConfig, interrupts: Sequence[PassedInterrupt]
) -> Iterator[tuple[int, list[PassedInterrupt]]]:
    """The interrupts of each pass of which all are certain, with the number of the pass."""
    certain = {each.interrupt.span: each for each in interrupts}
    for number, passed in enumerate(config.passes):
        found = [certain[each.span] for each in passed.interrupts if each.span in certain]
        if found and len(found) == len(passed.interrupts):
            yield number, found


class _Families:
    """The interrupts of devices and of those around and inside them, by the tree's paths.

    A part of a device may have its interrupt in the node around it, or in one below.
    """

    def __init__(self, board: Board) -> None:
        self._own: dict[str, set[int]] = {}
        self._with_parts: dict[str, set[int]] = {}
        for device in board.devices:
            self._own.setdefault(device.name, set()).update(device.interrupts)
            for path in _path_upwards(device.name):
                self._with_parts.setdefault(path, set()).update(device.interrupts)

    def interrupts_of(self, devices: Sequence[PlatformDevice]) -> set[int]:
        found: set[int] = set()
        for device in devices:
            found |= self._with_parts[device.name]
            for path in _path_upwards(device.name):
                found |= self._own.get(path, set())
        return found


def _path_upwards(name: str) -> Iterator[str]:
    """``/a/b``, ``/a``; of a name that is no path only itself."""
    while name:
        yield name
        name = name.rpartition("/")[0]


class _Meant(NamedTuple):
    """The interrupt that was probably meant, and whose it is."""

    vector: int
    device: PlatformDevice


def _findings(
    strange: Sequence[PassedInterrupt],
    missing: Sequence[PlatformDevice],
    board: Board,
    *,
    is_certain: bool,
) -> Iterator[Finding]:
    has_gic = board_architecture(board) == "arm"
    for each in strange:
        meant = _spi_of(each.vector, missing) if has_gic else None
        if meant is not None:
            yield _finding(
                each,
                f"{each.vector} is the SPI of {meant.device.name} as a device tree counts; its "
                f"interrupt is {meant.vector}",
                with_vector(each, meant.vector),
            )
        elif is_certain:
            names = and_more([device.name for device in missing])
            vectors = dict.fromkeys(v for device in missing for v in device.interrupts)
            numbers = " and ".join(str(vector) for vector in [*vectors][:_MOST_NAMED])
            right = [*vectors]
            yield _finding(
                each,
                f"interrupt {each.vector} of the host is not one of {names}, whose registers are "
                f"passed with it: {numbers}",
                with_vector(each, right[0]) if len(right) == 1 else None,
                others=_owners(each.vector, board),
            )


def _spi_of(vector: int, devices: Sequence[PlatformDevice]) -> _Meant | None:
    for device in devices:
        if vector + FIRST_SHARED in device.interrupts:
            return _Meant(vector + FIRST_SHARED, device)
    return None


def _owners(vector: int, board: Board) -> list[Place]:
    owners = devices_by_vector(board).get(vector, [])
    if not owners:
        return [Place(f"no device of the board has interrupt {vector}")]
    return [Place(f"it is the interrupt of {device.name}") for device in owners[:_MOST_NAMED]]


def _finding(
    each: PassedInterrupt, message: str, fix: str | None, others: Sequence[Place] = ()
) -> Finding:
    return INTERRUPT_NOT_OF_DEVICE.finding(
        message,
        each.interrupt.span,
        resource=str(each.vector),
        others=others,
        fix=fix or "pass the device's own interrupts with its registers",
    )
