# SPDX-License-Identifier: Apache-2.0
"""The demonstrations: one guest each, what is passed through to it, and what it says of it."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import NamedTuple

from passthru.addresses import PAGE_SIZE, PciAddress
from passthru.bench.boards import ARM_BOARD, DEFAULT_BOARD, PlacedFile, load_board
from passthru.bench.guest import (
    GUEST_ARGUMENTS,
    PCI_DRIVERS,
    CheckResult,
    build_guest,
    check_results,
)
from passthru.bench.host_kernels import obtain_host_kernel
from passthru.bench.inner_command import compile_project, passthru_command
from passthru.bench.kernels import Kernel
from passthru.bench.pattern import pattern
from passthru.bench.progress import Progress
from passthru.bench.terminal import forwarded_interrupts
from passthru.bench.virtual_host import VirtualHost

__all__ = ["ARM_DEMO", "DEMOS", "PC_DEMO", "Demo", "DemoOutcome", "run_demo", "write_demo"]


class Demo(NamedTuple):
    """One demonstration. Its files are ``guests/demo/BOARD.qvmconf`` and ``BOARD.sh``.

    ``checks`` are the names of what the guest checks, in its order, with ``drivers`` loaded.
    ``functions`` are those that the configuration passes (host addresses). The guest reads
    the board's disk ``disk``. If ``initrd_in_memory``, its initramfs lies in the host's
    reserved memory, and not only in a file.
    """

    board: str
    checks: tuple[str, ...]
    drivers: tuple[str, ...]
    functions: tuple[PciAddress, ...] = ()
    disk: str | None = None
    initrd_in_memory: bool = False


PC_DEMO = Demo(
    board=DEFAULT_BOARD,
    checks=("processors", "initrd", "nvme", "audio", "interrupts"),
    drivers=PCI_DRIVERS,
    functions=(PciAddress(0, 0, 3, 0), PciAddress(0, 0, 14, 0)),
    disk="pattern",
    initrd_in_memory=True,
)
"""PCI functions with their messages, and an initramfs that nobody copied."""

ARM_DEMO = Demo(
    board=ARM_BOARD,
    checks=("processors", "clock", "alarms"),
    drivers=("rtc-pl031",),
)
"""A device that is registers and a bare interrupt, both moved."""

DEMOS = {demo.board: demo for demo in (PC_DEMO, ARM_DEMO)}
"""Every demonstration by its board."""

_CHECKED_BYTES = 1 << 20

# Seconds; beside other emulated hosts a guest takes several times as long as alone.
_SILENCE = 120.0
_TIMEOUT = 300.0


class DemoOutcome(NamedTuple):
    """How it went: the status of ``passthru run``, and every check that was expected."""

    status: int
    checks: tuple[CheckResult, ...]

    @property
    def passed(self) -> bool:
        """Whether the guest ran to its end and every check said so."""
        return self.status == 0 and all(check.passed for check in self.checks)


class DemoFiles(NamedTuple):
    """What a demo needs on disk; ``placed`` goes into reserved RAM before the boot."""

    config: Path
    placed: tuple[PlacedFile, ...]


def write_demo(demo: Demo, directory: Path, kernel: Kernel) -> DemoFiles:
    """Write the guest's initramfs and its configuration into ``directory``.

    Raises ModuleMissingError, MissingToolError.
    """
    image = _build_guest(demo, kernel)
    initrd = PlacedFile(str(directory / "initrd"), load_board(demo.board).reserved[0].range.start)
    Path(initrd.path).write_bytes(image)
    text = Template(_text_of(f"{demo.board}.qvmconf")).substitute(
        kernel=kernel.vmlinux or kernel.image,
        arguments=GUEST_ARGUMENTS,
        now=int(time.time()),
        initrd=initrd.path,
        initrd_size=f"{-(-len(image) // PAGE_SIZE) * PAGE_SIZE:#x}",
        initrd_address=f"{initrd.address:#x}",
    )
    config = directory / "demo.qvmconf"
    config.write_text(text)
    return DemoFiles(config, (initrd,) if demo.initrd_in_memory else ())


def run_demo(
    demo: Demo,
    progress: Progress,
    screen: Callable[[bytes], None],
    announce: Callable[[str], None],
) -> DemoOutcome:
    """Boot the virtual host and run the demo's guest on it; ``screen`` gets its console.

    A guest that breaks off before it has said anything of some check is run once more,
    announced: doubly emulated processors are not perfect. Raises PassthruError.
    """
    board = load_board(demo.board)
    kernel = obtain_host_kernel(board.architecture, progress)
    compile_project()
    with tempfile.TemporaryDirectory(prefix="passthru-demo-") as directory:
        files = write_demo(demo, Path(directory), kernel)
        command = passthru_command(["run", f"@{files.config}"], board.architecture)
        with VirtualHost(
            board, kernel=kernel, placed=files.placed, progress=progress, announce=announce
        ) as host:
            host.bind(demo.functions)
            progress("")
            outcome = _run(demo, host, command, screen)
            if outcome.status == 0 and _broke_off(outcome):
                announce("the guest broke off; once more")
                outcome = _run(demo, host, command, screen)
    return outcome


def _build_guest(demo: Demo, kernel: Kernel) -> bytes:
    files = {}
    if demo.disk:
        digest = hashlib.sha256(pattern(demo.disk, _CHECKED_BYTES)).hexdigest()
        files["/expected"] = f"{_CHECKED_BYTES} {digest}\n".encode()
    checks = _text_of("processors.sh") + _text_of(f"{demo.board}.sh")
    return build_guest(kernel, checks, demo.drivers, files)


def _text_of(name: str) -> str:
    file = resources.files("passthru.bench") / "guests/demo" / name
    return file.read_text(encoding="utf-8")


def _run(
    demo: Demo, host: VirtualHost, command: Sequence[str], screen: Callable[[bytes], None]
) -> DemoOutcome:
    with forwarded_interrupts(host.interrupt):
        done = host.run(command, timeout=_TIMEOUT, silence=_SILENCE, on_output=screen)
    told = {check.name: check for check in check_results(done.text)}
    missing = {name: CheckResult(name, False, "") for name in demo.checks}
    return DemoOutcome(done.status, tuple({**missing, **told}.values()))


def _broke_off(outcome: DemoOutcome) -> bool:
    return any(not check.passed and not check.detail for check in outcome.checks)
