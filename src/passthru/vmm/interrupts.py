# SPDX-License-Identifier: Apache-2.0
"""Interrupt routes: which GSI is which pin of an interrupt controller, or which message."""

from passthru.lean import NamedTuple, Sequence
from passthru.vmm import kvm_abi as abi
from passthru.vmm.errors import RoutesExhausted
from passthru.vmm.kvm import Vm

__all__ = ["InterruptRoutes", "WiredRoutes", "pin_route"]

_MAX_ROUTES = 4096  # KVM_MAX_IRQ_ROUTES


class WiredRoutes(NamedTuple):
    """What an architecture's controllers bring: the packed routes of all pins, as KVM has them
    by default, the first GSI behind them, and whether messages tell who sends them."""

    pins: Sequence[bytes]
    first_message: int
    names_sender: bool


def pin_route(gsi: int, chip: int, pin: int) -> bytes:
    """The packed route of ``gsi`` to a pin of one of KVM's interrupt controllers."""
    return abi.ROUTE_IRQCHIP.pack(gsi, abi.KVM_IRQ_ROUTING_IRQCHIP, 0, 0, chip, pin)


class InterruptRoutes:
    """KVM's routing table; the kernel takes it whole, so it is kept here."""

    def __init__(self, vm: Vm, wired: WiredRoutes) -> None:
        self._vm = vm
        self._wired = wired
        self._messages: dict[int, bytes] = {}

    def allocate_messages(self, count: int) -> list[int]:
        """GSIs for ``count`` MSIs; they are routed nowhere until set_message.

        Raises RoutesExhausted when KVM's table would be full.
        """
        free: list[int] = []
        gsi = self._wired.first_message
        while len(free) < count:
            if len(self._wired.pins) + len(self._messages) + len(free) >= _MAX_ROUTES:
                raise RoutesExhausted(_MAX_ROUTES)
            if gsi not in self._messages:
                free.append(gsi)
            gsi += 1
        for gsi in free:
            self._messages[gsi] = b""
        return free

    def set_message(self, gsi: int, address: int, data: int, sender: int) -> None:
        """Let ``gsi`` write ``data`` to the (guest-physical) MSI ``address`` after commit.

        ``sender`` is the requester id of the guest's function: bus, device and function.
        """
        self._messages[gsi] = abi.ROUTE_MSI.pack(
            gsi,
            abi.KVM_IRQ_ROUTING_MSI,
            abi.KVM_MSI_VALID_DEVID if self._wired.names_sender else 0,
            0,
            address & 0xFFFFFFFF,
            address >> 32 & 0xFFFFFFFF,
            data & 0xFFFFFFFF,
            sender if self._wired.names_sender else 0,
        )

    def free_messages(self, gsis: list[int]) -> None:
        """Give GSIs back."""
        for gsi in gsis:
            del self._messages[gsi]

    def commit(self) -> None:
        """Give the kernel the table as it is now."""
        self._vm.set_interrupt_routes(
            [*self._wired.pins, *(route for route in self._messages.values() if route)]
        )
