# SPDX-License-Identifier: Apache-2.0
"""A configuration while it is read: what is complete, the open context, what came when."""

from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language.contexts import OpenContext
from passthru.language.mistakes import option_repeated
from passthru.language.model import (
    Cpu,
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
from passthru.language.order import Order

__all__ = ["Assembly"]


class Assembly:
    """Collects the parts of one VM in the order of the text."""

    def __init__(self, findings: list[Finding]) -> None:
        self._findings = findings
        self.context: OpenContext | None = None
        self.order = Order()
        self.first_option: Span | None = None
        self.system: Text | None = None
        self.cmdline: Text | None = None
        self.dryrun = False
        self.memory: list[MemoryOption] = []
        self.loads: list[Load] = []
        self._contexts = 0
        self._cpus: list[Cpu] = []
        self._passes: list[Pass] = []
        self._vdevs: list[Vdev] = []
        self._reserves: list[Reserve] = []
        self._variables: dict[str, Variable] = {}
        self._settings: dict[str, Setting] = {}
        self._seen: dict[str, Span] = {}

    @property
    def next_place(self) -> int:
        """The count of contexts so far."""
        return self._contexts

    def open(self, context: OpenContext) -> None:
        """Close the open context and go on in ``context``."""
        self.close()
        self.context = context
        self._contexts += 1

    def close(self) -> None:
        """Take over what the open context has become."""
        context = self.context
        if context is None:
            return
        self.context = None
        if context.kind is Context.CPU:
            self._cpus.append(context.to_cpu())
        elif context.kind is Context.PASS:
            self._passes.append(context.to_pass())
        elif context.kind is Context.RESERVE:
            self._reserves.append(context.to_reserve())
        else:
            self._vdevs.append(context.to_vdev())
            if context.vdev is not None and context.vdev.controller:
                self.order.controller_made(context)

    def once(self, name: str, span: Span) -> None:
        """An option of the VM was given of which the last one wins."""
        self.warn_repeated(self._seen, name, span)

    def warn_repeated(self, seen: dict[str, Span], name: str, span: Span) -> None:
        """Remember the option ``name`` in ``seen``, and warn if it was there before.

        A later source that overrides an earlier one does so on purpose.
        """
        before = seen.get(name)
        if before is not None and before.source is span.source:
            self._findings.append(option_repeated(span, name, before))
        seen[name] = span

    def set_variable(self, variable: Variable, *, per_vdev: bool) -> None:
        """A configuration variable was set, for the VM or for the open virtual device."""
        key = f"set {variable.name}"
        if per_vdev and self.context is not None:
            self.warn_repeated(self.context.seen, key, variable.span)
            key = f"{key} {self.context.place}"
        else:
            self.once(key, variable.span)
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
