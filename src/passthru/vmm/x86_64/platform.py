# SPDX-License-Identifier: Apache-2.0
"""The x86-64 machine around the vCPUs: interrupt controllers, legacy devices, processors."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.model import Board
from passthru.host.undo import UndoStack
from passthru.lean import TYPE_CHECKING, Callable, Mapping
from passthru.plan import x86_64 as layout
from passthru.plan.model import SerialPort, VmPlan
from passthru.vmm import kvm_abi as abi
from passthru.vmm.address_space import GuestMemory
from passthru.vmm.host_streams import HostStreams
from passthru.vmm.kvm import Kvm, Vm, X86Vcpu
from passthru.vmm.machine import Input, Machine
from passthru.vmm.pci import ConfigPorts, EcamWindow, HostBridge, PciBus
from passthru.vmm.serial import Serial8250
from passthru.vmm.x86_64.boot import load, read_images
from passthru.vmm.x86_64.boot.entry import enter
from passthru.vmm.x86_64.cpuid import guest_cpuid
from passthru.vmm.x86_64.legacy_devices import (
    CmosClock,
    KeyboardReset,
    PowerControl,
    PowerEvents,
    PowerTimer,
    ResetRegister,
)

if TYPE_CHECKING:
    from passthru.vmm.interrupts import InterruptRoutes

__all__ = ["PcPlatform", "add_devices"]

_KEYBOARD_COMMAND_PORT = 0x64
_REQUIRED = {abi.KVM_CAP_PIT2: "a timer in the kernel (KVM_CAP_PIT2)"}


class PcPlatform:
    """See Platform in ``build``: a PC around the vCPUs.

    Making it reads the images: raises FileUnreadable, ImageError, OutsideGuestMemory or
    SoftwareKvm.
    """

    def __init__(self, plan: VmPlan, board: Board) -> None:
        self._plan = plan
        self._images = read_images(plan, board)

    @property
    def required(self) -> Mapping[int, str]:
        """See Platform."""
        return _REQUIRED

    def create_interrupt_controllers(self, vm: Vm, undo: UndoStack) -> None:
        """The controllers and the timer that KVM emulates in the kernel."""
        pages = layout.KVM_PAGES.start
        vm.create_interrupt_controllers(tss=pages + PAGE_SIZE, identity_map=pages)

    def add_devices(
        self, machine: Machine, vm: Vm, pci: PciBus, undo: UndoStack, resample: Callable[[], None]
    ) -> list[Input]:
        """Attach everything but passed devices; answers the host streams to listen to."""
        inputs = add_devices(machine, vm, self._plan, pci, undo)
        _move_ioapic(machine, vm, self._plan, resample)
        return inputs

    def message_routes(self, vm: Vm) -> "InterruptRoutes":
        """See Platform."""
        # Imported for those who pass functions: starting fast is a feature.
        from passthru.vmm.interrupts import InterruptRoutes
        from passthru.vmm.x86_64.wired_routes import wired_routes

        return InterruptRoutes(vm, wired_routes())

    def load(self, memory: GuestMemory) -> None:
        """Put the images and the firmware tables in their places."""
        load(memory, self._images)

    def create_vcpus(self, kvm: Kvm, vm: Vm, undo: UndoStack) -> list[X86Vcpu]:
        """All vCPUs; the first starts the image, the others wait for it to wake them.

        Raises TooManyVcpus or KernelCallFailed.
        """
        count = self._plan.cpu_count
        kvm.check_vcpu_count(count)
        supported = kvm.supported_cpuid()
        state = self._images.boot.entry.processor()
        vcpus = []
        for number in range(count):
            vcpu = vm.create_vcpu(X86Vcpu, number)
            undo.callback(vcpu.close)
            vcpu.set_cpuid(guest_cpuid(supported, number, count))
            # Firmware leaves every processor's memory types alike.
            vcpu.set_msrs(state.msrs)
            vcpus.append(vcpu)
        enter(vcpus[0], state)
        return vcpus


def add_devices(
    machine: Machine, vm: Vm, plan: VmPlan, pci: PciBus, undo: UndoStack
) -> list[Input]:
    """Attach what ``plan`` has but its passed devices; answers the host streams to listen to."""
    ports = machine.ports
    reset = ResetRegister(machine.reset)
    events = PowerEvents(_line(vm, layout.SCI_GSI))
    machine.press_power_button = events.press_power_button
    ports.attach(AddressRange(layout.CMOS_PORT, 2), CmosClock())
    ports.attach(AddressRange(_KEYBOARD_COMMAND_PORT, 1), KeyboardReset(machine.reset))
    ports.attach(AddressRange(layout.PM1A_EVENT_PORT, 4), events)
    ports.attach(AddressRange(layout.PM1A_CONTROL_PORT, 2), PowerControl(machine.power_off))
    ports.attach(AddressRange(layout.PM_TIMER_PORT, 4), PowerTimer())
    ports.attach(layout.PCI_CONFIG_PORTS, ConfigPorts(pci, reset))
    machine.mmio.attach(plan.pci.ecam, EcamWindow(pci))
    pci.add(0, 0, HostBridge())
    inputs: list[Input] = []
    streams = HostStreams(machine)
    undo.callback(streams.close)
    for port in plan.serial_ports:
        inputs += _add_serial_port(machine, vm, port, streams)
    return inputs


def _move_ioapic(machine: Machine, vm: Vm, plan: VmPlan, resample: Callable[[], None]) -> None:
    """Let the IOAPIC answer where the configuration wants it (GPA)."""
    if plan.ioapic_address != layout.IOAPIC_ADDRESS:
        from passthru.vmm.x86_64.moved_ioapic import MovedIoapic

        place = AddressRange(plan.ioapic_address, PAGE_SIZE)
        machine.mmio.attach(place, MovedIoapic(vm, machine.while_held, resample))


def _add_serial_port(
    machine: Machine, vm: Vm, port: SerialPort, streams: HostStreams
) -> list[Input]:
    host = streams.open(port.host_devices)
    serial = Serial8250(host.send, _line(vm, port.gsi))
    machine.ports.attach(AddressRange(port.port, 8), serial)
    return host.inputs(serial.receive, serial.room)


def _line(vm: Vm, gsi: int) -> Callable[[bool], None]:
    return lambda level: vm.set_interrupt_line(gsi, level=level)
