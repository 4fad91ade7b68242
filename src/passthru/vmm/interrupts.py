# SPDX-License-Identifier: Apache-2.0
"""Interrupt routes: which GSI is which pin of the IOAPIC and PIC, or which MSI."""

from passthru.vmm import kvm_abi as abi
from passthru.vmm.errors import RoutesExhausted
from passthru.vmm.kvm import Vm

__all__ = ["InterruptRoutes"]

_PIC_PINS = 8
_PIC_CASCADE = 2
_MAX_ROUTES = 4096  # KVM_MAX_IRQ_ROUTES


class InterruptRoutes:
    """KVM's routing table; the kernel takes it whole, so it is kept here."""

    def __init__(self, vm: Vm) -> None:
        self._vm = vm
        self._wired = _wired_routes()
        self._messages: dict[int, bytes] = {}

    def allocate_messages(self, count: int) -> list[int]:
        """GSIs for ``count`` MSIs; they are routed nowhere until set_message.

        Raises RoutesExhausted when KVM's table would be full.
        """
        free: list[int] = []
        gsi = abi.KVM_IOAPIC_NUM_PINS
        while len(free) < count:
            if gsi >= _MAX_ROUTES - len(self._wired):
                raise RoutesExhausted(_MAX_ROUTES)
            if gsi not in self._messages:
                free.append(gsi)
            gsi += 1
        for gsi in free:
            self._messages[gsi] = b""
        return free

    def set_message(self, gsi: int, address: int, data: int) -> None:
        """Let ``gsi`` write ``data`` to the (guest-physical) MSI ``address`` after commit."""
        self._messages[gsi] = abi.ROUTE_MSI.pack(
            gsi,
            abi.KVM_IRQ_ROUTING_MSI,
            0,
            0,
            address & 0xFFFFFFFF,
            address >> 32 & 0xFFFFFFFF,
            data & 0xFFFFFFFF,
            0,
        )

    def free_messages(self, gsis: list[int]) -> None:
        """Give GSIs back."""
        for gsi in gsis:
            del self._messages[gsi]

    def commit(self) -> None:
        """Give the kernel the table as it is now."""
        self._vm.set_interrupt_routes(
            self._wired + [route for route in self._messages.values() if route]
        )


def _wired_routes() -> list[bytes]:
    """The pins as KVM sets them up by default: GSI n is IOAPIC pin n and PIC pin n."""
    routes = []
    for gsi in range(abi.KVM_IOAPIC_NUM_PINS):
        if gsi < 2 * _PIC_PINS and gsi != _PIC_CASCADE:
            chip = abi.KVM_IRQCHIP_PIC_MASTER if gsi < _PIC_PINS else abi.KVM_IRQCHIP_PIC_SLAVE
            routes.append(_pin(gsi, chip, gsi % _PIC_PINS))
        routes.append(_pin(gsi, abi.KVM_IRQCHIP_IOAPIC, gsi))
    return routes


def _pin(gsi: int, chip: int, pin: int) -> bytes:
    return abi.ROUTE_IRQCHIP.pack(gsi, abi.KVM_IRQ_ROUTING_IRQCHIP, 0, 0, chip, pin)
