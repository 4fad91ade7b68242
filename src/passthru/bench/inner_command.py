# SPDX-License-Identifier: Apache-2.0
"""How to start this very ``passthru`` inside a virtual host, fast."""

import compileall
import sys
from collections.abc import Sequence
from pathlib import Path

import passthru

__all__ = ["compile_project", "passthru_command"]

_START = "import sys; sys.path[:] = {path!r}; from passthru.cli.main import main; sys.exit(main())"


def passthru_command(words: Sequence[str]) -> list[str]:
    """The command line of ``passthru WORDS`` with this interpreter and its search path.

    It skips ``site``: reading its files is slow on a shared root directory.
    """
    path = [entry for entry in sys.path if entry]
    return [sys.executable, "-S", "-E", "-c", _START.format(path=path), *words]


def compile_project() -> None:
    """Compile the package's modules here, where it is fast; what is fresh stays.

    Where the directory cannot be written, Python compiles them inside.
    """
    for directory in passthru.__path__:
        compileall.compile_dir(Path(directory), quiet=2)
