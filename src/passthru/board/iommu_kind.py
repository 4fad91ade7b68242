# SPDX-License-Identifier: Apache-2.0
"""Which IOMMU a host has, from the names in sysfs ``class/iommu``."""

from passthru.board.host_files import HostFiles

__all__ = ["iommu_kind", "read_iommu_kind"]

# What the drivers call their devices (iommu_device_sysfs_add() in drivers/iommu).
_KINDS = {
    "dmar": "vt-d",
    "ivhd": "amd-vi",
    "smmu3.": "smmuv3",
    "smmu.": "smmuv2",
    "virtio": "virtio-iommu",
}


def read_iommu_kind(files: HostFiles) -> str | None:
    """``vt-d``, ``amd-vi``, ``smmuv2``, ``smmuv3``, ``virtio-iommu``, or the driver's word.

    None where no IOMMU is in use. Of several kinds, the first by name.
    """
    names = files.names("/sys/class/iommu")
    return iommu_kind(names[0]) if names else None


def iommu_kind(name: str) -> str:
    """The kind of the IOMMU that the kernel lists as ``name``."""
    for start, kind in _KINDS.items():
        if name.startswith(start):
            return kind
    # Others are named by their drivers or, with an address in front, by their nodes.
    parts = (part for part in name.split(".") if part and not _is_address(part))
    return next((part.rstrip("0123456789") for part in parts), name)


def _is_address(part: str) -> bool:
    return len(part) > 4 and set(part) <= set("0123456789abcdef")
