# SPDX-License-Identifier: Apache-2.0
"""A whole arm64 machine on a fake kernel: it is built, it fails at every step, nothing is left."""

import os
import signal
import struct
import time
from pathlib import Path

import pytest

from arm_board import EDGE, LEVEL, LINUX, line
from fake_kernel import FakeFunction, FakeKernel
from passthru.addresses import AddressRange
from passthru.board.model import Bar, BarKind, IommuGroup, UioDevice
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Source
from passthru.host.kernel import Mapping
from passthru.language.reader import read
from passthru.plan.aarch64 import ArmPlan
from passthru.plan.arm_planner import plan_arm_vm
from passthru.vmm import kvm_abi
from passthru.vmm.aarch64 import kvm_abi as arm
from passthru.vmm.aarch64.errors import GicVersionMissing
from passthru.vmm.build import run_machine
from passthru.vmm.errors import GuestCrash
from passthru.vmm.image_errors import ImageError, OtherArchitecture, OutsideRam
from sample_board import function

UART = 0x1C090000
CARD = function(
    "0000:00:05.0",
    (0x1234, 0x11E8),
    Bar(0, BarKind.MEMORY32, False, AddressRange(0x10000000, 0x4000)),
    Bar(1, BarKind.PORTS, False, AddressRange(0x1000, 0x20)),
    group=7,
)
BOARD = LINUX._replace(
    pci=(CARD,),
    iommu_groups=(IommuGroup(7, (CARD.address,), ()),),
    interrupts=(line(34, LEVEL, "pl031"), line(79, EDGE, "virtio_mmio")),
    uio=(
        UioDevice("uio0", "9010000.pl031", "pl031", (34,), ()),
        UioDevice("uio1", "a003e00.virtio_mmio", "virtio_mmio", (79,), ()),
    ),
)
INTERRUPTS = "pass sched 10 intr gic:40=34 pass intr gic:79,u"
PASS = "pass loc pci:0:3.0=pci:0:5.0"
PC, X0 = (0x6030000000100000 | place for place in (64, 0))


ARM64 = "give an arm64 image"


def plan(
    directory: Path,
    more: str = "",
    image: bytes = b"code",
    load: str = "load ",
    ram: str = "ram 0x80000000,1m",
) -> ArmPlan:
    file = directory / "image"
    file.write_bytes(image)
    text = (
        f"{ram}\n{more}\n{load}{file}\n"
        f"vdev pl011 loc {UART:#x} intr gic:37 hostdev >{directory}/console\n"
    )
    config, findings = read([Source("guest.qvmconf", text)], environment={})
    planned = plan_arm_vm(config, BOARD)
    assert (findings, planned.findings) == ((), ())
    return planned.plan


def ending(event: int = kvm_abi.KVM_SYSTEM_EVENT_SHUTDOWN):
    def leave(page) -> None:
        struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_SYSTEM_EVENT)
        struct.pack_into("<I", page, kvm_abi.RUN_EXIT_UNION, event)

    return leave


def writing(address: int, value: int, size: int = 4):
    def leave(page) -> None:
        struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_MMIO)
        data = value.to_bytes(8, "little")
        kvm_abi.RUN_MMIO.pack_into(page, kvm_abi.RUN_EXIT_UNION, address, data, size, 1)

    return leave


def kernel(*exits, fail_at: int | None = None) -> FakeKernel:
    made = FakeKernel(FakeFunction(), fail_at)
    made.exits = [*exits, ending()]
    return made


def run(whole: ArmPlan, on: FakeKernel, remarks: list[str] | None = None) -> ExitStatus:
    return run_machine(whole, BOARD, on, ([] if remarks is None else remarks).append)


def test_the_guest_prints_and_switches_the_machine_off(tmp_path):
    fake = kernel(writing(UART, ord("h")), writing(UART, ord("i")))
    assert run(plan(tmp_path), fake) is ExitStatus.OK
    assert (tmp_path / "console").read_bytes() == b"hi"
    assert (fake.files, fake.mappings) == ({}, {})


class DeviceMemory(Mapping):
    """Memory to which a fast copy may end the process."""

    def write(self, offset: int, data: bytes) -> None:
        raise AssertionError("SIGBUS")


class HostWithReservedMemory(FakeKernel):
    def map(self, file: int, size: int, offset: int, *, writable: bool) -> Mapping:
        mapping = super().map(file, size, offset, writable=writable)
        if self.files[file] != "/dev/mem":
            return mapping
        self.reserved = self.mappings[mapping.address]
        return DeviceMemory(mapping.address, size)


