# SPDX-License-Identifier: Apache-2.0
"""The option table: every option of the language, and what it takes.

The reader, the help and the documentation come from here. This module holds the options of
a VM and of its contexts; the virtual devices' own are in ``vdevs``, what ``set`` can set is
in ``variables``. ``source`` names the documentation page (QNX Hypervisor 8.0 unless said).
"""

from passthru.language.model import BlobType
from passthru.lean import Enum, NamedTuple

__all__ = [
    "ALL_VERSIONS",
    "BLOB_CARRIERS",
    "BLOB_TYPES",
    "CONTEXTS",
    "CONTEXT_OPTIONS",
    "DOCUMENTED_TOP_OPTIONS",
    "EVERY_VERSION",
    "SINCE_7_1",
    "TOP_OPTIONS",
    "Argument",
    "ArgumentKind",
    "Context",
    "Option",
    "by_name",
    "lacks",
]


class Context(Enum):
    """Where an option stands; all but VM are opened by the word that is their value."""

    VM = "the VM"
    CPU = "cpu"
    PASS = "pass"
    RESERVE = "reserve"
    VDEV = "vdev"


class ArgumentKind(Enum):
    """How an argument is read."""

    TEXT = "text"
    CHOICE = "one of some words"
    CHOICES = "some words with commas between"
    NUMBER = "a number"
    MEMORY = "[start,]length"
    FILE = "[address,]path"
    LOCATION = "a location"
    INTERRUPT = "an interrupt"
    PROCESSORS = "numbers of processors with commas between (0,2)"
    SCHEDULING = "a priority (20), its policy behind it (20r, 20f, 20o), or five numbers (sporadic)"
    FREE = "words up to the next option"


class Argument(NamedTuple):
    """One argument: what help calls it, how it is read, and the words that a choice allows.

    ``choices_since_7_1`` are those of them that version 7.0 does not have.
    """

    name: str
    kind: ArgumentKind
    choices: tuple[str, ...] = ()
    choices_since_7_1: tuple[str, ...] = ()


ALL_VERSIONS = ("7.0", "7.1", "8.0")
SINCE_7_1 = ("7.1", "8.0")
EVERY_VERSION = "every"
"""In the place of a version: the words of all versions are taken, as `run` takes them."""


def lacks(version: str, versions: tuple[str, ...]) -> bool:
    """Whether ``version`` does not have what only ``versions`` have."""
    return version not in versions and version != EVERY_VERSION


class Option(NamedTuple):
    """A row of the table.

    ``accumulates``: each use counts, where otherwise the last one in its context wins.
    ``instead`` is what versions without it have for it. ``architecture``, ``x86`` or ``arm``,
    is set where the option means something on that one only.
    """

    name: str
    context: Context
    arguments: tuple[Argument, ...]
    help: str
    source: str
    accumulates: bool = False
    versions: tuple[str, ...] = ALL_VERSIONS
    instead: str | None = None
    architecture: str | None = None

    @property
    def undocumented(self) -> bool:
        """Whether no more than the option's name is known."""
        return bool(self.arguments) and self.arguments[0].kind is ArgumentKind.FREE


def by_name(*options: Option) -> dict[str, Option]:
    """The rows by the option's name."""
    return {option.name: option for option in options}


BLOB_TYPES = {blob.value: blob for blob in BlobType}
"""Words that may stand before one of BLOB_CARRIERS."""

BLOB_CARRIERS = frozenset({"load", "pass", "generate"})
"""Options that a blob type may stand before."""

_FILTERS = ("fatal", "internal", "error", "warn", "warning", "info", "debug", "verbose")
_DESTINATIONS = ("stdout", "stderr", "slog", "none")

