# SPDX-License-Identifier: Apache-2.0
"""What a guest of QNX's hypervisor has: interrupt controllers and ports."""

from passthru.board.gic import SHARED
from passthru.language.model import Reserve, Vdev, VmConfig
from passthru.language.vdevs import VDEV_TYPES
from passthru.lean import Iterator
from passthru.plan.ports import port_uses
from passthru.plan.users import Uses, name_of
from passthru.plan.x86_64 import IOAPIC_LINES
from passthru.rules.guest_map import Occupant
from passthru.rules.interrupts import Controller, Controllers

__all__ = ["known_controllers", "port_occupants"]

_GIC = "gic"
"""Interrupt ids of a GIC that are lines; 1020 to 1023 have a special meaning (Arm IHI 0069)."""


def known_controllers(config: VmConfig, uses: Uses, architecture: str | None) -> Controllers:
    """The controllers that the text names, and the GIC that every ARM guest has."""
    by_name = {}
    has_gic = has_nameless = False
    used = {interrupt.controller for _, interrupt in uses.interrupts}
    for vdev in config.vdevs:
        name = vdev.name.value if vdev.name else ""
        if vdev.type == _GIC:
            has_gic = True
            by_name[name or _GIC] = Controller(_GIC, SHARED.stop)
        elif vdev.type == "ioapic" and not name:
            has_nameless = True
        elif vdev.type == "ioapic":
            by_name[name] = Controller("ioapic", IOAPIC_LINES)
        elif name in used and (vdev.type == "8259" or vdev.type not in VDEV_TYPES):
            by_name[name] = Controller(vdev.type, None)  # a vendor's own, perhaps
    if not has_gic and architecture != "x86":
        by_name[_GIC] = Controller(_GIC, SHARED.stop)
    return Controllers(by_name, may_have_others=has_nameless)


def port_occupants(config: VmConfig, uses: Uses) -> Iterator[Occupant]:
    """Who has x86 ports."""
    for user, ports, span in port_uses(config, uses):
        name = f"vdev {user.type}" if isinstance(user, Vdev) else f"{name_of(user)} io:"
        yield Occupant(ports, name, span, isinstance(user, Reserve))
