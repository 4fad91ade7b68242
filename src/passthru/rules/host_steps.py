# SPDX-License-Identifier: Apache-2.0
"""Steps on the host that findings ask for, and what the host would lose by them."""

from passthru.board.model import Board, DeviceUse, PciFunction, PlatformDevice
from passthru.board.pci_classes import class_name
from passthru.board.sysfs_place import sysfs_place, unbinding_command
from passthru.diagnostics.finding import HostStep, StepKind
from passthru.lean import Callable, Iterable, Iterator, NamedTuple

__all__ = [
    "WayToFree",
    "booting",
    "device_and_use",
    "freeing_devices",
    "freeing_functions",
    "function_and_use",
    "handing_over",
    "loading",
    "raising_limit",
]


def loading(driver: str) -> HostStep:
    """A kernel module to load."""
    return HostStep(StepKind.LOAD, f"modprobe {driver}")


def handing_over(commands: Iterable[str]) -> tuple[HostStep, ...]:
    """Commands that give one device from one driver to another, in their order."""
    return tuple(HostStep(StepKind.HAND_OVER, command) for command in commands)


class WayToFree(NamedTuple):
    """How devices are taken from the host: its steps, or in words why that must not be."""

    fix: str | None
    steps: tuple[HostStep, ...]


def freeing_functions(
    functions: Iterable[PciFunction], commands: Callable[[PciFunction], list[str]], board: Board
) -> WayToFree:
    """How the host gives up these PCI functions, each by its ``commands``."""
    return _freeing([(each.address.sysfs_name, commands(each)) for each in functions], board)


def freeing_devices(devices: Iterable[PlatformDevice], board: Board) -> WayToFree:
    """How the host's drivers let go of these devices."""
    named = []
    for device in devices:
        place = sysfs_place(device)
        named.append(("" if place is None else place.name, [unbinding_command(device)]))
    return _freeing(named, board)


def _freeing(devices: Iterable[tuple[str, list[str]]], board: Board) -> WayToFree:
    steps: list[HostStep] = []
    for name, commands in devices:
        for use in _uses_of(name, board):
            if "/" in use.mounts:
                return WayToFree(f"the host itself runs from {use.name}: pass another device", ())
            steps += _releasing(use)
        steps += handing_over(commands)
    return WayToFree(None, tuple(steps))


def _releasing(use: DeviceUse) -> Iterator[HostStep]:
    from shlex import quote

    # What is mounted below another place comes first.
    for place in reversed(use.mounts):
        command = "swapoff -a" if place == "swap" else f"umount {quote(place)}"
        yield HostStep(StepKind.RELEASE, command)


def raising_limit(command: str) -> HostStep:
    """A command that raises a limit of the process that runs the guest."""
    return HostStep(StepKind.LIMIT, command)


def booting(text: str) -> HostStep:
    """What needs a reboot: another command line, device tree or kernel."""
    return HostStep(StepKind.BOOT, text)


def function_and_use(function: PciFunction, board: Board) -> str:
    """The function, what kind it is, and what the host has of it, as far as that is known."""
    uses = [str(use) for use in _uses_of(function.address.sysfs_name, board)]
    kind = class_name(function.class_code) or ("in use" if uses else "")
    told = ": ".join(part for part in (kind, "; ".join(uses)) if part)
    return f"{function} ({told})" if told else str(function)


def device_and_use(device: PlatformDevice, board: Board) -> str:
    """The device, and what the host has of it."""
    place = sysfs_place(device)
    uses = [] if place is None else [str(use) for use in _uses_of(place.name, board)]
    return f"{device.name} ({'; '.join(uses)})" if uses else device.name


def _uses_of(device: str, board: Board) -> list[DeviceUse]:
    return [use for use in board.uses if use.device == device]
