# SPDX-License-Identifier: Apache-2.0
"""Rules about the host's side of passed interrupts."""

from passthru.board import gic
from passthru.board.binding import binding_commands
from passthru.board.kernel_features import MODULES
from passthru.board.model import (
    BarKind,
    Board,
    BoardOrigin,
    InterruptLine,
    KernelFeature,
    PciFunction,
    PlatformDevice,
    Trigger,
    board_architecture,
)
from passthru.board.sysfs_place import SysfsPlace, sysfs_place
from passthru.board.uio import MAIN_CONTROLLERS
from passthru.diagnostics.finding import Finding, HostStep, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import Interrupt, MemoryLocation, Pass, PciLocation, VmConfig
from passthru.lean import TYPE_CHECKING, Iterator, NamedTuple, Sequence
from passthru.plan.host_vectors import first_vectors, host_vector
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.interrupts import IMMEDIATE_UNMASK_NEEDS_EDGE
from passthru.rules.platform_devices import PassedDevice, is_used_by_host

if TYPE_CHECKING:
    from passthru.rules.host_steps import WayToFree

__all__ = [
    "HOST_INTERRUPT_IN_USE",
    "INTERRUPT_SOURCE_MISSING",
    "PassedInterrupt",
    "devices_by_vector",
    "has_known_trigger",
    "host_interrupt_in_use",
    "immediate_unmask_of_level",
    "interrupt_not_delivered",
    "interrupt_source_missing",
    "is_edge_triggered",
    "passed_interrupts",
    "with_vector",
]

HOST_INTERRUPT_IN_USE = Rule(
    "host-interrupt-in-use",
    Severity.ERROR,
    "A passed interrupt belongs to a driver of the host.",
    "The host hands an interrupt to one owner; with two, one of them unmasks it before the other "
    "has looked at its device.",
)

INTERRUPT_SOURCE_MISSING = Rule(
    "interrupt-source-missing",
    Severity.ERROR,
    "Nothing on the host can deliver a passed interrupt.",
    "Linux hands an interrupt on only through a driver that has the device it comes from, and "
    "`run` takes it from UIO. A GIC's lines are 0 to 1019, and 1056 to 1119 and 4096 to 5119 where "
    "it has extended ones.",
)

_MOST_NAMED = 8

_FOR_DEVICES = ("uio_pdrv_genirq",)
_FOR_PCI = ("uio_pci_generic",)
_MISSING_UIO = KernelFeature("uio_pdrv_genirq", "missing")
_MISSING_UIO_FOR_PCI = KernelFeature("uio_pci_generic", "missing")

_HYPERVISORS = ("qvm", "vfio")
"""Starts of the names by which hypervisors have interrupts for their guests."""


class PassedInterrupt(NamedTuple):
    """An interrupt of a pass, the host's vector, and what the board's controllers have there."""

    interrupt: Interrupt
    vector: int
    lines: tuple[InterruptLine, ...]
    user: Pass


def passed_interrupts(config: VmConfig, board: Board) -> tuple[PassedInterrupt, ...]:
    """Every passed interrupt whose host vector is certain, in the order of the text."""
    if not any(passed.interrupts for passed in config.passes):
        return ()
    vectors = first_vectors(config)
    lines: dict[int, list[InterruptLine]] = {}
    for line in board.interrupts:
        # Others, as of GPIO pins, count their own lines from zero.
        if line.controller in MAIN_CONTROLLERS:
            lines.setdefault(line.vector, []).append(line)
    return tuple(
        PassedInterrupt(interrupt, vector, tuple(lines.get(vector, ())), passed)
        for passed in config.passes
        for interrupt in passed.interrupts
        if (vector := host_vector(interrupt, vectors)) is not None
    )


