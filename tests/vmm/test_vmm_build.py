# SPDX-License-Identifier: Apache-2.0
"""A whole machine on a fake kernel: it is built, it fails at every step, nothing is left."""

import errno
import os
import signal
import threading
import time
from pathlib import Path

import pytest

from fake_kernel import FakeFunction, FakeKernel, FakeUio
from passthru.addresses import AddressRange, PciAddress
from passthru.board.model import Abilities, Bar, BarKind, Board, IommuGroup, PciFunction
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Source, Span
from passthru.host.errors import GroupBusy, GroupNotViable, PhysicalMemoryRefused, VfioMissing
from passthru.host.kernel import KernelCallFailed
from passthru.host.uio import UioRefused
from passthru.language.access import Access
from passthru.plan.model import (
    Blob,
    BlobRole,
    GuestFunction,
    GuestRegion,
    PassedInterrupt,
    PciWindows,
    PlannedBar,
    RegionKind,
    SerialPort,
    VmPlan,
)
from passthru.vmm import kvm_abi
from passthru.vmm import machine as machine_module
from passthru.vmm.build import run_machine
from passthru.vmm.errors import (
    FileUnreadable,
    GuestCrash,
    KvmForbidden,
    KvmMissing,
    OutsideGuestMemory,
    SoftwareKvm,
    TooManyVcpus,
)
from passthru.vmm.interrupt_service import InterruptNotDelivered

SPAN = Span(Source("guest.qvmconf", "system x"), 0, 6)
HOST = PciAddress(0, 0, 4, 0)
BAR = Bar(0, BarKind.MEMORY32, False, AddressRange(0xFE000000, 0x4000))
FUNCTION = PciFunction(HOST, 0x1B36, 0x10, 0x010802, 0, 1, (BAR,), "vfio-pci", 7, ("flr",))
BOARD = Board(
    name="fake",
    architecture="x86_64",
    cpu_count=2,
    memory=(),
    allocated=(),
    reserved=(),
    pci=(FUNCTION,),
    iommu_groups=(IommuGroup(7, (HOST,), ()),),
    abilities=Abilities(False, True, True, None),
)


def plan(tmp_path: Path, **changes) -> VmPlan:
    image = tmp_path / "flat.bin"
    image.write_bytes(b"\xf4")
    whole = VmPlan(
        name="guest",
        cpu_count=1,
        regions=(
            GuestRegion(AddressRange(0, 0xA0000), RegionKind.RAM, "ram", SPAN),
            GuestRegion(AddressRange(0xE0000, 0x20000), RegionKind.FIRMWARE, "tables", None),
            GuestRegion(
                AddressRange(0x100000, 0x2000),
                RegionKind.PASSED,
                "pass",
                SPAN,
                host=AddressRange(0x20000000, 0x2000),
                access=Access("rns"),
            ),
        ),
        blobs=(Blob(BlobRole.BOOT_IMAGE, str(image), None, None, SPAN),),
        command_line="",
        functions=(
            GuestFunction(
                PciAddress(0, 0, 3, 0), FUNCTION, (PlannedBar(BAR, 0xC0000000),), 16, SPAN
            ),
        ),
        pci=PciWindows(
            AddressRange(0xE0000000, 1 << 20),
            AddressRange(0xC0000000, 1 << 28),
            AddressRange(1 << 36, 1 << 36),
            AddressRange(0xC000, 0x4000),
        ),
        serial_ports=(SerialPort(0x3F8, 4, (), SPAN),),
        ioapic_address=0xFEC00000,
        locked_memory=0,
        claims=(),
        interrupts=(
            PassedInterrupt(5, 21, "uio0", False, 10, SPAN),
            PassedInterrupt(6, 22, "uio1", True, None, SPAN),
        ),
    )
    return whole._replace(**changes)


def run(plan_: VmPlan, kernel: FakeKernel, board: Board = BOARD) -> ExitStatus:
    return run_machine(plan_, board, kernel, lambda remark: None)