def test_data_go_to_passed_memory_in_words(tmp_path):
    data = bytes(range(1, 200))
    (tmp_path / "data").write_bytes(data)
    more = f"pass loc 0x90000000,4k,rwmn=0x70000000\ndata load 0x90000003,{tmp_path}/data"
    fake = HostWithReservedMemory(FakeFunction())
    fake.exits = [ending()]
    assert run(plan(tmp_path, more=more), fake) is ExitStatus.OK
    assert fake.reserved.raw == (bytes(3) + data).ljust(4096, b"\0")


@pytest.mark.parametrize(
    ("event", "word"),
    [
        (kvm_abi.KVM_SYSTEM_EVENT_SHUTDOWN, "the guest switched itself off"),
        (kvm_abi.KVM_SYSTEM_EVENT_RESET, "the guest reset itself, which ends it"),
    ],
)
def test_a_reset_is_told_from_a_power_off(tmp_path, event, word):
    remarks: list[str] = []
    status = run_machine(plan(tmp_path), BOARD, kernel(ending(event)), remarks.append)
    assert (status, remarks) == (ExitStatus.OK, [word])


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (kvm_abi.KVM_SYSTEM_EVENT_CRASH, "the guest reports that it has crashed"),
        (77, r"KVM ended the guest by an unknown event \(77\)"),
    ],
)
def test_a_guest_that_reports_its_crash_is_fatal(tmp_path, event, words):
    with pytest.raises(GuestCrash, match=f"vCPU 0: {words}") as raised:
        run(plan(tmp_path), kernel(ending(event)))
    assert raised.value.exit_status is ExitStatus.FATAL_AFTER_START


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGQUIT])
def test_a_signal_ends_a_machine_that_has_no_power_button(tmp_path, number):
    def wait(page) -> None:
        struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_INTR)
        time.sleep(0.01)

    def interrupted(page) -> None:
        os.kill(os.getpid(), number)
        wait(page)

    fake = kernel()
    fake.exits = [interrupted, wait]
    assert run(plan(tmp_path), fake) is ExitStatus.POWER_CUT


def test_processors_are_reset_and_all_but_the_first_wait(tmp_path):
    fake = kernel()
    run(plan(tmp_path, "cpu cpu cpu"), fake)
    psci, off = 1 << arm.KVM_ARM_VCPU_PSCI_0_2, 1 << arm.KVM_ARM_VCPU_POWER_OFF
    assert fake.processors == [(5, psci), (5, psci | off), (5, psci | off)]
    assert fake.registers == {PC: 0x80000000, X0: 0}


def test_the_gic_is_complete_when_the_processors_are_there(tmp_path):
    fake = kernel()
    run(plan(tmp_path, "vdev gic gicd 0x50000000 gicr 0x50100000"), fake)
    address, lines, control = 0, 3, 4
    assert fake.gic == [
        (address, arm.KVM_VGIC_V3_ADDR_TYPE_DIST, 0x50000000),
        (address, arm.KVM_VGIC_V3_ADDR_TYPE_REDIST, 0x50100000),
        (lines, 0, fake.gic[2][2]),
        (control, arm.KVM_DEV_ARM_VGIC_CTRL_INIT, 0),
    ]
    assert fake.gic[2][2] & 0xFFFFFFFF == 992
    from_end = fake.steps[::-1].index
    assert from_end("KVM_CREATE_VCPU") > from_end("KVM_SET_DEVICE_ATTR") > from_end("KVM_RUN")


@pytest.mark.parametrize(("version", "other"), [(2, 3), (3, 2)])
def test_a_gic_that_the_host_cannot_show_is_refused_with_the_other(tmp_path, version, other):
    fake = kernel()
    fake.missing_devices = {5 if version == 2 else 7}
    with pytest.raises(GicVersionMissing, match=f"no GICv{version}") as raised:
        run(plan(tmp_path, f"vdev gic version {version}"), fake)
    assert raised.value.fix == f"vdev gic version {other}"
    assert raised.value.exit_status is ExitStatus.FATAL_BEFORE_START


def test_failing_at_any_step_leaves_nothing_behind(tmp_path):
    whole = plan(tmp_path, f"cpu cpu {INTERRUPTS}")
    rehearsal = kernel()
    run(whole, rehearsal)
    assert len(rehearsal.steps) > 35
    for step, name in enumerate(rehearsal.steps):
        fake = kernel(fail_at=step)
        with pytest.raises(PassthruError):
            run(whole, fake)
        left = (fake.files, fake.mappings, fake.irqfds)
        assert left == ({}, {}, {}), f"left after a failure at {name}"