_LOG = (
    Argument("filter[,filter…]", ArgumentKind.CHOICES, _FILTERS),
    Argument("destination", ArgumentKind.CHOICE, _DESTINATIONS, ("none",)),
)
_SCHED = (Argument("priority", ArgumentKind.TEXT),)
_LOCATION = (Argument("location", ArgumentKind.LOCATION),)
_INTERRUPT = (Argument("controller:line", ArgumentKind.INTERRUPT),)
_MEMORY = (Argument("[start,]length", ArgumentKind.MEMORY),)
_FREE = (Argument("words", ArgumentKind.FREE),)

_NO_PAGE = "named in the index; its page is not available"
_OPTIONS_PAGE = "vdev_ref/options.html"

TOP_OPTIONS = by_name(
    Option(
        "system",
        Context.VM,
        (Argument("name", ArgumentKind.TEXT),),
        "Name the VM; must be the first option.",
        "config/qvm_file.html (7.0)",
    ),
    Option(
        "cpu",
        Context.VM,
        (),
        "Add one virtual CPU; without any there is one.",
        "vm/cpu.html",
        accumulates=True,
    ),
    Option(
        "ram",
        Context.VM,
        _MEMORY,
        "Give the guest RAM; without a start, after the highest RAM or ROM so far.",
        "vm/ram.html",
        accumulates=True,
    ),
    Option(
        "rom",
        Context.VM,
        _MEMORY,
        "Give the guest memory that it cannot write.",
        "vm/rom.html",
        accumulates=True,
    ),
    Option(
        "load",
        Context.VM,
        (Argument("[address,]file", ArgumentKind.FILE),),
        "Copy a file into guest memory; a blob type before it says what it is.",
        "vm/load.html",
        accumulates=True,
    ),
    Option(
        "cmdline",
        Context.VM,
        (Argument("text", ArgumentKind.TEXT),),
        "The command line for the guest's kernel.",
        "config/components.html (7.0)",
    ),
    Option(
        "pass",
        Context.VM,
        (),
        "Pass a host device, host memory or a blob through; a blob type may stand before it.",
        "vm/pass.html",
        accumulates=True,
    ),
    Option(
        "reserve",
        Context.VM,
        (),
        "Keep locations and interrupts free of automatic allocation.",
        "vm/reserve.html (7.1)",
        accumulates=True,
    ),
    Option(
        "vdev",
        Context.VM,
        (Argument("type", ArgumentKind.TEXT),),
        "Add a virtual device.",
        "virt/devs.html",
        accumulates=True,
    ),
    Option(
        "set",
        Context.VM,
        (Argument("variable", ArgumentKind.TEXT), Argument("value", ArgumentKind.TEXT)),
        "Set a configuration variable.",
        "vm/set.html",
    ),
    Option(
        "logger",
        Context.VM,
        _LOG,
        "Send messages of these classes to a destination.",
        "vm/logger.html",
        accumulates=True,
    ),
    Option(
        "dump",
        Context.VM,
        (Argument('directory or "|command"', ArgumentKind.TEXT),),
        "Where a dump of the guest's memory goes.",
        "vm/dump.html",
    ),
    Option(
        "dryrun",
        Context.VM,
        (),
        "Assemble everything, start nothing, end.",
        "vm/variables.html (7.1)",
        accumulates=True,
    ),
    Option(
        "unsupported",
        Context.VM,
        (
            Argument("event", ArgumentKind.CHOICE, ("instruction", "reference", "register")),
            Argument("reaction", ArgumentKind.CHOICE, ("abort", "fail", "ignore")),
        ),
        "What happens when the guest does what the VM cannot do.",
        "vm/unsupported.html",
    ),
    Option(
        "safety",
        Context.VM,
        (Argument("level", ArgumentKind.CHOICE, ("none", "warn", "required")),),
        "The reaction to components that are not certified.",
        "vm/safety.html (7.1)",
        versions=("7.1",),
    ),
    Option(
        "generate",
        Context.VM,
        (),
        "Generate the blob whose type stands before it (`fdt generate`).",
        "in use; " + _NO_PAGE,
        versions=("8.0",),
        instead="`load` of a blob that is made beforehand",
    ),
    Option("user", Context.VM, _FREE, "Undocumented.", _NO_PAGE),
    Option("debug", Context.VM, _FREE, "Undocumented.", _NO_PAGE),
    Option("id", Context.VM, _FREE, "Undocumented.", _NO_PAGE),
    Option("threads", Context.VM, _FREE, "Undocumented outside a vdev.", _NO_PAGE),
    Option("rsvd", Context.VM, _FREE, "Undocumented.", _NO_PAGE),
)
"""Options that may stand anywhere and belong to the VM, or open a context."""

