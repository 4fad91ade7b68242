# SPDX-License-Identifier: Apache-2.0
"""What can go wrong on the virtual bench, each with what to do about it."""

from collections.abc import Sequence

from passthru.diagnostics.errors import ExitStatus, PassthruError

__all__ = [
    "BenchBoardError",
    "CommandTimeoutError",
    "HostHungError",
    "KernelUnavailableError",
    "MissingToolError",
    "ModuleBuildError",
    "ModuleMissingError",
    "PlacementError",
    "ScreenGoneError",
    "SetupFailedError",
    "UnknownBoardError",
]


_SHOWN_LINES = 10

_CAUSES = ("Kernel panic", "BUG:", "Oops:")


class MissingToolError(PassthruError):
    """A program that the bench calls is not installed."""

    def __init__(self, tool: str, package: str) -> None:
        self.tool = tool
        self.package = package
        self.fix = f"apt-get install {package}"
        super().__init__(tool, package)

    def __str__(self) -> str:
        return f"the virtual bench needs {self.tool}, which is not installed"


class KernelUnavailableError(PassthruError):
    """No kernel is in the cache and none could be had from the package manager."""

    def __init__(self, reason: str, fix: str | None = None) -> None:
        self.reason = reason
        self.fix = fix
        super().__init__(reason)

    def __str__(self) -> str:
        return f"no kernel for the virtual bench: {self.reason}"


class ModuleBuildError(PassthruError):
    """The compiler could not build modules for a kernel; ``output`` are the lines of the build."""

    # apt brings what is installed already up to date.
    fix = "apt-get install gcc-aarch64-linux-gnu binutils-aarch64-linux-gnu"

    def __init__(self, release: str, output: Sequence[str]) -> None:
        self.release = release
        self.output = tuple(output)
        super().__init__(release, self.output)

    def __str__(self) -> str:
        lines = [f"the modules of the virtual bench for kernel {self.release} cannot be built"]
        return "\n".join([*lines, *(f"  | {line}" for line in self.output[-_SHOWN_LINES:])])


class ModuleMissingError(PassthruError):
    """A kernel has neither a module nor a built-in driver of that name."""

    def __init__(self, module: str, release: str) -> None:
        self.module = module
        self.release = release
        super().__init__(module, release)

    def __str__(self) -> str:
        return f"kernel {self.release} has no module {self.module}"


class BenchBoardError(PassthruError):
    """A board file that cannot be used; ``key`` is the place in it."""

    exit_status = ExitStatus.CONFIGURATION

    def __init__(self, file: str, key: str, problem: str) -> None:
        self.file = file
        self.key = key
        self.problem = problem
        super().__init__(file, key, problem)

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.problem}"


class UnknownBoardError(PassthruError):
    """No virtual board has that name."""

    exit_status = ExitStatus.USAGE

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name = name
        self.known = tuple(known)
        self.fix = f"--board {self.known[0]}" if known else None
        super().__init__(name)

    def __str__(self) -> str:
        return f"no virtual board is called {self.name} (known: {', '.join(self.known)})"


class PlacementError(PassthruError):
    """Something cannot lie in the board's RAM where it was asked for."""

    exit_status = ExitStatus.CONFIGURATION

    def __init__(self, what: str, problem: str, fix: str | None = None) -> None:
        self.what = what
        self.problem = problem
        self.fix = fix
        super().__init__(what, problem)

    def __str__(self) -> str:
        return f"{self.what}: {self.problem}"


class SetupFailedError(PassthruError):
    """A step inside the virtual host failed before the command could run."""

    def __init__(self, step: str, output: str) -> None:
        self.step = step
        self.output = output
        super().__init__(step, output)

    def __str__(self) -> str:
        return f"the virtual host failed to {self.step}:\n{self.output.rstrip()}"


class CommandTimeoutError(PassthruError):
    """A command inside ran longer than it was given; it was killed, the host lives on."""

    def __init__(self, argv: Sequence[str], seconds: float, output: bytes) -> None:
        self.argv = tuple(argv)
        self.seconds = seconds
        self.output = output
        super().__init__(self.argv, seconds)

    def __str__(self) -> str:
        tail = self.output.decode(errors="replace").splitlines()[-10:]
        return "\n".join(
            [f"{' '.join(self.argv)}: not done after {self.seconds:.0f} s; last output:", *tail]
        )


class HostHungError(PassthruError):
    """The virtual host showed no sign of life, or died; it has been killed.

    ``last_lines`` are its last output, more than is shown; ``registers`` is what QEMU said
    of the processors, empty where it no longer answered.
    """

    def __init__(
        self, what: str, step: str, last_lines: Sequence[str], registers: str, dump: str | None
    ) -> None:
        self.what = what
        self.step = step
        self.last_lines = tuple(last_lines)
        self.registers = registers
        self.dump = dump
        super().__init__(what, step)

    def __str__(self) -> str:
        lines = [f"the virtual host {self.what} (last step: {self.step})"]
        lines += [f"  | {line}" for line in self._telling_lines()]
        lines += [f"  {line}" for line in self._instruction_pointers()]
        if self.dump:
            lines.append(f"  all processor state: {self.dump}")
        return "\n".join(lines)

    def _telling_lines(self) -> list[str]:
        # A panic is followed by a long trace, so its first words are no longer the last.
        earlier = self.last_lines[:-_SHOWN_LINES]
        causes = [line for line in earlier if any(word in line for word in _CAUSES)]
        return [*causes, *self.last_lines[-_SHOWN_LINES:]]

    def _instruction_pointers(self) -> list[str]:
        wanted = ("CPU#", "RIP=", "EIP=", " PC=")
        return [line.rstrip() for line in self.registers.splitlines() if line.startswith(wanted)]


class ScreenGoneError(PassthruError):
    """The standard output takes no more of what the virtual host prints."""

    exit_status = ExitStatus.POWER_CUT

    def __init__(self, error: OSError) -> None:
        self.error = error
        super().__init__(error)

    def __str__(self) -> str:
        return f"cannot write the output: {self.error.strerror}; the virtual host is ended"