def test_a_machine_ends_with_the_guest_s_reset_and_gives_everything_back(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    assert run(plan(tmp_path), kernel) is ExitStatus.OK
    assert kernel.files == {}
    assert kernel.mappings == {}
    assert kernel.irqfds == {}


@pytest.mark.shows("intr-thread-each", "intr-immediate-unmask")
def test_an_interrupt_service_is_connected_and_its_device_locked(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.uio = FakeUio(pci=True)
    lines: list[dict[int, int]] = []

    def look(page: memoryview) -> None:
        lines.append(dict(kernel.irqfds))
        page[kvm_abi.RUN_EXIT_REASON] = kvm_abi.KVM_EXIT_INTR

    kernel.exits.insert(0, look)
    assert run(plan(tmp_path), kernel) is ExitStatus.OK
    assert {5, 6} <= set(lines[0].values())
    assert 5 in kernel.resamplers
    assert 6 not in kernel.resamplers
    assert (kernel.locked, kernel.priorities) == (["/dev/uio0", "/dev/uio1"], [10])
    assert (kernel.files, kernel.irqfds) == ({}, {})


def test_who_asks_the_machine_is_told_of_its_interrupts(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    said: list[str] = []

    def ask(page: memoryview) -> None:
        os.kill(os.getpid(), signal.SIGUSR1)
        page[kvm_abi.RUN_EXIT_REASON] = kvm_abi.KVM_EXIT_INTR

    kernel.exits.insert(0, ask)
    before = signal.getsignal(signal.SIGUSR1)
    run_machine(plan(tmp_path), BOARD, kernel, said.append)
    assert [line for line in said if "taken" in line] == [
        f"vector {vector} (intr {SPAN.text}): 0 taken, 0 lost" for vector in (21, 22)
    ]
    assert signal.getsignal(signal.SIGUSR1) == before


def test_a_plan_without_a_device_for_an_interrupt_does_not_start(tmp_path):
    nobody = PassedInterrupt(5, 21, None, False, None, SPAN)
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    with pytest.raises(InterruptNotDelivered, match="no UIO device delivers interrupt 21"):
        run(plan(tmp_path, interrupts=(nobody,)), kernel)
    assert kernel.files == {}


def test_a_device_that_goes_while_the_guest_runs_is_fatal_after_the_start(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))

    def unplug(page: memoryview) -> None:
        (uio,) = (file for file, name in kernel.files.items() if name == "/dev/uio1")
        kernel.files[uio] = "gone"  # a read is refused from now on
        kernel.make_ready(uio)
        page[kvm_abi.RUN_EXIT_REASON] = kvm_abi.KVM_EXIT_INTR

    def read(file: int, size: int, offset: int) -> bytes:
        if kernel.files[file] == "gone":
            raise OSError(errno.EIO, "fake")
        return FakeKernel.read(kernel, file, size, offset)

    kernel.read = read
    kernel.exits = [unplug, lambda page: time.sleep(0.001)]
    with pytest.raises(KernelCallFailed, match=r"/dev/uio1: read: .*EIO") as raised:
        run(plan(tmp_path), kernel)
    assert raised.value.exit_status is ExitStatus.FATAL_AFTER_START
    assert (kernel.files, kernel.irqfds) == ({}, {})


def test_only_the_empty_machine_is_left_to_a_process_that_exits(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    run_machine(plan(tmp_path), BOARD, kernel, lambda remark: None, exits_after=True)
    assert list(kernel.files.values()) == ["vm"]
    assert kernel.mappings == {}
    assert kernel.irqfds == {}


def test_memory_slots_are_what_the_plan_says(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    run(plan(tmp_path), kernel)
    assert sorted(kernel.slots.values()) == [
        (0, 0xA0000, False),
        (0xE0000, 0x20000, True),
        (0x100000, 0x2000, True),
    ]


def test_trapped_windows_share_a_page_of_the_guest_and_have_no_slot(tmp_path):
    whole = plan(tmp_path)
    passed = whole.regions[2]
    assert passed.host is not None
    windows = tuple(
        passed._replace(
            range=AddressRange(0x100000 + at, 8),
            host=AddressRange(passed.host.start + at + 4, 8),
            access=Access("wn"),
        )
        for at in (0x10, 0x18, 0x40)
    )
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    changed = whole._replace(regions=(*whole.regions[:2], *windows))
    assert run(changed, kernel) is ExitStatus.OK
    assert sorted(kernel.slots.values()) == [(0, 0xA0000, False), (0xE0000, 0x20000, True)]


def test_devices_reach_ram_both_ways_and_passed_memory_as_its_letters_say(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    run(plan(tmp_path), kernel)
    assert kernel.dma == [(0, 0xA0000, 3), (0x100000, 0x2000, 1)]


def test_the_function_is_reset_before_and_after(tmp_path):
    function = FakeFunction(bar_sizes={0: 0x4000})
    run(plan(tmp_path), FakeKernel(function))
    assert function.resets == 2
    assert function.config[4:6] == b"\0\0"


def test_a_function_without_reset_method_is_told_once(tmp_path):
    function = FakeFunction(bar_sizes={0: 0x4000})
    function.can_reset = False
    remarks: list[str] = []
    run_machine(plan(tmp_path), BOARD, FakeKernel(function), remarks.append)
    assert len([remark for remark in remarks if "no method to reset" in remark]) == 1


def test_failing_at_any_step_leaves_nothing_behind(tmp_path):
    whole = plan(tmp_path)
    rehearsal = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    run(whole, rehearsal)
    assert len(rehearsal.steps) > 40
    for step, name in enumerate(rehearsal.steps):
        kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}), fail_at=step)
        with pytest.raises(PassthruError):
            run(whole, kernel)
        left = (kernel.files, kernel.mappings, kernel.irqfds)
        assert left == ({}, {}, {}), f"left after a failure at {name}"


def test_a_dry_run_builds_everything_and_enters_no_guest(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    remarks: list[str] = []
    status = run_machine(plan(tmp_path), BOARD, kernel, remarks.append, dry=True)
    assert status is ExitStatus.OK
    assert "KVM_RUN" not in kernel.steps
    assert "KVM_CREATE_VCPU" in kernel.steps
    assert kernel.files == {}


@pytest.mark.parametrize(
    ("path", "error", "expected"),
    [
        ("/dev/kvm", errno.ENOENT, KvmMissing),
        ("/dev/kvm", errno.ENODEV, KvmMissing),
        ("/dev/kvm", errno.EACCES, KvmForbidden),
        ("/dev/mem", errno.ENOENT, PhysicalMemoryRefused),
        ("/dev/vfio/vfio", errno.ENOENT, VfioMissing),
        ("/dev/vfio/7", errno.EBUSY, GroupBusy),
        ("/dev/vfio/7", errno.ENOENT, GroupNotViable),
        ("/dev/uio0", errno.ENOENT, UioRefused),
        ("/dev/uio1", errno.EACCES, UioRefused),
        ("/sys/class/uio/uio0/event", errno.ENOENT, UioRefused),
    ],
)
def test_what_the_host_lacks_has_its_own_error_with_a_fix(tmp_path, path, error, expected):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.missing_paths[path] = error
    with pytest.raises(expected) as raised:
        run(plan(tmp_path), kernel)
    assert raised.value.exit_status is ExitStatus.FATAL_BEFORE_START
    assert kernel.files == {}


def test_a_group_that_is_not_viable_names_members_drivers_and_commands(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.group_flags = 0
    other = FUNCTION._replace(address=PciAddress(0, 0, 4, 1), driver="e1000e")
    board = BOARD._replace(
        pci=(FUNCTION, other), iommu_groups=(IommuGroup(7, (HOST, other.address), ()),)
    )
    with pytest.raises(GroupNotViable) as raised:
        run(plan(tmp_path), kernel, board)
    text = f"{raised.value} {raised.value.fix}"
    for part in ("group 7", "0000:00:04.0 (driver vfio-pci)", "0000:00:04.1 (driver e1000e)"):
        assert part in text
    assert "echo 0000:00:04.1 > /sys/bus/pci/devices/0000:00:04.1/driver/unbind" in text
    assert "0000:00:04.0/driver/unbind" not in text


def test_a_linux_kernel_is_refused_on_a_software_kvm_before_kvm_is_opened(tmp_path):
    image = tmp_path / "vmlinuz"
    image.write_bytes(b"\0" * 0x202 + b"HdrS" + b"\0" * 0x400)
    blob = Blob(BlobRole.BOOT_IMAGE, str(image), None, None, SPAN)
    kernel = FakeKernel()
    with pytest.raises(SoftwareKvm) as raised:
        run(plan(tmp_path, blobs=(blob,)), kernel)
    assert "bench run" in raised.value.fix
    assert kernel.steps == []


def test_a_file_that_is_not_there_is_named_with_its_line(tmp_path):
    blob = Blob(BlobRole.BOOT_IMAGE, "/nonexistent/image", None, None, SPAN)
    with pytest.raises(FileUnreadable, match=r"\[guest.qvmconf:1\] load /nonexistent/image: No"):
        run(plan(tmp_path, blobs=(blob,)), FakeKernel())


def test_data_outside_guest_memory_is_refused(tmp_path):
    whole = plan(tmp_path)
    data = tmp_path / "data"
    data.write_bytes(b"12345678")
    late = Blob(BlobRole.DATA, str(data), 0x9FFFC, None, SPAN)
    with pytest.raises(OutsideGuestMemory, match=r"0x9fffc\.\.0xa0004"):
        run(whole._replace(blobs=(*whole.blobs, late)), FakeKernel())
    fits = late._replace(address=0x9FFF8)
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    assert run(whole._replace(blobs=(*whole.blobs, fits)), kernel) is ExitStatus.OK


@pytest.mark.parametrize(("letters", "fits"), [("rxmn", False), ("rwxmn", True)])
def test_data_goes_to_passed_memory_only_if_that_can_be_written(tmp_path, letters, fits):
    whole = plan(tmp_path)
    data = tmp_path / "data"
    data.write_bytes(b"12345678")
    passed = whole.regions[2]._replace(kind=RegionKind.PASSED_RAM, access=Access(letters))
    blob = Blob(BlobRole.DATA, str(data), 0x100008, None, SPAN)
    changed = whole._replace(regions=(*whole.regions[:2], passed), blobs=(*whole.blobs, blob))
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    if fits:
        assert run(changed, kernel) is ExitStatus.OK
        return
    with pytest.raises(OutsideGuestMemory, match=r"0x100008\.\.0x100010"):
        run(changed, kernel)


def test_more_vcpus_than_kvm_gives_are_refused(tmp_path):
    with pytest.raises(TooManyVcpus, match=r"9 vCPUs .* at most 8"):
        run(plan(tmp_path, cpu_count=9), FakeKernel(FakeFunction(bar_sizes={0: 0x4000})))


def test_a_host_that_fails_while_the_guest_runs_is_fatal_after_the_start(tmp_path):
    function = FakeFunction(bytes(6) + b"\x10" + bytes(0x2D) + b"\x40", {0: 0x4000})
    function.config[0x40:0x44] = bytes.fromhex("05008000")
    kernel = FakeKernel(function)
    enable = [(0xCF8, 0x80001840, 4), (0xCFC, 0x00810005, 4)]
    kernel.exits = [port_write(*access) for access in enable] + kernel.exits
    rehearsal = FakeKernel(FakeFunction(bytes(function.config), {0: 0x4000}))
    rehearsal.exits = [port_write(*access) for access in enable] + rehearsal.exits
    assert run(plan(tmp_path), rehearsal) is ExitStatus.OK
    last_run = len(rehearsal.steps) - 1 - rehearsal.steps[::-1].index("KVM_RUN")
    kernel.fail_at = last_run - 1
    with pytest.raises(PassthruError) as raised:
        run(plan(tmp_path), kernel)
    assert raised.value.exit_status is ExitStatus.FATAL_AFTER_START
    assert (kernel.files, kernel.mappings, kernel.irqfds) == ({}, {}, {})


def test_a_reset_that_fails_after_the_guest_s_end_is_fatal_after_the_start(tmp_path):
    rehearsal = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    run(plan(tmp_path), rehearsal)
    last = len(rehearsal.steps) - 1 - rehearsal.steps[::-1].index("VFIO_DEVICE_RESET")
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}), fail_at=last)
    with pytest.raises(PassthruError, match="VFIO_DEVICE_RESET") as raised:
        run(plan(tmp_path), kernel)
    assert raised.value.exit_status is ExitStatus.FATAL_AFTER_START


@pytest.mark.parametrize(
    ("port", "value", "size", "word"),
    [
        (0x64, 0xFE, 1, "the guest reset itself, which ends it"),
        (0xCF9, 0x06, 1, "the guest reset itself, which ends it"),
        (0x604, 0x3400, 2, "the guest switched itself off"),
    ],
)
def test_a_reset_is_told_from_a_power_off(tmp_path, port, value, size, word):
    remarks: list[str] = []
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.exits = [port_write(port, value, size)]
    assert run_machine(plan(tmp_path), BOARD, kernel, remarks.append) is ExitStatus.OK
    assert remarks == [word]


def test_a_triple_fault_is_a_crash(tmp_path):
    remarks: list[str] = []
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.exits = [leave(kvm_abi.KVM_EXIT_SHUTDOWN)]
    told = "vCPU 0: the guest crashed by a triple fault, at instruction 0x0"
    with pytest.raises(GuestCrash, match=told) as raised:
        run_machine(plan(tmp_path), BOARD, kernel, remarks.append)
    assert raised.value.exit_status is ExitStatus.FATAL_AFTER_START
    assert remarks == []
    assert (kernel.files, kernel.mappings, kernel.irqfds) == ({}, {}, {})


class HaltedKernel(FakeKernel):
    """Whose vCPUs stay in the guest until they are told to leave."""

    state_of: tuple[int, ...] = ()

    def _kvm_run(self, file: int, argument: int) -> int:
        while not self._run_pages[file].view[kvm_abi.RUN_IMMEDIATE_EXIT]:
            time.sleep(0.001)
        raise InterruptedError

    def _kvm_get_mp_state(self, file: int, argument: bytearray) -> int:
        number = sorted(self._run_pages).index(file)
        kvm_abi.MP_STATE.pack_into(argument, 0, self.state_of[number])
        return 0


@pytest.mark.parametrize(
    ("states", "remarks"),
    [
        ((3, 1), 1),  # halted, not started
        ((3, 0), 0),  # halted, running
        ((0, 1), 0),
    ],
)
def test_a_guest_sleeps_for_ever_if_all_of_its_processors_do(
    tmp_path, monkeypatch, states, remarks
):
    monkeypatch.setattr(machine_module, "_QUIET", 0.05)
    monkeypatch.setattr(machine_module, "_IDLE", 10.0)
    kernel = HaltedKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.state_of = states
    said: list[str] = []
    timer = threading.Timer(0.5, lambda: os.kill(os.getpid(), signal.SIGQUIT))
    timer.start()
    status = run_machine(plan(tmp_path, cpu_count=2), BOARD, kernel, said.append)
    assert status is ExitStatus.POWER_CUT
    told = [line for line in said if "sleeps for ever" in line]
    assert len(told) == remarks
    for line in told:
        assert "vCPU 0 has halted with interrupts off" in line
        assert "; vCPU 1 has not been started" in line


def test_ram_that_huge_pages_do_not_fit_is_told(tmp_path):
    remarks: list[str] = []
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    run_machine(plan(tmp_path), BOARD, kernel, remarks.append, hugepages=True)
    assert any("ordinary pages" in remark for remark in remarks)


def leave(reason: int):
    def exit_(page: memoryview) -> None:
        page[kvm_abi.RUN_EXIT_REASON] = reason

    return exit_


def port_write(port: int, value: int, size: int):
    def exit_(page: memoryview) -> None:
        kvm_abi.RUN_IO.pack_into(page, 8, kvm_abi.KVM_EXIT_IO, 1, size, port, 1, 0x400)
        page[0x400 : 0x400 + size] = value.to_bytes(size, "little")

    return exit_


def test_a_processor_that_cannot_go_on_ends_with_96(tmp_path):
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.exits = [leave(kvm_abi.KVM_EXIT_INTERNAL_ERROR)]
    told = r"vCPU 0: KVM failed by itself \(internal error 0\), at instruction 0x0"
    with pytest.raises(GuestCrash, match=told) as raised:
        run(plan(tmp_path), kernel)
    assert raised.value.exit_status is ExitStatus.FATAL_AFTER_START
    assert kernel.files == {}