@pytest.mark.shows("intr-passed", "intr-service-thread", "intr-thread-each")
@pytest.mark.shows("intr-immediate-unmask", "sched-priority", "sched-example-intr")
@pytest.mark.parametrize("version", [2, 3])
def test_passed_interrupts_raise_the_gic_s_lines_and_level_ones_hear_of_their_end(
    tmp_path, version
):
    lines: list[dict[int, int]] = []

    def look(page) -> None:
        lines.append(dict(fake.irqfds))
        struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_INTR)

    fake = kernel(look)
    whole = plan(tmp_path, f"vdev gic version {version} {INTERRUPTS}")
    assert run(whole, fake) is ExitStatus.OK
    assert sorted(lines[0].values()) == [40 - 32, 79 - 32]
    assert list(fake.resamplers) == [40 - 32]
    assert (fake.locked, fake.priorities) == (["/dev/uio0", "/dev/uio1"], [10])
    assert (fake.files, fake.irqfds) == ({}, {})
    # KVM takes an irqfd only when its GIC is complete (kvm_arch_intc_initialized).
    first_irqfd = fake.steps.index("KVM_IRQFD")
    assert "KVM_SET_DEVICE_ATTR" not in fake.steps[first_irqfd:]


MSI = 0x50
ECAM, PORTS = 0xFFE00000, 0xFFFF0000
SPACE = ECAM + (3 << 15)
"""Configuration space of the guest's 0:3.0."""


def card() -> FakeFunction:
    """A function with one wired interrupt, and MSI with 64-bit addresses."""
    space = bytearray(256)
    space[0x06], space[0x34], space[0x3D] = 0x10, MSI, 1
    space[MSI : MSI + 4] = bytes.fromhex("05008000")
    return FakeFunction(bytes(space), {0: 0x4000, 1: 0x20})


def with_card(*exits, fail_at: int | None = None) -> FakeKernel:
    made = kernel(*exits, fail_at=fail_at)
    made.function = card()
    return made


def enabling_msi() -> list:
    """What a driver writes: the ITS's doorbell, the event, enable."""
    return [
        writing(SPACE + MSI + 4, 0x2F030040),
        writing(SPACE + MSI + 12, 5, 2),
        writing(SPACE + MSI + 2, 1, 2),
    ]


def test_a_function_s_message_goes_to_the_its_with_its_sender(tmp_path):
    routes: list[list[bytes]] = []
    fake = with_card(*enabling_msi(), lambda page: routes.append(fake.table) or ending()(page))
    assert run(plan(tmp_path, PASS), fake) is ExitStatus.OK
    its = fake.gic.index((0, arm.KVM_VGIC_ITS_ADDR_TYPE, 0x2F020000))
    assert fake.gic[its + 1] == (4, arm.KVM_DEV_ARM_VGIC_CTRL_INIT, 0)
    # All that is before the GIC itself is initialised.
    assert fake.gic[-1] == (4, arm.KVM_DEV_ARM_VGIC_CTRL_INIT, 0)
    assert len(fake.gic) - 1 > its + 1
    *pins, message = routes[0]
    assert kvm_abi.ROUTE_MSI.unpack(message) == (960, 2, 1, 0, 0x2F030040, 0, 5, 3 << 3)
    assert [kvm_abi.ROUTE_IRQCHIP.unpack(pin) for pin in pins] == [
        (gsi, 1, 0, 0, 0, gsi) for gsi in range(960)
    ]
    assert (fake.files, fake.mappings, fake.irqfds) == ({}, {}, {})


def test_a_wired_interrupt_is_a_line_of_the_gic(tmp_path):
    seen: list[dict[int, int]] = []
    fake = with_card(lambda page: seen.append(dict(fake.irqfds)) or ending()(page))
    run(plan(tmp_path, PASS), fake)
    # INTA of device 3: the last of the four lines, 991.
    assert list(seen[0].values()) == [991 - 32]
    assert 991 - 32 in fake.resamplers
    assert fake.function.resets == 2
    assert fake.dma == [(0x80000000, 1 << 20, 3)]


