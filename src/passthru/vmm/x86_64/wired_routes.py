# SPDX-License-Identifier: Apache-2.0
"""A PC's interrupt pins as KVM routes them by default (arch/x86/kvm/irq_comm.c)."""

from passthru.vmm import kvm_abi as abi
from passthru.vmm.interrupts import WiredRoutes, pin_route

__all__ = ["wired_routes"]

_PIC_PINS = 8
_PIC_CASCADE = 2


def wired_routes() -> WiredRoutes:
    """GSI n is IOAPIC pin n and PIC pin n; messages go to the local APICs, whoever sends."""
    pins = []
    for gsi in range(abi.KVM_IOAPIC_NUM_PINS):
        if gsi < 2 * _PIC_PINS and gsi != _PIC_CASCADE:
            chip = abi.KVM_IRQCHIP_PIC_MASTER if gsi < _PIC_PINS else abi.KVM_IRQCHIP_PIC_SLAVE
            pins.append(pin_route(gsi, chip, gsi % _PIC_PINS))
        pins.append(pin_route(gsi, abi.KVM_IRQCHIP_IOAPIC, gsi))
    return WiredRoutes(pins, abi.KVM_IOAPIC_NUM_PINS, names_sender=False)
