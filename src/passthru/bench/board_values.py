# SPDX-License-Identifier: Apache-2.0
"""Typed access to the tables of a board file, with the key named in every error."""

import re
from collections.abc import Mapping, Sequence

from passthru.bench.errors import BenchBoardError

__all__ = ["Table", "parse_size"]

_SIZE = re.compile(r"(\d+)([KMG]?)")
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """Bytes of ``64M``, ``2G``, ``4096``. Raises ValueError on anything else, and on 0."""
    match = _SIZE.fullmatch(text)
    if match is None or int(match[1]) == 0:
        raise ValueError(f"{text} is no size like 64M")
    return int(match[1]) * _UNITS[match[2]]


class Table:
    """One table of a board file. Each reader method raises BenchBoardError.

    ``finish`` refuses the keys that nobody has asked for, so that a typing mistake in
    an optional key does not pass in silence.
    """

    def __init__(self, file: str, path: str, values: Mapping[str, object]) -> None:
        self._file = file
        self._path = path
        self._values = values
        self._asked: set[str] = set()

    def error(self, key: str, problem: str) -> BenchBoardError:
        """An error about ``key`` of this table."""
        return BenchBoardError(self._file, f"{self._path}{key}", problem)

    def string(self, key: str, default: str | None = None) -> str:
        """A string that is not empty."""
        value = self._get(key, default)
        if not isinstance(value, str) or not (value or default is not None):
            raise self.error(key, "must be a string")
        return value

    def choice(self, key: str, allowed: Sequence[str]) -> str:
        """One of the ``allowed`` strings."""
        value = self.string(key)
        if value not in allowed:
            raise self.error(key, f"must be one of {', '.join(allowed)}")
        return value

    def integer(self, key: str, low: int, high: int) -> int:
        """An integer from ``low`` to ``high``, both allowed."""
        value = self._get(key, None)
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise self.error(key, f"must be an integer from {low} to {high}")
        return value

    def size(self, key: str) -> int:
        """A number of bytes, written ``64M``."""
        try:
            return parse_size(self.string(key))
        except ValueError as error:
            raise self.error(key, str(error)) from error

    def strings(self, key: str, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        value = self._get(key, list(default) if default is not None else None)
        if not isinstance(value, list):
            raise self.error(key, "must be a list of strings")
        texts = tuple(item for item in value if isinstance(item, str))
        if len(texts) != len(value):
            raise self.error(key, "must be a list of strings")
        return texts

    def tables(self, key: str) -> "list[Table]":
        """The tables of an array of tables; none if the key is absent."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.error(key, f"must be tables, each headed [[{key}]]")
        return [Table(self._file, f"{key} {i}: ", item) for i, item in enumerate(value, 1)]

    def finish(self) -> None:
        """Raise BenchBoardError if the table has a key that was never asked for."""
        for key in self._values:
            if key not in self._asked:
                raise self.error(key, "is not known here")

    def _get(self, key: str, default: object) -> object:
        self._asked.add(key)
        value = self._values.get(key, default)
        if value is None:
            raise self.error(key, "is missing")
        return value
