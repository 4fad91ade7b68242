# SPDX-License-Identifier: Apache-2.0
"""How to start Python programs, ``passthru`` first, inside a virtual host, fast."""

import compileall
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import passthru

__all__ = ["compile_project", "hold_machine_command", "passthru_command"]

_START = "import sys; sys.path[:] = {path!r}; from passthru.cli.main import main; sys.exit(main())"


def passthru_command(words: Sequence[str]) -> list[str]:
    """The command line of ``passthru WORDS`` with this interpreter and its search path.

    It skips ``site``: reading its files is slow on a shared root directory.
    """
    path = [entry for entry in sys.path if entry]
    return [sys.executable, "-S", "-E", "-c", _START.format(path=path), *words]


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
