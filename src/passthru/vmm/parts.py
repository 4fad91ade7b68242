# SPDX-License-Identifier: Apache-2.0
"""The parts of a machine that passed functions are wired to."""

from passthru.host.kernel import Kernel
from passthru.lean import NamedTuple
from passthru.vmm.address_space import Bus, GuestMemory
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.kvm import Vm

__all__ = ["MachineParts"]


class MachineParts(NamedTuple):
    """One machine's kernel side, its memory, its two buses and its interrupt routes.

    Without ``routes`` no messages of functions become interrupts.
    """

    kernel: Kernel
    vm: Vm
    memory: GuestMemory
    ports: Bus
    mmio: Bus
    routes: InterruptRoutes | None
