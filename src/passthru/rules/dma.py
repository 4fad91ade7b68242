# SPDX-License-Identifier: Apache-2.0
"""Rules about DMA: who may do it, and who keeps it within bounds."""

from passthru.board.model import Board, PciFunction
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import VmConfig
from passthru.lean import TYPE_CHECKING, Iterable, Iterator
from passthru.plan.variables import find_variable, smmu_externally_managed
from passthru.rules.passed_memory import (
    PassedMemory,
    and_more,
    device_memory,
    functions_behind,
)

if TYPE_CHECKING:
    from passthru.rules.host_functions import PassedFunctions

__all__ = [
    "BLOB_WITHOUT_DMA",
    "DMA_DEVICE_DECLARED_HARMLESS",
    "DMA_EXTERNALLY_MANAGED",
    "DMA_MANAGER_MISSING",
    "DMA_NEEDS_READ_WRITE",
    "DMA_ON_SYSTEM_MEMORY",
    "DMA_STATUS_CONFLICT",
    "DMA_STATUS_MISSING",
    "SMMU_VDEV_NOT_ALLOWED",
    "blob_without_dma",
    "bus_master_declared_harmless",
    "dma_externally_managed",
    "dma_needs_read_write",
    "dma_on_system_memory",
    "dma_status_conflict",
    "dma_status_missing",
    "functions_without_iommu",
    "memory_without_dma_manager",
    "smmu_vdev_not_allowed",
]

_MOST_OTHERS = 8

DMA_STATUS_MISSING = Rule(
    "dma-status-missing",
    Severity.ERROR,
    "Device memory is passed with neither `d` nor `n`.",
    "A device that does DMA can reach all of the host's memory unless somebody contains it, so "
    "qvm insists on being told. A warning where `smmu-externally-managed` is on, and for QNX "
    "Hypervisor 7, whose own examples leave it out.",
)

DMA_STATUS_CONFLICT = Rule(
    "dma-status-conflict",
    Severity.ERROR,
    "Device memory is passed with both `d` and `n`.",
    "A device does DMA or it does not. A warning where `smmu-externally-managed` is on.",
)

DMA_ON_SYSTEM_MEMORY = Rule(
    "dma-on-system-memory",
    Severity.ERROR,
    "Memory is passed with both `m` and `d`.",
    "`m` is memory for the guest's system, not a device; the reference forbids `d` with it. "
    "Devices may reach it all the same: `m` brings `s` and `t`.",
)

DMA_NEEDS_READ_WRITE = Rule(
    "dma-needs-read-write",
    Severity.WARNING,
    "Device memory is passed with `d` and without `r` or `w`.",
    "A driver that starts DMA has to write the device's registers and to read its status.",
)

DMA_MANAGER_MISSING = Rule(
    "dma-manager-missing",
    Severity.ERROR,
    "A device does DMA and nothing on this host contains it.",
    "Without an IOMMU that knows the device, its DMA reaches all of the host's memory. On Linux "
    "a bare memory location names no device that an IOMMU could be told about.",
)

DMA_EXTERNALLY_MANAGED = Rule(
    "dma-externally-managed",
    Severity.INFORMATION,
    "`d` is given where `smmu-externally-managed` is on.",
    "The variable says that DMA is contained in some other way; `d` then asks for nothing.",
)

SMMU_VDEV_NOT_ALLOWED = Rule(
    "smmu-vdev-not-allowed",
    Severity.ERROR,
    "`vdev smmu` is there while `smmu-externally-managed` is on.",
    "A guest cannot manage what the configuration says is managed elsewhere; qvm aborts.",
)

DMA_DEVICE_DECLARED_HARMLESS = Rule(
    "dma-device-declared-harmless",
    Severity.WARNING,
    "`n` is given for registers of a device that can do DMA.",
    "`n` is only a declaration. A guest that writes the registers of a PCI function, or of another "
    "bus master, can let it reach all of the host's memory.",
)

BLOB_WITHOUT_DMA = Rule(
    "blob-without-dma",
    Severity.INFORMATION,
    "A blob is passed without a DMA status.",
    "A blob is memory and not a device, so it counts as `n`.",
)


def dma_status_missing(
    memory: Iterable[PassedMemory], config: VmConfig, *, is_required: bool = True
) -> Iterator[Finding]:
    """``dma-status-missing``; a warning where the hypervisor does not insist on a status."""
    severity = _unless_managed(config) if is_required else Severity.WARNING
    for each in memory:
        location = each.location
        access = location.access
        if not access.without_dma and not access.uses_dma and each.is_device:
            yield DMA_STATUS_MISSING.finding(
                "device memory is passed with neither `d` (does DMA) nor `n` (does not)",
                location.span,
                severity=severity,
                fix="add `n` to the access letters if the device does no DMA, else `d`",
            )


def _unless_managed(config: VmConfig) -> Severity:
    return Severity.WARNING if smmu_externally_managed(config) else Severity.ERROR


def dma_status_conflict(memory: Iterable[PassedMemory], config: VmConfig) -> Iterator[Finding]:
    """``dma-status-conflict``."""
    for _, location in device_memory(memory):
        if location.access.uses_dma and location.access.without_dma:
            yield DMA_STATUS_CONFLICT.finding(
                "device memory is passed with both `d` (does DMA) and `n` (does not)",
                location.span,
                severity=_unless_managed(config),
                fix="keep one of the two letters",
            )


def dma_on_system_memory(memory: Iterable[PassedMemory]) -> Iterator[Finding]:
    """``dma-on-system-memory``."""
    for _, location in memory:
        if location.access.system_memory and location.access.uses_dma:
            yield DMA_ON_SYSTEM_MEMORY.finding(
                "`m` (system memory) must not come with `d` (a device that does DMA)",
                location.span,
                fix="remove `d`",
            )


