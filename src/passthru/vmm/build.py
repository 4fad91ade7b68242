# SPDX-License-Identifier: Apache-2.0
"""From a plan to a machine that runs: every step has its undo on one stack."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.model import Board
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.host.kernel import Kernel
from passthru.host.undo import UndoStack
from passthru.lean import TYPE_CHECKING, Callable, Mapping, Protocol, Sequence
from passthru.plan.model import (
    GuestRegion,
    PassedInterrupt,
    PciWindows,
    RegionKind,
    VcpuThread,
    VmPlan,
)
from passthru.vmm.address_space import GuestMemory
from passthru.vmm.kvm import Kvm, Vcpu, Vm
from passthru.vmm.machine import Input, Machine
from passthru.vmm.pci import PciBus
from passthru.vmm.vcpu_thread import End

if TYPE_CHECKING:
    from passthru.plan.aarch64 import ArmPlan
    from passthru.vmm.aarch64.boot import MakeTree
    from passthru.vmm.interrupts import InterruptRoutes
    from passthru.vmm.passed_interrupts import PassedInterrupts
    from passthru.vmm.pci.passed_functions import PassedFunctions

__all__ = ["Platform", "run_machine"]

Say = Callable[[str], None]

_DRY_RUN = End(ExitStatus.OK, "Exiting: dryrun complete")


class Platform(Protocol):
    """What differs between architectures of a machine; making one has read the images."""

    @property
    def required(self) -> Mapping[int, str]:
        """What it needs of KVM beside what all do, by the capability's number."""

    def create_interrupt_controllers(self, vm: Vm, undo: UndoStack) -> None:
        """Those that KVM emulates in the kernel. Raises KernelCallFailed."""

    def add_devices(
        self, machine: Machine, vm: Vm, pci: PciBus, undo: UndoStack, resample: Callable[[], None]
    ) -> list[Input]:
        """Attach everything but passed devices; answers the host streams to listen to.

        ``resample`` looks again at the passed functions' lines.
        """

    def message_routes(self, vm: Vm) -> "InterruptRoutes | None":
        """For messages of passed functions; None where they become no interrupts."""

    def load(self, memory: GuestMemory) -> None:
        """Put everything that the guest starts with in its place in guest memory."""

    def create_vcpus(self, kvm: Kvm, vm: Vm, undo: UndoStack) -> Sequence[Vcpu]:
        """All vCPUs, ready to run. Raises TooManyVcpus or KernelCallFailed."""


def _platform(
    plan: "VmPlan | ArmPlan", board: Board, kernel: Kernel, make_tree: "MakeTree"
) -> Platform:
    # Only what this machine has is imported: starting fast is a feature.
    if isinstance(plan, VmPlan):
        from passthru.vmm.x86_64.platform import PcPlatform

        return PcPlatform(plan, board)
    from passthru.vmm.aarch64.platform import ArmPlatform

    def read_host(place: AddressRange) -> bytes:
        from passthru.host.physical_memory import read_physical_memory

        return read_physical_memory(kernel, board, place)

    return ArmPlatform(plan, make_tree, read_host)


def _no_tree(initrd: AddressRange | None, space: int) -> bytes:
    raise ValueError("a guest of this machine gets no device tree")


def run_machine(
    plan: "VmPlan | ArmPlan",
    board: Board,
    kernel: Kernel,
    say: Say,
    *,
    dry: bool = False,
    hugepages: bool = False,
    exits_after: bool = False,
    make_tree: "MakeTree" = _no_tree,
) -> ExitStatus:
    """Build the machine of ``plan``, run it to its end, and give everything back.

    ``say`` takes remarks for people; ``dry`` does all but start the guest. With
    ``exits_after`` this process ends next, and KVM's empty machine with it: the kernel takes
    it apart faster then than while the process lives. ``make_tree`` gives the device tree of an
    arm64 guest whose initial RAM disk is at the place that it is told (GPA), of at most so many
    bytes. Raises PassthruError subclasses: those of the host have status 64 before the start
    and 96 after it.
    """
    platform = _platform(plan, board, kernel, make_tree)
    build: _Build | None = None
    try:
        with UndoStack() as undo:
            kvm = Kvm(kernel, platform.required)
            undo.callback(kvm.close)
            vm = kvm.create_vm()
            if not exits_after:
                undo.callback(vm.close)
            build = _Build(plan, board, kernel, say, kvm, vm, undo)
            end = build.run(platform, dry=dry, hugepages=hugepages)
    except PassthruError as error:
        before_start = error.exit_status is ExitStatus.FATAL_BEFORE_START
        if before_start and build is not None and build.started:
            error.exit_status = ExitStatus.FATAL_AFTER_START
        raise
    # Last: what the guest has printed goes before it.
    say(end.word)
    return end.status


