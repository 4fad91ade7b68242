# SPDX-License-Identifier: Apache-2.0
"""The configurations inside the buildfile of a host, for ``--from-buildfile``."""

from passthru.diagnostics.errors import ExitStatus, PassthruError
from passthru.diagnostics.source import Source
from passthru.language.arguments import open_source
from passthru.language.buildfile import configurations_in_buildfile

__all__ = ["NoConfigurationError", "open_buildfile"]


class NoConfigurationError(PassthruError):
    """A buildfile that holds no configuration of a VM."""

    exit_status = ExitStatus.FATAL_BEFORE_START
    fix = "give the file that holds `NAME.qvmconf = { … }`"

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"there is no configuration in the buildfile `{self.path}`"


def open_buildfile(path: str) -> list[Source]:
    """The configurations in the buildfile ``path``, each at its place in that file.

    Raises UnreadableConfigurationError and NoConfigurationError.
    """
    configurations = configurations_in_buildfile(open_source(path))
    if not configurations:
        raise NoConfigurationError(path)
    return configurations
