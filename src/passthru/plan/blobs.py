# SPDX-License-Identifier: Apache-2.0
"""Which data the guest gets, and which of them it starts with."""

from passthru.diagnostics.finding import Finding, Place
from passthru.language.model import BlobType, Load, MemoryLocation, VmConfig
from passthru.lean import Iterator, NamedTuple
from passthru.plan.model import Blob, BlobRole
from passthru.plan.support import unsupported

__all__ = ["BlobPlan", "plan_blobs"]


class BlobPlan(NamedTuple):
    """The blobs, loaded ones before passed ones, and what cannot be given to a guest."""

    blobs: tuple[Blob, ...]
    findings: tuple[Finding, ...]


_TREE_ALIGNMENT = 8
"""Bytes of which a device tree's address is a multiple (Devicetree Specification, 5.6)."""


def plan_blobs(config: VmConfig, *, has_tree: bool = False) -> BlobPlan:
    """Give each ``load`` and each typed ``pass`` its part in starting the guest.

    ``guest load`` is the boot image; without one, the first ``load`` that has no type.
    ``has_tree`` tells a machine whose guests get a device tree from one with ACPI tables.
    """
    boot = _boot_load(config.loads)
    blobs: list[Blob] = []
    findings: list[Finding] = []
    for load in config.loads:
        outcome = _plan_load(load, is_boot=load is boot, has_tree=has_tree)
        if isinstance(outcome, Finding):
            findings.append(outcome)
        else:
            blobs.append(outcome)
    for outcome in _plan_passes(config, has_tree=has_tree):
        if isinstance(outcome, Finding):
            findings.append(outcome)
        else:
            blobs.append(outcome)
    if boot is None and not _passes_guest(config):
        findings.append(_nothing_to_start(config))
    findings.extend(_repeated(blobs))
    return BlobPlan(tuple(blobs), tuple(findings))


def _boot_load(loads: tuple[Load, ...]) -> Load | None:
    typed = (load for load in loads if load.blob is BlobType.GUEST)
    untyped = (load for load in loads if load.blob is None)
    return next(typed, None) or next(untyped, None)


def _plan_load(load: Load, *, is_boot: bool, has_tree: bool) -> Blob | Finding:
    if is_boot or load.blob is BlobType.GUEST:
        role = BlobRole.BOOT_IMAGE
    elif load.blob is BlobType.INITRD:
        role = BlobRole.INITRD
    elif load.blob is BlobType.FDT and has_tree:
        if load.address is not None and load.address % _TREE_ALIGNMENT:
            return unsupported(
                f"a device tree at {load.address:#x}: it can be at multiples of {_TREE_ALIGNMENT}",
                load.span,
                resource=load.path,
                fix=f"fdt load {load.path}",
            )
        role = BlobRole.FDT
    elif load.blob in (BlobType.FDT, BlobType.ACPI):
        return _refuse_type(load.blob, f"{load.blob.value} load", load, has_tree=has_tree)
    elif load.address is None:
        return unsupported(
            f"`load {load.path}` has no address and is not what the guest starts with",
            load.span,
            resource=load.path,
            fix=f"load ADDRESS,{load.path}",
        )
    else:
        role = BlobRole.DATA
    return Blob(role, load.path, load.address, None, load.span, typed=load.blob is not None)


def _refuse_type(
    blob: BlobType, what: str, place: Load | MemoryLocation, *, has_tree: bool
) -> Finding:
    if has_tree:
        why = "an arm64 guest gets a device tree and no ACPI tables; remove it"
    elif blob is BlobType.FDT:
        why = "an x86-64 guest gets ACPI tables and no device tree; remove it"
    else:
        why = "run makes the ACPI tables itself and adds no others; remove it"
    return unsupported(f"`{what}`: {why}", place.span)


def _plan_passes(config: VmConfig, *, has_tree: bool) -> Iterator[Blob | Finding]:
    for passed in config.passes:
        if passed.blob in (None, BlobType.DATA, BlobType.RAW):
            continue  # plain memory: nothing tells the guest of it
        for location in passed.locations:
            if not isinstance(location, MemoryLocation):
                yield unsupported(
                    f"`{passed.blob.value} pass` takes its data from memory only",
                    location.span,
                    fix="mem:GUEST_ADDRESS,LENGTH,r=HOST_ADDRESS",
                )
            elif passed.blob is BlobType.INITRD:
                yield _passed(BlobRole.INITRD, location)
            elif passed.blob is BlobType.FDT and has_tree:
                yield _passed(BlobRole.FDT, location)
            elif passed.blob is BlobType.GUEST:
                yield unsupported(
                    "`guest pass`: run starts a guest from a file only",
                    location.span,
                    fix="guest load FILE",
                )
            else:
                what = f"{passed.blob.value} pass"
                yield _refuse_type(passed.blob, what, location, has_tree=has_tree)


def _passed(role: BlobRole, location: MemoryLocation) -> Blob:
    return Blob(role, None, location.guest.start, location.guest, location.span, typed=True)


def _passes_guest(config: VmConfig) -> bool:
    return any(passed.blob is BlobType.GUEST for passed in config.passes)


def _nothing_to_start(config: VmConfig) -> Finding:
    from passthru.plan.problems import BOOT_IMAGE_MISSING

    return BOOT_IMAGE_MISSING.finding(
        "nothing is loaded that the guest could start with", config.span, fix="guest load FILE"
    )


def _repeated(blobs: list[Blob]) -> Iterator[Finding]:
    first: dict[BlobRole, Blob] = {}
    for blob in blobs:
        if blob.role is BlobRole.DATA:
            continue
        if blob.role not in first:
            first[blob.role] = blob
            continue
        yield unsupported(
            f"a second {blob.role.value} image: run gives a guest one of each",
            blob.span,
            others=(Place("the first one", first[blob.role].span),),
        )
