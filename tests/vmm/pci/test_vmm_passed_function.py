# SPDX-License-Identifier: Apache-2.0
"""A passed function as a guest's driver meets it, on a fake VFIO."""

import os
import resource
import threading
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fake_kernel import FakeFunction, FakeKernel
from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import Bar, BarKind, PciFunction
from passthru.diagnostics.source import Source, Span
from passthru.host import vfio_abi
from passthru.host.vfio import VectorShortage, VfioContainer
from passthru.plan.model import GuestFunction, PciWindows, PlannedBar
from passthru.vmm.address_space import Bus, GuestMemory
from passthru.vmm.interrupts import InterruptRoutes
from passthru.vmm.kvm import Kvm
from passthru.vmm.parts import MachineParts
from passthru.vmm.pci import ConfigPorts, EcamWindow, HostBridge, PciBus
from passthru.vmm.pci.passed_function import PassedFunction
from passthru.vmm.x86_64.wired_routes import wired_routes

HOST = PciAddress(0, 0, 4, 0)
MEMORY_BAR = Bar(0, BarKind.MEMORY64, False, AddressRange(0xFE000000, 0x4000))
PORT_BAR = Bar(2, BarKind.PORTS, False, AddressRange(0xE000, 0x20))
SECOND_BAR = Bar(2, BarKind.MEMORY32, False, AddressRange(0xFE800000, 0x4000))
MSI, MSIX, PM, EXPRESS, VENDOR, UNKNOWN = 0x50, 0x70, 0x80, 0x90, 0xD0, 0xE0
WINDOWS = PciWindows(
    AddressRange(0xE0000000, 1 << 20),
    AddressRange(0xC0000000, 1 << 28),
    AddressRange(1 << 36, 1 << 36),
    AddressRange(0xC000, 0x4000),
)
ENABLE_MEMORY, ENABLE_PORTS, BUS_MASTER = 2, 1, 4


def config_space() -> bytes:
    space = bytearray(256)

    def put(offset: int, text: str) -> None:
        data = bytes.fromhex(text)
        space[offset : offset + len(data)] = data

    put(0x00, "361b 1000 0000 1000")
    put(0x08, "02 02 08 01")
    put(0x2C, "34127856")
    put(0x34, f"{UNKNOWN:02x}")
    put(0x3C, "0b 01")
    put(0x44, "aa bb cc dd")
    put(UNKNOWN, f"1e {MSI:02x} 1234")
    put(MSI, f"05 {MSIX:02x} 8a01")  # 64-bit, maskable, 32 vectors
    put(MSIX, f"11 {PM:02x} 0400 00200000 00300000")  # 5 vectors, BAR 0 at 0x2000 and 0x3000
    put(PM, f"01 {EXPRESS:02x} 03c8 0800")
    put(EXPRESS, f"10 {VENDOR:02x} 0200 e18f0010 3029 0000 124c0300")
    put(VENDOR, "09 00 08 11 22 33 44 55")
    return bytes(space)


class RealEventfds(FakeKernel):
    """The fake kernel, but its eventfds count and can be polled."""

    def eventfd(self) -> int:
        self._step("eventfd")
        eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.files[eventfd] = "eventfd"
        return eventfd

    def close(self, file: int) -> None:
        if self.files[file] == "eventfd":
            os.close(file)
        super().close(file)


def small_device() -> FakeFunction:
    """Five MSI-X vectors in BAR 0, 32 of MSI."""
    device = FakeFunction(config_space(), {0: 0x4000, 2: 0x20})
    device.interrupt_counts[vfio_abi.VFIO_PCI_MSIX_IRQ_INDEX] = 5
    return device


def large_device() -> FakeFunction:
    """All the MSI-X vectors that there can be: 2048."""
    space = bytearray(config_space())
    space[MSIX + 2 : MSIX + 12] = bytes.fromhex("ff07 00200000 00a00000")
    return FakeFunction(bytes(space), {0: 0x10000, 2: 0x20})


