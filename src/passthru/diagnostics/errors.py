# SPDX-License-Identifier: Apache-2.0
"""The root of every exception that this project raises on purpose.

A subclass holds facts and prints itself; callers never build the message. The exit status
follows qvm: 3 the VM was killed from outside, 64 fatal before the guest started, 65
configuration error, 96 fatal after it started, and 2 for wrong usage of the command.
"""

from passthru.lean import IntEnum

__all__ = ["ExitStatus", "PassthruError"]


class ExitStatus(IntEnum):
    """Exit status of the commands (design: "Readings", last item)."""

    OK = 0
    USAGE = 2
    POWER_CUT = 3
    FATAL_BEFORE_START = 64
    CONFIGURATION = 65
    FATAL_AFTER_START = 96


class PassthruError(Exception):
    """A problem that the user can understand and act on.

    ``str()`` gives what is wrong; ``fix`` is a command or text to paste, or None.
    """

    exit_status: ExitStatus = ExitStatus.FATAL_BEFORE_START
    fix: str | None = None
