# SPDX-License-Identifier: Apache-2.0
"""KVM's user interface as numbers and layouts (linux/kvm.h, asm/kvm.h).

Names are the kernel's; a test compares every one with the installed headers.
"""

from _struct import Struct  # struct only hands it on, from a file more

from passthru.lean import Final

KVM_API_VERSION: Final = 12

KVM_GET_API_VERSION: Final = 0xAE00
KVM_CREATE_VM: Final = 0xAE01
KVM_CHECK_EXTENSION: Final = 0xAE03
KVM_GET_VCPU_MMAP_SIZE: Final = 0xAE04
KVM_GET_SUPPORTED_CPUID: Final = 0xC008AE05
KVM_CREATE_VCPU: Final = 0xAE41
KVM_SET_USER_MEMORY_REGION: Final = 0x4020AE46
KVM_SET_TSS_ADDR: Final = 0xAE47
KVM_SET_IDENTITY_MAP_ADDR: Final = 0x4008AE48
KVM_CREATE_IRQCHIP: Final = 0xAE60
KVM_IRQ_LINE: Final = 0x4008AE61
KVM_GET_IRQCHIP: Final = 0xC208AE62
KVM_SET_IRQCHIP: Final = 0x8208AE63
KVM_SET_GSI_ROUTING: Final = 0x4008AE6A
KVM_IRQFD: Final = 0x4020AE76
KVM_CREATE_PIT2: Final = 0x4040AE77
KVM_RUN: Final = 0xAE80
KVM_GET_REGS: Final = 0x8090AE81
KVM_SET_REGS: Final = 0x4090AE82
KVM_GET_SREGS: Final = 0x8138AE83
KVM_SET_SREGS: Final = 0x4138AE84
KVM_SET_MSRS: Final = 0x4008AE89
KVM_SET_CPUID2: Final = 0x4008AE90
KVM_GET_MP_STATE: Final = 0x8004AE98
KVM_CREATE_DEVICE: Final = 0xC00CAEE0
KVM_SET_DEVICE_ATTR: Final = 0x4018AEE1

KVM_CAP_IRQCHIP: Final = 0
KVM_CAP_USER_MEMORY: Final = 3
KVM_CAP_NR_VCPUS: Final = 9
KVM_CAP_IRQ_ROUTING: Final = 25
KVM_CAP_IRQFD: Final = 32
KVM_CAP_PIT2: Final = 33
KVM_CAP_MAX_VCPUS: Final = 66
KVM_CAP_READONLY_MEM: Final = 81
KVM_CAP_IRQFD_RESAMPLE: Final = 82
KVM_CAP_IMMEDIATE_EXIT: Final = 136

KVM_EXIT_IO: Final = 2
KVM_EXIT_HLT: Final = 5
KVM_EXIT_MMIO: Final = 6
KVM_EXIT_SHUTDOWN: Final = 8
KVM_EXIT_FAIL_ENTRY: Final = 9
KVM_EXIT_INTR: Final = 10
KVM_EXIT_INTERNAL_ERROR: Final = 17
KVM_EXIT_SYSTEM_EVENT: Final = 24
KVM_EXIT_ARM_NISV: Final = 28
KVM_EXIT_IO_IN: Final = 0
KVM_EXIT_IO_OUT: Final = 1

KVM_INTERNAL_ERROR_EMULATION: Final = 1
KVM_INTERNAL_ERROR_SIMUL_EX: Final = 2
KVM_INTERNAL_ERROR_DELIVERY_EV: Final = 3
KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON: Final = 4
KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES: Final = 1

KVM_MP_STATE_UNINITIALIZED: Final = 1
KVM_MP_STATE_INIT_RECEIVED: Final = 2
KVM_MP_STATE_HALTED: Final = 3
KVM_MP_STATE_STOPPED: Final = 5

KVM_SYSTEM_EVENT_SHUTDOWN: Final = 1
KVM_SYSTEM_EVENT_RESET: Final = 2
KVM_SYSTEM_EVENT_CRASH: Final = 3

KVM_MEM_READONLY: Final = 2

KVM_IRQCHIP_PIC_MASTER: Final = 0
KVM_IRQCHIP_PIC_SLAVE: Final = 1
KVM_IRQCHIP_IOAPIC: Final = 2
KVM_IRQ_ROUTING_IRQCHIP: Final = 1
KVM_IRQ_ROUTING_MSI: Final = 2
KVM_MSI_VALID_DEVID: Final = 1
KVM_IOAPIC_NUM_PINS: Final = 24