class World:
    """One passed function on a bus, and what lies around it."""

    def __init__(
        self,
        device: FakeFunction | None = None,
        kernel: type[FakeKernel] = FakeKernel,
        second_bar: Bar = PORT_BAR,
    ) -> None:
        self.device = device or small_device()
        self.kernel = kernel(self.device)
        self.vm = Kvm(self.kernel, {}).create_vm()
        self.memory = GuestMemory(self.kernel, self.vm)
        self.mmio, self.ports = Bus(), Bus()
        routes = InterruptRoutes(self.vm, wired_routes())
        routes.commit()
        group = VfioContainer(self.kernel).add_group(7, ())
        host = PciFunction(
            HOST, 0x1B36, 0x10, 0x010802, 0, 1, (MEMORY_BAR, second_bar), "vfio-pci", 7, ()
        )
        bars = (
            PlannedBar(MEMORY_BAR, 0xC0000000),
            PlannedBar(second_bar, 0xC0004000 if second_bar is SECOND_BAR else 0xC000),
        )
        guest = GuestFunction(
            PciAddress(0, 0, 3, 0), host, bars, 17, Span(Source("x", "pass"), 0, 4)
        )
        parts = MachineParts(self.kernel, self.vm, self.memory, self.ports, self.mmio, routes)
        self.function = PassedFunction(
            parts, group.open_function(HOST), guest, WINDOWS, multifunction=False
        )
        self.function.start()

    def read(self, offset: int, size: int) -> int:
        return self.function.read(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        self.function.write(offset, size, value)

    @property
    def slots(self) -> list[tuple[int, int]]:
        return sorted((gpa, size) for gpa, size, _ in self.kernel.slots.values())

    @property
    def connected(self) -> list[int]:
        return sorted(self.kernel.irqfds.values())


@pytest.fixture
def world() -> World:
    return World()


def test_ids_class_and_subsystem_are_the_device_s_and_cannot_be_written(world):
    for offset, value in ((0, 0x00101B36), (8, 0x01080202), (0x2C, 0x56781234)):
        world.write(offset, 4, 0)
        assert world.read(offset, 4) == value
    assert bytes(world.device.config[:4]).hex() == "361b1000"


def test_the_guest_sees_its_own_bars_and_sizes_them_by_writing_ones(world):
    assert world.read(0x10, 4) == 0xC0000004
    world.write(0x10, 4, 0xFFFFFFFF)
    world.write(0x14, 4, 0xFFFFFFFF)
    assert (world.read(0x10, 4), world.read(0x14, 4)) == (0xFFFFC004, 0xFFFFFFFF)
    world.write(0x18, 4, 0xFFFFFFFF)
    assert world.read(0x18, 4) == 0xFFFFFFE1
    for absent in (0x1C, 0x20, 0x24, 0x30):
        world.write(absent, 4, 0xFFFFFFFF)
        assert world.read(absent, 4) == 0
    assert bytes(world.device.config[0x10:0x28]) == bytes(24)


def test_only_command_bits_of_the_policy_reach_the_device(world):
    world.write(4, 2, 0xFFFF)
    assert int.from_bytes(world.device.config[4:6], "little") == 0x0547
    assert world.read(4, 2) == 0x0547
    world.write(4, 2, 0)
    assert world.device.config[4:6] == b"\0\0"


def test_a_bar_is_slots_around_the_trapped_table_while_memory_is_decoded(world):
    assert world.slots == []
    world.write(4, 2, ENABLE_MEMORY)
    assert world.slots == [(0xC0000000, 0x2000)]
    world.write(4, 2, 0)
    assert world.slots == []


def test_a_moved_bar_is_followed_but_never_out_of_the_guest_s_windows(world):
    world.write(4, 2, ENABLE_MEMORY)
    world.write(0x10, 4, 0xC8000000)
    assert world.slots == [(0xC8000000, 0x2000)]
    for outside in (0x00000000, 0xFEE00000, 0xE0000000, 0xCFFFE000 + 0x4000):
        world.write(0x10, 4, outside)
        assert world.slots == []
    world.write(0x14, 4, 0x10)
    world.write(0x10, 4, 0)
    assert world.slots == [(1 << 36, 0x2000)]


def test_a_bar_that_waited_for_a_place_gets_it_when_the_other_moves_away():
    device = small_device()
    device.bar_sizes[2] = 0x4000
    device.bars[2] = bytearray(0x4000)
    world = World(device, second_bar=SECOND_BAR)
    world.write(4, 2, ENABLE_MEMORY)
    world.write(0x10, 4, 0xC8000000)
    assert world.slots == [(0xC0004000, 0x4000), (0xC8000000, 0x2000)]
    world.write(0x10, 4, 0xC0004000)
    assert world.slots == [(0xC0004000, 0x4000)]
    world.write(0x18, 4, 0xC9000000)
    assert world.slots == [(0xC0004000, 0x2000), (0xC9000000, 0x4000)]


def test_a_trapped_part_of_a_bar_is_the_device_s_but_for_the_table(world):
    world.write(4, 2, ENABLE_MEMORY)
    world.mmio.write(0xC0002100, 4, 0x11223344)
    assert world.device.bars[0][0x2100:0x2104] == bytes.fromhex("44332211")
    assert world.mmio.read(0xC0002100, 4) == 0x11223344
    world.mmio.write(0xC0002000, 4, 0xFEE00000)
    assert world.mmio.read(0xC0002000, 4) == 0xFEE00000
    assert world.device.bars[0][0x2000:0x2004] == bytes(4)


def test_a_second_bar_is_trapped_and_passed_on_whole(world):
    world.write(4, 2, ENABLE_PORTS)
    world.ports.write(0xC004, 2, 0xBEEF)
    assert world.device.bars[2][4:6] == bytes.fromhex("efbe")
    assert world.ports.read(0xC004, 4) == 0xBEEF
    world.write(4, 2, 0)
    assert world.ports.read(0xC004, 2) == 0xFFFF


def capabilities(world: World) -> list[int]:
    found, offset = [], world.read(0x34, 1)
    while offset:
        found.append(world.read(offset, 1))
        offset = world.read(offset + 1, 1)
    return found


def test_unknown_capabilities_are_left_out_of_the_list_and_read_as_zero(world):
    assert capabilities(world) == [0x05, 0x11, 0x01, 0x10, 0x09]
    assert world.read(UNKNOWN, 2) == 0
    world.write(UNKNOWN, 2, 0xFFFF)
    assert world.device.config[UNKNOWN] == 0x1E


def test_a_capability_of_unknown_length_is_hidden_up_to_the_next_or_the_end(world):
    before = bytes(world.device.config)
    for offset in range(UNKNOWN, 256, 4):
        assert world.read(offset, 4) == 0
        world.write(offset, 4, 0xFFFFFFFF)
        assert world.read(offset, 4) == 0
    assert bytes(world.device.config) == before


@pytest.mark.parametrize(("identifier", "size"), [(0x03, 8), (0x13, 6), (0x12, 8), (0x04, 4)])
def test_a_capability_of_known_length_hides_no_registers_behind_it(identifier, size):
    device = small_device()
    device.config[UNKNOWN] = identifier
    device.config[UNKNOWN + 2 : 256] = bytes([0x11]) * (256 - UNKNOWN - 2)
    world = World(device)
    for offset in range(UNKNOWN, UNKNOWN + size):
        world.write(offset, 1, 0xEE)
        assert world.read(offset, 1) == 0
        assert device.config[offset] != 0xEE
    for offset in range(UNKNOWN + size, 256):
        assert world.read(offset, 1) == 0x11
        world.write(offset, 1, 0xEE)
        assert device.config[offset] == 0xEE


def test_a_hidden_capability_between_two_others_ends_at_the_second():
    device = small_device()
    device.config[PM + 1] = 0x88
    device.config[0x88:0x90] = bytes([0x1E, EXPRESS]) + b"\x55" * 6
    world = World(device)
    assert world.read(0x88, 4) == world.read(0x8C, 4) == 0
    assert world.read(EXPRESS + 4, 4) == 0x10008FE1


def test_a_capability_that_runs_over_the_end_is_hidden():
    device = small_device()
    device.config[UNKNOWN] = 0x03  # of known length: not what hides the other
    device.config[VENDOR + 1] = 0xFC
    device.config[0xFC:0x100] = bytes.fromhex("09000822")
    world = World(device)
    world.write(0xFC, 4, 0xEEEEEEEE)
    assert world.read(0xFC, 4) == 0
    assert device.config[0xFC:0x100] == bytes.fromhex("09000822")


def test_the_extended_space_is_empty(world):
    for offset in range(256, 4096, 4):
        assert world.read(offset, 4) == 0
    world.write(0x100, 4, 0xFFFFFFFF)


def test_an_endpoint_is_shown_as_an_integrated_one_without_a_link(world):
    assert world.read(EXPRESS + 2, 2) == 0x0092
    assert world.read(EXPRESS + 4, 4) == 0x10008FE1
    assert world.read(EXPRESS + 12, 4) == 0


def test_device_control_and_vendor_registers_reach_the_device(world):
    world.write(EXPRESS + 8, 2, 0x8000)
    assert world.device.config[EXPRESS + 8 : EXPRESS + 10] == bytes.fromhex("0080")
    world.write(VENDOR + 4, 2, 0x1234)
    assert world.device.config[VENDOR + 4 : VENDOR + 6] == bytes.fromhex("3412")
    assert world.read(0x44, 4) == 0xDDCCBBAA
    world.write(0x44, 1, 0x77)
    assert world.device.config[0x44] == 0x77


def test_power_states_are_remembered_and_the_device_stays_on(world):
    world.write(PM + 4, 2, 0x0103)
    assert world.read(PM + 4, 2) == 0x000B
    assert world.device.config[PM + 4 : PM + 6] == bytes.fromhex("0800")


@pytest.mark.shows("pci-implicit-interrupts")
def test_the_wired_interrupt_is_connected_from_the_start(world):
    assert world.connected == [17]
    assert world.read(0x3D, 1) == 1
    world.write(0x3C, 1, 5)
    assert world.read(0x3C, 1) == 5
    assert world.device.config[0x3C] == 0x0B


def enable_msi(world: World, vectors: int = 0) -> None:
    world.write(MSI + 4, 4, 0xFEE00000)
    world.write(MSI + 8, 4, 0)
    world.write(MSI + 12, 2, 0x4041)
    world.write(MSI + 2, 2, 1 | vectors << 4)


def test_msi_replaces_the_wired_interrupt_and_gives_it_back(world):
    routed = world.kernel.routes
    enable_msi(world)
    assert world.connected == [24]
    assert world.kernel.routes == routed + 1
    assert world.device.interrupts == {
        vfio_abi.VFIO_PCI_INTX_IRQ_INDEX: 0,
        vfio_abi.VFIO_PCI_MSI_IRQ_INDEX: 1,
    }
    world.write(MSI + 2, 2, 0)
    assert world.connected == [17]
    assert world.device.interrupts[vfio_abi.VFIO_PCI_MSI_IRQ_INDEX] == 0
    assert world.device.config[MSI + 2 : MSI + 4] == bytes.fromhex("8a01")


def test_several_msi_vectors_are_masked_one_by_one(world):
    enable_msi(world, vectors=2)
    assert world.connected == [24, 25, 26, 27]
    world.write(MSI + 16, 4, 0b0101)
    assert world.connected == [25, 27]
    world.write(MSI + 16, 4, 0)
    assert world.connected == [24, 25, 26, 27]


def test_a_guest_that_asks_for_more_msi_vectors_than_there_are_gets_those(world):
    enable_msi(world, vectors=7)
    assert len(world.connected) == 32


def table_entry(world: World, vector: int, data: int, masked: int) -> None:
    entry = 0xC0002000 + 16 * vector
    world.mmio.write(entry, 4, 0xFEE00000)
    world.mmio.write(entry + 4, 4, 0)
    world.mmio.write(entry + 8, 4, data)
    world.mmio.write(entry + 12, 4, masked)


@pytest.mark.shows("pci-implicit-interrupts")
def test_msix_vectors_follow_table_and_function_mask(world):
    world.write(4, 2, ENABLE_MEMORY)
    world.write(MSIX + 2, 2, 0xC000)
    assert world.connected == []
    table_entry(world, 0, 0x30, 0)
    table_entry(world, 4, 0x34, 0)
    assert world.connected == []
    world.write(MSIX + 2, 2, 0x8000)
    assert world.connected == [24, 25]
    table_entry(world, 0, 0x30, 1)
    assert world.connected == [25]
    assert world.device.interrupts[vfio_abi.VFIO_PCI_MSIX_IRQ_INDEX] == 5
    world.write(MSIX + 2, 2, 0)
    assert world.connected == [17]


def triggers(world: World) -> dict[int, int]:
    """The GSI of each vector that the device signals into the guest."""
    return {
        number: world.kernel.irqfds[eventfd]
        for number, eventfd in enumerate(world.device.triggers)
        if eventfd in world.kernel.irqfds
    }


def eventfds(world: World) -> int:
    return list(world.kernel.files.values()).count("eventfd")


def count_steps(world: World, name: str, act: Callable[[], object]) -> int:
    before = world.kernel.steps.count(name)
    act()
    return world.kernel.steps.count(name) - before


def test_only_the_vectors_that_the_guest_uses_cost_eventfds():
    world = World(large_device())
    world.write(4, 2, ENABLE_MEMORY)
    world.write(MSIX + 2, 2, 0x8000)
    assert (len(world.device.triggers), eventfds(world)) == (1, 0)
    for number in (0, 3, 1500):
        table_entry(world, number, 0x30, 0)
    assert eventfds(world) == 3
    assert triggers(world) == {0: 24, 3: 25, 1500: 26}
    world.write(MSIX + 2, 2, 0)
    assert eventfds(world) == 2  # the wired interrupt's
    assert world.connected == [17]


def test_vectors_may_use_all_the_files_that_the_process_may_have(world):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard - 1, 512), hard))
        enable_msi(world)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_growing_keeps_the_earlier_vectors_and_their_eventfds():
    world = World(large_device())
    world.write(4, 2, ENABLE_MEMORY)
    world.write(MSIX + 2, 2, 0x8000)
    table_entry(world, 0, 0x30, 0)
    table_entry(world, 2, 0x32, 0)
    table_entry(world, 2, 0x32, 1)
    before = world.device.triggers[:3]
    table_entry(world, 9, 0x39, 0)
    assert world.device.triggers[:3] == before
    assert triggers(world) == {0: 24, 9: 26}
    table_entry(world, 2, 0x32, 0)
    assert triggers(world) == {0: 24, 2: 25, 9: 26}


