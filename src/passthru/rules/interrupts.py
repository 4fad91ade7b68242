# SPDX-License-Identifier: Apache-2.0
"""Rules about the guest's interrupt lines."""

from passthru.diagnostics.finding import Edit, Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import Interrupt, Location, PciLocation, Vdev, VmConfig
from passthru.lean import Iterator, Mapping, NamedTuple, Sequence
from passthru.plan.x86_64 import IOAPIC_LINES, MACHINE_LINES

__all__ = [
    "IMMEDIATE_UNMASK_NEEDS_EDGE",
    "INTERRUPT_CLAIMED_TWICE",
    "INTERRUPT_CONTROLLER_UNKNOWN",
    "INTERRUPT_LINE_OUT_OF_RANGE",
    "Controller",
    "Controllers",
    "InterruptUser",
    "immediate_unmask_needs_edge",
    "interrupt_claimed_twice",
    "interrupt_controller_unknown",
    "interrupt_line_out_of_range",
    "interrupt_users",
    "kvm_controllers",
]

_CONTROLLER_TYPES = ("ioapic", "8259", "gic")
_LOCAL_APIC = "apic"
_RESERVE = "reserve"
_NO_LINES: Mapping[int, tuple[str, ...]] = {}
_TIMERS_THAT_SHARE = ("timer8254", "mc146818")
"""A high precision event timer takes the lines of these where it takes their place."""

INTERRUPT_CONTROLLER_UNKNOWN = Rule(
    "interrupt-controller-unknown",
    Severity.ERROR,
    "An `intr` names an interrupt controller that the guest does not have.",
    "The part before the colon is the `name` of a `vdev ioapic`, or of an ARM guest's `gic`, "
    "which is there under that name unless `vdev gic name` gives it another; `apic` is the local "
    "APIC of an x86 guest.",
)

INTERRUPT_LINE_OUT_OF_RANGE = Rule(
    "interrupt-line-out-of-range",
    Severity.ERROR,
    "An `intr` names a line that its controller does not have.",
    f"An I/O APIC has the lines 0 to {IOAPIC_LINES - 1}. Lines of a GIC are its interrupt ids: "
    "its shared peripheral interrupts are 32 to 1019.",
)

INTERRUPT_CLAIMED_TWICE = Rule(
    "interrupt-claimed-twice",
    Severity.ERROR,
    "One guest interrupt line has two users.",
    "A line that two devices drive loses interrupts unless both are made for sharing it.",
)

IMMEDIATE_UNMASK_NEEDS_EDGE = Rule(
    "immediate-unmask-needs-edge",
    Severity.WARNING,
    "An interrupt is passed with `u` (immediate unmasking), which needs edge-triggered interrupts.",
    "With `u` the host unmasks the interrupt before the guest has handled it. A level-triggered "
    "line would raise it again at once, so host and guest must both take it as edge-triggered, "
    "and the driver must not cause new interrupts while it handles one.",
)


class Controller(NamedTuple):
    """An interrupt controller; ``line_count`` is None where nobody knows it."""

    type: str
    line_count: int | None


class Controllers(NamedTuple):
    """The interrupt controllers of a guest.

    ``may_have_others``: some have names that are not known. ``machine_lines`` are those that
    the machine drives itself, with the virtual devices that are it.
    """

    by_name: Mapping[str, Controller]
    may_have_others: bool = False
    machine_lines: Mapping[int, tuple[str, ...]] = _NO_LINES


class InterruptUser(NamedTuple):
    """Who uses an interrupt; INTx lines of PCI devices are made for sharing."""

    name: str
    interrupt: Interrupt
    is_on_pci: bool


def kvm_controllers(config: VmConfig) -> Controllers:
    """Those of the machine that run makes: one I/O APIC, whatever it is called."""
    names = [vdev.name.value for vdev in config.vdevs if vdev.type == "ioapic" and vdev.name]
    by_name = dict.fromkeys(names or ("ioapic",), Controller("ioapic", IOAPIC_LINES))
    return Controllers(by_name, machine_lines=MACHINE_LINES)


def interrupt_users(config: VmConfig) -> tuple[InterruptUser, ...]:
    """Every interrupt of the configuration, and who uses it."""
    return tuple(
        InterruptUser._make(each)
        for users in (_vdev_users(config), _pass_users(config), _reserve_users(config))
        for each in users
    )


def _vdev_users(config: VmConfig) -> Iterator[tuple[str, Interrupt, bool]]:
    for vdev in config.vdevs:
        if vdev.type not in _CONTROLLER_TYPES:
            for interrupt in vdev.interrupts:
                yield vdev.type, interrupt, _is_on_pci(vdev)


def _pass_users(config: VmConfig) -> Iterator[tuple[str, Interrupt, bool]]:
    for passed in config.passes:
        for interrupt in passed.interrupts:
            places = passed.locations
            yield "pass", interrupt, bool(places) and _has_pci_places_only(places)


