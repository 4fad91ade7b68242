# SPDX-License-Identifier: Apache-2.0
"""The architecture of a guest, as far as its configuration shows it."""

from passthru.diagnostics.source import Span
from passthru.language.model import BlobType, Load, Pass, Vdev, VmConfig
from passthru.language.vdevs import VDEV_TYPES
from passthru.lean import Iterator, NamedTuple
from passthru.plan.users import User, Uses

__all__ = [
    "PORT",
    "Sign",
    "architecture_of",
    "guest_architecture",
    "is_arm_guest",
    "local_apics",
    "sign_of",
    "x86_places",
]

_LOCAL_APIC = "apic"
_GIC = "gic"
PORT = "an I/O port"
"""How the sign is called that a port is."""


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
    for vdev in config.vdevs:
        known = VDEV_TYPES.get(vdev.type)
        if known is not None and known.controller:
            return sign_of(vdev)
    for vdev in config.vdevs:
        if _architecture(vdev) is not None:
            return sign_of(vdev)
    by_weight = (_named_controllers(uses), x86_places(config, uses))
    return next((sign for signs in by_weight for sign in signs), None)


def is_arm_guest(config: VmConfig, uses: Uses) -> bool:
    """Whether the configuration shows an ARM guest."""
    sign = guest_architecture(config, uses)
    return sign is not None and sign.architecture == "arm"


def _architecture(user: User) -> str | None:
    """The only one whose guests have the device; None for what shows none itself."""
    return architecture_of(user.type) if isinstance(user, Vdev) else None


def architecture_of(vdev_type: str) -> str | None:
    """The only architecture whose guests have devices of this type, or None."""
    known = VDEV_TYPES.get(vdev_type)
    return known.architecture if known else None


def sign_of(vdev: Vdev) -> Sign:
    """The sign that a device is whose type one architecture has alone."""
    return Sign(_architecture(vdev) or "", f"vdev {vdev.type}", vdev.span)


def _named_controllers(uses: Uses) -> Iterator[Sign]:
    yield from local_apics(uses)
    for user, interrupt in uses.interrupts:
        if interrupt.controller == _GIC and _architecture(user) is None:
            yield Sign("arm", f"`{_GIC}`", interrupt.span)


def local_apics(uses: Uses) -> Iterator[Sign]:
    """Every interrupt that goes to an x86 processor itself."""
    for user, interrupt in uses.interrupts:
        if interrupt.controller == _LOCAL_APIC and _architecture(user) is None:
            yield Sign("x86", f"the local APIC (`{_LOCAL_APIC}`)", interrupt.span)


def x86_places(config: VmConfig, uses: Uses) -> Iterator[Sign]:
    """I/O ports and ACPI tables."""
    for user, location in uses.ports:
        if _architecture(user) is None:
            yield Sign("x86", PORT, location.span)
    carriers: tuple[Pass | Load, ...] = (*config.passes, *config.loads)
    for each in carriers:
        if each.blob is BlobType.ACPI:
            yield Sign("x86", "an ACPI table", each.span)