def test_a_whole_table_unmasked_one_by_one_is_enabled_few_times():
    world = World(large_device())
    world.write(4, 2, ENABLE_MEMORY)
    world.write(MSIX + 2, 2, 0x8000)
    enabled = []
    for number in range(300):
        table_entry(world, number, 0x30, 0)
        enabled.append(len(world.device.triggers))
    assert len(set(enabled)) <= 10
    assert len(triggers(world)) == 300


def test_the_routing_table_is_committed_once_for_all_vectors_of_a_write(world):
    world.write(4, 2, ENABLE_MEMORY)
    for number in range(5):
        table_entry(world, number, 0x30 + number, 0)

    def enable() -> None:
        world.write(MSIX + 2, 2, 0x8000)

    def mask_and_unmask() -> None:
        world.write(MSIX + 2, 2, 0xC000)
        world.write(MSIX + 2, 2, 0x8000)

    assert count_steps(world, "KVM_SET_GSI_ROUTING", enable) == 1
    assert world.connected == [24, 25, 26, 27, 28]
    assert count_steps(world, "KVM_SET_GSI_ROUTING", mask_and_unmask) == 0
    assert world.connected == [24, 25, 26, 27, 28]
    assert count_steps(world, "KVM_SET_GSI_ROUTING", lambda: table_entry(world, 2, 0x99, 0)) == 1


