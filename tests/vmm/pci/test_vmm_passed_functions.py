# SPDX-License-Identifier: Apache-2.0
"""How passed functions are taken and given back that cannot be reset alone."""

import pytest

from fake_kernel import FakeFunction, FakeKernel
from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import Abilities, Board, PciFunction
from passthru.diagnostics.source import Source, Span
from passthru.host.kernel import KernelCallFailed
from passthru.host.undo import UndoStack
from passthru.plan.model import GuestFunction, PciWindows, VmPlan
from passthru.vmm.address_space import Bus, GuestMemory
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.kvm import Kvm
from passthru.vmm.parts import MachineParts
from passthru.vmm.pci import PciBus
from passthru.vmm.pci.passed_functions import PassedFunctions
from passthru.vmm.x86_64.wired_routes import wired_routes

SPAN = Span(Source("guest.qvmconf", "pass"), 0, 4)
BOARD = Board(
    name="fake",
    architecture="x86_64",
    cpu_count=2,
    memory=(),
    allocated=(),
    reserved=(),
    pci=(),
    iommu_groups=(),
    abilities=Abilities(False, True, True, None),
)


def function(number: int, group: int) -> GuestFunction:
    host = PciFunction(
        PciAddress(0, 4, 0, number), 0x8086, 0x1521, 0x020000, 0, 0, (), "vfio-pci", group, ()
    )
    return GuestFunction(PciAddress(0, 0, 3, number), host, (), None, SPAN)


PLAN = VmPlan(
    name="guest",
    cpu_count=1,
    regions=(),
    blobs=(),
    command_line="",
    functions=(function(0, 7), function(1, 8)),
    pci=PciWindows(
        AddressRange(0xE0000000, 1 << 20),
        AddressRange(0xC0000000, 1 << 28),
        AddressRange(1 << 36, 1 << 36),
        AddressRange(0xC000, 0x4000),
    ),
    serial_ports=(),
    ioapic_address=0xFEC00000,
    locked_memory=0,
    claims=(),
)


def pass_and_give_back(
    device: FakeFunction, kernel: FakeKernel | None = None
) -> tuple[FakeKernel, list[str]]:
    """Two functions, of groups 7 and 8; the kernel afterwards, and what was said."""
    kernel = kernel or FakeKernel(device)
    remarks: list[str] = []
    vm = Kvm(kernel, {}).create_vm()
    routes = InterruptRoutes(vm, wired_routes())
    parts = MachineParts(kernel, vm, GuestMemory(kernel, vm), Bus(), Bus(), routes)
    with UndoStack() as undo:
        PassedFunctions(parts, PLAN, PLAN.pci, BOARD, undo, remarks.append).add_to(PciBus())
        kernel.steps.append("ready")
    return kernel, remarks


def test_neighbours_are_reset_together_before_the_first_and_after_the_last_is_used():
    device = FakeFunction()
    device.can_reset = False
    device.bus_groups = [8, 7, 7]
    kernel, remarks = pass_and_give_back(device)
    assert device.hot_resets == [["/dev/vfio/7", "/dev/vfio/8"]] * 4
    assert remarks == []
    steps = [step for step in kernel.steps if "HOT_RESET" in step or step == "ready"]
    asked = ["VFIO_DEVICE_GET_PCI_HOT_RESET_INFO", "VFIO_DEVICE_PCI_HOT_RESET"]
    assert steps == [*asked, *asked, "ready", asked[1], asked[1]]


@pytest.mark.parametrize(
    ("groups", "resettable", "reason"),
    [
        ([], True, "reset it;"),
        ([7, 8, 9], True, "other IOMMU"),
        ([7, 8], False, "not bound to vfio-pci"),
    ],
)
def test_a_function_that_cannot_be_reset_is_told_once(groups, resettable, reason):
    device = FakeFunction()
    device.can_reset = False
    device.resettable_bus = resettable
    device.bus_groups = groups
    _, remarks = pass_and_give_back(device)
    assert [reason in remark for remark in remarks] == [True, True]
    assert (device.resets, device.hot_resets) == (0, [])


def test_a_function_that_can_be_reset_alone_is_reset_alone():
    device = FakeFunction()
    device.bus_groups = [7, 8]
    _, remarks = pass_and_give_back(device)
    assert (device.resets, device.hot_resets) == (4, [])
    assert remarks == []


def test_a_failing_reset_of_the_bus_leaves_nothing_taken():
    device = FakeFunction()
    device.can_reset = False
    device.bus_groups = [7, 8]
    rehearsal, _ = pass_and_give_back(device)
    for step, name in enumerate(rehearsal.steps):
        if "HOT_RESET" in name:
            kernel = FakeKernel(device, fail_at=step)
            with pytest.raises(KernelCallFailed, match="HOT_RESET"):
                pass_and_give_back(device, kernel)
            assert set(kernel.files.values()) == {"/dev/kvm", "vm"}
