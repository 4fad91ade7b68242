# SPDX-License-Identifier: Apache-2.0
"""Which properties of a node name other nodes, and what becomes of them in a guest.

A blob does not tell references from numbers, so the properties have to be known.

Sources: Devicetree Specification, release 0.4, chapter 2; the bindings of each subsystem
(clock, reset, power, gpio, iommu, pinctrl, dma and others in the kernel's
Documentation/devicetree/bindings), as drivers/of/property.c of Linux lists them.
"""

from passthru.board.tree_nodes import TreeNode
from passthru.board.tree_references import References
from passthru.lean import NamedTuple

__all__ = ["ReferenceKind", "Referred", "kind_of", "phandle_of_nobody", "read_references"]

_MOST_ARGUMENTS = 16


class ReferenceKind(NamedTuple):
    """What a property refers to.

    ``cells_name`` is the provider's property with the number of arguments, None for no
    arguments; ``default`` is their number where the provider does not say. ``dropped_because``
    is set for what a guest goes on without, with the reason; other references are needed.
    ``companions`` are properties that make no sense without this one.
    """

    what: str
    cells_name: str | None
    default: int | None = None
    dropped_because: str | None = None
    companions: tuple[str, ...] = ()


_HOST_SET = "the host has set it"
_NO_IOMMU = "a guest has no IOMMU of its own"
_PINS = ReferenceKind("a state of pins", None, None, "the pins stay as the host has set them")
_SUPPLY = ReferenceKind("the supply", None)
_GPIO = ReferenceKind("the GPIO", "#gpio-cells")

_KINDS = {
    "assigned-clocks": ReferenceKind(
        "clock settings",
        "#clock-cells",
        None,
        _HOST_SET,
        ("assigned-clock-parents", "assigned-clock-rates", "assigned-clock-rates-u64"),
    ),
    "clocks": ReferenceKind("the clock", "#clock-cells"),
    "cooling-device": ReferenceKind("cooling", "#cooling-cells", None, "the host cools the board"),
    "dmas": ReferenceKind(
        "a DMA engine", "#dma-cells", None, "the guest has no such engine", ("dma-names",)
    ),
    "gpio-ranges": ReferenceKind("pins", "#gpio-range-cells", 3, "the host has the pins"),
    "hwlocks": ReferenceKind("the lock", "#hwlock-cells"),
    "interconnects": ReferenceKind(
        "an interconnect", "#interconnect-cells", None, _HOST_SET, ("interconnect-names",)
    ),
    "interrupt-affinity": ReferenceKind("processors", None, None, "the guest has its own"),
    "io-channels": ReferenceKind("the converter", "#io-channel-cells"),
    "iommus": ReferenceKind("an IOMMU", "#iommu-cells", None, _NO_IOMMU),
    "mboxes": ReferenceKind("the mailbox", "#mbox-cells"),
    "memory-region": ReferenceKind("the memory", None),
    "msi-parent": ReferenceKind(
        "a controller of messages", "#msi-cells", 0, "the guest has no such controller"
    ),
    "nvmem-cells": ReferenceKind("the stored value", "#nvmem-cell-cells", 0),
    "operating-points-v2": ReferenceKind(
        "operating points", None, None, "the host has set frequency and voltage"
    ),
    "phy-handle": ReferenceKind("the PHY", None),
    "phys": ReferenceKind("the PHY", "#phy-cells"),
    "power-domains": ReferenceKind("the power domain", "#power-domain-cells"),
    "pwms": ReferenceKind("the PWM", "#pwm-cells"),
    "remote-endpoint": ReferenceKind("a link", None, None, "its other end is not there"),
    "required-opps": ReferenceKind("an operating point", None, None, _HOST_SET),
    "resets": ReferenceKind("the reset line", "#reset-cells"),
    "sound-dai": ReferenceKind("the sound interface", "#sound-dai-cells"),
    "thermal-sensors": ReferenceKind("the sensor", "#thermal-sensor-cells"),
    "wakeup-parent": ReferenceKind("a controller", None, None, "the host wakes the board"),
}

_NO_REFERENCES = ("nr-gpios",)
_NUMBERS_OF_PINS = ",nr-gpios"
_LEFT_FREE = (0, 0xFFFFFFFF)
"""What stands in the place of a phandle where none is meant."""


def kind_of(node: TreeNode, name: str) -> ReferenceKind | None:
    """What the property of that name refers to; None if it holds no references."""
    if name in _KINDS:
        return _KINDS[name]
    if name in _NO_REFERENCES or name.endswith(_NUMBERS_OF_PINS):
        return None
    if name.startswith("pinctrl-") and name[len("pinctrl-") :].isdigit():
        return _PINS
    if name.endswith("-supply"):
        return _SUPPLY
    is_gpio = name in ("gpio", "gpios") or name.endswith(("-gpio", "-gpios"))
    # A hog's pins are those of the controller that it is in.
    return _GPIO if is_gpio and "gpio-hog" not in node.properties else None


class Referred(NamedTuple):
    """One reference; ``provider`` is None for a place that is left free."""

    provider: TreeNode | None
    arguments: tuple[int, ...]


def read_references(
    node: TreeNode, name: str, kind: ReferenceKind, references: References
) -> tuple[Referred, ...] | None:
    """All references in a property, None where one of them leads nowhere."""
    cells = node.cells(name)
    if not cells and node.properties[name]:
        return None
    found: list[Referred] = []
    place = 0
    while place < len(cells):
        phandle, place = cells[place], place + 1
        if phandle == 0:
            found.append(Referred(None, ()))
            continue
        provider = references.node(phandle)
        width = None if provider is None else _width(provider, kind)
        if provider is None or width is None or width > _MOST_ARGUMENTS:
            return None
        if place + width > len(cells):
            return None
        found.append(Referred(provider, cells[place : place + width]))
        place += width
    return tuple(found)


def phandle_of_nobody(
    node: TreeNode, name: str, kind: ReferenceKind, references: References
) -> int | None:
    """The first phandle in a property that no node has; None where all have one."""
    cells = node.cells(name)
    place = 0
    while place < len(cells):
        phandle, place = cells[place], place + 1
        if phandle in _LEFT_FREE:
            continue
        provider = references.node(phandle)
        if provider is None:
            return phandle
        width = _width(provider, kind)
        if width is None or width > _MOST_ARGUMENTS:
            return None  # where the next one begins, nobody can tell
        place += width
    return None


def _width(provider: TreeNode, kind: ReferenceKind) -> int | None:
    if kind.cells_name is None:
        return 0
    given = provider.cell(kind.cells_name)
    return kind.default if given is None else given