def host_interrupt_in_use(
    interrupts: Sequence[PassedInterrupt], devices: Sequence[PassedDevice], board: Board
) -> Iterator[Finding]:
    """``host-interrupt-in-use``.

    ``devices`` are those behind the passed memory: where host-driver-active is told of one,
    its interrupts go along with its registers.
    """
    sources = devices_by_vector(board) if interrupts else {}
    for each in interrupts:
        owners = _owners(each)
        if not owners or _is_delivered(each, board):
            continue
        behind = sources.get(each.vector, [])
        used = [device for device in behind if is_used_by_host(device)]
        if not used and any(device.driver is not None for device in behind):
            continue  # the owner's name is that of the way to a process
        if any(_is_told(device, each.user, devices) for device in used):
            continue
        # Only for what is wrong, here and below: starting fast is a feature.
        from passthru.rules.host_steps import device_and_use

        way = _way_to_free(owners, used[:_MOST_NAMED], board)
        yield HOST_INTERRUPT_IN_USE.finding(
            f"interrupt {each.vector} of the host belongs to {_all(owners)}",
            each.interrupt.span,
            resource=str(each.vector),
            others=(
                Place(f"it is the interrupt of {device_and_use(device, board)}")
                for device in behind[:_MOST_NAMED]
            ),
            fix=way.fix,
            steps=way.steps,
        )


def _owners(passed: PassedInterrupt) -> list[str]:
    """Who has the line; nobody where several lines have that number and one of them is free."""
    if any(line.owner is None for line in passed.lines):
        return []
    names = [name for line in passed.lines for name in (line.owner or "").split(",")]
    return [name for name in dict.fromkeys(names) if not _is_guest(name)]


def _is_guest(owner: str) -> bool:
    """Whether a guest has it that was running as the board was looked at; QNX gives a path."""
    return owner.rpartition("/")[2].startswith(_HYPERVISORS)


def _all(owners: Sequence[str]) -> str:
    """Their names, of very many the first ones."""
    rest = len(owners) - _MOST_NAMED
    more = [f"{rest} more"] if rest > 0 else []
    return " and ".join([*owners[:_MOST_NAMED], *more])


def devices_by_vector(board: Board) -> dict[int, list[PlatformDevice]]:
    """The devices with each interrupt, in the board's order."""
    found: dict[int, list[PlatformDevice]] = {}
    for device in board.devices:
        for vector in dict.fromkeys(device.interrupts):
            found.setdefault(vector, []).append(device)
    return found


def _is_told(device: PlatformDevice, user: Pass, devices: Sequence[PassedDevice]) -> bool:
    """Whether the same pass has registers of the device."""
    return any(each.device is device and each.memory.location in user.locations for each in devices)


def _way_to_free(owners: list[str], used: Sequence[PlatformDevice], board: Board) -> "WayToFree":
    from passthru.rules.host_steps import WayToFree, freeing_devices

    if board.origin is BoardOrigin.QNX:
        fix = f"do not start {_all(owners)} on the host, or stop it before the guest"
        return WayToFree(fix, ())
    if used:
        return freeing_devices(used, board)
    fix = "let the host's driver go of its device: unbind it, or blacklist its module"
    return WayToFree(fix, ())


def interrupt_source_missing(
    interrupts: Sequence[PassedInterrupt], board: Board, hypervisor: Hypervisor
) -> Iterator[Finding]:
    """``interrupt-source-missing``."""
    has_gic = board_architecture(board) == "arm"
    known = {vector for device in board.devices for vector in device.interrupts}
    for each in interrupts:
        if _is_delivered(each, board):
            continue
        if has_gic and not any(each.vector in lines for lines in gic.LINES):
            yield _without_source(each, f"a GIC has no interrupt {each.vector}", None)
        elif hypervisor is Hypervisor.KVM:
            has_device = each.vector in known
            yield from _without_carrier(each, board, has_gic=has_gic, has_device=has_device)


