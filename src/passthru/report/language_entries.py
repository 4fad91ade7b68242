# SPDX-License-Identifier: Apache-2.0
"""Everything that the option table knows, as entries for help and documentation.

An entry is called by the words that lead to it in a configuration: ``pass loc``,
``vdev pl011 hostdev``, ``set exit-on-halt``. Access letters, blob types and the notation of
numbers are entries too, so that whoever asks for a word gets an answer.
"""

from collections.abc import Iterator
from typing import NamedTuple

from passthru.language.access import ACCESS_LETTERS, DEFAULT_ACCESS, SYSTEM_MEMORY_IMPLIES
from passthru.language.locations import Space
from passthru.language.model import BlobType
from passthru.language.options import (
    ALL_VERSIONS,
    CONTEXT_OPTIONS,
    TOP_OPTIONS,
    ArgumentKind,
    Context,
    Option,
)
from passthru.language.variables import SET_VARIABLES, SetVariable, ValueType
from passthru.language.vdevs import VDEV_TYPES, VdevType

__all__ = [
    "ACCESS_HELP",
    "ARCHITECTURES",
    "BLOB_HELP",
    "COMMON_DEVICE_OPTIONS",
    "DEVICES",
    "DEVICE_OPTIONS",
    "NUMBER_HELP",
    "Entry",
    "all_entries",
    "own_options",
]

ACCESS_HELP = {
    "+": "Letters behind it are added; so it begins.",
    "-": "Letters behind it are removed.",
    "r": "The guest may read.",
    "w": "The guest may write.",
    "x": "The guest may execute.",
    "c": "The guest's mapping may be cached.",
    "e": "A refused access is reported to the guest as an exception.",
    "m": f"Usable as system memory; brings {SYSTEM_MEMORY_IMPLIES} with it. Not with d.",
    "d": "The device uses DMA; give it r and w, too. Either d or n must be there.",
    "n": "The device does not use DMA.",
    "s": "The region can be the source of DMA.",
    "t": "The region can be the target of DMA.",
}
"""What each letter behind a location's length means."""

BLOB_HELP = {
    BlobType.ACPI: "Additional ACPI tables, on x86.",
    BlobType.DATA: "Data of no particular kind; not relevant to `pass`.",
    BlobType.FDT: "A flattened device tree.",
    BlobType.GUEST: "The guest's boot image.",
    BlobType.INITRD: "The initial RAM disk of a Linux guest.",
    BlobType.RAW: "Data of no particular kind; not relevant to `pass`.",
}
"""What the data of a `load` or `pass` are to the guest, with this word before it."""

NUMBER_HELP = {
    "0x": "Before a hexadecimal number.",
    "0d": "Before a decimal number.",
    "K|M|G": "Behind an address or a length: times 1024, 1024² or 1024³; without a prefix the "
    "number before it is decimal.",
    "address": "Hexadecimal without a prefix: `4000` is 0x4000.",
    "length": "Decimal without a prefix: `4000` is 4000 bytes.",
    "other": "Decimal without a prefix: lines, vectors, PCI numbers.",
}
"""How numbers are written; always with a prefix is best."""

ARCHITECTURES = {"x86": "x86 guests", "arm": "ARM guests"}
"""How people call what the table calls ``architecture``."""

COMMON_DEVICE_OPTIONS = "Options of every vdev"
_SECTION_OF = {
    Context.VM: "Options of the VM",
    Context.CPU: "Options of a cpu",
    Context.PASS: "Options of a pass",
    Context.RESERVE: "Options of a reserve",
    Context.VDEV: COMMON_DEVICE_OPTIONS,
}
DEVICES = "Virtual devices"
DEVICE_OPTIONS = "Options of some virtual devices"
_VARIABLES = "Variables for set"
_BLOBS = "Blob types, before load and pass"
_ACCESS = "Access letters of a location"
_NUMBERS = "Numbers"

_PCI_PLACE = "pci:bus:device[.function]"
_LOCATION_HELP = {
    Context.PASS: "[mem:]address,length[,access][=host address], io:port[,length][,access], "
    f"{_PCI_PLACE}[=host function] or pci:vendor/device",
    Context.RESERVE: f"[mem:]address[,length], io:port[,length] or {_PCI_PLACE}",
    Context.VDEV: f"[mem:]address, io:port or {_PCI_PLACE}",
}
_INTERRUPT_HELP = {
    Context.PASS: "`,u` unmasks at once, `=vector` is the host's number",
    Context.RESERVE: "the controller's `name`",
    Context.VDEV: "the controller's `name`; `apic` alone connects an ioapic",
}


