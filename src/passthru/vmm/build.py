# SPDX-License-Identifier: Apache-2.0
"""From a plan to a machine that runs: every step has its undo on one stack."""

from collections.abc import Callable
from contextlib import ExitStack

from passthru.addresses import PAGE_SIZE, AddressRange, PciAddress
from passthru.board.model import Board
from passthru.diagnostics.errors import ExitStatus
from passthru.host.kernel import Kernel
from passthru.host.physical_memory import map_physical_memory
from passthru.host.vfio import VfioContainer, VfioFunction, VfioGroup
from passthru.plan.model import GuestFunction, GuestRegion, RegionKind, VmPlan
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.kvm import Kvm, Vm
from passthru.vmm.machine import Machine
from passthru.vmm.memory import GuestMemory
from passthru.vmm.passed_memory import ReadOnlyMemory, UnreadableMemory
from passthru.vmm.pci.bus import PciBus
from passthru.vmm.pci.passed_function import PassedFunction
from passthru.vmm.x86_64 import platform
from passthru.vmm.x86_64.boot_image import Images, load, read_images

__all__ = ["run_machine"]

Say = Callable[[str], None]


def run_machine(
    plan: VmPlan,
    board: Board,
    kernel: Kernel,
    say: Say,
    *,
    dry: bool = False,
    hugepages: bool = False,
) -> ExitStatus:
    """Build the machine of ``plan``, run it to its end, and give everything back.

    ``say`` takes remarks for people; ``dry`` does all but start the guest. Raises
    PassthruError subclasses: before the start with status 64, after it with 96.
    """
    images = read_images(plan, board)
    with ExitStack() as undo:
        kvm = Kvm(kernel)
        undo.callback(kvm.close)
        vm = kvm.create_vm()
        undo.callback(vm.close)
        build = _Build(plan, board, kernel, say, kvm, vm, undo)
        return build.run(images, dry=dry, hugepages=hugepages)


class _Build:
    """The parts of one machine while it is put together."""

    def __init__(
        self,
        plan: VmPlan,
        board: Board,
        kernel: Kernel,
        say: Say,
        kvm: Kvm,
        vm: Vm,
        undo: ExitStack,
    ) -> None:
        self._plan = plan
        self._board = board
        self._kernel = kernel
        self._say = say
        self._kvm = kvm
        self._vm = vm
        self._undo = undo
        self._memory = GuestMemory(kernel, vm)
        undo.callback(self._memory.close)
        self._machine = Machine(say)
        undo.callback(self._machine.close)
        self._routes = InterruptRoutes(vm)
        self._pci = PciBus()
        self._passed: list[PassedFunction] = []

    def run(self, images: Images, *, dry: bool, hugepages: bool) -> ExitStatus:
        plan, vm = self._plan, self._vm
        platform.create_interrupt_controllers(vm)
        self._routes.commit()
        for region in plan.regions:
            self._add_region(region, hugepages=hugepages)
        inputs = platform.add_devices(self._machine, vm, plan, self._pci, self._undo)
        platform.move_ioapic(self._machine, vm, plan, self._resample_interrupts)
        load(self._memory, images)
        vcpus = platform.create_vcpus(self._kvm, vm, plan.cpu_count, images.boot.entry, self._undo)
        if plan.functions:
            self._add_functions()
        if dry:
            self._say("Exiting: dryrun complete")
            return ExitStatus.OK
        return self._machine.run(vcpus, inputs)

    def _add_region(self, region: GuestRegion, *, hugepages: bool) -> None:
        if region.kind in (RegionKind.RAM, RegionKind.ROM, RegionKind.FIRMWARE):
            readonly = region.kind is not RegionKind.RAM
            self._memory.add_ram(region.range, readonly=readonly, hugepages=hugepages)
        elif region.host is not None and region.access is not None:
            self._add_passed_memory(region, region.host)

    def _add_passed_memory(self, region: GuestRegion, host: AddressRange) -> None:
        access = region.access
        if access is None or not (access.readable or access.writable):
            self._machine.mmio.attach(region.range, UnreadableMemory(region, None))
            return
        # Whole pages: the rules have warned of neighbours that show.
        pages = host.page_aligned()
        mapping = map_physical_memory(self._kernel, pages, writable=access.writable)
        self._undo.callback(self._kernel.unmap, mapping)
        if not access.readable:
            # A trapped write stays inside the region, to the byte.
            self._machine.mmio.attach(region.range, UnreadableMemory(region, mapping))
            return
        guest = AddressRange(region.range.start & -PAGE_SIZE, pages.size)
        self._memory.add_slot(guest, mapping, readonly=not access.writable)
        if not access.writable:
            self._machine.mmio.attach(guest, ReadOnlyMemory(region, self._say))

    def _add_functions(self) -> None:
        container = VfioContainer(self._kernel)
        self._undo.callback(container.close)
        groups = self._take_groups(container)
        self._map_dma(container)
        for planned in self._plan.functions:
            group = groups[planned.host.iommu_group]
            function = group.open_function(planned.host.address)
            self._undo.callback(function.close)
            self._add_function(planned, function)

    def _take_groups(self, container: VfioContainer) -> dict[int | None, VfioGroup]:
        """Every group of a passed function, by number; the rules let none be without one."""
        link = self._vm.create_vfio_link()
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

    def _add_function(self, planned: GuestFunction, function: VfioFunction) -> None:
        device = planned.guest.device
        passed = PassedFunction(
            self._kernel,
            self._vm,
            function,
            planned,
            multifunction=any(
                f.guest.device == device and f.guest.function for f in self._plan.functions
            ),
            memory=self._memory,
            mmio=self._machine.mmio,
            ports=self._machine.ports,
            windows=self._plan.pci,
            routes=self._routes,
            say=self._say,
        )
        self._undo.callback(passed.stop)
        passed.start()
        self._passed.append(passed)
        self._pci.add(device, planned.guest.function, passed)

    def _resample_interrupts(self) -> None:
        for passed in self._passed:
            passed.resample_interrupt()

    def _members(self, group: int) -> tuple[tuple[PciAddress, str | None], ...]:
        found = self._board.iommu_group(group)
        members = found.members if found else ()
        drivers = {f.address: f.driver for f in self._board.pci}
        return tuple((address, drivers.get(address)) for address in members)

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
                address = self._memory.user_address(region.range)
                container.map_dma(region.range, address, source=source, target=target)
