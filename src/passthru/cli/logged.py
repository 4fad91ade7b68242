# SPDX-License-Identifier: Apache-2.0
"""Where ``run`` says what it has to say while a guest runs: what ``logger`` means for it.

Its remarks are warnings and information, which it does not tell apart. Errors, and what is found
in the configuration, always go to the error output: who looks for why nothing runs looks there.
"""

import sys

from passthru.cli.output import tell
from passthru.language.model import Setting
from passthru.lean import Callable, Iterable

__all__ = ["remarks_to"]

_OF_REMARKS = frozenset({"info", "warn", "warning"})
_OUTPUTS = ("stderr", "stdout")


def remarks_to(settings: Iterable[Setting]) -> Callable[[str], None]:
    """What takes a remark to every output that a ``logger`` among ``settings`` names for it.

    Without any it goes to the error output, which also stands for ``slog``: Linux has none.
    """
    loggers = [setting.values for setting in settings if setting.name == "logger"]
    chosen = {
        "stderr" if destination == "slog" else destination
        for filters, destination in loggers
        if not _OF_REMARKS.isdisjoint(filters.split(","))
    }
    outputs = [name for name in _OUTPUTS if name in chosen] if loggers else ["stderr"]

    def say(remark: str) -> None:
        for name in outputs:
            tell(remark, sys.stdout if name == "stdout" else sys.stderr)

    return say
