# SPDX-License-Identifier: Apache-2.0
"""A boot protocol's entry state in KVM's register structures."""

from passthru.vmm import kvm_abi as abi
from passthru.vmm.kvm import Vcpu
from passthru.vmm.x86_64.boot.entry import ProcessorState, Segment

__all__ = ["enter"]


def enter(vcpu: Vcpu, state: ProcessorState) -> None:
    """Let ``vcpu`` start in ``state``, MSRs apart. Raises KernelCallFailed."""
    sregs = vcpu.special_registers()
    segments = [state.cs, *[state.ds] * 5, state.tr, state.ldt]
    packed = b"".join(_segment(segment) for segment in segments)
    packed += abi.DTABLE.pack(state.gdt.base, state.gdt.limit)
    packed += abi.DTABLE.pack(state.idt.base, state.idt.limit)
    sregs[: len(packed)] = packed
    # The local APIC's base and the pending interrupts stay as KVM made them.
    control = list(abi.SREGS_CONTROL.unpack_from(sregs, len(packed)))
    control[0], control[2], control[3] = state.cr0, state.cr3, state.cr4
    control[5] = state.efer
    abi.SREGS_CONTROL.pack_into(sregs, len(packed), *control)
    vcpu.set_special_registers(sregs)
    registers = [0] * 18
    registers[1], registers[4], registers[6] = state.rbx, state.rsi, state.rsp
    registers[16], registers[17] = state.rip, state.rflags
    vcpu.set_registers(registers)


def _segment(segment: Segment) -> bytes:
    return abi.SEGMENT.pack(
        segment.base,
        segment.limit,
        segment.selector,
        segment.type,
        segment.present,
        segment.dpl,
        segment.db,
        segment.s,
        segment.long,
        segment.granularity,
        segment.available,
        segment.unusable,
        0,
    )
