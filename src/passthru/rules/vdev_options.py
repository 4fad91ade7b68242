# SPDX-License-Identifier: Apache-2.0
"""What qvm's virtual devices cannot do without."""

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Span
from passthru.language.model import PciLocation, Vdev, VmConfig
from passthru.lean import Iterator, NamedTuple, Sequence
from passthru.plan.problems import VDEV_OPTION_MISSING

__all__ = ["context_end", "context_starts", "vdev_option_missing"]

_NEVER_ON_PCI = {
    "pl011": ("loc", "intr"),
    "ser8250": ("intr",),
    "8259": ("loc",),
}
"""What devices need that have no place of their own; others have one, or one by default."""

_ON_PCI_WITHOUT_LOC = (
    "shmem",
    "virtio-blk",
    "virtio-console",
    "virtio-entropy",
    "virtio-fs",
    "virtio-gpu",
    "virtio-input",
    "virtio-net",
)
_NEED_MORE = ("virtio-console",)
"""What needs more than `loc` and `intr`."""

_LOC_AND_INTR_TOGETHER = ("virtio-fs", "virtio-input")
_EXAMPLES = {
    ("pl011", "loc"): "loc 0x1c090000",
    ("pl011", "intr"): "intr gic:37",
    ("ser8250", "intr"): "intr CONTROLLER:4",
    ("8259", "loc"): "loc 0x20",
    ("virtio-console", "hostdev"): "hostdev /dev/ptyp0",
}


class _Missing(NamedTuple):
    option: str
    why: str
    severity: Severity = Severity.ERROR


def vdev_option_missing(config: VmConfig) -> Iterator[Finding]:
    """``vdev-option-missing``; of vendors' own devices nothing is known."""
    lacking = [
        (vdev, missing)
        for vdev in config.vdevs
        if not (vdev.locations and vdev.interrupts) or vdev.type in _NEED_MORE
        for missing in _missing(vdev)
    ]
    if not lacking:
        return
    starts = context_starts(config)
    for vdev, missing in lacking:
        if missing.option in _words(vdev, starts):
            continue  # it is there, with a value that could not be read
        yield VDEV_OPTION_MISSING.finding(
            f"vdev {vdev.type} has no `{missing.option}`{missing.why}",
            vdev.span,
            fix=_EXAMPLES.get((vdev.type, missing.option), f"add `{missing.option}`"),
            severity=missing.severity,
        )


def _missing(vdev: Vdev) -> Iterator[_Missing]:
    has = {"loc": bool(vdev.locations), "intr": bool(vdev.interrupts)}
    for option in _NEVER_ON_PCI.get(vdev.type, ()):
        if not has[option]:
            yield _Missing(option, "")
    if vdev.type in _ON_PCI_WITHOUT_LOC:
        is_elsewhere = any(not isinstance(each, PciLocation) for each in vdev.locations)
        if is_elsewhere and not has["intr"]:
            yield _Missing("intr", "; with its `loc` it is no PCI device, which would get one")
        if vdev.type in _LOC_AND_INTR_TOGETHER and has["intr"] and not has["loc"]:
            yield _Missing("loc", "; `loc` and `intr` go together, or neither is given")
    if vdev.type == "virtio-console" and not vdev.values("hostdev"):
        yield _Missing("hostdev", "; nothing is at its other end", Severity.WARNING)


def _words(vdev: Vdev, starts: list[tuple[int, int]]) -> set[str]:
    """The words between the start of the device's context and the next one of ``starts``."""
    text = vdev.span.source.text[vdev.span.end : context_end(vdev.span, starts)]
    return {word for line in text.splitlines() for word in line.partition("#")[0].split()}


def context_starts(config: VmConfig) -> list[tuple[int, int]]:
    """Where the contexts of the text begin, sorted: the source, by identity, and the offset."""
    spans = [
        *(cpu.span for cpu in config.cpus),
        *(vdev.span for vdev in config.vdevs),
        *(passed.span for passed in config.passes),
        *(reserve.span for reserve in config.reserves),
    ]
    return sorted((id(span.source), span.start) for span in spans)


def context_end(context: Span, starts: Sequence[tuple[int, int]]) -> int:
    """Offset of the next one of all ``starts`` after that of ``context``, else of the end."""
    from bisect import bisect_right  # only findings need it

    source = context.source
    following = bisect_right(starts, (id(source), context.start))
    if following < len(starts) and starts[following][0] == id(source):
        return starts[following][1]
    return len(source.text)
