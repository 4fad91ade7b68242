# SPDX-License-Identifier: Apache-2.0
"""The board as a Linux kernel shows it in ``/proc`` and ``/sys``."""

from passthru.board.host_files import HostFiles
from passthru.board.model import ARM64_ADDRESS_BITS, Abilities, Board, BoardOrigin

__all__ = ["read_board", "read_board_without_resources"]

_VIRTUALIZATION_FLAGS = frozenset(("vmx", "svm"))
_CAP_IPC_LOCK = 1 << 14


def read_board(files: HostFiles) -> Board:
    """Read the host whose pseudo files these are.

    Never raises: what cannot be read is empty (``Board.memory_known`` tells of the one
    thing that needs a privilege).
    """
    from passthru.board.acpi_tables import acpi_infrastructure
    from passthru.board.firmware_devices import read_motherboard
    from passthru.board.infrastructure import distinct, fixed_infrastructure
    from passthru.board.memory_map import read_memory_map
    from passthru.board.pci import read_iommu_groups, read_pci_functions

    memory = read_memory_map(files)
    groups = read_iommu_groups(files)
    board = read_board_without_resources(files)
    ram = (*memory.allocated, *(region.range for region in memory.reserved))
    infrastructure = (
        *fixed_infrastructure(board.architecture),
        *memory.infrastructure,
        *acpi_infrastructure(files),
        *read_motherboard(files, ram),
    )
    return board._replace(
        memory=memory.regions,
        allocated=memory.allocated,
        reserved=memory.reserved,
        pci=read_pci_functions(files),
        iommu_groups=groups,
        abilities=board.abilities._replace(iommu=bool(groups)),
        infrastructure=distinct(infrastructure),
    )


def read_board_without_resources(files: HostFiles) -> Board:
    """The host as far as a VM needs to know it that gets nothing passed; much is left empty.

    This is on the way to every guest's start, and large hosts have much to read.
    """
    cpuinfo = files.text("/proc/cpuinfo")
    return Board(
        name=_name(files.text("/proc/sys/kernel/hostname")),
        architecture=files.architecture(),
        cpu_count=max(1, cpuinfo.count("\nprocessor") + cpuinfo.startswith("processor")),
        memory=(),
        allocated=(),
        reserved=(),
        pci=(),
        iommu_groups=(),
        abilities=Abilities(
            hardware_virtualization=_has_hardware_virtualization(cpuinfo),
            vfio_pci=files.exists("/sys/bus/pci/drivers/vfio-pci"),
            iommu=False,
            locked_memory_limit=_locked_memory_limit(files),
            address_bits=_address_bits(cpuinfo, files.architecture()),
        ),
        total_ram=_total_ram(files.text("/proc/meminfo")),
        origin=BoardOrigin.LINUX,
    )


def _total_ram(meminfo: str) -> int | None:
    """Bytes, from "MemTotal:       16314552 kB" (fs/proc/meminfo.c; it counts KiB)."""
    if not meminfo.startswith("MemTotal:"):
        return None
    number = meminfo.removeprefix("MemTotal:").lstrip().partition(" ")[0]
    return int(number) << 10 if number.isdecimal() and len(number) < 15 else None


def _name(hostname: str) -> str:
    """The kernel says ``(none)`` as long as nobody has named the host."""
    return "host" if hostname in ("", "(none)") else hostname


def _has_hardware_virtualization(cpuinfo: str) -> bool:
    for line in cpuinfo.splitlines():
        if line.startswith("flags"):
            return not _VIRTUALIZATION_FLAGS.isdisjoint(line.split())
    return False


def _address_bits(cpuinfo: str, architecture: str) -> int:
    """From "address sizes\t: 46 bits physical, 48 bits virtual"; 36 where it is not told.

    Linux tells it of x86 only.
    """
    if architecture in ("aarch64", "armv7l"):
        return ARM64_ADDRESS_BITS
    place = cpuinfo.find("address sizes")
    words = cpuinfo[place:].partition(":")[2].split(maxsplit=1) if place >= 0 else []
    bits = int(words[0]) if words and words[0].isdecimal() and len(words[0]) < 3 else 0
    return bits if 0 < bits <= 64 else 36


def _locked_memory_limit(files: HostFiles) -> int | None:
    """Bytes this process may lock; None where nothing limits it (setrlimit(2))."""
    if _effective_capabilities(files) & _CAP_IPC_LOCK:
        return None
    for line in files.text("/proc/self/limits").splitlines():
        if line.startswith("Max locked memory"):
            soft = line.removeprefix("Max locked memory").split()[:1]
            # "unlimited" is no number; the longest that is one has 20 digits.
            return int(soft[0]) if soft and soft[0].isdecimal() and len(soft[0]) < 20 else None
    return None


def _effective_capabilities(files: HostFiles) -> int:
    for line in files.text("/proc/self/status").splitlines():
        if line.startswith("CapEff:"):
            try:
                return int(line.removeprefix("CapEff:"), 16)
            except ValueError:
                return 0
    return 0
