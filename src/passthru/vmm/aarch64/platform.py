# SPDX-License-Identifier: Apache-2.0
"""The arm64 machine around the vCPUs: the GIC, serial ports, processors with PSCI."""

import errno

from passthru.addresses import AddressRange
from passthru.host.kernel import KernelCallFailed
from passthru.host.undo import UndoStack
from passthru.lean import TYPE_CHECKING, Callable, Mapping
from passthru.plan.aarch64 import LINE_END, ArmPciBus, ArmPlan, Uart
from passthru.plan.model import GuestRegion
from passthru.vmm.aarch64 import kvm_abi as arm
from passthru.vmm.aarch64.boot import MakeTree, ReadHost, load, read_images
from passthru.vmm.aarch64.errors import GicVersionMissing
from passthru.vmm.aarch64.kvm import ArmVcpu, GicDevice, ItsDevice
from passthru.vmm.aarch64.pl011 import Pl011
from passthru.vmm.address_space import GuestMemory
from passthru.vmm.host_streams import HostStreams
from passthru.vmm.kvm import Kvm, Vm
from passthru.vmm.machine import Input, Machine
from passthru.vmm.pci import EcamWindow, HostBridge, PciBus

if TYPE_CHECKING:
    from passthru.vmm.interrupts import InterruptRoutes

__all__ = ["ArmPlatform"]

_GIC_TYPES = {2: arm.KVM_DEV_TYPE_ARM_VGIC_V2, 3: arm.KVM_DEV_TYPE_ARM_VGIC_V3}
_GIC_PARTS = {
    2: (arm.KVM_VGIC_V2_ADDR_TYPE_DIST, arm.KVM_VGIC_V2_ADDR_TYPE_CPU),
    3: (arm.KVM_VGIC_V3_ADDR_TYPE_DIST, arm.KVM_VGIC_V3_ADDR_TYPE_REDIST),
}

_REQUIRED = {
    arm.KVM_CAP_ONE_REG: "access to single registers (KVM_CAP_ONE_REG)",
    arm.KVM_CAP_DEVICE_CTRL: "devices in the kernel (KVM_CAP_DEVICE_CTRL)",
    arm.KVM_CAP_ARM_PSCI_0_2: "PSCI 0.2 (KVM_CAP_ARM_PSCI_0_2)",
}

_FOR_ABORTS = {
    arm.KVM_CAP_ARM_INJECT_EXT_DABT: (
        "external aborts (KVM_CAP_ARM_INJECT_EXT_DABT), which memory passed with `e` needs"
    ),
    arm.KVM_CAP_ARM_NISV_TO_USER: (
        "accesses that it does not take apart (KVM_CAP_ARM_NISV_TO_USER), which memory passed "
        "with `e` needs"
    ),
}