def test_a_host_short_of_vectors_gives_what_it_has_if_that_is_enough():
    device = large_device()
    device.host_vectors = 6
    world = World(device)
    world.write(4, 2, ENABLE_MEMORY)
    world.write(MSIX + 2, 2, 0x8000)
    table_entry(world, 3, 0x30, 0)
    table_entry(world, 4, 0x30, 0)
    assert len(device.triggers) == 6
    table_entry(world, 5, 0x30, 0)
    assert triggers(world) == {3: 24, 4: 25, 5: 26}
    with pytest.raises(VectorShortage, match="the host has 6 vectors") as raised:
        table_entry(world, 6, 0x30, 0)
    assert raised.value.available == 6
    world.function.stop()
    assert not world.kernel.irqfds
    assert eventfds(world) == 0


@pytest.mark.parametrize("first", ["msi", "msix"])
def test_of_msi_and_msix_the_last_one_enabled_counts(world, first):
    def msi(on: int) -> None:
        world.write(MSI + 2, 2, on)

    def msix(on: int) -> None:
        world.write(MSIX + 2, 2, on << 15)

    kinds = {
        "msi": (msi, vfio_abi.VFIO_PCI_MSI_IRQ_INDEX),
        "msix": (msix, vfio_abi.VFIO_PCI_MSIX_IRQ_INDEX),
    }
    (switch, kind), (switch_other, other) = kinds.pop(first), *kinds.values()
    switch(1)
    switch_other(1)
    assert world.device.active == other
    switch_other(0)
    assert world.device.active == kind
    switch_other(1)
    switch(0)
    assert world.device.active == other
    switch_other(0)
    assert world.device.active == vfio_abi.VFIO_PCI_INTX_IRQ_INDEX
    assert world.connected == [17]


