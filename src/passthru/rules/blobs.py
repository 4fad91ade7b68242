# SPDX-License-Identifier: Apache-2.0
"""Rules about passed data blobs."""

from passthru.addresses import united
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import BlobType, MemoryLocation, VmConfig
from passthru.lean import Iterator, Sequence
from passthru.plan.model import GuestRegion
from passthru.rules.passed_memory import PassedMemory

__all__ = [
    "BLOB_LOOKS_SWAPPED",
    "BLOB_TYPE_NOT_RELEVANT",
    "blob_looks_swapped",
    "blob_type_not_relevant",
    "is_blob_for_guests",
]

_NOT_FOR_PASS = (BlobType.DATA, BlobType.RAW)

BLOB_TYPE_NOT_RELEVANT = Rule(
    "blob-type-not-relevant",
    Severity.WARNING,
    "`data` or `raw` stands before a `pass`.",
    "The words are recognised and mean nothing for a pass: the guest is not told of the data.",
)

BLOB_LOOKS_SWAPPED = Rule(
    "blob-looks-swapped",
    Severity.WARNING,
    "The guest's and the host's address of a passed blob look swapped.",
    "Left of `=` is the guest's address, right of it the host's, although the reference's own "
    "example reads the other way.",
)


def blob_type_not_relevant(config: VmConfig) -> Iterator[Finding]:
    """``blob-type-not-relevant``."""
    for passed in config.passes:
        if passed.blob is not None and passed.blob in _NOT_FOR_PASS:
            yield BLOB_TYPE_NOT_RELEVANT.finding(
                f"`{passed.blob.value}` before `pass` means nothing", passed.span, fix="pass"
            )


def blob_looks_swapped(
    passed: Sequence[PassedMemory], memory: Sequence[GuestRegion], board: Board | None = None
) -> Iterator[Finding]:
    """``blob-looks-swapped``; ``memory`` is all memory of the guest.

    It takes both: no byte of the guest's side is in that memory, and all of the host's side
    would be. A ``board`` may show that the host's side is right.
    """
    whole = united(region.range for region in memory)
    for each in passed:
        guest, host = each.location.guest, each.location.host
        if not each.is_blob or any(part.overlaps(guest) for part in whole):
            continue
        if board is not None and is_blob_for_guests(each, board):
            continue
        if any(part.contains(host) for part in whole):
            home = next(region for region in memory if region.range.overlaps(host))
            yield BLOB_LOOKS_SWAPPED.finding(
                f"these look swapped: guest address {guest.start:#x} is outside the "
                f"guest's memory, and host address {host.start:#x} would be inside",
                each.location.span,
                others=(Place(f"{home.name} {home.range}", home.span),),
                fix=_swapped(each.location),
            )


def is_blob_for_guests(each: PassedMemory, board: Board) -> bool:
    """Whether the board shows that the host's side of a blob is right: RAM kept from the host."""
    kept = united(region.range for region in board.reserved)
    return each.is_blob and any(part.contains(each.location.host) for part in kept)


def _swapped(location: MemoryLocation) -> str:
    guest, host, letters = location.host.start, location.guest.start, location.access.letters
    return f"mem:{guest:#x},{location.guest.size:#x},{letters}={host:#x}"
