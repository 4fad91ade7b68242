# SPDX-License-Identifier: Apache-2.0
"""KVM numbers and layouts against the kernel's own headers."""

from struct import Struct

import pytest

from passthru.vmm import kvm_abi
from passthru.vmm.exits import EXIT_NAMES

HEADERS = ["linux/kvm.h"]
CONSTANTS = {name: value for name, value in vars(kvm_abi).items() if name.startswith("KVM_")}
STRUCTURES = {
    "struct kvm_userspace_memory_region": kvm_abi.MEMORY_REGION,
    "struct kvm_irq_level": kvm_abi.IRQ_LEVEL,
    "struct kvm_irqfd": kvm_abi.IRQFD,
    "struct kvm_irq_routing": kvm_abi.IRQ_ROUTING,
    "struct kvm_irq_routing_entry": kvm_abi.ROUTE_MSI,
    "struct kvm_pit_config": kvm_abi.PIT_CONFIG,
    "struct kvm_irqchip": kvm_abi.IRQCHIP,
    "struct kvm_regs": kvm_abi.REGS,
    "struct kvm_segment": kvm_abi.SEGMENT,
    "struct kvm_dtable": kvm_abi.DTABLE,
    "struct kvm_msrs": kvm_abi.MSRS,
    "struct kvm_mp_state": kvm_abi.MP_STATE,
    "struct kvm_msr_entry": kvm_abi.MSR_ENTRY,
    "struct kvm_cpuid2": kvm_abi.CPUID2,
    "struct kvm_cpuid_entry2": kvm_abi.CPUID_ENTRY,
    "struct kvm_create_device": kvm_abi.CREATE_DEVICE,
    "struct kvm_device_attr": kvm_abi.DEVICE_ATTR,
}
OFFSETS = {
    "offsetof(struct kvm_irqchip, chip)": 8,
    "offsetof(struct kvm_ioapic_state, id)": 12,
    "offsetof(struct kvm_ioapic_state, redirtbl)": kvm_abi.IOAPIC_STATE.size,
    "sizeof(((struct kvm_ioapic_state *)0)->redirtbl[0])": kvm_abi.IOAPIC_ENTRY.size,
    "offsetof(struct kvm_run, immediate_exit)": kvm_abi.RUN_IMMEDIATE_EXIT,
    "offsetof(struct kvm_run, exit_reason)": kvm_abi.RUN_EXIT_REASON,
    "offsetof(struct kvm_run, io)": kvm_abi.RUN_EXIT_UNION,
    "offsetof(struct kvm_run, io.port) - offsetof(struct kvm_run, exit_reason)": 26,
    "offsetof(struct kvm_run, io.data_offset) - offsetof(struct kvm_run, exit_reason)": 32,
    "offsetof(struct kvm_run, mmio.data)": kvm_abi.RUN_MMIO_DATA,
    "offsetof(struct kvm_run, mmio.is_write) - offsetof(struct kvm_run, mmio)": 20,
    "offsetof(struct kvm_run, fail_entry.cpu) - offsetof(struct kvm_run, fail_entry)": 8,
    "offsetof(struct kvm_run, internal.data) - offsetof(struct kvm_run, internal)": 8,
    "sizeof(((struct kvm_run *)0)->internal)": kvm_abi.RUN_INTERNAL.size,
    "offsetof(struct kvm_run, emulation_failure.insn_size)": kvm_abi.RUN_EXIT_UNION + 16,
    "offsetof(struct kvm_run, emulation_failure.insn_bytes)": kvm_abi.RUN_EXIT_UNION + 17,
    "sizeof(struct kvm_sregs)": kvm_abi.SREGS_SIZE,
    "offsetof(struct kvm_sregs, cr0)": kvm_abi.SREGS_SIZE - kvm_abi.SREGS_CONTROL.size,
    "offsetof(struct kvm_sregs, efer) - offsetof(struct kvm_sregs, cr0)": 40,
    "offsetof(struct kvm_regs, rip)": 16 * 8,
}


def test_every_constant_is_the_header_s(header_probe):
    assert header_probe(HEADERS, list(CONSTANTS)) == CONSTANTS


def test_every_exit_has_the_header_s_name(header_probe):
    numbers = {name: number for number, name in EXIT_NAMES.items()}
    assert header_probe(HEADERS, list(numbers)) == numbers


@pytest.mark.parametrize("route", [kvm_abi.ROUTE_MSI, kvm_abi.ROUTE_IRQCHIP])
def test_both_route_layouts_have_one_size(route: Struct):
    assert route.size == kvm_abi.ROUTE_MSI.size


def test_every_structure_has_the_header_s_size(header_probe):
    sizes = header_probe(HEADERS, [f"sizeof({name})" for name in STRUCTURES])
    assert sizes == {f"sizeof({name})": layout.size for name, layout in STRUCTURES.items()}


def test_fields_lie_where_the_header_puts_them(header_probe):
    assert header_probe(HEADERS, list(OFFSETS)) == OFFSETS
