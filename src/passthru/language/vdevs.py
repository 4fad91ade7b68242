# SPDX-License-Identifier: Apache-2.0
"""The option table's part on virtual devices: the known types and their own options."""

from passthru.language.locations import Space
from passthru.language.options import (
    ALL_VERSIONS,
    CONTEXT_OPTIONS,
    Argument,
    ArgumentKind,
    Context,
    Option,
    by_name,
)
from passthru.lean import NamedTuple

__all__ = ["VDEV_TYPES", "VENDOR_VDEV_OPTIONS", "VdevType", "plain_type"]


class VdevType(NamedTuple):
    """A type of virtual device.

    ``complete``: all its options are known, so another word is a mistake. ``space`` is that
    of a location without prefix. ``controller``: others name it in their ``intr``.
    ``default_place`` is the guest's address or port of one without ``loc``, ``default_line`` the
    line of one at that place without ``intr``; None where the type has no such default.
    """

    name: str
    help: str
    source: str
    options: dict[str, Option]
    complete: bool = False
    space: Space = Space.MEMORY
    controller: bool = False
    architecture: str | None = None
    default_place: int | None = None
    default_line: int | None = None


def plain_type(text: str) -> str:
    """The type's plain name: ``vdev-pl011.so`` and ``pl011`` are one."""
    return text.rpartition("/")[2].removeprefix("vdev-").removesuffix(".so")


def _text(
    name: str,
    argument: str,
    explanation: str,
    *,
    accumulates: bool = False,
    versions: tuple[str, ...] = ALL_VERSIONS,
) -> Option:
    arguments = (Argument(argument, ArgumentKind.TEXT),)
    return Option(name, Context.VDEV, arguments, explanation, _SHARED, accumulates, versions)


def _number(name: str, explanation: str, *, versions: tuple[str, ...] = ALL_VERSIONS) -> Option:
    arguments = (Argument("number", ArgumentKind.NUMBER),)
    return Option(name, Context.VDEV, arguments, explanation, _SHARED, versions=versions)


def _flag(name: str, explanation: str) -> Option:
    return Option(name, Context.VDEV, (), explanation, _SHARED)


_SHARED = "the vdev's own page"

_HOSTVECTOR = _number("hostvector", "Host vector of the controller's first line.")
_HOSTDEV = _text(
    "hostdev", "[<|>]device", "Host side of the device; `>-` is qvm's output.", accumulates=True
)
_SCHED = _text("sched", "priority", "Priority of the device's threads.")
_BATCH = _text("batch", "microseconds", "How long output is collected before it is written.")
_DELAYED = _text("delayed", "seconds|forever", "Whether the host device is opened later.")
_THREADS = _number("threads", "How many threads serve the device.")
_LEGACY = _flag("legacy", "Offer the interface of virtio 0.9.5.")
_ACTION = _text("action", "[dump,]terminate|fiq", "What is done when the time is up.")
_FREQUENCY = _number("frequency", "Counts in a second; 25000000 without it.")
_REGISTER = _text("reg", "register", "Set a register of the device.", accumulates=True)

_SERIAL = (_HOSTDEV, _SCHED, _BATCH, _DELAYED)


def _options(*own: Option) -> dict[str, Option]:
    return {**CONTEXT_OPTIONS[Context.VDEV], **by_name(*own)}


VENDOR_VDEV_OPTIONS = _options(_HOSTVECTOR, _HOSTDEV, _SCHED, _BATCH, _DELAYED, _THREADS)
"""What is known of a type that the table does not have: it may take any other option too."""

