# SPDX-License-Identifier: Apache-2.0
"""Rules about the guest's interrupt lines."""

from passthru.diagnostics.finding import Edit, Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import Interrupt, Pass, PciLocation, Reserve, Vdev, VmConfig
from passthru.lean import Iterator, Mapping, NamedTuple, Sequence
from passthru.plan.users import InterruptUse, User, Uses, name_of
from passthru.plan.x86_64 import IOAPIC_LINES, MACHINE_LINES

__all__ = [
    "IMMEDIATE_UNMASK_NEEDS_EDGE",
    "INTERRUPT_CLAIMED_TWICE",
    "INTERRUPT_CONTROLLER_UNKNOWN",
    "INTERRUPT_LINE_OUT_OF_RANGE",
    "Controller",
    "Controllers",
    "are_plainly_right",
    "arm_controllers",
    "immediate_unmask_needs_edge",
    "interrupt_claimed_twice",
    "interrupt_controller_unknown",
    "interrupt_line_out_of_range",
    "interrupt_users",
    "kvm_controllers",
    "kvm_interrupt_users",
]

_CONTROLLER_TYPES = ("ioapic", "8259", "gic")
_LOCAL_APIC = "apic"
_FIRST_LINES = {"gic": 32, "ioapic": 0}
"""The first line of each type that devices outside the processors have."""

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


def kvm_controllers(config: VmConfig) -> Controllers:
    """Those of the machine that run makes: one I/O APIC, whatever it is called."""
    names = [vdev.name.value for vdev in config.vdevs if vdev.type == "ioapic" and vdev.name]
    by_name = dict.fromkeys(names or ("ioapic",), Controller("ioapic", IOAPIC_LINES))
    return Controllers(by_name, machine_lines=MACHINE_LINES)


def arm_controllers(config: VmConfig) -> Controllers:
    """Those of the arm64 machine that run makes: one GIC, whatever it is called."""
    # Here, not above: a guest for x86 starts without it.
    from passthru.plan.aarch64 import GIC_NAME, LINE_END

    names = [vdev.name.value for vdev in config.vdevs if vdev.type == "gic" and vdev.name]
    return Controllers(dict.fromkeys(names or (GIC_NAME,), Controller("gic", LINE_END)))


def interrupt_users(uses: Uses) -> list[InterruptUse]:
    """Who uses which interrupt; controllers do not count."""
    return [each for each in uses.interrupts if not _is_controller(each[0])]


def kvm_interrupt_users(uses: Uses, vdevs: Sequence[str]) -> list[InterruptUse]:
    """Those in the machine that run makes, which has the ``vdevs``.

    What it refuses altogether is wrong only once.
    """
    return [
        (user, interrupt)
        for user, interrupt in interrupt_users(uses)
        if isinstance(user, Reserve)
        or (isinstance(user, Vdev) and user.type in vdevs)
        or (
            isinstance(user, Pass) and not any(isinstance(at, PciLocation) for at in user.locations)
        )
    ]


def are_plainly_right(uses: Sequence[InterruptUse], controllers: Controllers) -> bool:
    """Quickly, whether each line is there and has one user: then no rule has anything to say.

    False where the rules about controllers, lines and users have to look closer.
    """
    if controllers.machine_lines:
        return False
    by_name = controllers.by_name
    taken = set()
    for _, interrupt in uses:
        name, line = interrupt.controller, interrupt.line
        if line is None and name == _LOCAL_APIC:
            continue
        controller = by_name.get(name)
        count = controller.line_count if controller is not None else None
        if count is None or line is None or line >= count or (name, line) in taken:
            return False
        taken.add((name, line))
    return True


def _is_controller(user: User) -> bool:
    return isinstance(user, Vdev) and user.type in _CONTROLLER_TYPES


def interrupt_controller_unknown(
    users: Sequence[InterruptUse], controllers: Controllers
) -> Iterator[Finding]:
    """``interrupt-controller-unknown``."""
    if controllers.may_have_others:
        return
    names = controllers.by_name
    for user, interrupt in users:
        if interrupt.controller in names or interrupt.controller == _LOCAL_APIC:
            continue
        yield INTERRUPT_CONTROLLER_UNKNOWN.finding(
            f"the guest has no interrupt controller `{interrupt.controller}` for {name_of(user)}"
            + (f"; it has {', '.join(names)}" if names else ""),
            interrupt.span,
            fix=_named_right(interrupt, names),
            edits=_renaming(interrupt, names),
        )


