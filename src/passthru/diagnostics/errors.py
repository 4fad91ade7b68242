# SPDX-License-Identifier: Apache-2.0
"""The root of every exception that this project raises on purpose.

A subclass holds facts and prints itself; callers never build the message.
"""

from passthru.lean import IntEnum

__all__ = ["ExitStatus", "PassthruError"]


class ExitStatus(IntEnum):
    """Exit status of the commands: qvm's own numbers, and 2 for wrong usage of the command.

    The source is "errcodes" in the guide to QNX Hypervisor 8.0. qvm's 4, 6 and 7 do not occur:
    there are no watchdogs, and errors of devices and of ``run`` itself have 96.
    """

    OK = 0
    """The guest switched itself off or reset itself; of commands: all is well."""
    USAGE = 2
    POWER_CUT = 3
    """The guest was ended from outside."""
    UNSUPPORTED = 5
    """The guest did what this machine cannot do for it."""
    FATAL_BEFORE_START = 64
    CONFIGURATION = 65
    FATAL_AFTER_START = 96
    """The guest crashed (a triple fault among other things), or its host failed."""


class PassthruError(Exception):
    """A problem that the user can understand and act on.

    ``str()`` gives what is wrong; ``fix`` is a command or text to paste, or None.
    """

    exit_status: ExitStatus = ExitStatus.FATAL_BEFORE_START
    fix: str | None = None