KVM_IRQFD_FLAG_DEASSIGN: Final = 1
KVM_IRQFD_FLAG_RESAMPLE: Final = 2

KVM_PIT_SPEAKER_DUMMY: Final = 1

KVM_DEV_TYPE_VFIO: Final = 4
KVM_DEV_VFIO_GROUP: Final = 1
KVM_DEV_VFIO_GROUP_ADD: Final = 1

KVM_CPUID_FLAG_SIGNIFCANT_INDEX: Final = 1

# struct kvm_userspace_memory_region: slot, flags, guest_phys_addr, memory_size, userspace_addr
MEMORY_REGION: Final = Struct("<IIQQQ")
# struct kvm_irq_level: irq, level
IRQ_LEVEL: Final = Struct("<II")
# struct kvm_irqfd: fd, gsi, flags, resamplefd, pad[16]
IRQFD: Final = Struct("<IIII16x")
# struct kvm_irq_routing header: nr, flags
IRQ_ROUTING: Final = Struct("<II")
# struct kvm_irq_routing_entry with an irqchip: gsi, type, flags, pad, irqchip, pin, 24 unused
ROUTE_IRQCHIP: Final = Struct("<IIIIII24x")
# ... with an MSI: gsi, type, flags, pad, address_lo, address_hi, data, devid, 16 unused
ROUTE_MSI: Final = Struct("<IIIIIIII16x")
# struct kvm_pit_config: flags, pad[15]
PIT_CONFIG: Final = Struct("<I60x")
# struct kvm_irqchip: chip_id, pad, chip[512]
IRQCHIP: Final = Struct("<II512s")
# struct kvm_ioapic_state before its redirection table: base_address, ioregsel, id, irr, pad;
# the table has one 64-bit entry for each pin
IOAPIC_STATE: Final = Struct("<QIIII")
IOAPIC_ENTRY: Final = Struct("<Q")
# struct kvm_regs: rax rbx rcx rdx rsi rdi rsp rbp r8..r15 rip rflags
REGS: Final = Struct("<18Q")
# struct kvm_segment: base limit selector type present dpl db s l g avl unusable padding
SEGMENT: Final = Struct("<QIH10B")
# struct kvm_dtable: base, limit, padding[3]
DTABLE: Final = Struct("<QH6x")
# struct kvm_sregs after 8 segments and 2 tables: cr0 cr2 cr3 cr4 cr8 efer apic_base bitmap[4]
SREGS_CONTROL: Final = Struct("<7Q4Q")
SREGS_SIZE: Final = 8 * SEGMENT.size + 2 * DTABLE.size + SREGS_CONTROL.size
# struct kvm_msrs header: nmsrs, pad; struct kvm_msr_entry: index, reserved, data
MSRS: Final = Struct("<II")
MSR_ENTRY: Final = Struct("<IIQ")
# struct kvm_mp_state: mp_state
MP_STATE: Final = Struct("<I")
# struct kvm_cpuid2 header: nent, padding; struct kvm_cpuid_entry2: function index flags
# eax ebx ecx edx, padding[3]
CPUID2: Final = Struct("<II")
CPUID_ENTRY: Final = Struct("<7I12x")
# struct kvm_create_device: type, fd, flags; struct kvm_device_attr: flags, group, attr, addr
CREATE_DEVICE: Final = Struct("<III")
DEVICE_ATTR: Final = Struct("<IIQQ")

# struct kvm_run: where its fields lie
RUN_IMMEDIATE_EXIT: Final = 1
RUN_EXIT_REASON: Final = 8
RUN_EXIT_UNION: Final = 32
# from the exit reason through the io member: reason, then direction, size, port, count,
# data_offset
RUN_IO: Final = Struct("<I20xBBHIQ")
# the mmio member: phys_addr, data[8], len, is_write
RUN_MMIO: Final = Struct("<Q8sIB")
RUN_MMIO_DATA: Final = RUN_EXIT_UNION + 8
# the fail_entry member: hardware_entry_failure_reason, cpu
RUN_FAIL_ENTRY: Final = Struct("<QI")
# the internal member: suberror, ndata, data[16]; and as emulation_failure: suberror, ndata, flags,
# insn_size, insn_bytes[15]
RUN_INTERNAL: Final = Struct("<II16Q")
RUN_EMULATION_FAILURE: Final = Struct("<IIQB15s")
# the arm_nisv member: esr_iss, fault_ipa; and the bit of the first that says that it is a write
# (Arm DDI 0487, ISS encoding for a Data Abort, WnR)
RUN_NISV: Final = Struct("<QQ")
NISV_WRITE: Final = 1 << 6
