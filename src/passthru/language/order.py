# SPDX-License-Identifier: Apache-2.0
"""The order that options must stand in, because a configuration is carried out as it is read."""

from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language.contexts import OpenContext
from passthru.language.mistakes import controller_after_use, load_before_memory
from passthru.language.model import Interrupt, Location, MemoryLocation

__all__ = ["Order"]

_ALWAYS_THERE = "gic"
"""The controller that an ARM guest has under this name without any ``vdev``."""


class Order:
    """What was seen when; tells at the end what came too early.

    ``controller`` is the interrupt controller that a bare line would belong to.
    """

    def __init__(self) -> None:
        self.controller = _ALWAYS_THERE
        self._memory: Span | None = None
        self._early_load: Span | None = None
        self._first_use: dict[str, tuple[int, Span]] = {}
        self._controllers: dict[str, tuple[int, Span]] = {}

    def memory(self, span: Span) -> None:
        """Guest memory was given."""
        if self._memory is None:
            self._memory = span

    def location(self, location: Location) -> None:
        """A location was passed; it can be guest memory too."""
        if isinstance(location, MemoryLocation) and location.access.system_memory:
            self.memory(location.span)

    def load(self, span: Span) -> None:
        """A file was loaded into guest memory."""
        if self._memory is None and self._early_load is None:
            self._early_load = span

    def interrupts(self, context: OpenContext, interrupts: tuple[Interrupt, ...]) -> None:
        """Lines of interrupt controllers were named."""
        for interrupt in interrupts:
            self._first_use.setdefault(interrupt.controller, (context.place, interrupt.span))

    def controller_made(self, context: OpenContext) -> None:
        """The context of an interrupt controller's ``vdev`` ended."""
        name = context.texts.get("name")
        self.controller = name.value if name else context.type
        self._controllers.setdefault(self.controller, (context.place, context.span))

    def findings(self) -> list[Finding]:
        """Everything that came too early."""
        findings = []
        if self._early_load is not None:
            findings.append(load_before_memory(self._early_load, self._memory))
        for name, (place, vdev) in self._controllers.items():
            used_at, use = self._first_use.get(name, (place, vdev))
            if used_at < place:
                findings.append(controller_after_use(use, name, vdev))
        return findings
