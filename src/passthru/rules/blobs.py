# SPDX-License-Identifier: Apache-2.0
"""Rules about data blobs."""

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import BlobType, VmConfig
from passthru.lean import Iterator
from passthru.plan.model import Blob, BlobRole, GuestRegion, RegionKind, VmPlan

__all__ = [
    "BLOB_LOOKS_SWAPPED",
    "BLOB_TYPE_NOT_RELEVANT",
    "LOAD_OUTSIDE_MEMORY",
    "blob_looks_swapped",
    "blob_type_not_relevant",
    "load_outside_memory",
]

_GUEST_MEMORY = (RegionKind.RAM, RegionKind.ROM, RegionKind.PASSED_RAM)

BLOB_TYPE_NOT_RELEVANT = Rule(
    "blob-type-not-relevant",
    Severity.WARNING,
    "`data pass` or `raw pass`",
    "The words are recognised and mean nothing for a pass: the guest is not told of the data.",
)

BLOB_LOOKS_SWAPPED = Rule(
    "blob-looks-swapped",
    Severity.WARNING,
    "a passed blob whose host address looks like the guest's, and the other way round",
    "Left of `=` is the guest's address, right of it the host's, although the reference's own "
    "example reads the other way.",
)

LOAD_OUTSIDE_MEMORY = Rule(
    "load-outside-memory",
    Severity.ERROR,
    "a file is loaded at an address where the guest has no memory",
    "The address of a `load` is guest-physical and lies in memory that `ram`, `rom` or a pass "
    "with `m` gave before.",
)


def blob_type_not_relevant(config: VmConfig, board: Board) -> Iterator[Finding]:
    """``blob-type-not-relevant``."""
    for passed in config.passes:
        if passed.blob in (BlobType.DATA, BlobType.RAW):
            yield BLOB_TYPE_NOT_RELEVANT.finding(
                f"`{passed.blob.value}` before `pass` means nothing", passed.span, fix="pass"
            )


def blob_looks_swapped(plan: VmPlan, board: Board) -> Iterator[Finding]:
    """``blob-looks-swapped``."""
    memory = [region for region in plan.regions if region.kind in _GUEST_MEMORY]
    passed = {blob.passed for blob in plan.blobs if blob.passed is not None}
    for region in plan.regions:
        if region.range not in passed or region.host is None:
            continue
        if _inside(region.range, memory) is None and (home := _inside(region.host, memory)):
            yield BLOB_LOOKS_SWAPPED.finding(
                f"these look swapped: guest address {region.range.start:#x} is outside the guest's "
                f"memory, and host address {region.host.start:#x} would be inside",
                region.span,
                others=(Place(f"{home.name} {home.range}", home.span),),
            )


def _inside(place: AddressRange, memory: list[GuestRegion]) -> GuestRegion | None:
    return next((region for region in memory if region.range.contains(place)), None)


def load_outside_memory(plan: VmPlan, board: Board) -> Iterator[Finding]:
    """``load-outside-memory``; how far the file reaches is only known when it is read."""
    memory = [region for region in plan.regions if region.kind in _GUEST_MEMORY]
    for blob in plan.blobs:
        if blob.path is None or blob.address is None:
            continue
        if _inside(AddressRange(blob.address, 1), memory) is None:
            yield LOAD_OUTSIDE_MEMORY.finding(
                f"{_kind(blob)} goes to {blob.address:#x}, where the guest has no memory",
                blob.span,
                resource=blob.path,
                others=(Place(f"{each.name} {each.range}", each.span) for each in memory[:4]),
            )


def _kind(blob: Blob) -> str:
    return "the file" if blob.role is BlobRole.DATA else f"the {blob.role.value} image"
