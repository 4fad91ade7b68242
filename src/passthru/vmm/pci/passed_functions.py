# SPDX-License-Identifier: Apache-2.0
"""All passed functions of one machine: their groups, their DMA window, their places."""

import errno

from passthru.addresses import PciAddress
from passthru.board.model import Board
from passthru.host.kernel import KernelCallFailed
from passthru.host.undo import UndoStack
from passthru.host.vfio import VfioContainer, VfioFunction, VfioGroup
from passthru.lean import TYPE_CHECKING, Callable
from passthru.plan.model import GuestFunction, PciWindows, RegionKind, VmPlan
from passthru.vmm.parts import MachineParts
from passthru.vmm.pci import PciBus
from passthru.vmm.pci.passed_function import PassedFunction

if TYPE_CHECKING:
    from passthru.plan.aarch64 import ArmPlan

__all__ = ["PassedFunctions"]


_NOT_ALL_VFIO = (errno.EINVAL, errno.ENODEV)  # a neighbour in the group has no driver


class PassedFunctions:
    """Takes the plan's functions from the host and puts them on the guest's bus.

    Everything taken is given back by ``undo``.
    """

    def __init__(
        self,
        parts: MachineParts,
        plan: "VmPlan | ArmPlan",
        windows: PciWindows,
        board: Board,
        undo: UndoStack,
        say: Callable[[str], None],
    ) -> None:
        self._parts = parts
        self._plan = plan
        self._windows = windows
        self._board = board
        self._undo = undo
        self._say = say
        self._passed: list[PassedFunction] = []

    def add_to(self, bus: PciBus) -> None:
        """Open, reset and place every function. Raises PassthruError subclasses."""
        if self._parts.routes is None:
            self._say(
                "this guest's interrupt controller takes no messages: its functions have their "
                "wired interrupts only"
            )
        container = VfioContainer(self._parts.kernel)
        self._undo.callback(container.close)
        groups = self._take_groups(container)
        self._map_dma(container)
        opened = []
        for planned in self._plan.functions:
            function = groups[planned.host.iommu_group].open_function(planned.host.address)
            self._undo.callback(function.close)
            opened.append((planned, function))
        # A reset of several functions must come before the first and after the last is used.
        for planned, function in opened:
            if not function.can_reset:
                self._reset_together(planned, function, groups)
        for planned, function in opened:
            passed = self._start(planned, function)
            bus.add(planned.guest.device, planned.guest.function, passed)

    def resample_interrupts(self) -> None:
        """Let every pending wired interrupt fire again."""
        for passed in self._passed:
            passed.resample_interrupt()

    def _take_groups(self, container: VfioContainer) -> dict[int | None, VfioGroup]:
        """Every group of a passed function, by number; the rules let none be without one."""
        link = self._parts.vm.create_vfio_link()
        self._undo.callback(link.close)
        groups: dict[int | None, VfioGroup] = {}
        for planned in self._plan.functions:
            number = planned.host.iommu_group
            if number is not None and number not in groups:
                group = container.add_group(number, self._members(number))
                self._undo.callback(group.close)
                link.add_group(group.file)
                groups[number] = group
        return groups

    def _reset_together(
        self, planned: GuestFunction, function: VfioFunction, held: dict[int | None, VfioGroup]
    ) -> None:
        """Reset a function with its neighbours, if all of them are this machine's."""
        numbers = function.groups_of_hot_reset()
        if not numbers:
            self._say_unreset(planned, "it")
            return
        if not all(number in held for number in numbers):
            self._say_unreset(planned, "it without functions of other IOMMU groups")
            return
        groups = [held[number] for number in numbers]
        try:
            function.hot_reset(groups)
        except KernelCallFailed as failure:
            if failure.error.errno not in _NOT_ALL_VFIO:
                raise
            self._say_unreset(planned, "it without functions that are not bound to vfio-pci")
            return
        self._undo.callback(function.hot_reset, groups)

    def _say_unreset(self, planned: GuestFunction, what: str) -> None:
        self._say(
            f"{planned.host}: the kernel has no method to reset {what}; the guest gets the "
            f"function in the state in which it is"
        )

    def _members(self, group: int) -> tuple[tuple[PciAddress, str | None], ...]:
        found = self._board.iommu_group(group)
        members = found.members if found else ()
        drivers = {f.address: f.driver for f in self._board.pci}
        return tuple((address, drivers.get(address)) for address in members)

    def _start(self, planned: GuestFunction, function: VfioFunction) -> PassedFunction:
        device = planned.guest.device
        passed = PassedFunction(
            self._parts,
            function,
            planned,
            self._windows,
            multifunction=any(
                f.guest.device == device and f.guest.function for f in self._plan.functions
            ),
        )
        self._undo.callback(passed.stop)
        passed.start()
        self._passed.append(passed)
        return passed

    def _map_dma(self, container: VfioContainer) -> None:
        """Guest RAM in both directions; passed memory as its ``s`` and ``t`` say."""
        for region in self._plan.regions:
            access = region.access
            if region.kind is RegionKind.RAM:
                source = target = True
            elif access is not None:
                source, target = access.dma_source, access.dma_target
            else:
                continue
            if source or target:
                address = self._parts.memory.user_address(region.range)
                container.map_dma(region.range, address, source=source, target=target)
