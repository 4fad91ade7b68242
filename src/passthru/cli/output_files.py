# SPDX-License-Identifier: Apache-2.0
"""Writes what a command makes to the file that its ``--output`` names."""

from pathlib import Path

from passthru.diagnostics.errors import PassthruError

__all__ = ["UnwritableFileError", "write_output_file"]


class UnwritableFileError(PassthruError):
    """A file that ``what`` cannot be written to; ``problem`` is the system's word for it."""

    def __init__(self, what: str, path: str, problem: str) -> None:
        super().__init__(what, path, problem)
        self.what = what
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"cannot write the {self.what} `{self.path}`: {self.problem}"


def write_output_file(what: str, path: str, data: bytes) -> None:
    """Make ``data``, which is a ``what``, the content of the file; raises UnwritableFileError."""
    try:
        Path(path).write_bytes(data)
    except OSError as error:
        raise UnwritableFileError(what, path, error.strerror or str(error)) from error
