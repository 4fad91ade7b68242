# SPDX-License-Identifier: Apache-2.0
"""KVM's user interface on arm64, as far as it is arm64's own (linux/kvm.h, asm/kvm.h).

Names are the kernel's; a test compares every one with the headers for arm64.
"""

from _struct import Struct  # struct only hands it on, from a file more

from passthru.lean import Final

KVM_ARM_VCPU_INIT: Final = 0x4020AEAE
KVM_ARM_PREFERRED_TARGET: Final = 0x8020AEAF
KVM_GET_ONE_REG: Final = 0x4010AEAB
KVM_SET_ONE_REG: Final = 0x4010AEAC

KVM_SET_VCPU_EVENTS: Final = 0x4040AEA0
KVM_ENABLE_CAP: Final = 0x4068AEA3

KVM_CAP_ONE_REG: Final = 70
KVM_CAP_DEVICE_CTRL: Final = 89
KVM_CAP_ARM_PSCI_0_2: Final = 102

KVM_CAP_ARM_NISV_TO_USER: Final = 177
KVM_CAP_ARM_INJECT_EXT_DABT: Final = 178

KVM_ARM_VCPU_POWER_OFF: Final = 0
KVM_ARM_VCPU_PSCI_0_2: Final = 2

KVM_CREATE_DEVICE_TEST: Final = 1
KVM_DEV_TYPE_ARM_VGIC_V2: Final = 5
KVM_DEV_TYPE_ARM_VGIC_V3: Final = 7
KVM_DEV_TYPE_ARM_VGIC_ITS: Final = 8
KVM_DEV_ARM_VGIC_GRP_ADDR: Final = 0
KVM_DEV_ARM_VGIC_GRP_NR_IRQS: Final = 3
KVM_DEV_ARM_VGIC_GRP_CTRL: Final = 4
KVM_DEV_ARM_VGIC_CTRL_INIT: Final = 0
KVM_VGIC_V2_ADDR_TYPE_DIST: Final = 0
KVM_VGIC_V2_ADDR_TYPE_CPU: Final = 1
KVM_VGIC_V3_ADDR_TYPE_DIST: Final = 2
KVM_VGIC_V3_ADDR_TYPE_REDIST: Final = 3
KVM_VGIC_ITS_ADDR_TYPE: Final = 4

KVM_ARM_IRQ_TYPE_SHIFT: Final = 24
KVM_ARM_IRQ_TYPE_SPI: Final = 1

KVM_REG_ARM64: Final = 0x6000000000000000
KVM_REG_SIZE_U64: Final = 0x0030000000000000
KVM_REG_ARM_CORE: Final = 0x00100000

# struct kvm_vcpu_init: target, features[7]
VCPU_INIT: Final = Struct("<8I")
# struct kvm_one_reg: id, addr
ONE_REG: Final = Struct("<QQ")
# struct kvm_vcpu_events: serror_pending, serror_has_esr, ext_dabt_pending, pad[5], serror_esr,
# reserved[12]
VCPU_EVENTS: Final = Struct("<BBB5xQ48x")
# struct kvm_enable_cap: cap, flags, args[4], pad[64]
ENABLE_CAP: Final = Struct("<II4Q64x")

# struct kvm_regs: where its fields lie; an id counts in units of 32 bits
REGS_X0: Final = 0
REGS_PC: Final = 256
