# SPDX-License-Identifier: Apache-2.0
"""The words of the language that ``run`` has nothing for: what becomes of each.

Linux and KVM do some things by themselves that these words ask for, and lack what others set.
Most can be read over, which is told once for each VM; some promise what would not be kept, and
are refused. ``WORDS`` says which is which, and nothing else does.
"""

from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language.model import BlobType, Setting, Variable, VmConfig
from passthru.language.processors import Policy, parse_scheduling
from passthru.lean import Iterator, NamedTuple
from passthru.plan.problems import NO_EFFECT
from passthru.plan.support import TREE_DUMP, unsupported

__all__ = ["WORDS", "Word", "words_without_effect"]


class Word(NamedTuple):
    """What becomes of a word, by the last of its arguments.

    ``why`` is why it has no effect. It needs none with an argument that is among ``holds``: what
    that asks for is so anyway. With one that is among ``refused`` no guest starts.
    """

    why: str
    holds: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


_QNX_MESSAGES = "`run` serves its devices without QNX's messages"
_QNX_MEMORY = "that memory is one of QNX's hypervisor"
_HOST_GIC = "the host's kernel knows its own GIC"
_KVM_DECIDES = "KVM decides it by what the host's processors have"
_EXCEPTION = "KVM raises an exception in the guest"
_NOT_DOCUMENTED = "what it does is not documented"

WORDS = {
    "cpu partition": Word("Linux has no scheduling partitions; that thread is an ordinary one"),
    "cpu sched, sporadic": Word(
        "Linux has no sporadic scheduling, and without its budget the high priority could take a "
        "processor from the host; that thread is an ordinary one"
    ),
    "cpu sched, ordinary": Word("ordinary threads of Linux have no such priority"),
    "logger": Word(
        "Linux has no slog; the messages go to the error output", ("stdout", "stderr", "none")
    ),
    "log": Word("the devices of `run` have no messages of their own"),
    "dump": Word("`run` writes no dumps of the guest"),
    "safety": Word("nothing of `run` or KVM is certified for safety", ("none",), ("required",)),
    "unsupported instruction": Word(_EXCEPTION, ("fail",)),
    "unsupported reference": Word(
        "where nothing is, a read gives ones and a write is dropped", ("ignore",)
    ),
    "unsupported register": Word(_EXCEPTION, ("fail",)),
    "set counter-offset": Word("KVM lets the guest's counter start with the guest"),
    "set debug": Word("what SIGUSR1 prints has no devices in it", ("on",)),
    "set exit-on-halt": Word("a halted processor sleeps in the host's kernel", ("on",)),
    f"set {TREE_DUMP}": Word("a guest on x86-64 gets no device tree"),
    "set gic-hwassist": Word("KVM always uses the virtualization of the GIC", ("on",)),
    "set grow-heap": Word(_QNX_MEMORY),
    "set host-paddr-gicd": Word(_HOST_GIC),
    "set host-paddr-gich": Word(_HOST_GIC),
    "set host-paddr-gicv": Word(_HOST_GIC),
    "set legacy-free": Word("the machine of `run` is always the same one", ("off",)),
    "set linux-fdt-free": Word(_NOT_DOCUMENTED),
    "set message-block-timeout": Word(_QNX_MESSAGES),
    "set pci-mux-path": Word(_NOT_DOCUMENTED),
    "set pointer-authentication": Word("no guest of `run` has it", ("off",)),
    "set posted-interrupts": Word(_KVM_DECIDES),
    "set psci-supported": Word("KVM always has PSCI", ("on", "auto")),
    "set slog-buffer": Word(_QNX_MEMORY),
    "set vdev-message-block-timeout": Word(_QNX_MESSAGES),
    "set virtual-interrupts": Word(_KVM_DECIDES),
}
"""Every word that is read over, with some of its arguments or with all."""

_MOST_NAMED = 8
"""Words that a message names for one reason; a text may have thousands."""

_BOOLEANS = {"1": "on", "yes": "on", "true": "on", "0": "off", "no": "off", "false": "off"}


