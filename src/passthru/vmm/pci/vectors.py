# SPDX-License-Identifier: Apache-2.0
"""Message interrupts of a passed function: device to eventfd to irqfd, all in the kernel."""

import select

from passthru.host.kernel import Kernel, new_eventfd
from passthru.host.undo import UndoStack
from passthru.host.vfio import NO_EVENTFD, VectorShortage, VfioFunction
from passthru.lean import Iterable, Mapping, NamedTuple
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.kvm import Vm

__all__ = ["Message", "MessageVectors"]


class Message(NamedTuple):
    """What a vector writes: ``data`` (32 bits) to ``address`` (GPA of local APICs, or an ITS)."""

    address: int
    data: int


class _Vector(NamedTuple):
    eventfd: int
    gsi: int


class MessageVectors:
    """The MSI or MSI-X vectors of one function, from the moment the guest enables them.

    A vector that the guest has never unmasked costs no eventfd and no GSI; the device holds
    its interrupt back. One that is masked later keeps its eventfd but loses its irqfd: an
    interrupt that comes is counted there, and is delivered when the vector is unmasked.

    The host gives vectors from 0 on, so it has to give all up to the highest in use.
    """

    def __init__(
        self,
        kernel: Kernel,
        vm: Vm,
        routes: InterruptRoutes,
        function: VfioFunction,
        kind: int,
        sender: int,
    ) -> None:
        """``sender`` is the requester id that the guest knows the function by."""
        self._kernel = kernel
        self._vm = vm
        self._routes = routes
        self._function = function
        self._kind = kind
        self._sender = sender
        self._count = 0
        self._enabled = 0
        self._vectors: dict[int, _Vector] = {}
        self._messages: dict[int, Message] = {}
        self._unmasked: set[int] = set()

    @property
    def count(self) -> int:
        """How many vectors the guest may unmask; 0 when stopped."""
        return self._count

    def start(self, count: int, enabled: int) -> None:
        """Offer the guest ``count`` vectors, all masked, and enable ``enabled`` on the host.

        Raises KernelCallFailed; stop then takes back what was done.
        """
        _raise_file_limit()
        self._count = count
        self._enable(enabled)

    def stop(self) -> None:
        """Disable all vectors and let go of them; nothing happens if none is enabled."""
        undo = UndoStack()
        for vector in self._vectors.values():
            undo.callback(self._routes.free_messages, [vector.gsi])
            undo.callback(self._kernel.close, vector.eventfd)
        undo.callback(self._disable)
        for number in sorted(self._unmasked):
            undo.callback(self._mask, number)
        try:
            undo.close()
        finally:
            self._count = 0
            self._vectors, self._messages = {}, {}

    def update(self, messages: Mapping[int, Message | None]) -> None:
        """Deliver each of these vectors as its message from now on; None holds it back.

        The vectors not named stay as they are. Raises KernelCallFailed or RoutesExhausted.
        """
        unmasked: dict[int, Message] = {}
        for number, message in messages.items():
            if message is None:
                self._mask(number)
            else:
                unmasked[number] = message
        self._connect(unmasked)
        self._route(unmasked)
        for number in unmasked:
            self._unmask(number)

    def pending(self, number: int) -> bool:
        """Whether a vector that was masked after use has an interrupt waiting."""
        if number in self._unmasked or number not in self._vectors:
            return False
        poll = select.poll()
        poll.register(self._vectors[number].eventfd, select.POLLIN)
        return any(events & select.POLLIN for _, events in poll.poll(0))

    def _route(self, messages: Mapping[int, Message]) -> None:
        # The kernel takes the whole table each time: once for all vectors.
        changed = False
        for number, message in messages.items():
            if self._messages.get(number) != message:
                gsi = self._vectors[number].gsi
                self._routes.set_message(gsi, message.address, message.data, self._sender)
                self._messages[number] = message
                changed = True
        if changed:
            self._routes.commit()

    def _unmask(self, number: int) -> None:
        if number not in self._unmasked:
            vector = self._vectors[number]
            self._vm.assign_irqfd(vector.eventfd, vector.gsi)
            self._unmasked.add(number)

    def _mask(self, number: int) -> None:
        if number in self._unmasked:
            self._unmasked.remove(number)
            vector = self._vectors[number]
            self._vm.deassign_irqfd(vector.eventfd, vector.gsi)

    def _connect(self, numbers: Iterable[int]) -> None:
        """Have the device signal an eventfd for each of these vectors."""
        new = [number for number in numbers if number not in self._vectors]
        for number in new:
            self._vectors[number] = self._make()
        if new and max(new) >= self._enabled:
            # VFIO takes more vectors only from the start; doubling makes that rare.
            wanted = min(max(max(new) + 1, 2 * self._enabled), self._count)
            self._disable()
            self._enable(wanted)
            return
        for number in new:
            eventfd = self._vectors[number].eventfd
            self._function.signal_interrupts(self._kind, [eventfd], start=number)

    def _make(self) -> _Vector:
        with UndoStack() as undo:
            gsis = self._routes.allocate_messages(1)
            undo.callback(self._routes.free_messages, gsis)
            made = _Vector(new_eventfd(self._kernel), gsis[0])
            undo.pop_all()
        return made

    def _enable(self, wanted: int) -> None:
        """Enable ``wanted`` vectors, or what the host has if that will do for now."""
        try:
            self._signal_first(wanted)
        except VectorShortage as shortage:
            if shortage.available < self._needed():
                raise
            self._signal_first(shortage.available)

    def _needed(self) -> int:
        return max(self._vectors, default=0) + 1

    def _signal_first(self, count: int) -> None:
        # Eventfds that are there stay, and with them what is counted there.
        eventfds = [
            self._vectors[number].eventfd if number in self._vectors else NO_EVENTFD
            for number in range(count)
        ]
        self._function.signal_interrupts(self._kind, eventfds)
        self._enabled = count

    def _disable(self) -> None:
        if self._enabled:
            self._enabled = 0
            self._function.disable_interrupts(self._kind)


def _raise_file_limit() -> None:
    """Let this process have as many files as it may: each vector in use is one.

    The usual soft limit of 1024 is less than half of what one function can use.
    """
    # Only guests that use message interrupts need it: not at every start.
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
