# SPDX-License-Identifier: Apache-2.0
"""The steps that a plan tells are what `run` does: compared with a machine on a fake kernel."""

import re
import struct
from pathlib import Path

import pytest

from arm_board import LEVEL, line
from arm_board import LINUX as ARM
from fake_kernel import FakeFunction, FakeKernel
from passthru.addresses import AddressRange
from passthru.board.model import Bar, BarKind, UioDevice
from passthru.diagnostics.errors import ExitStatus
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.arm_planner import plan_arm_vm
from passthru.plan.description import describe_vm
from passthru.plan.planner import plan_vm
from passthru.plan.vm_description import VmDescription
from passthru.vmm import kvm_abi
from passthru.vmm.build import run_machine
from sample_board import AUDIO, bar, check_text, function, with_functions

ONE_FUNCTION = with_functions(AUDIO)
GIC_ADDRESSES = 0
"""KVM_DEV_ARM_VGIC_GRP_ADDR."""

GROUP = f"/dev/vfio/{AUDIO.iommu_group}"

TEXT = """
system steps cpu cpu
ram 0,640k ram 1m,1m rom 0x300000,4k
load {folder}/flat.bin
load 0x110000,{folder}/data
pass loc 0x400000,8k,rn=0x20000000 loc 0x500000,4k,rwcnst=0x20010000
pass loc 0x600100,0x40,wn=0x20020100 loc 0x700000,4k,n=0x20030000
pass loc pci:0:4.0
vdev ioapic loc 0xf8000000 intr apic name p
"""


ARM_TEXT = """
system steps cpu cpu
ram 0x80000000,1m ram 0x90000000,1m rom 0xa0000000,4k
load {folder}/flat.bin
data load 0x90000000,{folder}/data
pass loc 0xb0000000,8k,rn=0x70000000 loc 0xb0100000,4k,rwn=0xfe201000
pass loc 0xb0200100,0x40,wn=0xfe202100 loc 0xb0300000,4k,n=0xfe203000
vdev gic version {version}
vdev pl011 loc 0x1c090000 intr gic:37 hostdev >{folder}/console hostdev >-
"""


def described(text: str, board=ONE_FUNCTION) -> VmDescription:
    return describe_vm(check_text(text, board, base="").config, board, kvm=True)


def ranges(steps: tuple[str, ...], words: str) -> list[AddressRange]:
    found = (re.search(words + r" 0x([0-9a-f]+)\.\.0x([0-9a-f]+)", step) for step in steps)
    return [AddressRange.between(int(m[1], 16), int(m[2], 16)) for m in found if m]


def test_the_steps_are_those_that_run_takes(tmp_path: Path) -> None:
    (tmp_path / "flat.bin").write_bytes(b"\xf4")
    (tmp_path / "data").write_bytes(b"data")
    vm = described(TEXT.format(folder=tmp_path))
    plan = plan_vm(vm.config, ONE_FUNCTION).plan
    assert plan is not None
    assert plan == vm.plan
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    assert run_machine(plan, ONE_FUNCTION, kernel, lambda _: None) is ExitStatus.OK

    assert opened_by(kernel) == ["/dev/kvm", *["/dev/mem"] * 3, "/dev/vfio/vfio", GROUP]
    assert_steps_are_those_of(kernel, vm, tmp_path)
    windows = [AddressRange(iova, size) for iova, size, _ in kernel.dma]
    assert ranges(vm.steps, "the devices reach") == windows == list(vm.dma_windows)


def opened_by(kernel: FakeKernel) -> list[str]:
    return [step.removeprefix("open ") for step in kernel.steps if step.startswith("open ")]


def assert_steps_are_those_of(kernel: FakeKernel, vm: VmDescription, folder: Path) -> None:
    """What is opened, read and given a slot is what the steps tell."""
    assert re.findall(r"/dev/[a-z0-9/]+", "\n".join(vm.steps)) == opened_by(kernel)
    memory_slots = [AddressRange(start, size) for start, size, _ in kernel.slots.values()]
    told_slots = ranges(vm.steps, "a slot at")
    assert told_slots
    assert set(told_slots) <= set(memory_slots)
    read_only = {
        AddressRange(start, size) for start, size, is_fixed in kernel.slots.values() if is_fixed
    }
    told = [step for step in vm.steps if step.endswith("read-only for the guest")]
    assert set(ranges(tuple(told), "a slot at")) == read_only
    files = [step.removeprefix("read ") for step in vm.steps if step.startswith("read ")]
    assert files == [f"{folder}/flat.bin", f"{folder}/data"]