class ArmPlatform:
    """See Platform in ``build``.

    Making it reads the images: raises FileUnreadable, ImageError, OutsideGuestMemory or
    PhysicalMemoryRefused.
    """

    def __init__(self, plan: ArmPlan, make_tree: MakeTree, read_host: ReadHost) -> None:
        self._plan = plan
        self._images = read_images(plan, make_tree, read_host)
        self._gic: GicDevice | None = None
        self._aborts = any(_can_abort(region) for region in plan.regions)

    @property
    def required(self) -> Mapping[int, str]:
        """See Platform."""
        return {**_REQUIRED, **_FOR_ABORTS} if self._aborts else _REQUIRED

    def create_interrupt_controllers(self, vm: Vm, undo: UndoStack) -> None:
        """The GIC; create_vcpus completes it. Raises GicVersionMissing, KernelCallFailed."""
        gic = self._plan.gic
        try:
            device = vm.create_device(_GIC_TYPES[gic.version], GicDevice)
        except KernelCallFailed as failed:
            if failed.error.errno != errno.ENODEV:
                raise
            raise GicVersionMissing(gic.version) from failed
        undo.callback(device.close)
        places = (gic.distributor, gic.processors)
        for part, place in zip(_GIC_PARTS[gic.version], places, strict=True):
            device.set_address(part, place.start)
        device.set_line_count(LINE_END)
        self._gic = device
        bus = self._plan.bus
        if bus is not None and bus.its is not None:
            _create_its(vm, bus.its, undo)

    def add_devices(
        self, machine: Machine, vm: Vm, pci: PciBus, undo: UndoStack, resample: Callable[[], None]
    ) -> list[Input]:
        """Attach serial ports and host bridge; answers the host streams to listen to."""
        if self._plan.bus is not None:
            _add_host_bridge(machine, pci, self._plan.bus)
        inputs: list[Input] = []
        streams = HostStreams(machine)
        undo.callback(streams.close)
        for uart in self._plan.uarts:
            inputs += _add_uart(machine, vm, uart, streams)
        return inputs

    def message_routes(self, vm: Vm) -> "InterruptRoutes | None":
        """See Platform."""
        if self._plan.bus is None or self._plan.bus.its is None:
            return None
        # Imported for those who pass functions: starting fast is a feature.
        from passthru.vmm.aarch64.wired_routes import wired_routes
        from passthru.vmm.interrupts import InterruptRoutes

        return InterruptRoutes(vm, wired_routes())

    def load(self, memory: GuestMemory) -> None:
        """Put the images in their places."""
        load(memory, self._images)

    def create_vcpus(self, kvm: Kvm, vm: Vm, undo: UndoStack) -> list[ArmVcpu]:
        """All vCPUs; the first starts the image, the others wait for PSCI to switch them on.

        Raises TooManyVcpus or KernelCallFailed.
        """
        if self._aborts:
            _hand_out_accesses(vm)
        count = self._plan.cpu_count
        kvm.check_vcpu_count(count)
        vcpus: list[ArmVcpu] = []
        for number in range(count):
            vcpu = vm.create_vcpu(ArmVcpu, number)
            undo.callback(vcpu.close)
            vcpu.initialise(vcpu.preferred_target(vm), running=number == 0)
            vcpus.append(vcpu)
        vcpus[0].start_at(self._images.entry, self._images.tree)
        if self._gic is not None:
            self._gic.initialise()
        return vcpus


def _create_its(vm: Vm, place: AddressRange, undo: UndoStack) -> None:
    # Before the GIC is initialised: it then knows that messages come.
    its = vm.create_device(arm.KVM_DEV_TYPE_ARM_VGIC_ITS, ItsDevice)
    undo.callback(its.close)
    its.set_address(arm.KVM_VGIC_ITS_ADDR_TYPE, place.start)
    its.initialise()


def _add_host_bridge(machine: Machine, pci: PciBus, bus: ArmPciBus) -> None:
    from passthru.vmm.aarch64.port_memory import PortMemory

    pci.add(0, 0, HostBridge())
    machine.mmio.attach(bus.windows.ecam, EcamWindow(pci))
    machine.mmio.attach(bus.port_memory, PortMemory(machine.ports))


def _can_abort(region: GuestRegion) -> bool:
    access = region.access
    if access is None or not access.reports_exceptions:
        return False
    return not (access.readable and access.writable)


def _hand_out_accesses(vm: Vm) -> None:
    """Let KVM hand out those, too, that it cannot take apart. Raises KernelCallFailed."""
    capability = arm.KVM_CAP_ARM_NISV_TO_USER
    argument = bytearray(arm.ENABLE_CAP.pack(capability, 0, 0, 0, 0, 0))
    vm.call("KVM_ENABLE_CAP KVM_CAP_ARM_NISV_TO_USER", arm.KVM_ENABLE_CAP, argument)


def _add_uart(machine: Machine, vm: Vm, uart: Uart, streams: HostStreams) -> list[Input]:
    def set_line(level: bool) -> None:
        line = arm.KVM_ARM_IRQ_TYPE_SPI << arm.KVM_ARM_IRQ_TYPE_SHIFT | uart.line
        vm.set_interrupt_line(line, level=level)

    host = streams.open(uart.host_devices)
    serial = Pl011(host.send, set_line)
    machine.mmio.attach(uart.registers, serial)
    return host.inputs(serial.receive, serial.room)
