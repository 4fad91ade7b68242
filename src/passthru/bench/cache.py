# SPDX-License-Identifier: Apache-2.0
"""Where the bench keeps what it downloads and builds."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["cache_directory", "one_at_a_time"]


def cache_directory() -> Path:
    """The cache: ``$PASSTHRU_CACHE``, else ``passthru`` in the user's cache directory."""
    own = os.environ.get("PASSTHRU_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "passthru"


@contextmanager
def one_at_a_time(store: Path) -> Iterator[None]:
    """Hold ``store``, which is made if it is not there, against other processes that fill it.

    Who has waited looks first whether what it needs has come meanwhile.
    """
    store.mkdir(parents=True, exist_ok=True)
    directory = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
