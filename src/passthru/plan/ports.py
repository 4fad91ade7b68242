# SPDX-License-Identifier: Apache-2.0
"""The x86 ports that a configuration gives to something, each with all that belong to it."""

from passthru.addresses import AddressRange
from passthru.diagnostics.source import Span
from passthru.language.model import Vdev, VmConfig
from passthru.lean import Iterator
from passthru.plan.users import User, Uses
from passthru.plan.x86_64 import SERIAL_PORT_COUNT

__all__ = ["PortUse", "port_uses"]

PortUse = tuple[User, AddressRange, Span]
"""Who has ports, which, and the text that says so."""

_FIXED_PORTS = {
    "timer8254": (AddressRange(0x40, 4),),
    "mc146818": (AddressRange(0x70, 2),),
    "pckeyboard": (AddressRange(0x60, 1), AddressRange(0x64, 1)),
}
"""Where every PC has these devices; in a guest they are only where the text has them."""

_PORT_COUNTS = {"ser8250": SERIAL_PORT_COUNT, "timer8254": 4, "mc146818": 2, "8259": 2}


def port_uses(config: VmConfig, uses: Uses) -> Iterator[PortUse]:
    """Every use of ports, also by devices that have theirs without saying so."""
    for vdev in config.vdevs:
        if vdev.type in _FIXED_PORTS and not vdev.locations:
            for ports in _FIXED_PORTS[vdev.type]:
                yield vdev, ports, vdev.span
    for user, location in uses.ports:
        ports = location.ports
        if isinstance(user, Vdev):
            count = max(ports.size, _PORT_COUNTS.get(user.type, 1))
            ports = AddressRange(ports.start, count)
        yield user, ports, location.span
