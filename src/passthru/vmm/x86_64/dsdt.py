# SPDX-License-Identifier: Apache-2.0
"""The machine as ACPI tells it, and the contents of its DSDT: soft off, processors, the PCI host
bridge, legacy devices.
"""

from passthru.addresses import AddressRange, without
from passthru.lean import NamedTuple
from passthru.plan.x86_64 import (
    CMOS_IRQ,
    CMOS_PORT,
    PCI_CONFIG_PORTS,
    PM1A_EVENT_PORT,
    PM_BLOCK_SIZE,
    SLEEP_TYPE_S5,
)
from passthru.vmm.x86_64 import aml
from passthru.vmm.x86_64.aml import SpaceType

__all__ = ["AcpiPlatform", "PciInterruptRoute", "dsdt_body"]

_4GIB = 1 << 32
_PCI_OSC_UUID = "33DB4D5B-1FF7-401C-9657-7441C03DD766"

# _OSC control field (PCI Firmware 3.3, table 4-6): the guest may own the PCI Express
# capability structure. Hot plug, PME, AER and LTR belong to root ports, and there is none.
_OSC_GRANTED = 1 << 4
# _OSC status (ACPI 6.5, 6.2.11.1).
_OSC_UNKNOWN_REVISION, _OSC_UNKNOWN_UUID, _OSC_MASKED = 0x08, 0x04, 0x10


class PciInterruptRoute(NamedTuple):
    """INTx of one device on bus 0: ``pin`` 0 is INTA, ``gsi`` the line it drives."""

    device: int
    pin: int
    gsi: int


class AcpiPlatform(NamedTuple):
    """The machine as ACPI tells it to the guest.

    The tables go to the GPA ``address``, RSDP first, into ``space`` bytes. ``ecam``,
    ``memory32`` and ``memory64`` are GPA ranges (an empty window is left out), ``ports``
    the PCI port window; ``serial_ports`` are pairs of first port and GSI.
    """

    address: int
    space: int
    cpu_count: int
    ioapic_address: int
    ecam: AddressRange
    memory32: AddressRange
    memory64: AddressRange
    ports: AddressRange
    interrupt_routes: tuple[PciInterruptRoute, ...]
    serial_ports: tuple[tuple[int, int], ...]


def dsdt_body(platform: AcpiPlatform) -> bytes:
    """The AML after the DSDT's header."""
    return _soft_off() + aml.scope(
        "\\_SB",
        [
            *(_processor(number) for number in range(platform.cpu_count)),
            _host_bridge(platform),
            _motherboard(platform.ecam),
            _rtc(),
            *(_serial(n, port, gsi) for n, (port, gsi) in enumerate(platform.serial_ports)),
        ],
    )


def _soft_off() -> bytes:
    # 7.4.2.6: SLP_TYPa, SLP_TYPb, two reserved values.
    sleep_type = aml.integer(SLEEP_TYPE_S5)
    zero = aml.integer(0)
    return aml.name("\\_S5", aml.package(sleep_type, sleep_type, zero, zero))


def _processor(number: int) -> bytes:
    # 8.4: its _UID is what the MADT calls it.
    return aml.device(
        f"C{number:03X}",
        [aml.name("_HID", aml.string("ACPI0007")), aml.name("_UID", aml.integer(number))],
    )


def _host_bridge(platform: "AcpiPlatform") -> bytes:
    body = [
        aml.name("_HID", aml.eisa_id("PNP0A08")),
        aml.name("_CID", aml.eisa_id("PNP0A03")),
        aml.name("_SEG", aml.integer(0)),
        aml.name("_BBN", aml.integer(0)),
        aml.name("_UID", aml.integer(0)),
        aml.name("_CRS", aml.resource_template(*_bridge_windows(platform))),
        _host_bridge_osc(),
    ]
    if platform.interrupt_routes:
        body.append(_interrupt_routes(platform))
    return aml.device("PCI0", body)