class _Build:
    """The parts of one machine while it is put together."""

    def __init__(
        self,
        plan: "VmPlan | ArmPlan",
        board: Board,
        kernel: Kernel,
        say: Say,
        kvm: Kvm,
        vm: Vm,
        undo: UndoStack,
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
        self._pci = PciBus()
        self.started = False
        self._functions: PassedFunctions | None = None
        self._interrupts: PassedInterrupts | None = None

    def run(self, platform: Platform, *, dry: bool, hugepages: bool) -> End:
        plan, vm, undo = self._plan, self._vm, self._undo
        # Memory first: once there is an interrupt controller, KVM makes each slot wait.
        for region in plan.regions:
            self._add_region(region, hugepages=hugepages)
        platform.create_interrupt_controllers(vm, undo)
        resample = self._resample_interrupts
        inputs = platform.add_devices(self._machine, vm, self._pci, undo, resample)
        platform.load(self._memory)
        vcpus = platform.create_vcpus(self._kvm, vm, undo)
        if plan.functions and plan.pci is not None:
            self._add_functions(plan.pci, platform.message_routes(vm))
        if plan.interrupts:
            self._add_interrupts(plan.interrupts)
        if plan.threads:
            self._schedule(plan.threads)
        if dry:
            return _DRY_RUN
        self.started = True
        return self._machine.run(vcpus, inputs)

    def _add_region(self, region: GuestRegion, *, hugepages: bool) -> None:
        if region.kind in (RegionKind.RAM, RegionKind.ROM, RegionKind.FIRMWARE):
            readonly = region.kind is not RegionKind.RAM
            huge = hugepages and self._memory.fits_hugepages(region.range)
            if hugepages and not huge and region.kind is RegionKind.RAM:
                self._say(
                    f"{region.name} at {region.range} does not begin and end at multiples of "
                    f"2 MiB: it gets ordinary pages"
                )
            self._memory.add_ram(region.range, readonly=readonly, hugepages=huge)
        elif region.host is not None and region.access is not None:
            self._add_passed_memory(region, region.host)

    def _add_passed_memory(self, region: GuestRegion, host: AddressRange) -> None:
        # Imported for those who pass memory: starting fast is a feature.
        from passthru.host.physical_memory import map_physical_memory
        from passthru.vmm.passed_memory import ReadOnlyMemory, UnreadableMemory, guarded

        access = region.access
        if access is None or not (access.readable or access.writable):
            self._machine.mmio.attach(region.range, guarded(UnreadableMemory(None), region))
            return
        # Whole pages: the rules have warned of neighbours that show.
        pages = host.page_aligned()
        mapping = map_physical_memory(self._kernel, self._board, pages, writable=access.writable)
        self._undo.callback(self._kernel.unmap, mapping)
        if not access.readable:
            # A trapped write stays inside the region, to the byte.
            unreadable = UnreadableMemory(mapping, host.start - pages.start)
            self._machine.mmio.attach(region.range, guarded(unreadable, region))
            return
        guest = AddressRange(region.range.start & -PAGE_SIZE, pages.size)
        self._memory.add_slot(guest, mapping, readonly=not access.writable)
        if not access.writable:
            self._machine.mmio.attach(guest, guarded(ReadOnlyMemory(region, self._say), region))

    def _add_functions(self, windows: PciWindows, routes: "InterruptRoutes | None") -> None:
        # Imported for those who pass functions: starting fast is a feature.
        from passthru.vmm.parts import MachineParts
        from passthru.vmm.pci.passed_functions import PassedFunctions

        parts = MachineParts(
            self._kernel,
            self._vm,
            self._memory,
            self._machine.ports,
            self._machine.mmio,
            routes,
        )
        self._functions = PassedFunctions(
            parts, self._plan, windows, self._board, self._undo, self._say
        )
        self._functions.add_to(self._pci)

    def _schedule(self, threads: tuple[VcpuThread, ...]) -> None:
        # Imported for those who bind vCPUs: starting fast is a feature.
        from passthru.vmm.vcpu_scheduling import VcpuScheduling

        scheduling = VcpuScheduling(self._kernel, threads)
        scheduling.try_out()
        self._machine.prepare_vcpu = scheduling.apply

    def _add_interrupts(self, interrupts: tuple[PassedInterrupt, ...]) -> None:
        # Imported for those who pass interrupts: starting fast is a feature.
        from passthru.host.guard import guard_interrupts
        from passthru.vmm.passed_interrupts import PassedInterrupts

        guard_interrupts((each.vector for each in interrupts), self._board)
        self._interrupts = PassedInterrupts(
            self._kernel, self._vm, self._undo, self._say, self._machine.fail
        )
        self._interrupts.start(interrupts)
        self._machine.report = self._interrupts.report

    def _resample_interrupts(self) -> None:
        if self._functions is not None:
            self._functions.resample_interrupts()
        if self._interrupts is not None:
            self._interrupts.resample()
