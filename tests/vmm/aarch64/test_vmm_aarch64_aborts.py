# SPDX-License-Identifier: Apache-2.0
"""External aborts in an arm64 guest, for what `e` guards, on a fake kernel."""

import struct
from pathlib import Path

import pytest

from arm_board import LINUX
from fake_kernel import FakeFunction, FakeKernel
from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Source
from passthru.language.reader import read
from passthru.plan.aarch64 import ArmPlan
from passthru.plan.arm_planner import plan_arm_vm
from passthru.vmm import kvm_abi
from passthru.vmm.aarch64 import kvm_abi as arm
from passthru.vmm.build import run_machine
from passthru.vmm.errors import GuestCrash, KvmIncomplete

PLACE = 0x90000000
CORE = 0x6030000000100000
PC, X3 = CORE + 64, CORE + 6
READ, WRITE = False, True


def plan(directory: Path, letters: str) -> ArmPlan:
    file = directory / "image"
    file.write_bytes(b"code")
    text = f"ram 0x80000000,1m load {file} pass loc {PLACE:#x},0x1000,{letters}=0x70000000"
    config, findings = read([Source("guest.qvmconf", text)], environment={})
    planned = plan_arm_vm(config, LINUX)
    assert (findings, planned.findings) == ((), ())
    return planned.plan


def access(is_write: bool, offset: int = 0x10):
    def leave(page) -> None:
        struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_MMIO)
        value = bytes(8)
        place = PLACE + offset
        kvm_abi.RUN_MMIO.pack_into(page, kvm_abi.RUN_EXIT_UNION, place, value, 4, is_write)

    return leave


def not_taken_apart(is_write: bool, address: int = PLACE):
    def leave(page) -> None:
        struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_ARM_NISV)
        syndrome = kvm_abi.NISV_WRITE if is_write else 0
        kvm_abi.RUN_NISV.pack_into(page, kvm_abi.RUN_EXIT_UNION, syndrome, address)

    return leave


def switch_off(page) -> None:
    struct.pack_into("<I", page, kvm_abi.RUN_EXIT_REASON, kvm_abi.KVM_EXIT_SYSTEM_EVENT)
    struct.pack_into("<I", page, kvm_abi.RUN_EXIT_UNION, kvm_abi.KVM_SYSTEM_EVENT_SHUTDOWN)


def kernel(*exits, fail_at: int | None = None) -> FakeKernel:
    made = FakeKernel(FakeFunction(), fail_at)
    made.exits = [*exits, switch_off]
    made.completion = {PC: 0x80000008, X3: 0xFFFFFFFF}
    return made


def run(whole: ArmPlan, on: FakeKernel) -> ExitStatus:
    return run_machine(whole, LINUX, on, lambda remark: None)


@pytest.mark.shows("access-e")
@pytest.mark.parametrize("leave", [access, not_taken_apart])
@pytest.mark.parametrize(
    ("letters", "refused"),
    [("rne", [WRITE]), ("ne", [READ, WRITE]), ("wne", [READ])],
)
def test_what_the_letters_withhold_is_aborted(tmp_path, leave, letters, refused):
    fake = kernel(*(leave(each) for each in refused))
    assert run(plan(tmp_path, letters), fake) is ExitStatus.OK
    assert len(fake.aborts) == len(refused)
    # As if the instruction had not been: completing it was undone.
    assert (fake.registers[PC], fake.registers[X3]) == (0x80000000, 0)


def test_what_the_letters_give_is_not_aborted(tmp_path):
    fake = kernel(access(WRITE))
    assert run(plan(tmp_path, "wne"), fake) is ExitStatus.OK
    assert fake.aborts == []


@pytest.mark.parametrize("letters", ["rn", "n", "wn"])
def test_without_e_nothing_is_aborted(tmp_path, letters):
    fake = kernel(access(READ), access(WRITE))
    assert run(plan(tmp_path, letters), fake) is ExitStatus.OK
    assert (fake.aborts, fake.enabled) == ([], [])


@pytest.mark.parametrize(
    ("letters", "leave"),
    [
        ("wne", not_taken_apart(WRITE)),
        ("rne", not_taken_apart(READ)),
        ("ne", not_taken_apart(WRITE, 0x1000)),
    ],
)
def test_what_can_neither_be_done_nor_refused_is_the_end_with_its_place(tmp_path, letters, leave):
    with pytest.raises(GuestCrash, match=r"cannot take apart, to 0x[19]0*, at instruction 0x8"):
        run(plan(tmp_path, letters), kernel(leave))


@pytest.mark.parametrize("capability", ["KVM_CAP_ARM_INJECT_EXT_DABT", "KVM_CAP_ARM_NISV_TO_USER"])
def test_a_kvm_without_aborts_is_refused_before_the_start(tmp_path, capability):
    fake = kernel(access(WRITE))
    fake.missing_capabilities = {getattr(arm, capability)}
    with pytest.raises(KvmIncomplete, match=f"{capability}.*`e`") as raised:
        run(plan(tmp_path, "rne"), fake)
    assert raised.value.exit_status is ExitStatus.FATAL_BEFORE_START
    assert (fake.files, fake.mappings) == ({}, {})
    for letters in ("rn", "rwne"):
        fake = kernel()
        fake.missing_capabilities = {getattr(arm, capability)}
        assert run(plan(tmp_path, letters), fake) is ExitStatus.OK


def test_failing_at_any_step_leaves_nothing_behind(tmp_path):
    whole = plan(tmp_path, "rne")
    rehearsal = kernel(access(WRITE))
    run(whole, rehearsal)
    assert "KVM_SET_VCPU_EVENTS" in rehearsal.steps
    for step, name in enumerate(rehearsal.steps):
        fake = kernel(access(WRITE), fail_at=step)
        with pytest.raises(PassthruError):
            run(whole, fake)
        assert (fake.files, fake.mappings) == ({}, {}), f"left after a failure at {name}"
