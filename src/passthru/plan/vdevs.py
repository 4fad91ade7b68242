# SPDX-License-Identifier: Apache-2.0
"""Virtual devices: which ones run offers, how they may be set, and the serial ports."""

from passthru.diagnostics.finding import Finding, Place
from passthru.language.model import (
    Interrupt,
    Location,
    MemoryLocation,
    PortLocation,
    Vdev,
    VmConfig,
)
from passthru.lean import Iterator, NamedTuple
from passthru.plan.model import SerialPort
from passthru.plan.support import unsupported

__all__ = [
    "SUPPORTED_VDEVS",
    "SerialPlan",
    "configured_lines",
    "plan_serial_ports",
    "unsupported_vdevs",
]


class _Support(NamedTuple):
    """What one type may have; None allows any.

    ``ports`` are the first ports it may be at, ``lines`` the interrupt lines (None among
    them stands for the local APIC), ``values`` the options that are known here, each with
    the values that may be given to it.
    """

    ports: tuple[int, ...] | None
    lines: tuple[int | None, ...] | None
    values: dict[str, tuple[str, ...] | None]
    once: bool = True


# KVM's interrupt controllers and timer have fixed places (virt/kvm, arch/x86/kvm/i8254.c,
# i8259.c), and so has the clock that every PC guest looks for.
_SUPPORT = {
    "ioapic": _Support(ports=(), lines=(None,), values={"hostvector": None}),
    "ser8250": _Support(None, None, {"hostdev": None}, once=False),
    "timer8254": _Support((0x40,), (0,), {}),
    # Register B as run's own clock has it: 24-hour mode, BCD.
    "mc146818": _Support((0x70,), (8,), {"reg": ("0x0b,0x02",)}),
    "8259": _Support((0x20, 0xA0), (None, 2), {}, once=False),
}

SUPPORTED_VDEVS = tuple(_SUPPORT)
"""The types that the machine has."""


class SerialPlan(NamedTuple):
    """The serial ports in the order of the text, and those that lack something."""

    ports: tuple[SerialPort, ...]
    findings: tuple[Finding, ...]


def plan_serial_ports(vdevs: tuple[Vdev, ...]) -> SerialPlan:
    """Every ``vdev ser8250`` that says where it is and which interrupt it raises."""
    ports, findings = [], []
    for vdev in vdevs:
        if vdev.type != "ser8250":
            continue
        port = next((at for at in vdev.locations if isinstance(at, PortLocation)), None)
        line = next((each.line for each in vdev.interrupts if each.line is not None), None)
        if port is None and not vdev.locations:
            findings.append(_lacks(vdev, "loc", "loc io:0x3f8"))
        if line is None and not vdev.interrupts:
            findings.append(_lacks(vdev, "intr", "intr ioapic:4"))
        if port is not None and line is not None:
            streams = vdev.values("hostdev")
            ports.append(SerialPort(port.ports.start, line, streams, vdev.span))
    return SerialPlan(tuple(ports), tuple(findings))


def configured_lines(config: VmConfig) -> frozenset[int]:
    """Every interrupt line that the configuration gives to something."""
    interrupts = (
        *(user.interrupts for user in config.vdevs),
        *(user.interrupts for user in config.passes),
        *(user.interrupts for user in config.reserves),
    )
    return frozenset(each.line for group in interrupts for each in group if each.line is not None)


def _lacks(vdev: Vdev, option: str, fix: str) -> Finding:
    from passthru.plan.problems import VDEV_OPTION_MISSING

    return VDEV_OPTION_MISSING.finding(f"vdev {vdev.type} has no `{option}`", vdev.span, fix=fix)


def unsupported_vdevs(vdevs: tuple[Vdev, ...]) -> Iterator[Finding]:
    """Every virtual device, or option of one, that the machine does not have."""
    first: dict[str, Vdev] = {}
    for vdev in vdevs:
        support = _SUPPORT.get(vdev.type)
        if support is None:
            yield _unknown_type(vdev)
            continue
        if support.once and vdev.type in first:
            yield unsupported(
                f"a second `vdev {vdev.type}`: the machine has one",
                vdev.span,
                others=(Place("the first one", first[vdev.type].span),),
            )
        first.setdefault(vdev.type, vdev)
        yield from _wrong_locations(vdev, support)
        yield from _wrong_interrupts(vdev, support)
        yield from _wrong_options(vdev, support)


def _unknown_type(vdev: Vdev) -> Finding:
    return unsupported(
        f"run has no `vdev {vdev.type}`; it has {', '.join(_SUPPORT)}",
        vdev.span,
        resource=vdev.type,
        fix=f"passthru run --without {vdev.type}, or remove the vdev with its options",
    )


def _wrong_locations(vdev: Vdev, support: _Support) -> Iterator[Finding]:
    for location in vdev.locations[1:]:
        yield _refuse(f"vdev {vdev.type} has one place", location)
    for location in vdev.locations[:1]:
        if vdev.type == "ioapic":
            if not isinstance(location, MemoryLocation):
                yield _refuse("the I/O APIC is reached by memory only", location)
        elif not isinstance(location, PortLocation):
            yield _refuse(f"vdev {vdev.type} is reached by ports only", location)
        elif support.ports is not None and location.ports.start not in support.ports:
            places = " and ".join(f"{port:#x}" for port in support.ports)
            yield _refuse(f"vdev {vdev.type} is at port {places} of this machine", location)


def _refuse(message: str, place: Location | Interrupt) -> Finding:
    return unsupported(message, place.span)


def _wrong_interrupts(vdev: Vdev, support: _Support) -> Iterator[Finding]:
    for interrupt in vdev.interrupts[1:]:
        yield _refuse(f"vdev {vdev.type} has one interrupt", interrupt)
    for interrupt in vdev.interrupts[:1]:
        if support.lines is None:
            if interrupt.line is None:
                yield _refuse(f"vdev {vdev.type} needs a line of the I/O APIC", interrupt)
        elif interrupt.line not in support.lines:
            allowed = " or ".join(_line_name(line) for line in support.lines)
            yield _refuse(f"vdev {vdev.type} interrupts by {allowed} of this machine", interrupt)


def _line_name(line: int | None) -> str:
    return "the local APIC (`apic`)" if line is None else f"line {line}"


def _wrong_options(vdev: Vdev, support: _Support) -> Iterator[Finding]:
    for option in vdev.options:
        if option.name == "log":
            continue  # plan.without_effect tells of it
        if option.name not in support.values:
            yield unsupported(
                f"run does not have the option `{option.name}` of vdev {vdev.type}",
                option.span,
                fix=f"remove `{option.name}`",
            )
            continue
        allowed = support.values[option.name]
        if allowed is not None and option.value not in allowed:
            yield unsupported(
                f"run does not have `{option.name} {option.value}` for vdev {vdev.type}; "
                f"it has {', '.join(allowed)}",
                option.span,
                fix=f"{option.name} {allowed[0]}",
            )