_VDEV_LIST = (
    VdevType(
        "ioapic",
        "Interrupt controller of an x86 guest; `intr apic` connects it.",
        "vdev_ioapic.html",
        _options(_HOSTVECTOR),
        complete=True,
        controller=True,
        architecture="x86",
    ),
    VdevType(
        "gic",
        "Interrupt controller of an ARM guest; there without being listed.",
        "in use; its page is not available",
        _options(
            _HOSTVECTOR,
            _number("version", "GIC version, 2 or 3."),
            _text("msi", "base,first,count", "Frame and lines for message-signalled interrupts."),
            _text("gicd", "address", "Guest address of the distributor."),
            _text("gicc", "address", "Guest address of the CPU interface."),
            _text("gicr", "address", "Guest address of the redistributors."),
        ),
        controller=True,
        architecture="arm",
    ),
    VdevType(
        "ser8250",
        "8250 serial port; without `loc` it is COM1.",
        "vdev_ser8250.html (7.1)",
        _options(*_SERIAL),
        complete=True,
        space=Space.PORT,
        default_place=0x3F8,
        default_line=4,
    ),
    VdevType(
        "pl011",
        "PL011 serial port.",
        "in use; its page is not available",
        _options(*_SERIAL),
        architecture="arm",
    ),
    VdevType(
        "timer8254",
        "8254 timer.",
        "vdev_timer8254.html (7.0)",
        _options(),
        space=Space.PORT,
        architecture="x86",
    ),
    VdevType(
        "mc146818",
        "MC146818 real-time clock.",
        "vdev_mc146818.html (7.0)",
        _options(_REGISTER),
        space=Space.PORT,
        architecture="x86",
    ),
    VdevType(
        "8259",
        "8259 interrupt controller, as old software expects it.",
        "vdev_8259.html (7.0)",
        _options(),
        complete=True,
        space=Space.PORT,
        architecture="x86",
    ),
    VdevType(
        "hpet",
        "High precision event timer; takes a list of interrupts.",
        "vdev_hpet.html (7.0)",
        _options(_text("intrmap", "lines", "Interrupt lines.", versions=("7.0",))),
        architecture="x86",
    ),
    VdevType(
        "pckeyboard",
        "PC keyboard controller; takes no options.",
        "vdev_pckeyboard.html (7.0)",
        _options(),
        complete=True,
        space=Space.PORT,
        architecture="x86",
    ),
    VdevType(
        "pci-dummy",
        "Inactive PCI function that only shows its identifiers.",
        "vdev_pci-dummy.html (7.0)",
        _options(
            _text("reg", "offset/size=value", "Set a configuration register.", accumulates=True),
            _text(
                "clone", "pci:bus:device.function", "Show the identifiers of this host function."
            ),
        ),
        complete=True,
        space=Space.PCI,
    ),
    VdevType(
        "shmem",
        "Shared memory between guests and the host; PCI without `loc`.",
        "vdev_shmem.html (7.1)",
        _options(
            _text("allow", "pattern", "Regions that the guest may use.", accumulates=True),
            _text("deny", "pattern", "Regions that the guest may not use.", accumulates=True),
            _text("create", "name,size", "Make a region.", accumulates=True),
        ),
        complete=True,
    ),
    VdevType(
        "smmu",
        "IOMMU for the guest's own control of DMA.",
        "vdev_smmu.html (7.1)",
        _options(),
        complete=True,
    ),
    VdevType(
        "virtio-net",
        "Network interface; PCI without `loc`.",
        "vdev_virtio-net.html",
        _options(
            _SCHED,
            _LEGACY,
            _text("mac", "address", "MAC address of the guest's side."),
            _text("peer", "path", "The other end."),
            _text("peerfeats", "mask", "Features that the other end has.", versions=("8.0",)),
            _number("bind-mode", "How the other end is bound.", versions=("7.1",)),
            _text("tapdev", "path", "The other end, as older releases have it."),
        ),
    ),
    VdevType(
        "virtio-blk",
        "Disk; PCI without `loc`.",
        "in use; its page is not available",
        _options(
            _HOSTDEV,
            _SCHED,
            _DELAYED,
            _THREADS,
            _LEGACY,
            _text("dio", "enable|disable", "Direct input and output."),
        ),
    ),
    VdevType(
        "virtio-console",
        "Console; needs `hostdev`.",
        "vdev_virtio-console.html (7.1)",
        _options(*_SERIAL, _LEGACY),
    ),
    VdevType(
        "virtio-entropy",
        "Source of random numbers; PCI without `loc`.",
        "in use; its page is not available",
        _options(_LEGACY),
    ),
    VdevType(
        "virtio-gpu",
        "Display, of other makers; PCI without `loc`.",
        "in use; undocumented",
        _options(_SCHED),
    ),
    VdevType(
        "virtio-fs",
        "Shared file system; `loc` and `intr` together or neither.",
        "configuring a guest (7.1)",
        _options(_SCHED),
    ),
    VdevType(
        "virtio-input",
        "Input device; `loc` and `intr` together or neither.",
        "configuring a guest (7.1)",
        _options(_HOSTDEV, _SCHED),
    ),
    VdevType(
        "wdt-sp805",
        "SP805 watchdog; at 0x1c0f0000 without `loc`.",
        "vdev_wdt-sp805.html (7.1)",
        _options(_ACTION, _FREQUENCY),
        architecture="arm",
        default_place=0x1C0F0000,
    ),
    VdevType(
        "wdt-ib700",
        "IB700 watchdog.",
        "debug/guestdump.html (7.1)",
        _options(_ACTION, _FREQUENCY),
        space=Space.PORT,
        architecture="x86",
    ),
    VdevType(
        "progress",
        "Tells the host how far the guest has come.",
        "in use; its page is not available",
        _options(),
    ),
    VdevType("pci-host-bridge", "PCI host bridge.", "in use; undocumented", _options()),
)

VDEV_TYPES = {vdev.name: vdev for vdev in _VDEV_LIST}
"""The known types by their plain name."""