class Entry(NamedTuple):
    """One thing that the language has.

    ``words`` call it, ``arguments`` is what follows it as help writes it, ``details`` say more
    about those, line by line. ``instead`` is what versions without it have. Empty ``source``:
    this project's own words.
    """

    words: tuple[str, ...]
    section: str
    arguments: str
    help: str
    details: tuple[str, ...] = ()
    versions: tuple[str, ...] = ALL_VERSIONS
    architecture: str | None = None
    source: str = ""
    default: str | None = None
    accumulates: bool | None = None
    instead: str | None = None

    @property
    def name(self) -> str:
        """The words as one text."""
        return " ".join(self.words)


def all_entries() -> list[Entry]:
    """Every entry, by section."""
    entries = [_of_option((), option) for option in TOP_OPTIONS.values()]
    for context, options in CONTEXT_OPTIONS.items():
        entries += [_of_option((context.value,), option) for option in options.values()]
    entries += [_of_device(vdev) for vdev in VDEV_TYPES.values()]
    for vdev in VDEV_TYPES.values():
        entries += [_of_device_option(vdev, option) for option in own_options(vdev)]
    entries += [_of_variable(variable) for variable in SET_VARIABLES.values()]
    entries += [Entry((blob.value,), _BLOBS, "", text) for blob, text in BLOB_HELP.items()]
    for letter in "+-" + ACCESS_LETTERS:
        entries.append(Entry(("access", letter), _ACCESS, "", ACCESS_HELP[letter]))
    default = f"No letter at all is {DEFAULT_ACCESS}."
    entries.append(Entry(("access", "default"), _ACCESS, "", default))
    entries += [Entry(("numbers", kind), _NUMBERS, "", text) for kind, text in NUMBER_HELP.items()]
    return entries


def own_options(vdev: VdevType) -> list[Option]:
    """The options that a virtual device has beside those of every one."""
    common = CONTEXT_OPTIONS[Context.VDEV]
    return [option for name, option in vdev.options.items() if common.get(name) is not option]


def _of_option(before: tuple[str, ...], option: Option) -> Entry:
    return Entry(
        words=(*before, option.name),
        section=_SECTION_OF[option.context],
        arguments=" ".join(argument.name for argument in option.arguments),
        help=option.help,
        details=tuple(_argument_help(option)),
        versions=option.versions,
        architecture=option.architecture,
        source=option.source,
        accumulates=option.accumulates,
        instead=option.instead,
    )


def _argument_help(option: Option) -> Iterator[str]:
    for argument in option.arguments:
        if argument.choices:
            late = argument.choices_since_7_1
            since = f" ({', '.join(late)} since 7.1)" if late else ""
            yield f"{argument.name}: {argument.kind.value}: {', '.join(argument.choices)}{since}"
        elif argument.kind is ArgumentKind.LOCATION:
            yield f"{argument.name}: {_LOCATION_HELP[option.context]}"
        elif argument.kind is ArgumentKind.INTERRUPT:
            yield f"{argument.name}: {_INTERRUPT_HELP[option.context]}"
        elif argument.kind in (ArgumentKind.PROCESSORS, ArgumentKind.SCHEDULING):
            yield f"{argument.name}: {argument.kind.value}"


def _of_device(vdev: VdevType) -> Entry:
    details = []
    if vdev.space is not Space.MEMORY:
        details.append(f"a location without prefix is {vdev.space.value}")
    if not vdev.complete:
        details.append("may have options that no documentation lists")
    return Entry(
        words=("vdev", vdev.name),
        section=DEVICES,
        arguments="",
        help=vdev.help,
        details=tuple(details),
        architecture=vdev.architecture,
        source=vdev.source,
    )


def _of_device_option(vdev: VdevType, option: Option) -> Entry:
    entry = _of_option(("vdev", vdev.name), option)
    architecture = option.architecture or vdev.architecture
    return entry._replace(section=DEVICE_OPTIONS, architecture=architecture)


def _of_variable(variable: SetVariable) -> Entry:
    details = [f"value: {variable.type.value}"]
    if variable.per_vdev:
        details.append("inside a vdev, for that one")
    return Entry(
        words=("set", variable.name),
        section=_VARIABLES,
        arguments=_VALUE_NAMES[variable.type],
        help=variable.help,
        details=tuple(details),
        versions=variable.versions,
        architecture=variable.architecture,
        source=variable.source,
        default=variable.default,
        instead=variable.instead,
    )


_VALUE_NAMES = {
    ValueType.BOOLEAN: "on|off",
    ValueType.TRISTATE: "on|off|auto",
    ValueType.NUMBER: "number",
    ValueType.ADDRESS: "address",
    ValueType.STRING: "text",
    ValueType.UNKNOWN: "value",
}
