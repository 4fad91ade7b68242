# SPDX-License-Identifier: Apache-2.0
"""A configuration while it is read: what is complete, the open context, what came when."""

from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language import mistakes
from passthru.language.contexts import OpenContext
from passthru.language.model import (
    Cpu,
    Interrupt,
    Load,
    MemoryOption,
    Pass,
    Reserve,
    Setting,
    Text,
    Variable,
    Vdev,
    VmConfig,
)
from passthru.language.options import Context

__all__ = ["Assembly", "Order"]

_ALWAYS_THERE = "gic"
"""The controller that an ARM guest has under this name without any ``vdev``."""


class Order:
    """What was seen when; tells at the end what came too early.

    A configuration is carried out as it is read, from its start to its end.

    ``controller`` is the interrupt controller that a bare line would belong to; ``uses`` are
    the lines that were named, each behind the place of its context.
    """

    def __init__(self) -> None:
        self.controller = _ALWAYS_THERE
        self._memory: Span | None = None
        self._early_load: Span | None = None
        self.uses: list[tuple[int, Interrupt]] = []
        self._controllers: dict[str, tuple[int, Span]] = {}

    @property
    def controller_so_far(self) -> str | None:
        """The controller whose ``vdev`` came last; None where there was none."""
        return self.controller if self._controllers else None

    def memory(self, span: Span) -> None:
        """Guest memory was given."""
        if self._memory is None:
            self._memory = span

    def load(self, span: Span) -> None:
        """A file was loaded into guest memory."""
        if self._memory is None and self._early_load is None:
            self._early_load = span

    def controller_made(self, context: OpenContext) -> None:
        """The context of an interrupt controller's ``vdev`` ended."""
        name = context.texts.get("name")
        self.controller = name.value if name else context.type
        self._controllers.setdefault(self.controller, (context.place, context.span))

    def findings(self) -> list[Finding]:
        """Everything that came too early."""
        findings = []
        if self._early_load is not None:
            findings.append(mistakes.load_before_memory(self._early_load, self._memory))
        last_place = max((place for place, _ in self._controllers.values()), default=0)
        first_use = self._first_uses(last_place)
        for name, (place, vdev) in self._controllers.items():
            used_at, use = first_use.get(name, (place, vdev))
            if used_at < place:
                findings.append(mistakes.controller_after_use(use, name, vdev))
        return findings

    def _first_uses(self, end: int) -> dict[str, tuple[int, Span]]:
        """The first use of each controller in the contexts before the place ``end``."""
        first: dict[str, tuple[int, Span]] = {}
        for place, interrupt in self.uses:
            if place >= end:
                break
            first.setdefault(interrupt.controller, (place, interrupt.span))
        return first


class Assembly:
    """Collects the parts of one VM in the order of the text, for a hypervisor's ``version``.

    ``next_place`` is the count of contexts so far.
    """

    def __init__(self, findings: list[Finding], version: str) -> None:
        self._findings = findings
        self.version = version
        self.context: OpenContext | None = None
        self.order = Order()
        self.first_option: Span | None = None
        self.system: Text | None = None
        self.cmdline: Text | None = None
        self.dryrun = False
        self.memory: list[MemoryOption] = []
        self.loads: list[Load] = []
        self.next_place = 0
        self._cpus: list[Cpu] = []
        self._passes: list[Pass] = []
        self._vdevs: list[Vdev] = []
        self._reserves: list[Reserve] = []
        self._variables: dict[str, Variable] = {}
        self._settings: dict[str, Setting] = {}
        self._seen: dict[str, Span] = {}

    def open(self, context: OpenContext) -> None:
        """Close the open context and go on in ``context``."""
        self.close()
        self.context = context
        self.next_place += 1

    def close(self) -> None:
        """Take over what the open context has become."""
        context = self.context
        if context is None:
            return
        self.context = None
        kind = context.kind
        if kind is Context.PASS:
            self._passes.append(context.to_pass())
        elif kind is Context.VDEV:
            self._vdevs.append(context.to_vdev(self.order.controller_so_far))
            if context.vdev is not None and context.vdev.controller:
                self.order.controller_made(context)
        elif kind is Context.RESERVE:
            self._reserves.append(context.to_reserve())
        else:
            self._cpus.append(context.to_cpu())

    def once(self, name: str, span: Span) -> None:
        """An option of the VM was given of which the last one wins."""
        self._once_as(name, name, span)

    def _once_as(self, key: str, name: str, span: Span) -> None:
        earlier = self._seen.get(key)
        if earlier is not None:
            self.warn_repeated(name, earlier, span)
        self._seen[key] = span

    def warn_repeated(self, name: str, earlier: Span, span: Span) -> None:
        """Warn that the option ``name`` is given at ``span`` and was at ``earlier``.

        A later source that overrides an earlier one does so on purpose.
        """
        if earlier.source is span.source:
            self._findings.append(mistakes.option_repeated(span, name, earlier))

    def set_variable(self, variable: Variable, *, per_vdev: bool) -> None:
        """A configuration variable was set, for the VM or for the open virtual device."""
        key = name = f"set {variable.name}"
        if per_vdev and self.context is not None:
            key = f"{self.context.place} {name}"
        self._once_as(key, name, variable.span)
        self._variables[key] = variable

    def add_setting(self, setting: Setting, last_wins_as: str | None) -> None:
        """An option was given that the model has no part of its own for."""
        if last_wins_as is None:
            self._settings[f"{setting.name} {len(self._settings)}"] = setting
        else:
            self.once(last_wins_as, setting.span)
            self._settings[last_wins_as] = setting

    def config(self, span: Span) -> VmConfig:
        """The whole configuration; ``span`` is its first word."""
        self.close()
        return VmConfig(
            system=self.system,
            cpus=tuple(self._cpus),
            memory=tuple(self.memory),
            loads=tuple(self.loads),
            cmdline=self.cmdline,
            passes=tuple(self._passes),
            vdevs=tuple(self._vdevs),
            reserves=tuple(self._reserves),
            variables=tuple(self._variables.values()),
            dryrun=self.dryrun,
            span=span,
            settings=tuple(self._settings.values()),
        )
