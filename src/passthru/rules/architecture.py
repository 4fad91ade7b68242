# SPDX-License-Identifier: Apache-2.0
"""Rules about what only guests of the other architecture have."""

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.diagnostics.source import Span
from passthru.language.model import BlobType, Interrupt, PortLocation, Vdev, VmConfig
from passthru.language.vdevs import VDEV_TYPES
from passthru.lean import Iterator, NamedTuple
from passthru.rules.users import User, users

__all__ = ["X86_ONLY", "Sign", "guest_architecture", "is_foreign", "x86_only"]

X86_ONLY = Rule(
    "x86-only",
    Severity.ERROR,
    "Something that only guests of one architecture have is in a guest of the other.",
    "I/O ports, ACPI tables, the local APIC and the devices of a PC are there in x86 guests only, "
    "a GIC and ARM's own devices in ARM guests only.",
)

_CONTROLLERS = ("vdev ioapic", "vdev gic")
_LOCAL_APIC = "apic"
_GIC = "gic"
_GUEST = {"x86": "an x86 guest", "arm": "an ARM guest"}
_GUESTS = {"x86": "x86 guests", "arm": "ARM guests"}


class Sign(NamedTuple):
    """Something that only guests of one ``architecture``, ``x86`` or ``arm``, have."""

    architecture: str
    name: str
    span: Span


def guest_architecture(config: VmConfig) -> Sign | None:
    """What shows the architecture of the guest; None where the configuration does not tell.

    Its interrupt controller counts most, then its other devices, then the controllers that
    are named; ports and ACPI tables alone show x86.
    """
    controllers = (sign for sign in _vdevs(config) if sign.name in _CONTROLLERS)
    by_weight = (controllers, _vdevs(config), _named_controllers(config), _x86_places(config))
    return next((sign for signs in by_weight for sign in signs), None)


def x86_only(config: VmConfig, shown_by: Sign) -> Iterator[Finding]:
    """``x86-only``: what does not go with the architecture that is ``shown_by`` something."""
    for sign in (*_vdevs(config), *_local_apics(config), *_x86_places(config)):
        if sign.architecture != shown_by.architecture:
            yield X86_ONLY.finding(
                f"{sign.name} is there in {_GUESTS[sign.architecture]} only, and this is "
                f"{_GUEST[shown_by.architecture]}",
                sign.span,
                others=(Place(f"{shown_by.name} shows it", shown_by.span),),
            )


def is_foreign(vdev: Vdev, shown_by: Sign | None) -> bool:
    """Whether the device cannot be in a guest of the architecture that is shown."""
    if shown_by is None:
        return False
    return _architecture(vdev) not in (None, shown_by.architecture)


def _architecture(vdev: Vdev) -> str | None:
    known = VDEV_TYPES.get(vdev.type)
    return known.architecture if known else None


def _vdevs(config: VmConfig) -> Iterator[Sign]:
    for vdev in config.vdevs:
        architecture = _architecture(vdev)
        if architecture is not None:
            yield Sign(architecture, f"vdev {vdev.type}", vdev.span)


def _named_controllers(config: VmConfig) -> Iterator[Sign]:
    yield from _local_apics(config)
    for interrupt in _interrupts(config):
        if interrupt.controller == _GIC:
            yield Sign("arm", f"`{_GIC}`", interrupt.span)


def _local_apics(config: VmConfig) -> Iterator[Sign]:
    for interrupt in _interrupts(config):
        if interrupt.controller == _LOCAL_APIC:
            yield Sign("x86", f"the local APIC (`{_LOCAL_APIC}`)", interrupt.span)


def _interrupts(config: VmConfig) -> Iterator[Interrupt]:
    for user in _undecided_users(config):
        yield from user.interrupts


def _x86_places(config: VmConfig) -> Iterator[Sign]:
    """I/O ports and ACPI tables."""
    for user in _undecided_users(config):
        for location in user.locations:
            if isinstance(location, PortLocation):
                yield Sign("x86", "an I/O port", location.span)
    blobs = [(each.blob, each.span) for each in config.passes]
    blobs += [(each.blob, each.span) for each in config.loads]
    for blob, span in blobs:
        if blob is BlobType.ACPI:
            yield Sign("x86", "an ACPI table", span)


def _undecided_users(config: VmConfig) -> Iterator[User]:
    """Everything that does not show its architecture itself."""
    for user in users(config):
        if not isinstance(user, Vdev) or _architecture(user) is None:
            yield user
