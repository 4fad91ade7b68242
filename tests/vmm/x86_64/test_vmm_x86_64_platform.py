# SPDX-License-Identifier: Apache-2.0
"""What the planner keeps free is what the machine answers."""

from fake_kernel import FakeKernel
from passthru.addresses import AddressRange
from passthru.host.undo import UndoStack
from passthru.plan.model import PciWindows, VmPlan
from passthru.plan.x86_64 import IOAPIC_LINES, MACHINE_PORTS
from passthru.vmm import kvm_abi
from passthru.vmm.kvm import Kvm
from passthru.vmm.machine import Machine
from passthru.vmm.pci import PciBus
from passthru.vmm.x86_64 import platform

WINDOWS = PciWindows(*(AddressRange(start, 1 << 20) for start in (1 << 30, 2 << 30, 1 << 36, 0)))


def test_every_port_that_the_machine_answers_is_known_to_the_planner():
    machine = Machine(lambda remark: None)
    plan = VmPlan("m", 1, (), (), "", (), WINDOWS, (), 0xFEC00000, 0, ())
    with UndoStack() as undo:
        undo.callback(machine.close)
        vm = Kvm(FakeKernel(), {}).create_vm()
        platform.add_devices(machine, vm, plan, PciBus(), undo)
    known = {port for range_, _ in MACHINE_PORTS for port in range(range_.start, range_.end)}
    answered = {entry.range for entry in machine.ports._entries}
    assert len(answered) > 4
    for range_ in answered:
        assert set(range(range_.start, range_.end)) <= known, range_


def test_the_ioapic_has_as_many_lines_as_kvm_s():
    assert kvm_abi.KVM_IOAPIC_NUM_PINS == IOAPIC_LINES
