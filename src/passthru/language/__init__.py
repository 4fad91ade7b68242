# SPDX-License-Identifier: Apache-2.0
"""The qvm configuration language: words, options, and the typed configuration.

>>> from passthru.diagnostics.source import Source
>>> from passthru.language import read
>>> result = read([Source("guest.qvmconf", "system guest ram 1m,511m")], environment={})
>>> result.config.memory[0].size
535822336
"""

from passthru.lean import TYPE_CHECKING

if TYPE_CHECKING:
    from passthru.language.arguments import (
        UnreadableConfigurationError,
        open_source,
        sources_from_arguments,
    )
    from passthru.language.reader import ReadResult, read

__all__ = [
    "ReadResult",
    "UnreadableConfigurationError",
    "open_source",
    "read",
    "sources_from_arguments",
]


def __getattr__(name: str) -> object:
    # Imported when asked for: who needs one module of the package shall not get the reader.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from passthru.language import arguments, reader

    return getattr(reader if name in reader.__all__ else arguments, name)
