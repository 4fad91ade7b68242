# SPDX-License-Identifier: Apache-2.0
"""The passed memory of a configuration, as the rules look at it."""

from passthru.addresses import PAGE_SIZE
from passthru.board.model import BarKind, Board, PciFunction
from passthru.language.access import Access
from passthru.language.model import BlobType, MemoryLocation, VmConfig
from passthru.lean import Iterable, Iterator, NamedTuple, Sequence

__all__ = [
    "PassedMemory",
    "and_more",
    "device_memory",
    "functions_behind",
    "passed_memory",
    "unusual_memory",
]


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
    def access_in_force(self) -> Access:
        """The letters, with the `n` that a blob has without saying so."""
        access = self.location.access
        if self.is_blob and not (access.uses_dma or access.without_dma):
            return Access(f"{access.letters}n")
        return access

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


def functions_behind(
    memory: Sequence[PassedMemory], board: Board
) -> Iterator[tuple[PassedMemory, list[PciFunction]]]:
    """The passes of registers of PCI functions, each with these functions; bridges do not count."""
    if not memory or not board.pci:
        return
    lowest = min(each.location.host.start for each in memory)
    highest = max(each.location.host.end for each in memory)
    near = [
        (bar.range.start, bar.range.end, number)
        for number, function in enumerate(board.pci)
        if not function.is_bridge
        for bar in function.bars
        if bar.kind is not BarKind.PORTS and bar.range.start < highest and bar.range.end > lowest
    ]
    if not near:
        return
    # A guest that gets RAM and no registers starts without it.
    from passthru.rules.places import Places

    places = Places(near)
    for each in memory:
        numbers = places.at(each.location.host)
        if numbers:
            yield each, [board.pci[number] for number in numbers]


def and_more(things: Sequence[object]) -> str:
    """The first of the ``things``, and how many there are beside it."""
    rest = len(things) - 1
    return f"{things[0]} and {rest} more" if rest else str(things[0])
