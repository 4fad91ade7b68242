# SPDX-License-Identifier: Apache-2.0
"""What a picture of virtual machines shows, before it is known how: things, columns, arrows.

Names and texts are as the configuration has them; who draws makes them harmless.
"""

from passthru.addresses import AddressRange
from passthru.lean import Enum, NamedTuple

__all__ = [
    "MEMORY_KINDS",
    "Column",
    "Conflict",
    "Item",
    "ItemKind",
    "Link",
    "Panel",
    "Picture",
]


class ItemKind(Enum):
    """What a thing is; the value is its name in the legend."""

    RAM = "RAM"
    ROM = "ROM"
    PASSED = "passed from the host"
    PASSED_RAM = "passed as system memory"
    RESERVED = "kept free"
    DEVICE = "virtual device"
    WINDOW = "PCI window"
    FIRMWARE = "firmware tables"
    LOADED = "loaded data"
    HOST_RAM = "RAM that the host allocates"
    HOST_RESERVED = "RAM kept from the host"
    HOST_FIRMWARE = "the host's firmware"
    HOST_DEVICES = "the host's devices"


MEMORY_KINDS = frozenset(
    (
        ItemKind.RAM,
        ItemKind.ROM,
        ItemKind.PASSED_RAM,
        ItemKind.HOST_RAM,
        ItemKind.HOST_RESERVED,
    )
)
"""The kinds whose sizes people compare."""


class Conflict(NamedTuple):
    """A finding about things that collide; things name it by its number, which begins at 1."""

    number: int
    id: str
    message: str
    places: tuple[str, ...]


class Item(NamedTuple):
    """One thing in a column.

    ``range`` is its place in the column's address space, and never empty. ``place``, ``name``
    and ``size`` are its three texts; ``told`` are the lines that a pointer at it shows, and
    ``conflicts`` the numbers of those that it is in.
    """

    range: AddressRange
    kind: ItemKind
    place: str
    name: str
    size: str = ""
    told: tuple[str, ...] = ()
    conflicts: tuple[int, ...] = ()


class Column(NamedTuple):
    """The things of one guest or of the host, sorted by place."""

    title: str
    remark: str
    items: tuple[Item, ...]


class Link(NamedTuple):
    """An arrow from a thing of a guest to the thing of the host that is behind it.

    ``vm``, ``guest`` and ``host`` are numbers from 0: of the guest's column, and of the things
    in the two columns.
    """

    vm: int
    guest: int
    host: int
    told: tuple[str, ...] = ()
    conflicts: tuple[int, ...] = ()


class Panel(NamedTuple):
    """Every guest's column beside the host's, for one kind of thing.

    ``by_address`` is true where the places are those of an address space, and false where
    the things are a list.
    """

    title: str
    guests: tuple[Column, ...]
    host: Column
    links: tuple[Link, ...]
    by_address: bool


class Picture(NamedTuple):
    """Everything that is drawn: the panels, and below them the conflicts and sentences."""

    title: str
    panels: tuple[Panel, ...]
    conflicts: tuple[Conflict, ...]
    remarks: tuple[str, ...]
