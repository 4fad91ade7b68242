# SPDX-License-Identifier: Apache-2.0
"""The GIC's lines as KVM routes them by default (arch/arm64/kvm/vgic/vgic-irqfd.c)."""

from passthru.plan.aarch64 import FIRST_LINE, LINE_END
from passthru.vmm.interrupts import WiredRoutes, pin_route

__all__ = ["wired_routes"]

_GIC = 0


def wired_routes() -> WiredRoutes:
    """GSI n is the shared peripheral interrupt n; messages go to the ITS, which asks who sends.

    The pins are all in the table: passed interrupts come through it, too.
    """
    count = LINE_END - FIRST_LINE
    pins = [pin_route(gsi, _GIC, gsi) for gsi in range(count)]
    return WiredRoutes(pins, count, names_sender=True)
