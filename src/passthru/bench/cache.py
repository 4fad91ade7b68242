# SPDX-License-Identifier: Apache-2.0
"""Where the bench keeps what it downloads and builds."""

import os
from pathlib import Path

__all__ = ["cache_directory"]


def cache_directory() -> Path:
    """The cache: ``$PASSTHRU_CACHE``, else ``passthru`` in the user's cache directory."""
    own = os.environ.get("PASSTHRU_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "passthru"