def _reserve_users(config: VmConfig) -> Iterator[tuple[str, Interrupt, bool]]:
    for reserve in config.reserves:
        for interrupt in reserve.interrupts:
            yield _RESERVE, interrupt, False


def _is_on_pci(vdev: Vdev) -> bool:
    """Whether it is on PCI as far as the text tells: devices that can be are so without `loc`."""
    has_place_elsewhere = vdev.type in ("pl011", "ser8250", "hpet", *_TIMERS_THAT_SHARE)
    return not has_place_elsewhere and _has_pci_places_only(vdev.locations)


def _has_pci_places_only(locations: tuple[Location, ...]) -> bool:
    return all(isinstance(location, PciLocation) for location in locations)


def interrupt_controller_unknown(
    users: Sequence[InterruptUser], controllers: Controllers
) -> Iterator[Finding]:
    """``interrupt-controller-unknown``."""
    names = controllers.by_name
    for user in users:
        interrupt = user.interrupt
        if (
            controllers.may_have_others
            or interrupt.controller in names
            or interrupt.controller == _LOCAL_APIC
        ):
            continue
        yield INTERRUPT_CONTROLLER_UNKNOWN.finding(
            f"the guest has no interrupt controller `{interrupt.controller}` for {user.name}"
            + (f"; it has {', '.join(names)}" if names else ""),
            interrupt.span,
            fix=_named_right(interrupt, names),
            edits=_renaming(interrupt, names),
        )


def _named_right(interrupt: Interrupt, names: Mapping[str, Controller]) -> str:
    wrong, text = interrupt.controller, interrupt.span.text
    if not names:
        return f"vdev ioapic loc 0xf8000000 intr apic name {wrong}  (before this)"
    name = next(iter(names))
    if text.startswith(f"{wrong}:"):
        return name + text.removeprefix(wrong)
    return name if interrupt.line is None else f"{name}:{interrupt.line}"


def _renaming(interrupt: Interrupt, controllers: Mapping[str, Controller]) -> Iterator[Edit]:
    """The change to the only controller there is, where the name is a slip or its type's name."""
    wrong, span = interrupt.controller, interrupt.span
    if len(controllers) != 1 or not span.text.startswith(f"{wrong}:"):
        return
    from passthru.language.spelling import nearest

    ((name, controller),) = controllers.items()
    if wrong == controller.type or nearest(wrong, (name,)) is not None:
        yield Edit(Span(span.source, span.start, span.start + len(wrong)), name)


def interrupt_line_out_of_range(
    users: Sequence[InterruptUser], controllers: Controllers
) -> Iterator[Finding]:
    """``interrupt-line-out-of-range``."""
    for user in users:
        name, line = user.interrupt.controller, user.interrupt.line
        controller = controllers.by_name.get(name)
        count = controller.line_count if controller else None
        if count is not None and line is not None and line >= count:
            yield INTERRUPT_LINE_OUT_OF_RANGE.finding(
                f"`{name}` has no line {line}; its last one is {count - 1}", user.interrupt.span
            )


def interrupt_claimed_twice(
    users: Sequence[InterruptUser], controllers: Controllers
) -> Iterator[Finding]:
    """``interrupt-claimed-twice``; what is reserved may still be given to somebody by name."""
    first: dict[tuple[str, int], InterruptUser] = {}
    for user in users:
        name, interrupt, _ = user
        if interrupt.line is None or name == _RESERVE:
            continue
        if name not in controllers.machine_lines.get(interrupt.line, (name,)):
            yield INTERRUPT_CLAIMED_TWICE.finding(
                f"{name} uses line {interrupt.line} of `{interrupt.controller}`, which the "
                "machine itself has (0 timer, 8 clock, 9 power management)",
                interrupt.span,
            )
            continue
        earlier = first.setdefault((interrupt.controller, interrupt.line), user)
        if earlier is user or _may_share(earlier, user):
            continue
        yield INTERRUPT_CLAIMED_TWICE.finding(
            f"{name} uses line {interrupt.line} of `{interrupt.controller}`, which "
            f"{earlier.name} has already",
            interrupt.span,
            others=(Place(f"{earlier.name} has it here", earlier.interrupt.span),),
        )


def _may_share(one: InterruptUser, other: InterruptUser) -> bool:
    if one.is_on_pci and other.is_on_pci:
        return True
    if one.interrupt.span == other.interrupt.span:
        return True
    return any({one.name, other.name} == {"hpet", timer} for timer in _TIMERS_THAT_SHARE)


def immediate_unmask_needs_edge(config: VmConfig) -> Iterator[Finding]:
    """``immediate-unmask-needs-edge``, where nothing is known of the triggers."""
    for passed in config.passes:
        for interrupt in passed.interrupts:
            if interrupt.immediate_unmask:
                yield IMMEDIATE_UNMASK_NEEDS_EDGE.finding(
                    "`u` is right only if this interrupt is edge-triggered, on the host and in the "
                    "guest",
                    interrupt.span,
                    fix="check the trigger in the board's and in the guest's device tree or ACPI "
                    "tables, and remove `,u` unless both are edge",
                )
