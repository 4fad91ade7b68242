# SPDX-License-Identifier: Apache-2.0
"""What KVM says of a guest that it cannot run on, for people (struct kvm_run)."""

from _struct import Struct  # struct only hands it on, from a file more

from passthru.vmm import kvm_abi as abi

__all__ = ["EXIT_NAMES", "is_unsupported", "what_stopped", "where_memory_failed"]

EXIT_NAMES = {
    0: "KVM_EXIT_UNKNOWN",
    1: "KVM_EXIT_EXCEPTION",
    3: "KVM_EXIT_HYPERCALL",
    4: "KVM_EXIT_DEBUG",
    7: "KVM_EXIT_IRQ_WINDOW_OPEN",
    11: "KVM_EXIT_SET_TPR",
    12: "KVM_EXIT_TPR_ACCESS",
    16: "KVM_EXIT_NMI",
    21: "KVM_EXIT_WATCHDOG",
    26: "KVM_EXIT_IOAPIC_EOI",
    27: "KVM_EXIT_HYPERV",
    29: "KVM_EXIT_X86_RDMSR",
    30: "KVM_EXIT_X86_WRMSR",
    31: "KVM_EXIT_DIRTY_RING_FULL",
    32: "KVM_EXIT_AP_RESET_HOLD",
    33: "KVM_EXIT_X86_BUS_LOCK",
    34: "KVM_EXIT_XEN",
    37: "KVM_EXIT_NOTIFY",
}
"""Reasons for which KVM hands a guest out only to programs that have asked for them."""

_REASON = Struct("<I")
_MEMORY_FAULT = 39
"""KVM_EXIT_MEMORY_FAULT, since Linux 6.8: flags, gpa, size (bytes)."""
_MEMORY_FAULT_PLACE = Struct("<QQQ")

_ENTRY_FAILURES = {
    0x80000021: ", an invalid state of the guest",
    0x80000022: ", the loading of model-specific registers",
    0x80000029: ", a machine check",
}
"""Intel SDM, volume 3, "VM-entry failures": basic exit reasons 33, 34 and 41."""


def is_unsupported(page: memoryview) -> bool:
    """Whether the guest's code may be sound, and KVM only lacks a way to carry it out."""
    (reason,) = _REASON.unpack_from(page, abi.RUN_EXIT_REASON)
    suberror, *_ = abi.RUN_INTERNAL.unpack_from(page, abi.RUN_EXIT_UNION)
    emulation = abi.KVM_INTERNAL_ERROR_EMULATION
    return bool(reason == abi.KVM_EXIT_INTERNAL_ERROR and suberror == emulation)


def what_stopped(page: memoryview) -> str:
    """What has happened, from the page that a vCPU shares with KVM."""
    (reason,) = _REASON.unpack_from(page, abi.RUN_EXIT_REASON)
    if reason == abi.KVM_EXIT_FAIL_ENTRY:
        return _entry_failure(page)
    if reason == abi.KVM_EXIT_INTERNAL_ERROR:
        return _internal_error(page)
    name = EXIT_NAMES.get(reason, "an exit that this version of passthru does not know")
    first, *_ = abi.RUN_FAIL_ENTRY.unpack_from(page, abi.RUN_EXIT_UNION)
    return f"KVM stopped the guest for {name} (exit reason {reason}, {first:#x})"


def where_memory_failed(page: memoryview) -> str:
    """The guest-physical address of the memory that the host could not provide, if it is told."""
    (reason,) = _REASON.unpack_from(page, abi.RUN_EXIT_REASON)
    if reason != _MEMORY_FAULT:
        return ""
    _, gpa, _ = _MEMORY_FAULT_PLACE.unpack_from(page, abi.RUN_EXIT_UNION)
    return f" at {gpa:#x}"


def _entry_failure(page: memoryview) -> str:
    reason, cpu = abi.RUN_FAIL_ENTRY.unpack_from(page, abi.RUN_EXIT_UNION)
    meaning = _ENTRY_FAILURES.get(reason, "")
    return (
        f"the processor refused to enter the guest: hardware reason {reason:#x}{meaning}, on "
        f"processor {cpu} of the host"
    )


def _internal_error(page: memoryview) -> str:
    suberror, count, *data = abi.RUN_INTERNAL.unpack_from(page, abi.RUN_EXIT_UNION)
    if suberror == abi.KVM_INTERNAL_ERROR_EMULATION:
        return f"KVM cannot emulate an instruction of the guest{_instruction(page)}"
    known = data[: min(count, len(data))]
    if suberror == abi.KVM_INTERNAL_ERROR_SIMUL_EX:
        what = "the guest raised an exception while KVM delivered another one"
    elif suberror == abi.KVM_INTERNAL_ERROR_DELIVERY_EV:
        what = "an interrupt or exception could not be delivered to the guest"
    elif suberror == abi.KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
        what = "the processor left the guest for a reason that KVM does not know"
    else:
        what = f"KVM failed by itself (internal error {suberror})"
    told = " ".join(f"{value:#x}" for value in known)
    return f"{what} (KVM tells: {told})" if told else what


def _instruction(page: memoryview) -> str:
    """The bytes from there on, which kernels tell since 5.14, where they have read them."""
    _, count, flags, size, data = abi.RUN_EMULATION_FAILURE.unpack_from(page, abi.RUN_EXIT_UNION)
    if not count or not flags & abi.KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES:
        return ""
    return f" (code: {bytes(data[:size]).hex(' ')})"
