# SPDX-License-Identifier: Apache-2.0
"""A virtual host: a board that runs in QEMU, takes commands, and is watched.

The outer file system is the host's own root directory (read-only, with a layer on top
that is forgotten), so commands have the same paths inside as outside.
"""

import secrets
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from passthru.addresses import AddressRange, PciAddress
from passthru.bench.architectures import X86_64
from passthru.bench.binding import bind_command
from passthru.bench.boards import BenchBoard, PlacedFile
from passthru.bench.boot_files import write_disks, write_host_initramfs, write_patterns
from passthru.bench.errors import HostHungError, SetupFailedError
from passthru.bench.host_kernels import obtain_host_kernel
from passthru.bench.host_session import Command, Completed, HostSession
from passthru.bench.host_tree import write_host_tree
from passthru.bench.kernels import Kernel
from passthru.bench.machine import (
    EMULATED,
    EMULATED_ARM,
    Boot,
    ChannelNumbers,
    choose_acceleration,
    qemu_command,
)
from passthru.bench.progress import Progress, announce, silent
from passthru.bench.qemu_process import QemuProcess
from passthru.bench.terminal import uninterrupted
from passthru.bench.tools import find_tool
from passthru.bench.watchdog import Limits

__all__ = ["VirtualHost"]

_BIND_TIME = 60.0

_LOST_GUEST = b": the guest crashed by a triple fault"
"""What ``passthru run`` says of a guest that cannot go on.

QEMU's emulation brings Linux guests to it now and then: an interrupt is taken between the end
of a guest's turn and the host's own state, by whoever's stack is there (QEMU 7.2, svm).
"""

_T = TypeVar("_T")


class VirtualHost:
    """A context manager: booted inside the ``with``, gone after it.

    A host that hangs is killed and restarted (announced through ``announce``), its functions
    are bound again and the command that hung is run again, once; the second time it is an
    error. On an emulated host a command whose guest was lost to a triple fault is run again
    in the same way.

    ``reserve`` is RAM kept from its kernel beside the board's own reservations (HPA);
    ``placed`` are files that lie in RAM before it boots. ``program`` stands in for QEMU.

    Entering raises MissingToolError, KernelUnavailableError, HostHungError or
    SetupFailedError.
    """

    def __init__(
        self,
        board: BenchBoard,
        *,
        kernel: Kernel | None = None,
        reserve: Sequence[AddressRange] = (),
        placed: Sequence[PlacedFile] = (),
        limits: Limits = Limits(),  # noqa: B008 (a NamedTuple cannot change)
        progress: Progress = silent,
        announce: Callable[[str], None] = announce,
        program: str | None = None,
    ) -> None:
        self._board = board
        self._kernel = kernel
        self._reserve = tuple(reserve)
        self._placed = tuple(placed)
        self._limits = limits
        self._progress = progress
        self._announce = announce
        self._program = program
        self._acceleration = EMULATED
        self._bound: list[PciAddress] = []
        self._session: HostSession | None = None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="passthru-bench-")
        try:
            self._watched(lambda session: None)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._leave()

    @property
    def exchange(self) -> Path:
        """A directory whose files are seen inside, at the same path, as soon as written.

        Everywhere else the virtual host may remember what was there when it first looked.
        """
        return self._files / "exchange"

    def run(
        self,
        argv: Sequence[str],
        *,
        timeout: float | None = 300.0,
        silence: float | None = None,
        on_output: Callable[[bytes], None] | None = None,
        directory: str | None = None,
    ) -> Completed:
        """Run a command inside, as root, with no standard input; both its outputs are one.

        ``timeout`` and ``silence`` are in seconds, None for no limit: after the first the
        command is killed (CommandTimeoutError), after the second without output the host
        counts as hung. ``directory`` is where it runs, by default this process's own.
        """
        where = directory or str(Path.cwd())
        command = Command(argv, where, timeout, silence, on_output)
        done = self._watched(lambda session: session.run(command))
        if _LOST_GUEST in done.output and self._acceleration is EMULATED:
            self._announce(
                "bench: a triple fault ended the guest, which the emulation of processors may "
                "have brought about; running it again, this once"
            )
            done = self._watched(lambda session: session.run(command))
        return done

    def bind(self, addresses: Sequence[PciAddress]) -> None:
        """Give PCI functions to vfio-pci, whatever driver has them now.

        Raises SetupFailedError when one cannot be bound.
        """
        self._watched(lambda session: _bind(session, addresses))
        self._bound += addresses

    def interrupt(self) -> None:
        """Send the running command what Ctrl-C sends. May be called in a signal handler."""
        if self._session:
            self._session.signal("INT")

    def shell(self, argv: Sequence[str], keyboard: int, screen: Callable[[bytes], None]) -> int:
        """Run a command on a terminal inside, connected as given; returns its status."""
        command = Command(argv, str(Path.cwd()))
        return self._up().run_on_terminal(command, keyboard, screen)

    def _watched(self, action: Callable[[HostSession], _T]) -> _T:
        try:
            return action(self._up())
        except HostHungError as hung:
            self._session = None
            self._progress("")
            self._announce(f"{hung}\nbench: restarting the virtual host, this once")
        try:
            return action(self._up())
        except HostHungError:
            self._session = None
            raise

    def _up(self) -> HostSession:
        if self._session is None:
            self._session = self._boot()
            if self._bound:
                _bind(self._session, self._bound)
        return self._session

    def _boot(self) -> HostSession:
        kernel = self._kernel or obtain_host_kernel(self._board.architecture, self._progress)
        self._kernel = kernel
        program = self._program or find_tool(self._board.architecture.qemu)
        mark = secrets.token_hex(8)
        boot = self._prepare(kernel, program, mark)

        def command(channels: ChannelNumbers) -> list[str]:
            return qemu_command(program, self._board, boot, channels)

        session = HostSession(QemuProcess(command), mark, self._limits, self._progress)
        try:
            session.wait_until_up()
        except BaseException:
            session.close()
            raise
        return session

    def _prepare(self, kernel: Kernel, program: str, mark: str) -> Boot:
        is_x86 = self._board.architecture is X86_64
        acceleration = self._acceleration = choose_acceleration() if is_x86 else EMULATED_ARM
        self.exchange.mkdir(exist_ok=True)
        initramfs = self._files / "initramfs"
        write_disks(self._board, self._files)
        write_host_initramfs(
            initramfs, kernel, self._board, acceleration.kvm_module, mark, self.exchange
        )
        reserve = (*(place.range for place in self._board.reserved), *self._reserve)
        placed = (*write_patterns(self._board, self._files), *self._placed)
        tree = None
        if not is_x86:
            tree = self._files / "host.dtb"
            write_host_tree(tree, program, self._board, reserve)
        files = self._files
        return Boot(kernel, initramfs, files, self.exchange, reserve, placed, acceleration, tree)

    @property
    def _files(self) -> Path:
        if self._directory is None:
            raise RuntimeError("a VirtualHost is used inside its with block")
        return Path(self._directory.name)

    def _leave(self) -> None:
        with uninterrupted():
            if self._session:
                self._session.close()
                self._session = None
            if self._directory:
                self._directory.cleanup()
                self._directory = None


def _bind(session: HostSession, addresses: Sequence[PciAddress]) -> None:
    done = session.run(Command(bind_command(addresses), "/", _BIND_TIME))
    if done.status:
        names = ", ".join(address.sysfs_name for address in addresses)
        raise SetupFailedError(f"bind {names} to vfio-pci", done.text)
