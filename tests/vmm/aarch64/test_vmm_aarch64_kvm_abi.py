# SPDX-License-Identifier: Apache-2.0
"""arm64's KVM numbers and layouts against the kernel's own headers for arm64."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from passthru.vmm import kvm_abi
from passthru.vmm.aarch64 import kvm_abi as arm

CONSTANTS = {name: value for name, value in vars(arm).items() if name.startswith("KVM_")}
# What the shared code uses on arm64, too: its numbers must be the same there.
SHARED = {
    name: getattr(kvm_abi, name)
    for name in (
        *("KVM_CREATE_DEVICE", "KVM_CREATE_VCPU", "KVM_IRQ_LINE", "KVM_IRQFD", "KVM_RUN"),
        *("KVM_SET_DEVICE_ATTR", "KVM_SET_GSI_ROUTING", "KVM_SET_USER_MEMORY_REGION"),
        *("KVM_CAP_IMMEDIATE_EXIT", "KVM_CAP_IRQFD_RESAMPLE", "KVM_CAP_READONLY_MEM"),
        *("KVM_EXIT_ARM_NISV", "KVM_EXIT_MMIO", "KVM_EXIT_SYSTEM_EVENT", "KVM_DEV_TYPE_VFIO"),
        *("KVM_IRQ_ROUTING_IRQCHIP", "KVM_IRQ_ROUTING_MSI", "KVM_MSI_VALID_DEVID"),
        *("KVM_SYSTEM_EVENT_SHUTDOWN", "KVM_SYSTEM_EVENT_RESET", "KVM_MEM_READONLY"),
    )
}
PLACES = {
    "sizeof(struct kvm_vcpu_init)": arm.VCPU_INIT.size,
    "sizeof(struct kvm_one_reg)": arm.ONE_REG.size,
    "offsetof(struct kvm_regs, regs.regs[0])": arm.REGS_X0,
    "offsetof(struct kvm_regs, regs.pc)": arm.REGS_PC,
    "sizeof(struct kvm_vcpu_events)": arm.VCPU_EVENTS.size,
    "offsetof(struct kvm_vcpu_events, exception.ext_dabt_pending)": 2,
    "sizeof(struct kvm_enable_cap)": arm.ENABLE_CAP.size,
    "offsetof(struct kvm_run, arm_nisv.esr_iss)": kvm_abi.RUN_EXIT_UNION,
    "offsetof(struct kvm_run, arm_nisv.fault_ipa)": kvm_abi.RUN_EXIT_UNION + 8,
    "sizeof(((struct kvm_run *)0)->arm_nisv)": kvm_abi.RUN_NISV.size,
    "sizeof(struct kvm_create_device)": kvm_abi.CREATE_DEVICE.size,
    "sizeof(struct kvm_device_attr)": kvm_abi.DEVICE_ATTR.size,
    "sizeof(struct kvm_irq_level)": kvm_abi.IRQ_LEVEL.size,
    "sizeof(struct kvm_irq_routing_entry)": kvm_abi.ROUTE_MSI.size,
    "offsetof(struct kvm_irq_routing_entry, u.msi.devid)": 28,
    "sizeof(struct kvm_userspace_memory_region)": kvm_abi.MEMORY_REGION.size,
    "offsetof(struct kvm_run, immediate_exit)": kvm_abi.RUN_IMMEDIATE_EXIT,
    "offsetof(struct kvm_run, exit_reason)": kvm_abi.RUN_EXIT_REASON,
    "offsetof(struct kvm_run, mmio)": kvm_abi.RUN_EXIT_UNION,
    "offsetof(struct kvm_run, system_event.type)": kvm_abi.RUN_EXIT_UNION,
    "offsetof(struct kvm_run, mmio.data)": kvm_abi.RUN_MMIO_DATA,
}

Evaluate = Callable[[list[str]], dict[str, int]]


@pytest.fixture
def evaluate(tmp_path: Path) -> Evaluate:
    """Evaluates C constant expressions with the headers for arm64: compiled, never run."""

    def values(expressions: list[str]) -> dict[str, int]:
        source, compiled = tmp_path / "probe.c", tmp_path / "probe.o"
        numbers = "".join(f"(unsigned long long)({each}),\n" for each in expressions)
        source.write_text(
            "#include <stddef.h>\n#include <linux/kvm.h>\n"
            '__attribute__((section(".numbers"), used)) const unsigned long long numbers[] = {\n'
            f"{numbers}}};\n"
        )
        binary = tmp_path / "probe.bin"
        subprocess.run(["aarch64-linux-gnu-gcc", "-c", "-o", compiled, source], check=True)
        extract = ["aarch64-linux-gnu-objcopy", "-O", "binary", "-j", ".numbers"]
        subprocess.run([*extract, compiled, binary], check=True)
        found = memoryview(binary.read_bytes()).cast("Q").tolist()
        return dict(zip(expressions, found, strict=True))

    return values


def test_every_constant_is_the_header_s(evaluate: Evaluate) -> None:
    assert evaluate(list(CONSTANTS)) == CONSTANTS


def test_what_is_shared_with_x86_is_the_same(evaluate: Evaluate) -> None:
    assert evaluate(list(SHARED)) == SHARED


def test_structures_and_fields_are_where_the_header_puts_them(evaluate: Evaluate) -> None:
    assert evaluate(list(PLACES)) == PLACES
