# SPDX-License-Identifier: Apache-2.0
"""The passed memory of a configuration, as the rules look at it."""

from passthru.addresses import PAGE_SIZE
from passthru.language.model import BlobType, MemoryLocation, VmConfig
from passthru.lean import Iterable, Iterator, NamedTuple

__all__ = ["PassedMemory", "device_memory", "passed_memory", "unusual_memory"]


class PassedMemory(NamedTuple):
    """A location of a ``pass``, and the blob type that stands before it, if any."""

    blob: BlobType | None
    location: MemoryLocation

    @property
    def is_device(self) -> bool:
        """Registers of a device: neither a blob nor memory for the guest's system."""
        return self.blob is None and not self.location.access.system_memory

    @property
    def is_blob(self) -> bool:
        """Data that the hypervisor tells the guest of."""
        return self.blob not in (None, BlobType.DATA, BlobType.RAW)

    @property
    def resource(self) -> str:
        """The host's side in the notation of the configuration."""
        host = self.location.host
        return f"mem:{host.start:#x},{host.size:#x}"


def passed_memory(config: VmConfig) -> tuple[PassedMemory, ...]:
    """Every passed memory location, in the order of the text."""
    return tuple(
        PassedMemory._make((passed.blob, location))
        for passed in config.passes
        for location in passed.locations
        if isinstance(location, MemoryLocation)
    )


def unusual_memory(memory: Iterable[PassedMemory]) -> tuple[PassedMemory, ...]:
    """All but the usual kind: whole pages of a device that does no DMA (`n`, neither `d` nor `m`).

    Most rules have nothing to say about that kind, so one look spares it all of theirs.
    """
    unusual = []
    for each in memory:
        blob, (guest, host, access, _) = each
        letters = access.letters
        if (
            blob is not None
            or "n" not in letters
            or "d" in letters
            or "m" in letters
            or (guest.start | host.start | host.size) % PAGE_SIZE
        ):
            unusual.append(each)
    return tuple(unusual)


def device_memory(memory: Iterable[PassedMemory]) -> Iterator[PassedMemory]:
    """What of it is a device's registers."""
    return (each for each in memory if each.is_device)
