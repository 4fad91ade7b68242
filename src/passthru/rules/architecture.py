# SPDX-License-Identifier: Apache-2.0
"""Rules about what only guests of the other architecture have."""

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import Vdev, VmConfig
from passthru.lean import Iterator, Sequence
from passthru.plan.architecture import (
    PORT,
    Sign,
    architecture_of,
    local_apics,
    sign_of,
    x86_places,
)
from passthru.plan.users import Uses

__all__ = ["X86_ONLY", "foreign_to_board", "foreign_vdevs", "x86_only"]

X86_ONLY = Rule(
    "x86-only",
    Severity.ERROR,
    "Something that only guests of one architecture have is in a guest of the other.",
    "I/O ports, ACPI tables, the local APIC and the devices of a PC are there in x86 guests only, "
    "a GIC and ARM's own devices in ARM guests only.",
)

_BOARD = {"x86": "an x86 board", "arm": "an ARM board"}
_GUEST = {"x86": "an x86 guest", "arm": "an ARM guest"}
_GUESTS = {"x86": "x86 guests", "arm": "ARM guests"}
_PORT_BY_MEMORY = "say `mem:` and the address where it is reached by memory, else remove it"


def foreign_vdevs(config: VmConfig, shown_by: Sign) -> tuple[Vdev, ...]:
    """The devices that cannot be in a guest of the architecture that is shown."""
    possible = (None, shown_by.architecture)
    types = {vdev.type for vdev in config.vdevs}
    foreign = [type_ for type_ in types if architecture_of(type_) not in possible]
    return tuple(vdev for vdev in config.vdevs if vdev.type in foreign) if foreign else ()


def x86_only(
    config: VmConfig, uses: Uses, foreign: Sequence[Vdev], shown_by: Sign
) -> Iterator[Finding]:
    """``x86-only``: what does not go with the architecture that is ``shown_by`` something.

    ``foreign`` are the devices of the other architecture.
    """
    signs = [sign_of(vdev) for vdev in foreign]
    if shown_by.architecture != "x86":
        signs += [*local_apics(uses), *x86_places(config, uses)]
    for sign in signs:
        yield X86_ONLY.finding(
            f"{sign.name} is there in {_GUESTS[sign.architecture]} only, and this is "
            f"{_GUEST[shown_by.architecture]}",
            sign.span,
            others=(Place(f"{shown_by.name} shows it", shown_by.span),),
            fix=_way_out(sign, shown_by),
        )


def foreign_to_board(
    config: VmConfig, uses: Uses, architecture: str, name: str
) -> Iterator[Finding]:
    """``x86-only``: what guests of the board called ``name`` cannot have.

    ``architecture`` is the board's, ``x86`` or ``arm``, which is that of all its guests.
    """
    signs = [sign_of(vdev) for vdev in config.vdevs if architecture_of(vdev.type) is not None]
    signs += [*local_apics(uses), *x86_places(config, uses)]
    for sign in signs:
        if sign.architecture != architecture:
            yield X86_ONLY.finding(
                f"{sign.name} is there in {_GUESTS[sign.architecture]} only, and {name} is "
                f"{_BOARD[architecture]}",
                sign.span,
                fix=_PORT_BY_MEMORY if sign.name == PORT else "remove it, or check another board",
            )


def _way_out(sign: Sign, shown_by: Sign) -> str:
    if sign.name == PORT:
        return _PORT_BY_MEMORY
    return (
        f"remove it, or {shown_by.name} and all else that makes this "
        + (_GUEST[shown_by.architecture])
    )
