# SPDX-License-Identifier: Apache-2.0
"""What the checker has to say about a configuration."""

from passthru.diagnostics.source import Span
from passthru.lean import Enum, NamedTuple

__all__ = ["Edit", "Finding", "HostStep", "Place", "Severity", "StepKind"]


class Severity(Enum):
    """How bad a finding is; an error keeps a VM from starting."""

    ERROR = "error"
    WARNING = "warning"
    INFORMATION = "information"


class Place(NamedTuple):
    """Another place that a finding is about: the other claimant, the first use."""

    message: str
    span: Span | None = None
    vm: str | None = None


class Edit(NamedTuple):
    """A change of configuration text: ``text`` in the place of what stands at ``span``."""

    span: Span
    text: str


class StepKind(Enum):
    """What a step changes of the host, in the order in which steps of several findings go."""

    RELEASE = "stop using what is on a device"
    LOAD = "load a driver"
    HAND_OVER = "give a device to another driver"
    LIMIT = "raise a limit"
    BOOT = "boot the host in another way"


class HostStep(NamedTuple):
    """Something to do on the host: a command for a root shell, or what to boot it with."""

    kind: StepKind
    text: str


class Finding(NamedTuple):
    """One mistake or remark, told once, at the place where it stands.

    ``id`` is stable (see the list of rules); ``resource`` is in the user's notation
    (``pci:0:3.0``, ``mem:0x2000,0x1000``); ``fix`` is a command or text to paste. ``edits``
    carry the fix out, together; they are there only where it is certain to be what was meant.
    ``steps`` are those of the fix that are to be done on the host, for one list of all findings.
    What is not ``allowable`` cannot be suppressed.
    """

    id: str
    severity: Severity
    message: str
    span: Span | None = None
    vm: str | None = None
    resource: str | None = None
    others: tuple[Place, ...] = ()
    reason: str | None = None
    fix: str | None = None
    edits: tuple[Edit, ...] = ()
    allowable: bool = True
    steps: tuple[HostStep, ...] = ()
