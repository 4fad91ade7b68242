# SPDX-License-Identifier: Apache-2.0
"""The steps that a plan tells are what `run` does: compared with a machine on a fake kernel."""

import re
from pathlib import Path

from fake_kernel import FakeFunction, FakeKernel
from passthru.addresses import AddressRange
from passthru.diagnostics.errors import ExitStatus
from passthru.plan.description import VmDescription, describe_vm
from passthru.plan.planner import plan_vm
from passthru.vmm.build import run_machine
from sample_board import AUDIO, bar, check_text, with_functions

ONE_FUNCTION = with_functions(AUDIO)
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

    opened = [step.removeprefix("open ") for step in kernel.steps if step.startswith("open ")]
    assert re.findall(r"/dev/[a-z0-9/]+", "\n".join(vm.steps)) == opened
    assert opened == ["/dev/kvm", *["/dev/mem"] * 3, "/dev/vfio/vfio", GROUP]
    memory_slots = [AddressRange(start, size) for start, size, _ in kernel.slots.values()]
    told_slots = ranges(vm.steps, "a slot at")
    assert told_slots
    assert set(told_slots) <= set(memory_slots)
    read_only = {
        AddressRange(start, size) for start, size, is_fixed in kernel.slots.values() if is_fixed
    }
    told = [step for step in vm.steps if step.endswith("read-only for the guest")]
    assert set(ranges(tuple(told), "a slot at")) == read_only
    windows = [AddressRange(iova, size) for iova, size, _ in kernel.dma]
    assert ranges(vm.steps, "the devices reach") == windows == list(vm.dma_windows)
    files = [step.removeprefix("read ") for step in vm.steps if step.startswith("read ")]
    assert files == [f"{tmp_path}/flat.bin", f"{tmp_path}/data"]


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
