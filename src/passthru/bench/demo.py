# SPDX-License-Identifier: Apache-2.0
"""The demonstration: one guest, everything passed through, and what it says of it."""

import tempfile
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import NamedTuple

from passthru.addresses import PAGE_SIZE, PciAddress
from passthru.bench.boards import BenchBoard, PlacedFile, load_board
from passthru.bench.guest import (
    DEMO_CHECKS,
    GUEST_COMMAND_LINE,
    CheckResult,
    build_demo_guest,
    check_results,
)
from passthru.bench.inner_command import compile_project, passthru_command
from passthru.bench.kernels import Kernel, obtain_kernel
from passthru.bench.progress import Progress
from passthru.bench.terminal import forwarded_interrupts
from passthru.bench.virtual_host import VirtualHost

__all__ = ["DemoOutcome", "run_demo", "write_demo"]

DISK = "pattern"
"""The board's disk that the guest reads."""

FUNCTIONS = (PciAddress(0, 0, 3, 0), PciAddress(0, 0, 14, 0))
"""The functions that the configuration passes: NVMe and HD audio (host addresses)."""

_SILENCE = 60.0
_TIMEOUT = 180.0


class DemoOutcome(NamedTuple):
    """How it went: the status of ``passthru run``, and every check that was expected."""

    status: int
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether the guest ran to its end and every check said so."""
        return self.status == 0 and all(check.passed for check in self.checks)


class DemoFiles(NamedTuple):
    """What the demo needs on disk; ``initrd`` goes into reserved RAM before the boot."""

    config: Path
    initrd: PlacedFile


def write_demo(directory: Path, kernel: Kernel, board: BenchBoard) -> DemoFiles:
    """Write the guest's initramfs and its configuration into ``directory``."""
    image = build_demo_guest(kernel, DISK)
    initrd = PlacedFile(str(directory / "initrd"), board.reserved[0].range.start)
    Path(initrd.path).write_bytes(image)
    template = resources.files("passthru.bench") / "guests/demo.qvmconf"
    text = Template(template.read_text(encoding="utf-8")).substitute(
        kernel=kernel.vmlinux or kernel.image,
        arguments=GUEST_COMMAND_LINE,
        initrd_size=f"{-(-len(image) // PAGE_SIZE) * PAGE_SIZE:#x}",
        initrd_address=f"{initrd.address:#x}",
    )
    config = directory / "demo.qvmconf"
    config.write_text(text)
    return DemoFiles(config, initrd)


def run_demo(
    progress: Progress, screen: Callable[[bytes], None], announce: Callable[[str], None]
) -> DemoOutcome:
    """Boot the virtual host and run the demo guest on it; ``screen`` gets its console.

    A guest that breaks off before it has said anything of some check is run once more,
    announced: doubly emulated processors are not perfect. Raises PassthruError.
    """
    board = load_board()
    kernel = obtain_kernel(progress)
    compile_project()
    with tempfile.TemporaryDirectory(prefix="passthru-demo-") as directory:
        files = write_demo(Path(directory), kernel, board)
        command = passthru_command(["run", f"@{files.config}"])
        with VirtualHost(
            board, kernel=kernel, placed=[files.initrd], progress=progress, announce=announce
        ) as host:
            host.bind(FUNCTIONS)
            progress("")
            outcome = _run(host, command, screen)
            if outcome.status == 0 and _broke_off(outcome):
                announce("the guest broke off; once more")
                outcome = _run(host, command, screen)
    return outcome


def _run(host: VirtualHost, command: Sequence[str], screen: Callable[[bytes], None]) -> DemoOutcome:
    with forwarded_interrupts(host.interrupt):
        done = host.run(command, timeout=_TIMEOUT, silence=_SILENCE, on_output=screen)
    told = {check.name: check for check in check_results(done.text)}
    missing = {name: CheckResult(name, False, "") for name in DEMO_CHECKS}
    return DemoOutcome(done.status, tuple({**missing, **told}.values()))


def _broke_off(outcome: DemoOutcome) -> bool:
    return any(not check.passed and not check.detail for check in outcome.checks)
