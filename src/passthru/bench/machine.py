# SPDX-License-Identifier: Apache-2.0
"""The QEMU command line of a virtual board."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from passthru.addresses import AddressRange
from passthru.bench.boards import BenchBoard, PlacedFile
from passthru.bench.kernels import Kernel

__all__ = [
    "EMULATED",
    "EMULATED_ARM",
    "Acceleration",
    "Boot",
    "ChannelNumbers",
    "choose_acceleration",
    "qemu_command",
]

ROOT_TAG = "bench-root"
"""Name of the shared root directory on the virtual host."""

EXCHANGE_TAG = "bench-exchange"
"""Name of the directory that is read without a cache, for files made after the boot."""


class Acceleration(NamedTuple):
    """How QEMU runs the virtual host's processors.

    ``kvm_module`` is what the virtual host loads for its own KVM.
    """

    accelerator: str
    machine_option: str
    processor: str | None
    kvm_module: str


EMULATED = Acceleration("tcg,thread=multi", "", None, "kvm-amd")
"""For a machine without hardware virtualization, or with one that cannot be nested."""


EMULATED_ARM = EMULATED._replace(kvm_module="kvm")
"""For hosts of the other architecture; a processor that is emulated has EL2 of its own."""


class ChannelNumbers(NamedTuple):
    """File descriptors of connected sockets that QEMU inherits, one per channel."""

    console: int
    control: int
    output: int
    terminal: int
    qmp: int


class Boot(NamedTuple):
    """What one boot needs beside the board; ``reserve`` is kept from the allocator (HPA).

    ``tree`` is the device tree of a host that has one; it tells of ``reserve``.
    """

    kernel: Kernel
    initramfs: Path
    disks: Path
    exchange: Path
    reserve: tuple[AddressRange, ...]
    placed: tuple[PlacedFile, ...]
    acceleration: Acceleration
    tree: Path | None = None


def choose_acceleration(root: str = "/") -> Acceleration:
    """Hardware virtualization where it is there, real and can be nested; else emulation.

    Real means that the processor has it: a software ``/dev/kvm`` would hang in silence.
    """
    for flag, module in (("vmx", "kvm_intel"), ("svm", "kvm_amd")):
        if _processor_has(root, flag) and _can_nest(root, module) and _may_use_kvm(root):
            return Acceleration("kvm", "kernel-irqchip=split", "host", module)
    return EMULATED


def _processor_has(root: str, flag: str) -> bool:
    cpuinfo = Path(root, "proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    lines = cpuinfo.splitlines()
    return any(line.startswith("flags") and flag in line.split() for line in lines)


def _can_nest(root: str, module: str) -> bool:
    try:
        parameter = Path(root, "sys/module", module, "parameters/nested").read_text()
    except OSError:
        return False
    return parameter.strip() in ("Y", "1")


def _may_use_kvm(root: str) -> bool:
    return os.access(Path(root, "dev/kvm"), os.R_OK | os.W_OK)


def qemu_command(
    program: str, board: BenchBoard, boot: Boot, channels: ChannelNumbers
) -> list[str]:
    """The whole command; QEMU takes no terminal, display, network or user configuration."""
    acceleration = boot.acceleration
    machine = ",".join(part for part in (board.machine, acceleration.machine_option) if part)
    return [
        program,
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-accel", acceleration.accelerator, "-machine", machine),
        *("-cpu", acceleration.processor or board.processor),
        *("-smp", str(board.processors), "-m", f"{board.memory // 1024}K"),
        *("-kernel", str(boot.kernel.vmlinux or boot.kernel.image), "-initrd", str(boot.initramfs)),
        *("-append", kernel_command_line(board, () if boot.tree else boot.reserve)),
        *(("-dtb", str(boot.tree)) if boot.tree else ()),
        *_channel_arguments(channels),
        *_share_arguments(ROOT_TAG, "/"),
        *_share_arguments(EXCHANGE_TAG, str(boot.exchange)),
        *board.backends,
        *(argument for device in board.devices for argument in ("-device", device)),
        *_disk_arguments(board, boot.disks),
        *_placed_arguments(boot.placed),
    ]


def kernel_command_line(board: BenchBoard, reserve: Sequence[AddressRange]) -> str:
    """The virtual host's kernel arguments, with ``memmap=SIZE$START`` for each range."""
    memmap = [f"memmap={place.size:#x}${place.start:#x}" for place in reserve]
    console = f"console={board.architecture.console}"
    return " ".join([console, *board.kernel_arguments, *memmap])


def _channel_arguments(channels: ChannelNumbers) -> list[str]:
    arguments = []
    for name, number in channels._asdict().items():
        arguments += ["-chardev", f"socket,id={name},fd={number}"]
    return [
        *arguments,
        *("-serial", "chardev:console", "-mon", "chardev=qmp,mode=control"),
        *("-device", "virtio-serial-pci,disable-legacy=on,addr=0x1e"),
        *("-device", "virtserialport,chardev=control,name=control"),
        *("-device", "virtserialport,chardev=output,name=output"),
        *("-device", "virtconsole,chardev=terminal"),
    ]


def _share_arguments(tag: str, path: str) -> list[str]:
    # remap: inode numbers of several file systems under one share would clash.
    share = f"local,id={tag},path={_escaped(path)},security_model=none,readonly=on,multidevs=remap"
    device = f"virtio-9p-pci,fsdev={tag},mount_tag={tag},disable-legacy=on"
    return ["-fsdev", share, "-device", device]


def _disk_arguments(board: BenchBoard, directory: Path) -> list[str]:
    arguments = []
    for disk in board.disks:
        image = _escaped(str(directory / f"{disk.id}.img"))
        drive = f"if=none,id={disk.id},file={image},format=raw,cache=unsafe"
        arguments += ["-drive", drive, "-device", f"{disk.device},drive={disk.id}"]
    return arguments


def _placed_arguments(placed: Sequence[PlacedFile]) -> list[str]:
    arguments = []
    for file in placed:
        loader = f"loader,file={_escaped(file.path)},addr={file.address:#x},force-raw=on"
        arguments += ["-device", loader]
    return arguments


def _escaped(value: str) -> str:
    """A value for QEMU's comma-separated options, where a comma is written twice."""
    return value.replace(",", ",,")
