# SPDX-License-Identifier: Apache-2.0
"""What can be told of a configuration whose text could be read only in part."""

from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.plan.problems import (
    BOOT_IMAGE_MISSING,
    NO_ROOM_FOR_PCI,
    PCI_FUNCTION_0_MISSING,
    VDEV_OPTION_MISSING,
)
from passthru.rules.blobs import BLOB_LOOKS_SWAPPED
from passthru.rules.guest_map import LOAD_OUTSIDE_MEMORY
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.interrupt_devices import INTERRUPT_NOT_OF_DEVICE
from passthru.rules.interrupts import INTERRUPT_CONTROLLER_UNKNOWN

__all__ = ["needs_the_whole", "part_with_certain_places"]

_TELL_OF_ABSENCE = frozenset(
    rule.id
    for rule in (
        BLOB_LOOKS_SWAPPED,
        BOOT_IMAGE_MISSING,
        INTERRUPT_CONTROLLER_UNKNOWN,
        INTERRUPT_NOT_OF_DEVICE,
        LOAD_OUTSIDE_MEMORY,
        NO_ROOM_FOR_PCI,
        PCI_FUNCTION_0_MISSING,
    )
)


def part_with_certain_places(config: VmConfig) -> VmConfig:
    """The configuration without memory that goes after other memory: that may be missing."""
    placed = tuple(option for option in config.memory if option.start is not None)
    return config._replace(memory=placed)


def needs_the_whole(finding: Finding, hypervisor: Hypervisor) -> bool:
    """Whether what could not be read may be what the finding misses."""
    # For qvm that rule looks at the text itself.
    if hypervisor is Hypervisor.KVM and finding.id == VDEV_OPTION_MISSING.id:
        return True
    return finding.id in _TELL_OF_ABSENCE