def test_bars_answer_in_memory_and_ports_behind_memory(tmp_path):
    fake = with_card(
        writing(SPACE + 4, 3, 2),  # decode memory and ports
        writing(PORTS + 0x1008, 0xAB, 1),
        lambda page: slots.append(sorted(fake.slots.values())) or ending()(page),
    )
    slots: list[list[tuple[int, int, bool]]] = []
    run(plan(tmp_path, PASS), fake)
    assert slots == [[(0x40000000, 0x4000, False), (0x80000000, 1 << 20, False)]]
    assert fake.function.bars[1][8] == 0xAB


def test_without_an_its_the_guest_sees_no_message_interrupts(tmp_path):
    remarks: list[str] = []
    fake = with_card(*enabling_msi())
    assert run(plan(tmp_path, f"vdev gic version 2 {PASS}"), fake, remarks) is ExitStatus.OK
    assert [each for each in remarks if "takes no messages" in each] == remarks[:-1]
    assert len(remarks) == 2
    assert (fake.routes, fake.function.active) == (0, None)
    assert not any(attribute == arm.KVM_VGIC_ITS_ADDR_TYPE for _, attribute, _ in fake.gic)


@pytest.mark.parametrize("gic", ["", "vdev gic version 2"])
def test_failing_at_any_step_with_a_function_leaves_nothing_behind(tmp_path, gic):
    whole = plan(tmp_path, f"{gic} {PASS}")
    exits = [writing(SPACE + 4, 3, 2), *enabling_msi()]
    rehearsal = with_card(*exits)
    run(whole, rehearsal)
    assert len(rehearsal.steps) > 40
    for step, name in enumerate(rehearsal.steps):
        fake = with_card(*exits, fail_at=step)
        with pytest.raises(PassthruError):
            run(whole, fake)
        left = (fake.files, fake.mappings, fake.irqfds)
        assert left == ({}, {}, {}), f"left after a failure at {name}"


def elf(machine: int, entry: int, virtual: int, physical: int) -> bytes:
    """An ELF file of one segment with four bytes."""
    ident = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    head = struct.pack("<HHIQQQIHHHHHH", 2, machine, 1, entry, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 120, virtual, physical, 4, 8, 4)
    return ident + head + segment + b"code"


@pytest.mark.parametrize("virtual", [0x80001000, 0xFFFF000000001000])
def test_an_elf_file_starts_where_its_header_says(tmp_path, virtual):
    fake = kernel()
    image = elf(183, virtual + 2, virtual, 0x80001000)
    assert run(plan(tmp_path, image=image), fake) is ExitStatus.OK
    assert fake.registers[PC] == 0x80001002


@pytest.mark.parametrize(
    ("image", "load", "error", "words", "fix"),
    [
        (elf(62, 0, 0, 0), "load ", OtherArchitecture, "made for x86-64; this .* arm64", ARM64),
        (b"\0" * 0x202 + b"HdrS", "load ", OtherArchitecture, "made for x86-64; this", ARM64),
        (bytes(0x38) + b"RSC\x05", "load ", OtherArchitecture, "made for RISC-V; this", ARM64),
        (elf(183, 0, 0, 0x90000000), "load ", OutsideRam, "0x90000000", "0x90000000..0x90000008"),
        (b"code", "load 0x800ffffe,", OutsideRam, "0x800ffffe..0x80100002", "let the guest's RAM"),
        (b"code", "guest load ", ImageError, "data of no known format", "first byte: load "),
        (bytes(0x38) + b"ARM\x64", "load ", ImageError, "the header needs 64 bytes", None),
        (bytes(1 << 21), "load ", ImageError, "2m of RAM", "ram 0x80000000,4m"),
        (b"", "load ", ImageError, "an empty file", None),
        (b"\xfd7zXZ\0", "load ", ImageError, "an xz file", "xzcat "),
    ],
)
def test_images_that_cannot_start_are_refused_before_kvm_is_opened(
    tmp_path, image, load, error, words, fix
):
    fake = kernel()
    with pytest.raises(error, match=words) as raised:
        run(plan(tmp_path, image=image, load=load), fake)
    assert fake.steps == []
    assert raised.value.exit_status is ExitStatus.FATAL_BEFORE_START
    assert fix is None or fix in (raised.value.fix or "")


def test_more_ram_as_the_fix_says_is_enough(tmp_path):
    large = bytes(3 << 20)
    with pytest.raises(ImageError) as raised:
        run(plan(tmp_path, image=large), kernel())
    assert run(plan(tmp_path, image=large, ram=raised.value.fix), kernel()) is ExitStatus.OK