def test_a_pin_that_vfio_withholds_is_not_shown():
    device = small_device()
    device.interrupt_counts[vfio_abi.VFIO_PCI_INTX_IRQ_INDEX] = 0
    world = World(device)
    assert world.read(0x3D, 1) == 0
    assert (world.connected, device.active) == ([], None)
    enable_msi(world)
    world.write(MSI + 2, 2, 0)
    assert device.active is None
    world.function.resample_interrupt()
    assert world.kernel.signalled == []


def test_resampling_unmasks_the_wired_interrupt_while_it_is_connected(world):
    world.function.resample_interrupt()
    (resample,) = world.kernel.signalled
    assert world.kernel.files[resample] == "eventfd"
    assert resample not in world.device.triggers
    enable_msi(world)
    world.function.resample_interrupt()
    assert world.kernel.signalled == [resample]


def test_msix_interrupts_that_come_while_masked_are_pending():
    world = World(kernel=RealEventfds)
    world.write(4, 2, ENABLE_MEMORY)
    world.write(MSIX + 2, 2, 0x8000)
    for number in (1, 3):
        table_entry(world, number, 0x30, 0)
    for number in (1, 3):
        table_entry(world, number, 0x30, 1)
    os.eventfd_write(world.device.triggers[3], 1)
    assert world.mmio.read(0xC0003000, 8) == 0b01000
    world.device.bars[0][0x3000] = 0b10000  # held back by the device: never unmasked
    assert world.mmio.read(0xC0003000, 1) == 0b11000
    world.mmio.write(0xC0003000, 8, 0)
    assert world.device.bars[0][0x3000] == 0b10000
    world.device.bars[0][0x3000] = 0
    table_entry(world, 3, 0x30, 0)
    assert world.mmio.read(0xC0003000, 8) == 0
    world.function.stop()


