# SPDX-License-Identifier: Apache-2.0
"""The virtual devices of an arm64 guest: its GIC, its serial ports, and what run has not."""

from passthru.addresses import AddressRange
from passthru.diagnostics.finding import Finding, Place
from passthru.language.model import Interrupt, MemoryLocation, Vdev, VdevOption, VmConfig
from passthru.language.numbers import BadNumber, Notation, parse_number
from passthru.lean import Iterator, NamedTuple
from passthru.plan.aarch64 import (
    CPU_INTERFACE_SIZE,
    DISTRIBUTOR_SIZES,
    FIRST_LINE,
    GIC_ADDRESSES,
    LINE_END,
    MOST_CPUS,
    REDISTRIBUTOR_SIZE,
    UART_SIZE,
    Gic,
    Uart,
)
from passthru.plan.support import unsupported

__all__ = [
    "ARM_VDEVS",
    "GicPlan",
    "UartPlan",
    "line_of_processors",
    "plan_gic",
    "plan_uarts",
    "unsupported_arm_vdevs",
]

ARM_VDEVS = ("gic", "pl011")
"""The types that the machine has."""

_OPTIONS = {"gic": ("version", "gicd", "gicr", "gicc", "hostvector"), "pl011": ("hostdev",)}

_CONSOLE = ">-"
"""Where a serial port without ``hostdev`` prints: public configurations count on it."""


class GicPlan(NamedTuple):
    """The interrupt controller, and what is wrong with what was asked of it."""

    gic: Gic
    findings: tuple[Finding, ...]


class UartPlan(NamedTuple):
    """The serial ports in the order of the text, and those that lack something."""

    uarts: tuple[Uart, ...]
    findings: tuple[Finding, ...]


def plan_gic(config: VmConfig, cpu_count: int) -> GicPlan:
    """The GIC of ``vdev gic``, else GICv3 where the Foundation Model has it."""
    vdev = next((each for each in config.vdevs if each.type == "gic"), None)
    findings = []
    if cpu_count > MOST_CPUS:
        findings.append(
            unsupported(
                f"{cpu_count} cpus; the GIC of a guest has room for {MOST_CPUS}",
                config.cpus[MOST_CPUS].span,
            )
        )
    values = {option.name: option for option in vdev.options} if vdev else {}
    version = _version(values.get("version"), findings)
    distributor, processors = GIC_ADDRESSES[version]
    distributor = _address(values.get("gicd"), distributor, findings)
    processors = _address(values.get("gicr" if version == 3 else "gicc"), processors, findings)
    size = min(cpu_count, MOST_CPUS) * REDISTRIBUTOR_SIZE if version == 3 else CPU_INTERFACE_SIZE
    gic = Gic(
        version,
        AddressRange(distributor, DISTRIBUTOR_SIZES[version]),
        AddressRange(processors, size),
        vdev.span if vdev else None,
    )
    return GicPlan(gic, (*findings, *_misaligned(gic)))


def _version(option: VdevOption | None, findings: list[Finding]) -> int:
    if option is None:
        return 3
    if option.value not in ("2", "3"):
        findings.append(
            unsupported(f"run has no GIC of version {option.value}", option.span, fix="version 3")
        )
    return 2 if option.value == "2" else 3


def _address(option: VdevOption | None, default: int, findings: list[Finding]) -> int:
    if option is None or option.value is None:
        return default
    number = parse_number(option.value, Notation.ADDRESS)
    if isinstance(number, BadNumber):
        findings.append(unsupported(f"`{option.value}`: {number.problem}", option.span))
        return default
    return number.value


def _misaligned(gic: Gic) -> Iterator[Finding]:
    granule = DISTRIBUTOR_SIZES[gic.version]
    for place in (gic.distributor, gic.processors):
        if place.start % granule:
            yield unsupported(
                f"a part of the GIC at {place.start:#x}: it can be at multiples of {granule:#x}",
                gic.span,
            )


def plan_uarts(vdevs: tuple[Vdev, ...]) -> UartPlan:
    """Every ``vdev pl011`` that says where it is and which interrupt it raises."""
    uarts, findings = [], []
    for vdev in vdevs:
        if vdev.type != "pl011":
            continue
        place = next((at for at in vdev.locations if isinstance(at, MemoryLocation)), None)
        line = next((each.line for each in vdev.interrupts if each.line is not None), None)
        if place is None and not vdev.locations:
            findings.append(_lacks(vdev, "loc", "loc 0x1c090000"))
        if line is None and not vdev.interrupts:
            findings.append(_lacks(vdev, "intr", "intr gic:37"))
        if place is not None and line is not None:
            registers = AddressRange(place.guest.start, UART_SIZE)
            streams = vdev.values("hostdev") or (_CONSOLE,)
            uarts.append(Uart(registers, line, streams, vdev.span))
    return UartPlan(tuple(uarts), tuple(findings))


def _lacks(vdev: Vdev, option: str, fix: str) -> Finding:
    from passthru.plan.problems import VDEV_OPTION_MISSING

    return VDEV_OPTION_MISSING.finding(f"vdev {vdev.type} has no `{option}`", vdev.span, fix=fix)


def unsupported_arm_vdevs(vdevs: tuple[Vdev, ...]) -> Iterator[Finding]:
    """Every virtual device, or option of one, that the machine does not have."""
    first: Vdev | None = None
    for vdev in vdevs:
        if vdev.type not in ARM_VDEVS:
            yield unsupported(
                f"run has no `vdev {vdev.type}` on arm64; it has {', '.join(ARM_VDEVS)}",
                vdev.span,
                resource=vdev.type,
                fix=f"passthru run --without {vdev.type}, or remove the vdev with its options",
            )
            continue
        if vdev.type == "gic":
            if first is not None:
                yield unsupported(
                    "a second `vdev gic`: the machine has one",
                    vdev.span,
                    others=(Place("the first one", first.span),),
                )
            first = first or vdev
        yield from _wrong_parts(vdev)


def line_of_processors(interrupt: Interrupt, line: int) -> Finding:
    """What is wrong with giving a device a line that every processor has for itself."""
    unmask = ",u" if interrupt.immediate_unmask else ""
    vector = "" if interrupt.vector is None else f"={interrupt.vector}"
    return unsupported(
        f"line {line} belongs to each processor itself; those of devices are "
        f"{FIRST_LINE} to {LINE_END - 1}",
        interrupt.span,
        fix=f"{interrupt.controller}:{FIRST_LINE + line}{unmask}{vector}",
    )


def _wrong_parts(vdev: Vdev) -> Iterator[Finding]:
    places = 1 if vdev.type == "pl011" else 0
    for location in vdev.locations[places:]:
        yield unsupported(f"vdev {vdev.type} does not take this `loc`", location.span)
    for location in vdev.locations[:places]:
        if not isinstance(location, MemoryLocation):
            yield unsupported(f"vdev {vdev.type} is reached by memory only", location.span)
    for interrupt in vdev.interrupts[places:]:
        yield unsupported(f"vdev {vdev.type} does not take this `intr`", interrupt.span)
    for interrupt in vdev.interrupts[:places]:
        if interrupt.line is None:
            yield unsupported(f"vdev {vdev.type} needs a line of the GIC", interrupt.span)
        elif interrupt.line < FIRST_LINE:
            yield line_of_processors(interrupt, interrupt.line)
    for option in vdev.options:
        # Of `log` plan.without_effect tells.
        if option.name not in (*_OPTIONS[vdev.type], "log"):
            yield unsupported(
                f"run does not have the option `{option.name}` of vdev {vdev.type}",
                option.span,
                fix=f"remove `{option.name}`",
            )
