# SPDX-License-Identifier: Apache-2.0
"""The option table's part on ``set``: configuration variables and the types of their values."""

from passthru.language.numbers import BadNumber, Notation, parse_number
from passthru.language.options import ALL_VERSIONS
from passthru.lean import Enum, NamedTuple

__all__ = ["SET_VARIABLES", "SetVariable", "ValueType", "is_value", "parse_boolean"]


class ValueType(Enum):
    """Type of a variable's value; the value is what it takes, for messages."""

    BOOLEAN = "on or off (1 or 0, yes or no, true or false)"
    TRISTATE = "on, off or auto"
    NUMBER = "a positive number, decimal or 0x"
    ADDRESS = "an address or a size"
    STRING = "any text"
    UNKNOWN = "a value of a type that is not documented"


class SetVariable(NamedTuple):
    """A row of the table; ``default`` as the documentation puts it, or None.

    ``per_vdev``: it applies to the virtual device that it stands in. ``instead`` is what
    versions without it have for it. ``architecture`` is set where it is for that one only.
    """

    name: str
    type: ValueType
    help: str
    default: str | None = None
    versions: tuple[str, ...] = ALL_VERSIONS
    source: str = "vm/variables.html"
    per_vdev: bool = False
    architecture: str | None = None
    instead: str | None = None


_7X = ("7.0", "7.1")
_NAMED_ONLY = "in use; not documented"
_UNDOCUMENTED = "Used in configurations; what it does is not documented."

_VARIABLE_LIST = (
    SetVariable(
        "counter-offset", ValueType.NUMBER, "Offset of the guest's counter.", None, ("8.0",)
    ),
    SetVariable(
        "debug", ValueType.BOOLEAN, "Show the vdev in the status.", "on", ("8.0",), per_vdev=True
    ),
    SetVariable("exit-on-halt", ValueType.BOOLEAN, "Whether halting leaves the guest.", "on"),
    SetVariable(
        "fdt-dump-file", ValueType.STRING, "Write the guest's FDT there.", None, ("7.1", "8.0")
    ),
    SetVariable("grow-heap", ValueType.ADDRESS, "Heap to take at the start.", None, _7X),
    SetVariable(
        "message-block-timeout",
        ValueType.NUMBER,
        "Longest time that a message may block, in ms; 0 is without end.",
        "10000",
    ),
    SetVariable(
        "vdev-message-block-timeout",
        ValueType.NUMBER,
        "The same for one vdev.",
        "message-block-timeout",
        ("7.1",),
        per_vdev=True,
        instead="`set message-block-timeout`, for all devices",
    ),
    SetVariable("slog-buffer", ValueType.ADDRESS, "Size of the log buffer.", "4K", _7X),
    SetVariable(
        "gic-hwassist",
        ValueType.BOOLEAN,
        "Use the GIC's virtualization.",
        "true",
        ("7.1",),
        architecture="arm",
    ),
    *(
        SetVariable(
            f"host-paddr-{part}",
            ValueType.ADDRESS,
            f"Host's GIC {title}.",
            part,
            ("7.1", "8.0"),
            architecture="arm",
        )
        for part, title in (
            ("gicd", "distributor"),
            ("gich", "hypervisor interface"),
            ("gicv", "virtual CPU interface"),
        )
    ),
    SetVariable("legacy-free", ValueType.BOOLEAN, "No legacy devices.", source="vm/set.html"),
    SetVariable(
        "posted-interrupts",
        ValueType.BOOLEAN,
        "Whether posted interrupts are used.",
        source="vm/set.html",
    ),
    SetVariable(
        "virtual-interrupts",
        ValueType.BOOLEAN,
        "Whether virtual interrupts are used.",
        source="vm/set.html",
    ),
    SetVariable(
        "smmu-externally-managed",
        ValueType.BOOLEAN,
        "DMA is taken care of elsewhere: `d` asks for nothing.",
        "off",
        ("8.0",),
        "vm/pass.html",
    ),
    SetVariable(
        "psci-supported",
        ValueType.UNKNOWN,
        "Whether the guest has PSCI; `auto` asks the host's FDT.",
        "auto",
        ("8.0",),
        _NAMED_ONLY,
        architecture="arm",
    ),
    SetVariable(
        "linux-fdt-free",
        ValueType.UNKNOWN,
        _UNDOCUMENTED,
        None,
        ("8.0",),
        _NAMED_ONLY,
        architecture="arm",
    ),
    SetVariable(
        "pci-mux-path",
        ValueType.UNKNOWN,
        _UNDOCUMENTED,
        None,
        ("8.0",),
        _NAMED_ONLY,
    ),
    SetVariable(
        "pointer-authentication",
        ValueType.UNKNOWN,
        _UNDOCUMENTED,
        None,
        ("8.0",),
        _NAMED_ONLY,
    ),
)

SET_VARIABLES = {variable.name: variable for variable in _VARIABLE_LIST}
"""The known variables by name."""

_BOOLEANS = {
    "on": True,
    "1": True,
    "yes": True,
    "true": True,
    "off": False,
    "0": False,
    "no": False,
    "false": False,
}


def parse_boolean(text: str) -> bool | None:
    """What a boolean variable's value means, or None where it means nothing."""
    return _BOOLEANS.get(text.lower())


def is_value(kind: ValueType, text: str) -> bool:
    """Whether ``text`` is a value of the type."""
    if kind is ValueType.BOOLEAN:
        return parse_boolean(text) is not None
    if kind is ValueType.TRISTATE:
        return text.lower() == "auto" or parse_boolean(text) is not None
    if kind is ValueType.NUMBER:
        if text[:2] in ("0d", "0D"):
            return False
        return not isinstance(parse_number(text, Notation.PLAIN), BadNumber)
    if kind is ValueType.ADDRESS:
        return not isinstance(parse_number(text, Notation.ADDRESS), BadNumber)
    return True