@pytest.mark.parametrize("version", [2, 3])
def test_the_steps_on_arm64_are_those_that_run_takes(tmp_path: Path, version: int) -> None:
    (tmp_path / "flat.bin").write_bytes(b"code")
    (tmp_path / "data").write_bytes(b"data")
    result = read([Source("a", ARM_TEXT.format(folder=tmp_path, version=version))], environment={})
    config = result.config
    vm = describe_vm(config, ARM, kvm=True)
    plan = plan_arm_vm(config, ARM).plan
    assert plan == vm.plan
    kernel = FakeKernel(FakeFunction())
    kernel.exits = [switched_off]
    assert run_machine(plan, ARM, kernel, lambda _: None) is ExitStatus.OK

    assert opened_by(kernel) == ["/dev/kvm", *["/dev/mem"] * 3]
    assert_steps_are_those_of(kernel, vm, tmp_path)
    slots = {AddressRange(start, size) for start, size, _ in kernel.slots.values()}
    assert slots == set(ranges(vm.steps, "a slot at"))
    (gic,) = [step for step in vm.steps if "distributor" in step]
    places = [place for kind, _, place in kernel.gic if kind == GIC_ADDRESSES]
    assert [int(word, 16) for word in re.findall("0x[0-9a-f]+", gic)] == places
    assert f"GICv{version}" in gic
    streams = [step for step in vm.steps if "for the serial port 0x1c090000" in step]
    assert [step.split()[1] for step in streams] == [f">{tmp_path}/console", ">-"]
    assert (tmp_path / "console").exists()
    # The kernel's part of each step comes in the order that is told.
    order = ("KVM_CREATE_VM", "KVM_SET_USER_MEMORY_REGION", "KVM_CREATE_DEVICE", "KVM_CREATE_VCPU")
    words = ("create a virtual machine", "a slot at", "create KVM's GIC", "virtual processors")
    done = [kernel.steps.index(name) for name in order]
    shown = [next(n for n, step in enumerate(vm.steps) if word in step) for word in words]
    assert (done, shown) == (sorted(done), sorted(shown))
    assert kernel.steps.count("KVM_CREATE_VCPU") == 2
    assert "create 2 virtual processors; all but the first wait for PSCI" in vm.steps


CARD = Bar(0, BarKind.MEMORY32, False, AddressRange(0x10000000, 0x4000))
DEVICES = with_functions(function("0000:00:05.0", (0x1234, 0x11E8), CARD, group=7))
ARM_DEVICES = ARM._replace(
    pci=DEVICES.pci,
    iommu_groups=DEVICES.iommu_groups,
    interrupts=(line(34, LEVEL, "rtc"), line(35, LEVEL, "timer")),
    uio=(
        UioDevice("uio0", "9010000.rtc", "rtc", (34,), ()),
        UioDevice("uio1", "9020000.timer", "timer", (35,), ()),
    ),
)


@pytest.mark.parametrize("version", [2, 3])
def test_the_steps_tell_the_its_and_the_threads_that_run_has(tmp_path: Path, version: int) -> None:
    (tmp_path / "flat.bin").write_bytes(b"code")
    text = (
        f"ram 0x80000000,1m load {tmp_path}/flat.bin vdev gic version {version} "
        "pass loc pci:0:5.0 pass sched 10 intr gic:40=34 pass intr gic:41=35"
    )
    config = read([Source("a", text)], environment={}).config
    vm = describe_vm(config, ARM_DEVICES, kvm=True)
    kernel = FakeKernel(FakeFunction(bar_sizes={0: 0x4000}))
    kernel.exits = [switched_off]
    plan = plan_arm_vm(config, ARM_DEVICES).plan
    assert run_machine(plan, ARM_DEVICES, kernel, lambda _: None) is ExitStatus.OK

    steps = "\n".join(vm.steps)
    told = re.findall(
        r"(?:distributor at|redistributors at|cpu interface at|ITS at) (0x\w+)", steps
    )
    assert [int(word, 16) for word in told] == [
        place for kind, _, place in kernel.gic if kind == GIC_ADDRESSES
    ]
    assert ("ITS" in steps) is (version == 3)
    priorities = re.findall(r"a thread of real-time priority (\d+)", steps)
    assert [int(word) for word in priorities] == kernel.priorities == [10]
    assert steps.count("start a thread") == 2
    # No host tells where it is.
    alone = "\n".join(describe_vm(config, None, kvm=True).steps)
    assert ("create KVM's ITS, which" in alone) is (version == 3)


def switched_off(page) -> None:
    struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_SYSTEM_EVENT)
    struct.pack_into("<I", page, kvm_abi.RUN_EXIT_UNION, kvm_abi.KVM_SYSTEM_EVENT_SHUTDOWN)


def test_the_last_step_is_the_guest_or_the_dry_run() -> None:
    assert described("ram 1m load a").steps[-1] == "let the guest run"
    assert described("ram 1m load a dryrun").steps[-1].startswith("stop here")


def test_without_anything_passed_nothing_of_vfio_is_opened() -> None:
    steps = "\n".join(described("ram 0,640k ram 1m,1m load a").steps)
    assert "vfio" not in steps
    assert "/dev/mem" not in steps


def test_a_serial_port_opens_its_streams() -> None:
    text = "ram 1m load a vdev ser8250 loc 0x3f8 intr p:4 hostdev >- hostdev log vdev ioapic name p"
    assert [step for step in described(text).steps if "serial" in step] == [
        "open >- for the serial port 0x3f8",
        "open log for the serial port 0x3f8",
    ]


def test_a_group_of_two_functions_is_taken_once() -> None:
    second = AUDIO._replace(
        address=AUDIO.address._replace(function=1),
        bars=(bar(0, AUDIO.bars[0].kind, 0xFEC0000, 16),),
    )
    board = with_functions(AUDIO, second)
    steps = described("ram 1m load a pass loc pci:0:4.0 loc pci:0:4.1", board).steps
    assert [step for step in steps if step.startswith("take")] == [f"take IOMMU group 4: {GROUP}"]
    # Without a board nobody knows whether it is one group.
    config = check_text("ram 1m load a pass loc pci:0:4.0 loc pci:0:4.1", base="").config
    taken = [s for s in describe_vm(config, None, kvm=True).steps if s.startswith("take")]
    assert taken == ["take the IOMMU group of pci:0:4.0", "take the IOMMU group of pci:0:4.1"]
