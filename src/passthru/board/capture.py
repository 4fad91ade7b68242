# SPDX-License-Identifier: Apache-2.0
"""Everything that a Linux kernel shows of its host, for a snapshot.

``passthru.board.linux`` reads less of the same, because a guest waits for it.
"""

from passthru.board.clusters import read_clusters
from passthru.board.device_uses import with_uses
from passthru.board.firmware_devices import read_acpi_devices, read_pnp_devices
from passthru.board.host_files import HostFiles
from passthru.board.interrupts import INTERRUPTS, read_interrupts
from passthru.board.iommu_kind import read_iommu_kind
from passthru.board.kernel_features import read_kernel_features
from passthru.board.linux import read_board
from passthru.board.live_tree import read_live_tree
from passthru.board.model import Board, PlatformDevice
from passthru.board.pci_capabilities import with_capabilities
from passthru.board.ports import PORTS, read_ports
from passthru.board.running_tree import sorted_lines, with_tree
from passthru.board.uio import read_uio_devices
from passthru.lean import Iterable, Iterator

__all__ = ["capture_board"]

_KVM = "/sys/devices/virtual/misc/kvm"


def capture_board(files: HostFiles) -> Board:
    """The host whose pseudo files these are, as far as they tell; ``unseen`` has the rest.

    Never raises because of the host: what cannot be read is empty. The same host gives the
    same board again until its devices, drivers, mounts or limits change.
    """
    lines = read_interrupts(files)
    acpi = tuple(read_acpi_devices(files, lines))
    board = read_board(files)
    board = board._replace(
        clusters=read_clusters(files),
        pci=with_capabilities(board.pci, files),
        # Elsewhere the kernel counts windows of PCI host bridges as ports of its own.
        ports=read_ports(files) if board.architecture.startswith("x86") else (),
        interrupts=sorted_lines(lines.values()),
        devices=(*acpi, *read_pnp_devices(files, lines)),
        iommu_kind=read_iommu_kind(files),
        features=read_kernel_features(files),
        uio=read_uio_devices(files, lines, board.pci),
    )
    if not board.architecture.startswith("x86"):
        # No flag of an ARM processor tells; KVM's device is there only if it can be used.
        abilities = board.abilities._replace(hardware_virtualization=files.exists(_KVM))
        board = board._replace(abilities=abilities)
    unseen = (*_unseen(board, files), *_unseen_devices(acpi))
    tree = read_live_tree(files)
    if tree is not None:
        board = with_tree(board, tree, files)
    return with_uses(board._replace(unseen=unseen), files)


def _unseen(board: Board, files: HostFiles) -> Iterator[str]:
    if not board.memory_known:
        yield f"the memory map: {_why_no_addresses(files, '/proc/iomem')}"
    if board.architecture.startswith("x86") and not board.ports:
        yield f"the ports and their owners: {_why_no_addresses(files, PORTS)}"
    closed = [each.address.sysfs_name for each in board.pci if each.capabilities is None]
    if closed:
        yield (
            f"capabilities of {', '.join(closed)}: all but the first 64 bytes of PCI "
            "configuration space are for root only"
        )
    if not files.names(INTERRUPTS):
        yield f"interrupts and their owners: there is no {INTERRUPTS}"
    unknown = [feature.name for feature in board.features if feature.state == "unknown"]
    if unknown:
        yield (
            f"whether the kernel has {', '.join(unknown)}: there is no /proc/config.gz, and "
            "/boot and /lib/modules have no configuration of this kernel that may be read"
        )
    if not files.text("/proc/self/limits"):
        yield "how much memory may be locked: /proc/self/limits cannot be read"


def _unseen_devices(acpi: Iterable[PlatformDevice]) -> Iterator[str]:
    bare = [each.name for each in acpi if not (each.registers or each.interrupts)]
    if bare:
        yield f"registers and interrupts of {', '.join(bare)}: sysfs does not tell them for ACPI"


def _why_no_addresses(files: HostFiles, path: str) -> str:
    if files.text(path):
        return f"{path} shows its addresses to root only"
    return f"{path} cannot be read"