def _without_carrier(
    each: PassedInterrupt, board: Board, *, has_gic: bool, has_device: bool
) -> Iterator[Finding]:
    """What Linux cannot hand on for want of a device or of a driver."""
    may_be_pci = not has_device and _has_pci(board)
    if has_gic and board.interrupts and not (has_device or each.lines or may_be_pci):
        problem = f"no device of the board has interrupt {each.vector}"
        yield _without_source(each, problem, _number_or_node(each, board))
        return
    if _is_of_function(each):
        return
    carriers = (*_FOR_DEVICES, *(_FOR_PCI if may_be_pci else ()))
    states = {feature.name: feature.state for feature in board.features}
    if all(states.get(name) == "missing" for name in carriers):
        from passthru.rules.host_steps import booting

        options = " or ".join(MODULES[name] for name in carriers)
        yield _without_source(
            each,
            f"the host's kernel has no driver that hands on interrupt {each.vector}",
            (booting(f"give the host a kernel with {options}"),),
        )


def _is_of_function(each: PassedInterrupt) -> bool:
    """Whether a PCI function is passed along with it, which brings its own."""
    return any(isinstance(at, PciLocation) for at in each.user.locations)


def _is_delivered(each: PassedInterrupt, board: Board) -> bool:
    """Whether a UIO device of the board has it, which is there for the guest to take."""
    return any(each.vector in device.vectors for device in board.uio or ())


def interrupt_not_delivered(
    interrupts: Sequence[PassedInterrupt], board: Board
) -> Iterator[Finding]:
    """``interrupt-source-missing`` for want of a UIO device that is there now.

    Silent where nobody looked for UIO devices, and about PCI functions, which bring their own.
    """
    if board.uio is None:
        return
    for each in interrupts:
        if not _is_of_function(each) and not _is_delivered(each, board):
            yield _without_source(
                each,
                f"no UIO device of the host delivers interrupt {each.vector}",
                _way_to_uio(each, board),
            )


def _way_to_uio(each: PassedInterrupt, board: Board) -> str | tuple[HostStep, ...]:
    function = _function_of(each.user, board)
    if function is not None:
        from passthru.rules.host_steps import booting, freeing_functions, loading

        if any(each == _MISSING_UIO_FOR_PCI for each in board.features):
            return (booting(f"give the host a kernel with {MODULES['uio_pci_generic']}"),)
        way = freeing_functions([function], _to_uio_pci_generic, board)
        return way.fix or (loading("uio_pci_generic"), *way.steps)
    for device in devices_by_vector(board).get(each.vector, ()):
        place = sysfs_place(device)
        if place is not None:
            return _device_to_uio(device, place, each.vector, board)
    return (
        "bind the device that has this interrupt to uio_pci_generic or uio_pdrv_genirq; "
        "/sys/kernel/irq/*/hwirq has the host's numbers"
    )


def _to_uio_pci_generic(function: PciFunction) -> list[str]:
    return binding_commands(function.address, function.driver, to="uio_pci_generic")


def _device_to_uio(
    device: PlatformDevice, place: SysfsPlace, vector: int, board: Board
) -> str | tuple[HostStep, ...]:
    """How uio_pdrv_genirq gets the device, or what would.

    Source: drivers/uio/uio_pdrv_genirq.c. It is a driver of platform devices only, and takes
    no interrupt of one but the first.
    """
    from passthru.rules.host_steps import WayToFree, booting, freeing_devices, handing_over, loading

    if any(each == _MISSING_UIO for each in board.features):
        return (booting(f"give the host a kernel with {MODULES['uio_pdrv_genirq']}"),)
    if place.bus == "amba":
        changed = (
            f"in the host's device tree, change `compatible` of {device.name}: without "
            "`arm,primecell`, and `generic-uio` before the rest; boot it with "
            "uio_pdrv_genirq.of_id=generic-uio"
        )
        return (booting(changed),)
    if device.interrupts[0] != vector:
        added = (
            f"UIO takes the first interrupt of a device only, of {device.name} "
            f"{device.interrupts[0]}: give the host's device tree a node with interrupt {vector} "
            'alone, with `compatible = "generic-uio"`, and boot it with '
            "uio_pdrv_genirq.of_id=generic-uio"
        )
        return (booting(added),)
    way = WayToFree(None, ()) if device.driver is None else freeing_devices((device,), board)
    if way.fix is not None:
        return way.fix
    return (
        loading("uio_pdrv_genirq"),
        *handing_over((f"echo uio_pdrv_genirq > {place.folder}/driver_override",)),
        *way.steps,
        *handing_over((f"echo {place.name} > /sys/bus/{place.bus}/drivers_probe",)),
    )


