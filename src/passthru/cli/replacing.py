# SPDX-License-Identifier: Apache-2.0
"""Gives a configuration file a new text, all of it or none."""

import os
import tempfile
from pathlib import Path

from passthru.diagnostics.errors import ExitStatus, PassthruError

__all__ = ["UnwritableConfigurationError", "replace_file"]


class UnwritableConfigurationError(PassthruError):
    """A configuration file that cannot be replaced; ``problem`` is the system's word for it."""

    exit_status = ExitStatus.FATAL_BEFORE_START

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot write the configuration `{self.path}`: {self.problem}"


def replace_file(path: str, text: str) -> None:
    """Make ``text`` the content of the file, whose mode stays; a link stays a link.

    Lone surrogates become the bytes that they were read from. Another process sees the old
    text or the new one, and so does the next start after a power cut. Raises
    UnwritableConfigurationError.
    """
    try:
        _replace(Path(path).resolve(strict=True), text.encode("utf-8", "surrogateescape"))
    except OSError as error:
        raise UnwritableConfigurationError(path, error.strerror or str(error)) from error


def _replace(path: Path, data: bytes) -> None:
    mode = path.stat().st_mode
    # Beside it, because a file cannot move to another file system at once.
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(descriptor, mode & 0o7777)
            os.fsync(descriptor)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise
