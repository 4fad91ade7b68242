# SPDX-License-Identifier: Apache-2.0
"""All passed interrupts of one machine."""

from passthru.host.kernel import Kernel
from passthru.host.undo import UndoStack
from passthru.lean import Callable, Iterable
from passthru.plan.model import PassedInterrupt
from passthru.vmm.interrupt_service import Fail, InterruptService
from passthru.vmm.kvm import Vm

__all__ = ["PassedInterrupts"]


class PassedInterrupts:
    """Starts a plan's interrupt services; everything taken is given back by ``undo``."""

    def __init__(
        self, kernel: Kernel, vm: Vm, undo: UndoStack, say: Callable[[str], None], fail: Fail
    ) -> None:
        self._kernel = kernel
        self._vm = vm
        self._undo = undo
        self._say = say
        self._fail = fail
        self._services: list[InterruptService] = []

    def start(self, interrupts: Iterable[PassedInterrupt]) -> None:
        """Start the service of each interrupt. Raises PassthruError subclasses."""
        for interrupt in interrupts:
            service = InterruptService(self._kernel, self._vm, interrupt, self._fail)
            service.start()
            self._undo.callback(self._stop, service)
            self._services.append(service)

    def report(self) -> list[str]:
        """How each interrupt fares: how many came, how many were lost, and how long they took."""
        return [str(service) for service in self._services]

    def resample(self) -> None:
        """Let every pending interrupt fire again."""
        for service in self._services:
            service.resample()

    def _stop(self, service: InterruptService) -> None:
        service.stop()
        if service.lost:
            self._say(str(service))