def test_msi_interrupts_that_come_while_masked_are_pending():
    world = World(kernel=RealEventfds)
    enable_msi(world, vectors=2)
    world.write(MSI + 16, 4, 0b0101)
    assert world.read(MSI + 20, 4) == 0
    for vector in (1, 2):
        os.eventfd_write(world.device.triggers[vector], 1)
    assert world.read(MSI + 20, 4) == 0b0100
    world.device.config[MSI + 20] = 0b0001
    assert world.read(MSI + 20, 4) == 0b0101
    world.function.stop()


def test_stopping_silences_the_device_and_takes_everything_away(world):
    world.write(4, 2, ENABLE_MEMORY | BUS_MASTER)
    enable_msi(world)
    world.function.stop()
    assert world.connected == []
    assert world.slots == []
    assert world.device.config[4:6] == b"\0\0"
    assert world.device.resets == 2


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["config", "mmio", "port"]),
            st.integers(0, 0x4FFF),
            st.sampled_from([1, 2, 4, 8]),
            st.integers(0, (1 << 64) - 1),
        ),
        max_size=60,
    )
)
@example([("config", MSI + 2, 2, 1), ("config", MSIX + 2, 2, 0x8000)])
@example([("config", MSIX + 2, 2, 0x8000), ("config", MSI + 2, 2, 1)])
def test_nothing_a_guest_writes_raises_or_leaves_the_windows(accesses):
    world = World()
    bus = PciBus()
    bus.add(3, 0, world.function)
    ecam, lock = EcamWindow(bus), threading.Lock()
    for kind, offset, size, value in accesses:
        with lock:
            if kind == "config":
                ecam.write((3 << 15) + offset % 4096, size, value & ((1 << (8 * size)) - 1))
                ecam.read((3 << 15) + offset % 4096, size)
            elif kind == "mmio":
                world.mmio.write(0xC0000000 + offset, size, value & ((1 << (8 * size)) - 1))
                world.mmio.read(0xC0000000 + offset, size)
            else:
                world.ports.write(0xC000 + offset % 64, min(size, 4), value & 0xFF)
                world.ports.read(0xC000 + offset % 64, min(size, 4))
    for gpa, size in world.slots:
        place = AddressRange(gpa, size)
        assert WINDOWS.memory32.contains(place) or WINDOWS.memory64.contains(place)
    world.function.stop()
    assert not world.kernel.irqfds


