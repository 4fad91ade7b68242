# SPDX-License-Identifier: Apache-2.0
"""The wired interrupt of a passed function: level-triggered, unmasked by the guest's EOI."""

from passthru.host import vfio_abi
from passthru.host.kernel import Kernel, new_eventfd
from passthru.host.undo import UndoStack
from passthru.host.vfio import VfioFunction
from passthru.vmm.kvm import Vm

__all__ = ["WiredInterrupt"]


class WiredInterrupt:
    """INTx to a GSI. VFIO masks the line when it fires; the guest's end of interrupt makes
    KVM signal the resample eventfd, which VFIO takes as unmask. No thread is in between."""

    def __init__(self, kernel: Kernel, vm: Vm, function: VfioFunction, gsi: int) -> None:
        self._kernel = kernel
        self._vm = vm
        self._function = function
        self._gsi = gsi
        self._resample = -1
        self._undo: UndoStack | None = None

    def start(self) -> None:
        """Connect the line; nothing happens if it is. Raises KernelCallFailed."""
        if self._undo is not None:
            return
        kernel, vm, function = self._kernel, self._vm, self._function
        with UndoStack() as undo:
            trigger = new_eventfd(kernel)
            undo.callback(kernel.close, trigger)
            resample = new_eventfd(kernel)
            undo.callback(kernel.close, resample)
            vm.assign_irqfd(trigger, self._gsi, resample)
            undo.callback(vm.deassign_irqfd, trigger, self._gsi)
            function.signal_interrupts(vfio_abi.VFIO_PCI_INTX_IRQ_INDEX, [trigger])
            undo.callback(function.disable_interrupts, vfio_abi.VFIO_PCI_INTX_IRQ_INDEX)
            function.unmask_interrupt_by(resample)
            self._resample = resample
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """Disconnect the line; nothing happens if it is not connected."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo.close()

    def resample(self) -> None:
        """Unmask as if the guest had ended the interrupt: one that is pending fires again."""
        if self._undo is not None:
            self._kernel.signal(self._resample)
