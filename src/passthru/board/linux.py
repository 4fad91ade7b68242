# SPDX-License-Identifier: Apache-2.0
"""The board as a Linux kernel shows it in ``/proc`` and ``/sys``."""

import os

from passthru.board.host_files import HostFiles
from passthru.board.memory_map import read_memory_map
from passthru.board.model import Abilities, Board
from passthru.board.pci import read_iommu_groups, read_pci_functions

__all__ = ["read_board"]

_VIRTUALIZATION_FLAGS = frozenset(("vmx", "svm"))
_CAP_IPC_LOCK = 1 << 14


def read_board(files: HostFiles, *, with_pci: bool = True) -> Board:
    """Read the host whose pseudo files these are.

    Without ``with_pci`` the PCI functions and IOMMU groups stay empty; enough for a VM
    that gets nothing passed, and some milliseconds faster on a host with many functions.
    Never raises: what cannot be read is empty (``Board.memory_known`` tells of the one
    thing that needs a privilege).
    """
    memory = read_memory_map(files)
    cpuinfo = files.text("/proc/cpuinfo")
    groups = read_iommu_groups(files) if with_pci else ()
    return Board(
        name=files.text("/proc/sys/kernel/hostname") or "host",
        # The file came with Linux 6.1 (kernel/utsname_sysctl.c, "arch").
        architecture=files.text("/proc/sys/kernel/arch") or os.uname().machine,
        cpu_count=max(1, cpuinfo.count("\nprocessor") + cpuinfo.startswith("processor")),
        memory=memory.regions,
        allocated=memory.allocated,
        reserved=memory.reserved,
        pci=read_pci_functions(files) if with_pci else (),
        iommu_groups=groups,
        abilities=Abilities(
            hardware_virtualization=_has_hardware_virtualization(cpuinfo),
            vfio_pci=files.exists("/sys/bus/pci/drivers/vfio-pci"),
            iommu=bool(groups),
            locked_memory_limit=_locked_memory_limit(files),
        ),
    )


def _has_hardware_virtualization(cpuinfo: str) -> bool:
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            return not _VIRTUALIZATION_FLAGS.isdisjoint(line.split())
    return False


def _locked_memory_limit(files: HostFiles) -> int | None:
    """Bytes this process may lock; None where nothing limits it (setrlimit(2))."""
    if _effective_capabilities(files) & _CAP_IPC_LOCK:
        return None
    for line in files.text("/proc/self/limits").splitlines():
        if line.startswith("Max locked memory"):
            soft = line.removeprefix("Max locked memory").split()[:1]
            return int(soft[0]) if soft and soft[0].isdecimal() else None
    return None


def _effective_capabilities(files: HostFiles) -> int:
    for line in files.text("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            try:
                return int(line.removeprefix("CapEff:"), 16)
            except ValueError:
                return 0
    return 0
