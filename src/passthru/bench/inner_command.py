# SPDX-License-Identifier: Apache-2.0
"""How to start Python programs, ``passthru`` first, inside a virtual host, fast."""

import compileall
import sys
import sysconfig
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import passthru
from passthru.bench.architectures import X86_64, Architecture
from passthru.bench.foreign_host import FOREIGN_PYTHON

__all__ = ["compile_project", "hold_machine_command", "passthru_command", "python_command"]

_PATH = "import sys; sys.path[:] = {path!r}"
_FOREIGN_PATH = "import sys; sys.path[:1] = {path!r}"
_START = "from passthru.cli.main import main; sys.exit(main())"


def passthru_command(words: Sequence[str], architecture: Architecture = X86_64) -> list[str]:
    """The command line of ``passthru WORDS``; see ``python_command``."""
    return [*python_command(_START, architecture), *words]


def python_command(program: str, architecture: Architecture = X86_64) -> list[str]:
    """The command line of a Python program that has the modules that this process has.

    It runs in this interpreter, or in the virtual host's own with its own standard library.
    ``sys`` is imported already. It skips ``site``: reading its files is slow on a shared root
    directory.
    """
    path = [entry for entry in sys.path if entry]
    if architecture is X86_64:
        start = _PATH.format(path=path)
        return [sys.executable, "-S", "-E", "-c", f"{start}; {program}"]
    start = _FOREIGN_PATH.format(path=_without_standard_library(path))
    return [FOREIGN_PYTHON, "-S", "-E", "-c", f"{start}; {program}"]


def _without_standard_library(path: Sequence[str]) -> list[str]:
    own = {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")}
    own |= {f"{directory}/lib-dynload" for directory in own}
    return [entry for entry in path if entry not in own and not entry.endswith(".zip")]


def hold_machine_command() -> list[str]:
    """The command line that keeps one virtual machine open (see ``agent/hold_machine.py``)."""
    program = resources.files("passthru.bench") / "agent/hold_machine.py"
    return [sys.executable, "-I", "-S", "-c", program.read_text(encoding="utf-8")]


def compile_project() -> None:
    """Compile the package's modules here, where it is fast.

    All of them: what changed twice within a second looks fresh and is not.

    Where the directory cannot be written, Python compiles them inside.
    """
    for directory in passthru.__path__:
        compileall.compile_dir(Path(directory), force=True, quiet=2)
