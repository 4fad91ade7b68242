# SPDX-License-Identifier: Apache-2.0
"""What is told of a guest that KVM cannot run on, and of one that sleeps for ever."""

import struct

import pytest

from fake_kernel import FakeKernel
from passthru.host.kernel import KernelCallFailed
from passthru.vmm import kvm_abi as abi
from passthru.vmm.aarch64.kvm import ArmVcpu
from passthru.vmm.exits import is_unsupported, what_stopped, where_memory_failed
from passthru.vmm.kvm import Kvm, Vcpu, X86Vcpu


def page(reason: int, format_: str = "", *values: object) -> memoryview:
    run = bytearray(4096)
    struct.pack_into("<I", run, abi.RUN_EXIT_REASON, reason)
    struct.pack_into(f"<{format_}", run, abi.RUN_EXIT_UNION, *values)
    return memoryview(run)


FAIL_ENTRY, INTERNAL = abi.KVM_EXIT_FAIL_ENTRY, abi.KVM_EXIT_INTERNAL_ERROR
EMULATION = abi.KVM_INTERNAL_ERROR_EMULATION
CODE = bytes.fromhex("0f0b90")


@pytest.mark.parametrize(
    ("stopped", "told"),
    [
        (
            page(FAIL_ENTRY, "QI", 0x80000021, 3),
            "the processor refused to enter the guest: hardware reason 0x80000021, an invalid "
            "state of the guest, on processor 3 of the host",
        ),
        (
            page(FAIL_ENTRY, "QI", (1 << 64) - 1, 0),
            "the processor refused to enter the guest: hardware reason 0xffffffffffffffff, on "
            "processor 0 of the host",
        ),
        (
            page(INTERNAL, "IIQB15s", EMULATION, 4, 1, 3, CODE + b"rest"),
            "KVM cannot emulate an instruction of the guest (code: 0f 0b 90)",
        ),
        (
            page(INTERNAL, "IIQB15s", EMULATION, 4, 0, 3, CODE),
            "KVM cannot emulate an instruction of the guest",
        ),
        (
            page(INTERNAL, "II", EMULATION, 0),
            "KVM cannot emulate an instruction of the guest",
        ),
        (
            page(INTERNAL, "II", abi.KVM_INTERNAL_ERROR_SIMUL_EX, 0),
            "the guest raised an exception while KVM delivered another one",
        ),
        (
            page(INTERNAL, "IIQQ", abi.KVM_INTERNAL_ERROR_DELIVERY_EV, 2, 0x80000B0E, 0x30),
            "an interrupt or exception could not be delivered to the guest (KVM tells: "
            "0x80000b0e 0x30)",
        ),
        (
            page(INTERNAL, "IIQ", abi.KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, 1, 0x41),
            "the processor left the guest for a reason that KVM does not know (KVM tells: 0x41)",
        ),
        (page(INTERNAL, "II", 9, 1 << 31), None),
        (
            page(4, "Q", 1),
            "KVM stopped the guest for KVM_EXIT_DEBUG (exit reason 4, 0x1)",
        ),
        (
            page(777, "Q", 2),
            "KVM stopped the guest for an exit that this version of passthru does not know (exit "
            "reason 777, 0x2)",
        ),
    ],
)
def test_what_kvm_says_is_told_in_words(stopped, told):
    text = what_stopped(stopped)
    if told is None:
        # A count that is no count: all sixteen values, and nothing beyond them.
        assert (
            text == f"KVM failed by itself (internal error 9) (KVM tells: {' '.join(['0x0'] * 16)})"
        )
    else:
        assert text == told


def test_only_a_failed_emulation_is_an_unsupported_operation():
    assert is_unsupported(page(INTERNAL, "II", EMULATION, 0))
    assert not is_unsupported(page(INTERNAL, "II", abi.KVM_INTERNAL_ERROR_SIMUL_EX, 0))
    assert not is_unsupported(page(FAIL_ENTRY, "QI", EMULATION, 0))


def test_the_place_of_memory_that_failed_is_told_by_newer_kernels():
    assert where_memory_failed(page(39, "QQQ", 0, 0x1234000, 0x1000)) == " at 0x1234000"
    assert where_memory_failed(page(abi.KVM_EXIT_MMIO, "Q", 0x1234000)) == ""


class SleepyKernel(FakeKernel):
    """Whose vCPUs are in some state, with some flags register."""

    state = abi.KVM_MP_STATE_HALTED
    flags = 0x2
    broken = False

    def _kvm_get_mp_state(self, file: int, argument: bytearray) -> int:
        if self.broken:
            raise OSError(22, "fake")
        abi.MP_STATE.pack_into(argument, 0, self.state)
        return 0

    def _kvm_get_regs(self, file: int, argument: bytearray) -> int:
        abi.REGS.pack_into(argument, 0, *[0] * 16, 0x18, self.flags)
        return 0

    def _kvm_get_sregs(self, file: int, argument: bytearray) -> int:
        abi.SEGMENT.pack_into(argument, 0, 0x1000, *[0] * 12)
        return 0


def vcpu(kernel: FakeKernel, kind: type[Vcpu]) -> Vcpu:
    return Kvm(kernel, {}).create_vm().create_vcpu(kind, 0)


@pytest.mark.parametrize(
    ("state", "flags", "why"),
    [
        (abi.KVM_MP_STATE_HALTED, 0x2, "has halted with interrupts off, before instruction 0x1018"),
        (abi.KVM_MP_STATE_HALTED, 0x202, None),
        (0, 0x2, None),
        (abi.KVM_MP_STATE_UNINITIALIZED, 0x2, "has not been started"),
        (abi.KVM_MP_STATE_INIT_RECEIVED, 0x202, "has not been started"),
    ],
)
def test_why_a_vcpu_of_x86_sleeps_for_ever(state, flags, why):
    kernel = SleepyKernel()
    kernel.state, kernel.flags = state, flags
    told = vcpu(kernel, X86Vcpu).sleep_for_ever()
    assert told is None if why is None else told.startswith(why)


@pytest.mark.parametrize(
    ("state", "why"),
    [
        (abi.KVM_MP_STATE_STOPPED, "is switched off"),
        (0, None),
        (abi.KVM_MP_STATE_HALTED, None),
    ],
)
def test_a_vcpu_of_arm64_sleeps_for_ever_only_when_it_is_off(state, why):
    kernel = SleepyKernel()
    kernel.state = state
    assert vcpu(kernel, ArmVcpu).sleep_for_ever() == why


def test_a_state_that_kvm_does_not_tell_is_an_error_with_its_call():
    kernel = SleepyKernel()
    kernel.broken = True
    with pytest.raises(KernelCallFailed, match="vCPU 0: KVM_GET_MP_STATE"):
        vcpu(kernel, X86Vcpu).sleep_for_ever()