class _Use(NamedTuple):
    """A word as it stands in the text: its name in ``WORDS``, its last argument, its place."""

    name: str
    value: str
    span: Span
    shown: str


def words_without_effect(config: VmConfig, *, has_tree: bool) -> Iterator[Finding]:
    """What is refused of these words, and one finding for all that have no effect.

    ``has_tree``: the guest is one with a device tree, on arm64.
    """
    read_over = []
    for use in _uses(config, has_tree=has_tree):
        word = WORDS.get(use.name)
        if word is None or use.value in word.refused:
            yield _refusal(use, word)
        elif use.value not in word.holds:
            read_over.append(use)
    if read_over:
        main = config.span.source
        read_over.sort(key=lambda use: (use.span.source is not main, use.span.start))
        yield _no_effect(read_over)


def _uses(config: VmConfig, *, has_tree: bool) -> Iterator[_Use]:
    for cpu in config.cpus:
        if cpu.partition is not None:
            yield _Use("cpu partition", cpu.partition.value, cpu.partition.span, "cpu partition")
        scheduling = parse_scheduling(cpu.sched.value) if cpu.sched else None
        if cpu.sched and scheduling and scheduling.policy in (Policy.SPORADIC, Policy.OTHER):
            kind = "sporadic" if scheduling.policy is Policy.SPORADIC else "ordinary"
            shown = f"cpu sched {cpu.sched.value}"
            yield _Use(f"cpu sched, {kind}", cpu.sched.value, cpu.sched.span, shown)
    for setting in config.settings:
        if not (has_tree and (setting.name, setting.blob) == ("generate", BlobType.FDT)):
            yield _use_of_setting(setting)
    for vdev in config.vdevs:
        for option in vdev.options:
            if option.name == "log":
                yield _Use("log", option.value or "", option.span, "log")
    for variable in config.variables:
        is_done = variable.name == "smmu-externally-managed"
        if not is_done and not (has_tree and variable.name == TREE_DUMP):
            yield _use_of_variable(variable)


def _use_of_setting(setting: Setting) -> _Use:
    words = [setting.name, *setting.values]
    if setting.blob is not None:
        words.insert(0, setting.blob.value)
    name = " ".join(words[:2] if setting.name in ("unsupported", "generate") else words[:1])
    # Of a logger the filters matter to the text only, of a dump nothing does.
    shown = " ".join(words) if setting.name in ("unsupported", "safety") else name
    value = setting.values[-1] if setting.values else ""
    return _Use(name, value, setting.span, shown if name != "logger" else f"logger … {value}")


def _use_of_variable(variable: Variable) -> _Use:
    value = variable.value.lower()
    name = f"set {variable.name}"
    return _Use(name, _BOOLEANS.get(value, value), variable.span, name)


def _refusal(use: _Use, word: Word | None) -> Finding:
    if word is not None:
        return unsupported(
            f"`{use.shown}`: {word.why}", use.span, fix=f"remove `{use.shown}`, and what needs it"
        )
    kind = "variable" if use.name.startswith("set ") else "option"
    return unsupported(
        f"run does not have the {kind} `{use.shown}`", use.span, fix=f"remove `{use.shown}`"
    )


def _no_effect(uses: list[_Use]) -> Finding:
    first = uses[0].span
    by_reason: dict[str, list[str]] = {}
    for use in uses:
        line = f"line {use.span.line}"
        where = line if use.span.source is first.source else f"{use.span.file}, {line}"
        by_reason.setdefault(WORDS[use.name].why, []).append(f"`{use.shown}` ({where})")
    parts = (
        f"{_joined(words)} {'has' if len(words) == 1 else 'have'} no effect: {why}"
        for why, words in by_reason.items()
    )
    return NO_EFFECT.finding("; ".join(parts), first)


def _joined(words: list[str]) -> str:
    if len(words) > _MOST_NAMED:
        words = [*words[: _MOST_NAMED - 1], f"{len(words) - _MOST_NAMED + 1} more"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
