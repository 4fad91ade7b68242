# SPDX-License-Identifier: Apache-2.0
"""Passed host memory that does not answer by a slot alone: refused and trapped accesses."""

from passthru.host.kernel import Mapping
from passthru.lean import Callable
from passthru.plan.model import GuestRegion
from passthru.vmm.address_space import AccessRefused, Handler

__all__ = ["GuardedMemory", "ReadOnlyMemory", "UnreadableMemory", "guarded"]


class ReadOnlyMemory:
    """Catches writes to a read-only slot: they are dropped, and the first is told."""

    def __init__(self, region: GuestRegion, say: Callable[[str], None]) -> None:
        self._region = region
        self._say = say
        self._told = False

    def read(self, offset: int, size: int) -> int:
        """Only what crosses the end of the slot gets here."""
        return -1

    def write(self, offset: int, size: int, value: int) -> None:
        """Refuse."""
        if not self._told:
            self._told = True
            self._say(
                f"{self._region.span}: the guest writes to {self._region.name}, which has no "
                f"'w': refused at {self._region.range.start + offset:#x} (told once)"
            )


class UnreadableMemory:
    """Memory without ``r``: every access traps, reads give all ones.

    Writes reach ``mapping``, ``skipped`` bytes into which the memory begins, if there is
    one; without it they are refused too.
    """

    def __init__(self, mapping: Mapping | None, skipped: int = 0) -> None:
        self._mapping = mapping
        self._skipped = skipped

    def read(self, offset: int, size: int) -> int:
        """Refused."""
        return -1

    def write(self, offset: int, size: int, value: int) -> None:
        """Stored if the memory has ``w``, in one access: it may be a device's register.

        One that is not aligned goes byte by byte.
        """
        if self._mapping is None or size not in (1, 2, 4, 8):
            return
        place = self._skipped + offset
        if place % size == 0:
            self._mapping.store(place, size, value)
            return
        # To arm64 it is device memory, where another store would end this process (SIGBUS).
        for number in range(size):
            self._mapping.store(place + number, 1, value >> 8 * number)


class GuardedMemory:
    """Memory with ``e``: what its letters withhold raises a bus error in the guest."""

    def __init__(self, inner: Handler, *, readable: bool, writable: bool) -> None:
        self._inner = inner
        self._readable = readable
        self._writable = writable

    def read(self, offset: int, size: int) -> int:
        """Raises AccessRefused."""
        if not self._readable:
            raise AccessRefused
        return self._inner.read(offset, size)

    def write(self, offset: int, size: int, value: int) -> None:
        """Raises AccessRefused."""
        if not self._writable:
            raise AccessRefused
        self._inner.write(offset, size, value)

    def refuses(self, *, is_write: bool) -> bool:
        """Whether such an access is refused."""
        return not (self._writable if is_write else self._readable)


def guarded(inner: Handler, region: GuestRegion) -> Handler:
    """``inner``, or what refuses for it where the region has ``e``."""
    access = region.access
    if access is None or not access.reports_exceptions:
        return inner
    return GuardedMemory(inner, readable=access.readable, writable=access.writable)