def config_ports(bus: PciBus) -> ConfigPorts:
    class Reset:
        def read(self, offset: int, size: int) -> int:
            return 0

        def write(self, offset: int, size: int, value: int) -> None:
            raise AssertionError("reset")

    return ConfigPorts(bus, Reset())


def test_both_ways_lead_to_the_same_register(world):
    bus = PciBus()
    bus.add(0, 0, HostBridge())
    bus.add(3, 0, world.function)
    ports, ecam = config_ports(bus), EcamWindow(bus)
    ports.write(0, 4, 0x80000000 | 3 << 11 | 0x2C)
    assert ports.read(4, 4) == ecam.read(3 << 15 | 0x2C, 4) == 0x56781234
    assert ports.read(6, 2) == 0x5678
    assert ecam.read(3 << 15 | 0x28, 8) == 0x56781234_00000000
    ports.write(0, 4, 0x80000000)
    assert ports.read(4, 4) == 0x0D578086


@pytest.mark.parametrize(
    "address", [0x2C | 3 << 11, 0x80010000 | 3 << 11, 0x80000000 | 4 << 11, 0x80000100 | 3 << 11]
)
def test_without_enable_on_another_bus_device_or_function_nobody_answers(world, address):
    bus = PciBus()
    bus.add(3, 0, world.function)
    ports = config_ports(bus)
    ports.write(0, 4, address)
    assert ports.read(4, 4) == 0xFFFFFFFF
    ports.write(4, 4, 0)
