# SPDX-License-Identifier: Apache-2.0
"""Rules about what only guests of the other architecture have."""

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import BlobType, Vdev, VmConfig
from passthru.language.vdevs import VDEV_TYPES
from passthru.lean import Iterator, NamedTuple, Sequence
from passthru.rules.users import User, Uses

__all__ = ["X86_ONLY", "Sign", "foreign_vdevs", "guest_architecture", "x86_only"]

X86_ONLY = Rule(
    "x86-only",
    Severity.ERROR,
    "Something that only guests of one architecture have is in a guest of the other.",
    "I/O ports, ACPI tables, the local APIC and the devices of a PC are there in x86 guests only, "
    "a GIC and ARM's own devices in ARM guests only.",
)

_CONTROLLERS = ("ioapic", "gic")
_LOCAL_APIC = "apic"
_GIC = "gic"
_PORT = "an I/O port"
_GUEST = {"x86": "an x86 guest", "arm": "an ARM guest"}
_GUESTS = {"x86": "x86 guests", "arm": "ARM guests"}


class Sign(NamedTuple):
    """Something that only guests of one ``architecture``, ``x86`` or ``arm``, have."""

    architecture: str
    name: str
    span: Span


def guest_architecture(config: VmConfig, uses: Uses) -> Sign | None:
    """What shows the architecture of the guest; None where the configuration does not tell.

    Its interrupt controller counts most, then its other devices, then the controllers that
    are named; ports and ACPI tables alone show x86.
    """
    controllers = (vdev for vdev in config.vdevs if vdev.type in _CONTROLLERS)
    devices = (vdev for vdev in config.vdevs if _architecture(vdev) is not None)
    for vdev in (*controllers, *devices):
        return _sign_of(vdev)
    by_weight = (_named_controllers(uses), _x86_places(config, uses))
    return next((sign for signs in by_weight for sign in signs), None)


def foreign_vdevs(config: VmConfig, shown_by: Sign) -> tuple[Vdev, ...]:
    """The devices that cannot be in a guest of the architecture that is shown."""
    possible = (None, shown_by.architecture)
    types = {vdev.type for vdev in config.vdevs}
    foreign = {type_ for type_ in types if _architecture_of(type_) not in possible}
    return tuple(vdev for vdev in config.vdevs if vdev.type in foreign) if foreign else ()


def x86_only(
    config: VmConfig, uses: Uses, foreign: Sequence[Vdev], shown_by: Sign
) -> Iterator[Finding]:
    """``x86-only``: what does not go with the architecture that is ``shown_by`` something.

    ``foreign`` are the devices of the other architecture.
    """
    signs = [_sign_of(vdev) for vdev in foreign]
    if shown_by.architecture != "x86":
        signs += [*_local_apics(uses), *_x86_places(config, uses)]
    for sign in signs:
        yield X86_ONLY.finding(
            f"{sign.name} is there in {_GUESTS[sign.architecture]} only, and this is "
            f"{_GUEST[shown_by.architecture]}",
            sign.span,
            others=(Place(f"{shown_by.name} shows it", shown_by.span),),
            fix=_way_out(sign, shown_by),
        )


def _way_out(sign: Sign, shown_by: Sign) -> str:
    if sign.name == _PORT:
        return "say `mem:` and the address where it is reached by memory, else remove it"
    return (
        f"remove it, or {shown_by.name} and all else that makes this "
        + (_GUEST[shown_by.architecture])
    )


def _architecture(user: User) -> str | None:
    """The only one whose guests have the device; None for what shows none itself."""
    return _architecture_of(user.type) if isinstance(user, Vdev) else None


def _architecture_of(vdev_type: str) -> str | None:
    known = VDEV_TYPES.get(vdev_type)
    return known.architecture if known else None


def _sign_of(vdev: Vdev) -> Sign:
    return Sign(_architecture(vdev) or "", f"vdev {vdev.type}", vdev.span)


def _named_controllers(uses: Uses) -> Iterator[Sign]:
    yield from _local_apics(uses)
    for user, interrupt in uses.interrupts:
        if interrupt.controller == _GIC and _architecture(user) is None:
            yield Sign("arm", f"`{_GIC}`", interrupt.span)


def _local_apics(uses: Uses) -> Iterator[Sign]:
    for user, interrupt in uses.interrupts:
        if interrupt.controller == _LOCAL_APIC and _architecture(user) is None:
            yield Sign("x86", f"the local APIC (`{_LOCAL_APIC}`)", interrupt.span)


def _x86_places(config: VmConfig, uses: Uses) -> Iterator[Sign]:
    """I/O ports and ACPI tables."""
    for user, location in uses.ports:
        if _architecture(user) is None:
            yield Sign("x86", _PORT, location.span)
    blobs = [(each.blob, each.span) for each in config.passes]
    blobs += [(each.blob, each.span) for each in config.loads]
    for blob, span in blobs:
        if blob is BlobType.ACPI:
            yield Sign("x86", "an ACPI table", span)