DOCUMENTED_TOP_OPTIONS = {
    name: option for name, option in TOP_OPTIONS.items() if not option.undocumented
}
"""Those of which more than the name is known; a vendor's device has no option of these names."""

CONTEXT_OPTIONS = {
    Context.CPU: by_name(
        Option(
            "cluster",
            Context.CPU,
            (Argument("name", ArgumentKind.TEXT),),
            "Run on the host CPUs of this cluster.",
            "vm/cpu.html",
            versions=("8.0",),
            instead="`runmask` with the numbers of the cluster's CPUs",
        ),
        Option(
            "runmask",
            Context.CPU,
            (Argument("cpu[,cpu…]", ArgumentKind.PROCESSORS),),
            "Run on these host CPUs.",
            "vm/cpu.html (7.1)",
            versions=("7.0", "7.1"),
            instead="`cluster` with the name of a cluster of these CPUs",
        ),
        Option(
            "partition",
            Context.CPU,
            (Argument("name", ArgumentKind.TEXT),),
            "Run in this scheduling partition.",
            "vm/cpu.html (7.1)",
            versions=("7.0", "7.1"),
            instead="`sched` for the priority, `cluster` for the CPUs",
        ),
        Option(
            "sched",
            Context.CPU,
            (Argument("priority[r|f|o]", ArgumentKind.SCHEDULING),),
            "Priority and scheduling of the virtual CPU's thread.",
            "vm/cpu.html",
        ),
    ),
    Context.PASS: by_name(
        Option(
            "loc",
            Context.PASS,
            _LOCATION,
            "Memory, x86 ports or a PCI function to pass through.",
            "vm/pass.html",
            accumulates=True,
        ),
        Option(
            "intr",
            Context.PASS,
            _INTERRUPT,
            "An interrupt to pass through, with the host's vector behind `=`.",
            "vm/pass.html",
            accumulates=True,
        ),
        Option(
            "sched",
            Context.PASS,
            _SCHED,
            "Priority at which the passed interrupts are handled.",
            "vm/pass.html",
            versions=("8.0",),
        ),
    ),
    Context.RESERVE: by_name(
        Option(
            "loc",
            Context.RESERVE,
            _LOCATION,
            "A location to keep free.",
            "vm/reserve.html (7.1)",
            accumulates=True,
        ),
        Option(
            "intr",
            Context.RESERVE,
            _INTERRUPT,
            "A guest interrupt to keep free.",
            "vm/reserve.html (7.1)",
            accumulates=True,
        ),
    ),
    Context.VDEV: by_name(
        Option("loc", Context.VDEV, _LOCATION, "Where the guest finds the device.", _OPTIONS_PAGE),
        Option("intr", Context.VDEV, _INTERRUPT, "The guest interrupt it raises.", _OPTIONS_PAGE),
        Option(
            "name",
            Context.VDEV,
            (Argument("name", ArgumentKind.TEXT),),
            "Name of this instance.",
            _OPTIONS_PAGE,
        ),
        Option(
            "log",
            Context.VDEV,
            _LOG,
            "As `logger`, for this device.",
            _OPTIONS_PAGE,
            accumulates=True,
        ),
    ),
}
"""The options of each context; for a vdev those that all have in common."""

CONTEXTS = {kind.value: kind for kind in CONTEXT_OPTIONS}
"""The contexts by the word that opens them."""
