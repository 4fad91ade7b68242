# SPDX-License-Identifier: Apache-2.0
"""What can go wrong when the host's things are taken."""

import errno
import os

from passthru.addresses import HUGEPAGE_SIZE, AddressRange, PciAddress
from passthru.board.binding import binding_commands
from passthru.diagnostics.errors import ExitStatus, PassthruError

__all__ = [
    "DmaMapFailed",
    "GroupBusy",
    "GroupNotViable",
    "HostInfrastructureRefused",
    "HugepagesMissing",
    "PhysicalMemoryRefused",
    "VfioMissing",
]


_HARMLESS_DRIVERS = (None, "vfio-pci", "pci-stub", "pcieport")
"""With these a member does not keep its group from being viable (vfio_dev_viable)."""


def _reason(error: OSError) -> str:
    name = errno.errorcode.get(error.errno or 0, str(error.errno))
    return f"{os.strerror(error.errno or 0)} ({name})"


class VfioMissing(PassthruError):
    """VFIO, or its type 1 v2 IOMMU back end, is not there."""

    fix = "modprobe vfio-pci; the host must boot with its IOMMU on (intel_iommu=on)"

    def __init__(self, what: str) -> None:
        super().__init__(f"VFIO cannot be used: {what}")


class GroupNotViable(PassthruError):
    """A member of the IOMMU group still has a host driver (VFIO_GROUP_FLAGS_VIABLE)."""

    def __init__(self, group: int, members: tuple[tuple[PciAddress, str | None], ...]) -> None:
        lines = [f"{address.sysfs_name} (driver {driver or 'none'})" for address, driver in members]
        super().__init__(
            f"IOMMU group {group} is not viable: every member must be bound to vfio-pci or to no "
            f"driver; members: {', '.join(lines)}"
        )
        self.fix = "\n       ".join(
            command
            for address, driver in members
            if driver not in _HARMLESS_DRIVERS
            for command in binding_commands(address, driver)
        )


class GroupBusy(PassthruError):
    """Another process holds the group."""

    def __init__(self, group: int) -> None:
        super().__init__(f"IOMMU group {group} is in use by another process (/dev/vfio/{group})")
        self.fix = f"fuser -v /dev/vfio/{group} tells which"


class DmaMapFailed(PassthruError):
    """Guest memory could not be made reachable for the passed functions."""

    def __init__(self, iova: AddressRange, error: OSError) -> None:
        super().__init__(f"DMA mapping of guest memory {iova}: {_reason(error)}")
        if error.errno == errno.ENOMEM:
            self.fix = (
                f"raise the memory-lock limit to more than {iova.size >> 10} KiB for this range "
                f"(ulimit -l, or LimitMEMLOCK= of the service)"
            )


class PhysicalMemoryRefused(PassthruError):
    """``/dev/mem`` does not give out this range (HPA)."""

    def __init__(self, host: AddressRange, error: OSError) -> None:
        super().__init__(f"host memory {host} cannot be mapped through /dev/mem: {_reason(error)}")
        if error.errno == errno.EPERM:
            self.fix = (
                "RAM that is kept from the host's kernel: it has to be reserved when the host "
                "boots; a PCI function: pass it by `loc pci:`; another device, which a driver of "
                "the host has: bind it to uio_pdrv_genirq in place of that driver"
            )
        elif error.errno in (errno.ENOENT, errno.ENXIO):
            self.fix = "the host's kernel needs CONFIG_DEVMEM=y"
        elif error.errno == errno.EACCES:
            self.fix = "run as root (or with CAP_SYS_RAWIO and access to /dev/mem)"


class HostInfrastructureRefused(PassthruError):
    """Something that the host needs to live was about to be opened; the rules had let it pass."""

    exit_status = ExitStatus.CONFIGURATION
    fix = "take it out of the configuration; no option allows it"

    def __init__(self, wanted: str, needed: str) -> None:
        super().__init__(f"{wanted} of the host is never passed, the host lives by it: {needed}")


class HugepagesMissing(PassthruError):
    """The host has not set enough huge pages aside."""

    def __init__(self, size: int, error: OSError) -> None:
        super().__init__(f"{size:#x} bytes of guest RAM from huge pages: {_reason(error)}")
        pool = "/proc/sys/vm/nr_hugepages"
        self.fix = f"echo $(($(cat {pool}) + {size // HUGEPAGE_SIZE})) > {pool}"
