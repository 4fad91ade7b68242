# SPDX-License-Identifier: Apache-2.0
"""A context while it is read: what has been given in it so far, and what comes of it."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.diagnostics.source import Span
from passthru.language.access import DEFAULT_ACCESS
from passthru.language.locations import Space
from passthru.language.model import (
    BlobType,
    Cpu,
    Interrupt,
    Location,
    MemoryLocation,
    Pass,
    PortLocation,
    Reserve,
    Text,
    Vdev,
    VdevOption,
)
from passthru.language.options import (
    CONTEXT_OPTIONS,
    DOCUMENTED_TOP_OPTIONS,
    TOP_OPTIONS,
    Context,
    Option,
)
from passthru.language.vdevs import VDEV_TYPES, VENDOR_VDEV_OPTIONS, VdevType
from passthru.language.words import Word

__all__ = ["OpenContext", "documented_here", "open_vdev", "option_here"]


class OpenContext:
    """Everything between the word that opens a context and the one that opens the next.

    ``place`` counts the contexts of a VM in the order of the text. ``vdev`` is None for a
    virtual device of a type that the option table does not have.
    """

    __slots__ = (
        "blob",
        "interrupts",
        "kind",
        "locations",
        "options",
        "place",
        "seen",
        "span",
        "texts",
        "type",
        "vdev",
        "vdev_options",
    )

    def __init__(self, kind: Context, span: Span, place: int) -> None:
        self.kind = kind
        self.span = span
        self.place = place
        self.options: dict[str, Option] = CONTEXT_OPTIONS[kind]
        self.blob: BlobType | None = None
        self.type = ""
        self.vdev: VdevType | None = None
        self.locations: list[Location] = []
        self.interrupts: list[Interrupt] = []
        self.texts: dict[str, Text] = {}
        self.vdev_options: list[VdevOption] = []
        self.seen: dict[str, Word] = {}

    @property
    def title(self) -> str:
        """How messages call it: ``pass``, ``vdev pl011``."""
        return f"vdev {self.type}" if self.kind is Context.VDEV else self.kind.value

    @property
    def takes_any_option(self) -> bool:
        """Whether it may have options that the table does not list: a vendor's own device."""
        return self.kind is Context.VDEV and (self.vdev is None or not self.vdev.complete)

    def forget(self, name: str) -> None:
        """Drop what an option gave before: the last one wins."""
        if name == "loc":
            self.locations.clear()
        elif name == "intr":
            self.interrupts.clear()
        else:
            self.vdev_options = [o for o in self.vdev_options if o.name != name]

    def to_cpu(self) -> Cpu:
        """The context as ``cpu``."""
        text = self.texts.get
        return Cpu(text("cluster"), text("runmask"), text("partition"), text("sched"), self.span)

    def to_pass(self) -> Pass:
        """The context as ``pass``."""
        locations, interrupts = tuple(self.locations), tuple(self.interrupts)
        sched = self.texts.get("sched")
        return Pass._make((self.blob, locations, interrupts, sched, self.span))

    def to_reserve(self) -> Reserve:
        """The context as ``reserve``."""
        return Reserve._make((tuple(self.locations), tuple(self.interrupts), self.span))

    def to_vdev(self, controller: str | None) -> Vdev:
        """The context as ``vdev``, with the place and the line that its type has by default.

        ``controller`` is the interrupt controller that the line belongs to, None if none is known.
        """
        self._take_defaults(controller)
        locations, interrupts = tuple(self.locations), tuple(self.interrupts)
        name, options = self.texts.get("name"), tuple(self.vdev_options)
        return Vdev._make((self.type, name, locations, interrupts, options, self.span))

    def _take_defaults(self, controller: str | None) -> None:
        vdev = self.vdev
        if vdev is None or vdev.default_place is None:
            return
        if "loc" not in self.seen:
            self.locations.append(_default_location(vdev.space, vdev.default_place, self.span))
        is_there = any(_start_of(each) == vdev.default_place for each in self.locations)
        if vdev.default_line is None or controller is None or not is_there:
            return
        if "intr" not in self.seen:
            line = (controller, vdev.default_line, False, None, self.span)
            self.interrupts.append(Interrupt._make(line))


def _default_location(space: Space, place: int, span: Span) -> Location:
    if space is Space.PORT:
        return PortLocation(AddressRange(place, 1), DEFAULT_ACCESS, span)
    place_range = AddressRange(place, PAGE_SIZE)
    return MemoryLocation(place_range, place_range, DEFAULT_ACCESS, span)


def _start_of(location: Location) -> int | None:
    """The port or the guest's address of a location; None for a PCI function."""
    if isinstance(location, PortLocation):
        return location.ports.start
    return location.guest.start if isinstance(location, MemoryLocation) else None


def open_vdev(plain_type: str, span: Span, place: int) -> OpenContext:
    """The context of a virtual device, with the options that its type has."""
    context = OpenContext(Context.VDEV, span, place)
    context.type = plain_type
    context.vdev = VDEV_TYPES.get(plain_type)
    context.options = context.vdev.options if context.vdev else VENDOR_VDEV_OPTIONS
    return context


def option_here(name: str, context: OpenContext | None) -> Option | None:
    """The option that ``name`` is where ``context`` is open, or none; None for no option.

    A vendor's device may have options of its own by the names that are not documented.
    """
    if context is not None:
        option = context.options.get(name)
        if option is not None:
            return option
        if name not in DOCUMENTED_TOP_OPTIONS and context.takes_any_option:
            return None
    return TOP_OPTIONS.get(name)


def documented_here(context: OpenContext | None) -> dict[str, Option]:
    """The documented options that may stand where ``context`` is open."""
    return DOCUMENTED_TOP_OPTIONS | context.options if context else DOCUMENTED_TOP_OPTIONS
