# SPDX-License-Identifier: Apache-2.0
"""Message interrupts of a passed function: device to eventfd to irqfd, all in the kernel."""

import select

from passthru.host.kernel import Kernel
from passthru.host.kernel_object import new_eventfd
from passthru.host.undo import UndoStack
from passthru.host.vfio import VfioFunction
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.kvm import Vm

__all__ = ["MessageVectors"]


class MessageVectors:
    """The MSI or MSI-X vectors of one function, from the moment the guest enables them.

    A masked vector keeps its eventfd but loses its irqfd: an interrupt that comes is
    counted there, and is delivered when the vector is unmasked.
    """

    def __init__(
        self, kernel: Kernel, vm: Vm, routes: InterruptRoutes, function: VfioFunction, kind: int
    ) -> None:
        self._kernel = kernel
        self._vm = vm
        self._routes = routes
        self._function = function
        self._kind = kind
        self._undo = UndoStack()
        self._eventfds: list[int] = []
        self._gsis: list[int] = []
        self._unmasked: set[int] = set()

    @property
    def count(self) -> int:
        """How many vectors are enabled; 0 when stopped."""
        return len(self._gsis)

    def start(self, count: int) -> None:
        """Enable ``count`` vectors, all masked. Raises KernelCallFailed."""
        kernel, function = self._kernel, self._function
        with UndoStack() as undo:
            gsis = self._routes.allocate_messages(count)
            undo.callback(self._routes.free_messages, gsis)
            eventfds = []
            for _ in range(count):
                eventfds.append(new_eventfd(kernel))
                undo.callback(kernel.close, eventfds[-1])
            function.signal_interrupts(self._kind, eventfds)
            undo.callback(function.disable_interrupts, self._kind)
            self._gsis, self._eventfds = gsis, eventfds
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """Disable all vectors and let go of them; nothing happens if none is enabled."""
        for vector in sorted(self._unmasked):
            self._undo.callback(self.mask, vector)
        try:
            self._undo.close()
        finally:
            self._gsis, self._eventfds = [], []

    def unmask(self, vector: int, address: int, data: int) -> None:
        """Deliver ``vector`` as the message ``data`` to ``address`` from now on."""
        self._routes.set_message(self._gsis[vector], address, data)
        self._routes.commit()
        if vector not in self._unmasked:
            self._unmasked.add(vector)
            self._vm.assign_irqfd(self._eventfds[vector], self._gsis[vector])

    def mask(self, vector: int) -> None:
        """Hold ``vector`` back."""
        if vector in self._unmasked:
            self._unmasked.remove(vector)
            self._vm.deassign_irqfd(self._eventfds[vector], self._gsis[vector])

    def pending(self, vector: int) -> bool:
        """Whether a masked vector has an interrupt waiting."""
        if vector in self._unmasked or vector >= self.count:
            return False
        poll = select.poll()
        poll.register(self._eventfds[vector], select.POLLIN)
        return bool(poll.poll(0))