def dma_needs_read_write(memory: Iterable[PassedMemory]) -> Iterator[Finding]:
    """``dma-needs-read-write``."""
    for _, location in memory:
        access = location.access
        if access.without_dma:
            continue  # dma-status-conflict has it
        if access.uses_dma and not (access.readable and access.writable):
            missing = "".join(letter for letter in "rw" if letter not in access.letters)
            yield DMA_NEEDS_READ_WRITE.finding(
                f"a device with DMA is passed without `{missing}`",
                location.span,
                fix=f"add `{missing}` to the access letters",
            )


def memory_without_dma_manager(
    memory: Iterable[PassedMemory], config: VmConfig
) -> Iterator[Finding]:
    """``dma-manager-missing`` for ``d`` on bare memory."""
    if smmu_externally_managed(config):
        return
    for each in memory:
        access = each.location.access
        # With `m` or `n` beside it the letter is wrong itself, and another rule says so.
        if access.uses_dma and not access.without_dma and not access.system_memory:
            yield DMA_MANAGER_MISSING.finding(
                "`d`: nothing on this host can contain the DMA of a device that is given as bare "
                "memory",
                each.location.span,
                resource=each.resource,
                fix="pass the device as a PCI function (`loc pci:…`), or `set "
                "smmu-externally-managed on` if its DMA is contained in another way",
            )


def functions_without_iommu(plan: "PassedFunctions", board: Board) -> Iterator[Finding]:
    """``dma-manager-missing`` for PCI functions."""
    bare = [each for each in plan.functions if not _may_have_group(each.host, board)]
    if not bare:
        return
    if board.abilities.iommu:
        for function in bare:
            yield DMA_MANAGER_MISSING.finding(
                f"{function.host} is behind no IOMMU of this host",
                function.span,
                resource=str(function.host.address),
            )
        return
    yield DMA_MANAGER_MISSING.finding(
        "this host has no IOMMU, or its kernel does not use it",
        bare[0].span,
        resource=str(bare[0].host.address),
        others=(Place(f"{function.host} needs it too", function.span) for function in bare[1:]),
        fix=_way_to_iommu(board),
    )


def _may_have_group(function: PciFunction, board: Board) -> bool:
    """Whether an IOMMU contains it, or may as soon as vfio-pci has it.

    With a device tree a function gets its group with its first driver, before Linux 6.15
    (drivers/of/device.c, of_dma_configure_id); of the driver vfio-driver-missing tells.
    """
    if function.iommu_group is not None:
        return True
    if function.driver is not None or _is_x86(board):
        return False
    return board.abilities.iommu or board.iommu_kind is not None


def _is_x86(board: Board) -> bool:
    return board.architecture in ("x86_64", "i686")


def _way_to_iommu(board: Board) -> str:
    if _is_x86(board):
        return (
            "turn on VT-d or AMD-Vi in the firmware and boot the host with `intel_iommu=on` (Intel)"
            " or `amd_iommu=on` (AMD)"
        )
    return "give the host a kernel with the driver of its IOMMU, if it has one: CONFIG_ARM_SMMU_V3"


def dma_externally_managed(memory: Iterable[PassedMemory], config: VmConfig) -> Iterator[Finding]:
    """``dma-externally-managed``."""
    variable = find_variable(config, "smmu-externally-managed")
    if variable is None or not smmu_externally_managed(config):
        return
    for _, location in memory:
        if location.access.uses_dma and not location.access.system_memory:
            yield DMA_EXTERNALLY_MANAGED.finding(
                "`d` has no effect: the configuration says that DMA is managed externally",
                location.span,
                others=(Place("said here", variable.span),),
            )


def smmu_vdev_not_allowed(config: VmConfig) -> Iterator[Finding]:
    """``smmu-vdev-not-allowed``."""
    variable = find_variable(config, "smmu-externally-managed")
    if variable is None or not smmu_externally_managed(config):
        return
    for vdev in config.vdevs:
        if vdev.type == "smmu":
            yield SMMU_VDEV_NOT_ALLOWED.finding(
                "`vdev smmu` must not be there while DMA is managed externally",
                vdev.span,
                others=(Place("said here", variable.span),),
                fix="remove `vdev smmu`",
            )


def bus_master_declared_harmless(memory: Iterable[PassedMemory], board: Board) -> Iterator[Finding]:
    """``dma-device-declared-harmless``, once for each pass."""
    declared = [each for each in device_memory(memory) if each.location.access.without_dma]
    for each, functions in functions_behind(declared, board):
        yield DMA_DEVICE_DECLARED_HARMLESS.finding(
            f"`n`: these are registers of {and_more(functions)}, which can do DMA",
            each.location.span,
            resource=each.resource,
            others=(Place(f"registers of {other}") for other in functions[1:_MOST_OTHERS]),
            fix=_function_itself(functions[0]) if len(functions) == 1 else None,
        )


def _function_itself(function: PciFunction) -> str:
    """What to pass in the place of its registers; the guest has bus 0 only."""
    address = function.address
    return str(address) if address.bus == 0 else f"pci:0:{address.device or 1}.0={address}"


def blob_without_dma(memory: Iterable[PassedMemory]) -> Iterator[Finding]:
    """``blob-without-dma``."""
    for each in memory:
        access = each.location.access
        if each.is_blob and not access.uses_dma and not access.without_dma:
            yield BLOB_WITHOUT_DMA.finding(
                "a blob counts as memory without DMA (`n`)",
                each.location.span,
                fix="add `n` to the access letters",
            )
