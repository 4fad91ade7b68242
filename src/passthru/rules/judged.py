# SPDX-License-Identifier: Apache-2.0
"""Which rules had nothing to look at, so that what they would find is not known to be absent."""

from passthru.plan.problems import (
    BAR_DOES_NOT_FIT,
    NO_EFFECT,
    NOT_SUPPORTED_BY_RUN,
    PCI_AMBIGUOUS,
    PCI_IS_BRIDGE,
    PCI_NOT_FOUND,
)
from passthru.rules.claimed_twice import HOST_INTERRUPT_CLAIMED_TWICE, HOST_MEMORY_CLAIMED_TWICE
from passthru.rules.dma import DMA_DEVICE_DECLARED_HARMLESS, DMA_MANAGER_MISSING
from passthru.rules.host_functions import (
    HOST_DRIVER_ACTIVE,
    IOMMU_GROUP_SPLIT,
    IOVA_RESERVED,
    MEMORY_LOCK_LIMIT,
    PCI_SUPPORT_MISSING,
    VFIO_DRIVER_MISSING,
)
from passthru.rules.host_interrupts import HOST_INTERRUPT_IN_USE, INTERRUPT_SOURCE_MISSING
from passthru.rules.host_memory import (
    ACCESS_NOT_ENFORCEABLE,
    HOST_MEMORY_ABSENT,
    HOST_MEMORY_IN_USE,
    HOST_MEMORY_NOT_ZEROED,
    HOST_MEMORY_UNKNOWN,
)
from passthru.rules.host_processors import CPU_ABSENT
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.infrastructure import HOST_INFRASTRUCTURE
from passthru.rules.interrupt_devices import INTERRUPT_NOT_OF_DEVICE
from passthru.rules.memory_support import MEMORY_SUPPORT_MISSING
from passthru.rules.peers import DEVICE_PATH_TAKEN
from passthru.rules.platform_devices import CLOCK_DEPENDENT_DEVICE
from passthru.rules.shared_devices import DEVICE_SHARED, DMA_DEVICE_SHARED
from passthru.rules.shared_memory import HOST_PORT_CLAIMED_TWICE
from passthru.rules.shared_names import SYSTEM_NAME_TAKEN
from passthru.rules.shared_peers import PEER_MISSING
from passthru.rules.shared_ram import MEMORY_OVERSUBSCRIBED

__all__ = ["NEED_A_BOARD", "not_judged"]

_NEED_A_BOARD = (
    CPU_ABSENT,
    DMA_DEVICE_DECLARED_HARMLESS,
    DMA_MANAGER_MISSING,
    HOST_DRIVER_ACTIVE,
    HOST_INFRASTRUCTURE,
    HOST_INTERRUPT_IN_USE,
    HOST_MEMORY_ABSENT,
    HOST_MEMORY_IN_USE,
    HOST_MEMORY_NOT_ZEROED,
    HOST_MEMORY_UNKNOWN,
    INTERRUPT_NOT_OF_DEVICE,
    INTERRUPT_SOURCE_MISSING,
    IOMMU_GROUP_SPLIT,
    MEMORY_OVERSUBSCRIBED,
    PCI_AMBIGUOUS,
    PCI_IS_BRIDGE,
    PCI_NOT_FOUND,
)
_NEED_A_BOARD_AND_KVM = (
    BAR_DOES_NOT_FIT,
    CLOCK_DEPENDENT_DEVICE,
    IOVA_RESERVED,
    MEMORY_LOCK_LIMIT,
    MEMORY_SUPPORT_MISSING,
    PCI_SUPPORT_MISSING,
    VFIO_DRIVER_MISSING,
)
NEED_A_BOARD = (*_NEED_A_BOARD, *_NEED_A_BOARD_AND_KVM)
"""The rules that say something of a host, and nothing where none is known."""

_NEED_KVM = (ACCESS_NOT_ENFORCEABLE, NO_EFFECT, NOT_SUPPORTED_BY_RUN)
_NEED_OTHERS = (
    DEVICE_PATH_TAKEN,
    DEVICE_SHARED,
    DMA_DEVICE_SHARED,
    HOST_INTERRUPT_CLAIMED_TWICE,
    HOST_MEMORY_CLAIMED_TWICE,
    HOST_PORT_CLAIMED_TWICE,
    IOMMU_GROUP_SPLIT,
    PEER_MISSING,
    SYSTEM_NAME_TAKEN,
)


def not_judged(hypervisor: Hypervisor, *, has_board: bool, are_several: bool) -> frozenset[str]:
    """The ids of the rules that could find more with a board, with other VMs, or for KVM."""
    is_kvm = hypervisor is Hypervisor.KVM
    return frozenset(
        rule.id
        for rules, are_judged in (
            (_NEED_A_BOARD, has_board),
            (_NEED_A_BOARD_AND_KVM, has_board and is_kvm),
            (_NEED_KVM, is_kvm),
            (_NEED_OTHERS, are_several),
        )
        if not are_judged
        for rule in rules
    )