_FIRST_OF_BANK = {"ppi": 16, "spi": 32}
"""Device trees count the lines of each bank of a GIC from zero."""


def _named_right(interrupt: Interrupt, names: Mapping[str, Controller]) -> str:
    wrong, text = interrupt.controller, interrupt.span.text
    if not names:
        return f"vdev ioapic loc 0xf8000000 intr apic name {wrong}  (before this)"
    name = next(iter(names))
    first = _FIRST_OF_BANK.get(wrong.lower())
    if first is not None and interrupt.line is not None and names[name].type == "gic":
        vector = "" if interrupt.vector is None else f"={interrupt.vector}"
        return f"{name}:{first + interrupt.line}{vector}"
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
    users: Sequence[InterruptUse], controllers: Controllers
) -> Iterator[Finding]:
    """``interrupt-line-out-of-range``."""
    for _, interrupt in users:
        name, line = interrupt.controller, interrupt.line
        controller = controllers.by_name.get(name)
        count = controller.line_count if controller else None
        if count is not None and line is not None and line >= count:
            yield INTERRUPT_LINE_OUT_OF_RANGE.finding(
                f"`{name}` has no line {line}; its last one is {count - 1}",
                interrupt.span,
                fix=_free_line(interrupt, users, controllers),
            )


def interrupt_claimed_twice(
    users: Sequence[InterruptUse], controllers: Controllers
) -> Iterator[Finding]:
    """``interrupt-claimed-twice``; what is reserved may still be given to somebody by name."""
    first: dict[tuple[str, int], InterruptUse] = {}
    machine_lines = controllers.machine_lines
    for use in users:
        user, interrupt = use
        if interrupt.line is None or isinstance(user, Reserve):
            continue
        if interrupt.line in machine_lines and name_of(user) not in machine_lines[interrupt.line]:
            yield INTERRUPT_CLAIMED_TWICE.finding(
                f"{name_of(user)} uses line {interrupt.line} of `{interrupt.controller}`, which "
                "the machine itself has (0 timer, 8 clock, 9 power management)",
                interrupt.span,
                fix=_free_line(interrupt, users, controllers),
            )
            continue
        earlier = first.setdefault((interrupt.controller, interrupt.line), use)
        if earlier is use or _may_share(earlier, use):
            continue
        yield INTERRUPT_CLAIMED_TWICE.finding(
            f"{name_of(user)} uses line {interrupt.line} of `{interrupt.controller}`, which "
            f"{name_of(earlier[0])} has already",
            interrupt.span,
            others=(Place(f"{name_of(earlier[0])} has it here", earlier[1].span),),
            fix=_free_line(interrupt, users, controllers),
        )


def _free_line(
    wrong: Interrupt, users: Sequence[InterruptUse], controllers: Controllers
) -> str | None:
    """A line of the same controller that nobody has; no search in a hopeless text."""
    controller = controllers.by_name.get(wrong.controller)
    if controller is None or controller.line_count is None or len(users) > controller.line_count:
        return None
    taken = {each.line for _, each in users if each.controller == wrong.controller}
    taken.update(controllers.machine_lines)
    # What is wrong can be a line of thousands of millions.
    start = min(wrong.line or 0, controller.line_count)
    lines = (*range(start + 1, controller.line_count), *range(_FIRST_LINES[controller.type], start))
    free = next((line for line in lines if line not in taken), None)
    return None if free is None else f"take a line that is free, such as {wrong.controller}:{free}"


def _may_share(one: InterruptUse, other: InterruptUse) -> bool:
    if one[1].span == other[1].span:
        return True
    if _is_on_pci(one[0]) and _is_on_pci(other[0]):
        return True
    names = {name_of(one[0]), name_of(other[0])}
    return any(names == {"hpet", timer} for timer in _TIMERS_THAT_SHARE)


def _is_on_pci(user: User) -> bool:
    """Whether it is on PCI as far as the text tells, where interrupts are made for sharing.

    Devices that can be there are there without `loc`.
    """
    if isinstance(user, Reserve) or not all(isinstance(at, PciLocation) for at in user.locations):
        return False
    if isinstance(user, Pass):
        return bool(user.locations)
    return user.type not in ("pl011", "ser8250", "hpet", *_TIMERS_THAT_SHARE)


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