def _function_of(user: Pass, board: Board) -> PciFunction | None:
    """The PCI function whose registers the same pass has."""
    memory = [each.host for each in user.locations if isinstance(each, MemoryLocation)]
    for function in board.pci:
        bars = [bar.range for bar in function.bars if bar.kind is not BarKind.PORTS]
        if not function.is_bridge and any(bar.overlaps(host) for bar in bars for host in memory):
            return function
    return None


def with_vector(each: PassedInterrupt, vector: int) -> str:
    """The interrupt as a configuration has it, for another ``vector`` of the host.

    Where the guest's line gives the vector, that line moves with it.
    """
    controller, line, immediate_unmask, written, _ = each.interrupt
    unmask = ",u" if immediate_unmask else ""
    moved = -1 if line is None else line + vector - each.vector
    if written is None and moved >= 0:
        return f"{controller}:{moved}{unmask}"
    name = controller if line is None else f"{controller}:{line}"
    return f"{name}{unmask}={vector}"


def _number_or_node(each: PassedInterrupt, board: Board) -> str | tuple[HostStep, ...]:
    shared = each.vector + gic.FIRST_SHARED
    if any(line.vector == shared for line in board.interrupts):
        return (
            f"{with_vector(each, shared)}, if {each.vector} is from a device tree: its SPI n is "
            f"n + {gic.FIRST_SHARED}"
        )
    from passthru.rules.host_steps import booting

    node = (
        "give the host's device tree a node with this interrupt and `compatible = "
        '"generic-uio"`, and boot it with uio_pdrv_genirq.of_id=generic-uio'
    )
    return (booting(node),)


def _has_pci(board: Board) -> bool:
    """Whether the interrupt may be a PCI function's pin, which no list of lines names."""
    if any(function.interrupt_pin for function in board.pci):
        return True
    return any("pci" in word.lower() for device in board.devices for word in device.compatible)


def _without_source(
    each: PassedInterrupt, problem: str, fix: str | tuple[HostStep, ...] | None
) -> Finding:
    numbers = "a device tree's SPI n is n + 32, its PPI n is n + 16: check the number"
    return INTERRUPT_SOURCE_MISSING.finding(
        problem,
        each.interrupt.span,
        resource=str(each.vector),
        fix=fix if isinstance(fix, str) else numbers,
        steps=fix if isinstance(fix, tuple) else (),
    )


def immediate_unmask_of_level(interrupts: Sequence[PassedInterrupt]) -> Iterator[Finding]:
    """``immediate-unmask-needs-edge`` where the board knows that the host's line is not."""
    for each in interrupts:
        if each.interrupt.immediate_unmask and _triggers(each) == {Trigger.LEVEL}:
            yield IMMEDIATE_UNMASK_NEEDS_EDGE.finding(
                f"`u`: interrupt {each.vector} of the host is level-triggered",
                each.interrupt.span,
                resource=str(each.vector),
                fix="remove `,u`",
                severity=Severity.ERROR,
            )


def is_edge_triggered(each: PassedInterrupt) -> bool:
    """Whether the board knows it to be, whatever the guest takes it for."""
    return _triggers(each) == {Trigger.EDGE}


def has_known_trigger(each: PassedInterrupt) -> bool:
    """Whether the board knows one trigger for it."""
    return _triggers(each) in ({Trigger.EDGE}, {Trigger.LEVEL})


def _triggers(each: PassedInterrupt) -> set[Trigger]:
    return {line.trigger for line in each.lines}
