# SPDX-License-Identifier: Apache-2.0
"""A virtual host with a program that stands in for QEMU."""

import shutil
import sys
from pathlib import Path

from passthru.bench.boards import load_board
from passthru.bench.kernels import Kernel
from passthru.bench.virtual_host import VirtualHost
from passthru.bench.watchdog import Limits

BOARD = load_board("x86-64")


class Stage:
    """The stand-in, its orders, and what was announced."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.announced: list[str] = []
        self.steps: list[str] = []
        script = directory / "fake_qemu.py"
        shutil.copy(Path(__file__).with_name("fake_qemu.py"), script)
        self.program = directory / "qemu"
        self.program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "{script}" "$@"\n')
        self.program.chmod(0o755)
        modules = directory / "modules"
        modules.mkdir()
        (modules / "modules.dep").touch()
        (modules / "modules.builtin").write_text(
            "virtio_pci virtio_console 9pnet_virtio 9p overlay irqbypass kvm-amd kvm_amd "
            "kvm_intel vfio-pci vfio_iommu_type1 uio_pci_generic".replace(" ", ".ko\n")
        )
        self.kernel = Kernel("test", directory / "vmlinuz", modules, None)

    def host(self, *modes: str, boot: float = 20, heartbeat: float = 20) -> VirtualHost:
        (self.directory / "modes").write_text("\n".join(modes))
        return VirtualHost(
            BOARD,
            kernel=self.kernel,
            limits=Limits(boot=boot, heartbeat=heartbeat),
            progress=self.steps.append,
            announce=self.announced.append,
            program=str(self.program),
        )

    @property
    def calls(self) -> list[str]:
        return (self.directory / "calls").read_text().splitlines()