def _bridge_windows(platform: "AcpiPlatform") -> list[bytes]:
    windows = [
        aml.word_space(SpaceType.BUS_NUMBERS, AddressRange(0, 1)),
        aml.io(PCI_CONFIG_PORTS.start, PCI_CONFIG_PORTS.size),
    ]
    windows += [
        aml.word_space(SpaceType.PORTS, part)
        for part in without(platform.ports, [PCI_CONFIG_PORTS])
    ]
    if platform.memory32.size:
        windows.append(aml.dword_space(SpaceType.MEMORY, platform.memory32))
    if platform.memory64.size:
        windows.append(aml.qword_space(SpaceType.MEMORY, platform.memory64))
    return windows


def _interrupt_routes(platform: "AcpiPlatform") -> bytes:
    # 6.2.13: a source of 0 means that the index is a GSI, level-triggered and active low.
    entries = [
        aml.package(
            aml.integer(route.device << 16 | 0xFFFF),
            aml.integer(route.pin),
            aml.integer(0),
            aml.integer(route.gsi),
        )
        for route in platform.interrupt_routes
    ]
    return aml.name("_PRT", aml.package(*entries))


def _host_bridge_osc() -> bytes:
    # 6.2.11; Arg0 UUID, Arg1 revision, Arg3 the buffer: status, support, control.
    status, control = aml.name_path("CDW1"), aml.name_path("CDW3")
    granted = [
        aml.create_dword_field(aml.ARG3, 8, "CDW3"),
        aml.store(control, aml.LOCAL0),
        aml.and_into(aml.LOCAL0, aml.integer(_OSC_GRANTED)),
        aml.if_(
            aml.lnot(aml.lequal(aml.arg(1), aml.integer(1))),
            [aml.or_into(status, aml.integer(_OSC_UNKNOWN_REVISION))],
        ),
        aml.if_(
            aml.lnot(aml.lequal(control, aml.LOCAL0)),
            [aml.or_into(status, aml.integer(_OSC_MASKED))],
        ),
        aml.store(aml.LOCAL0, control),
    ]
    return aml.method(
        "_OSC",
        4,
        [
            aml.create_dword_field(aml.ARG3, 0, "CDW1"),
            aml.if_(aml.lequal(aml.arg(0), aml.uuid(_PCI_OSC_UUID)), granted),
            aml.else_([aml.or_into(status, aml.integer(_OSC_UNKNOWN_UUID))]),
            aml.return_(aml.ARG3),
        ],
        serialized=True,
    )


def _motherboard(ecam: AddressRange) -> bytes:
    """What nobody else may use: Linux trusts the ECAM only if a PNP0C02 device claims it."""
    if ecam.end <= _4GIB:
        config_space = aml.memory32_fixed(ecam)
    else:
        config_space = aml.qword_space(SpaceType.MEMORY, ecam, consumer=True)
    return aml.device(
        "MBRD",
        [
            aml.name("_HID", aml.eisa_id("PNP0C02")),
            aml.name("_UID", aml.integer(0)),
            aml.name(
                "_CRS",
                aml.resource_template(config_space, aml.io(PM1A_EVENT_PORT, PM_BLOCK_SIZE)),
            ),
        ],
    )


def _rtc() -> bytes:
    return aml.device(
        "RTC0",
        [
            aml.name("_HID", aml.eisa_id("PNP0B00")),
            aml.name(
                "_CRS",
                aml.resource_template(aml.io(CMOS_PORT, 2), aml.irq(CMOS_IRQ)),
            ),
        ],
    )


def _serial(number: int, port: int, gsi: int) -> bytes:
    line = aml.irq(gsi) if gsi < 16 else aml.interrupt(gsi)
    return aml.device(
        f"COM{number + 1:X}",
        [
            aml.name("_HID", aml.eisa_id("PNP0501")),
            aml.name("_UID", aml.integer(number + 1)),
            aml.name("_CRS", aml.resource_template(aml.io(port, 8), line)),
        ],
    )
