# SPDX-License-Identifier: Apache-2.0
"""Which findings a picture draws, and which things of the configurations they are about."""

from collections.abc import Iterable

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source, Span
from passthru.report.map_model import Conflict

__all__ = ["DRAWN", "Conflicts", "source_line"]

_OF_THE_GUEST = frozenset(
    (
        "address-overlap",
        "address-too-high",
        "bar-does-not-fit",
        "interrupt-claimed-twice",
        "interrupt-line-out-of-range",
        "iova-reserved",
        "load-outside-memory",
        "pci-slot-taken",
        "port-overlap",
    )
)
_OF_THE_HOST = frozenset(
    (
        "clock-dependent-device",
        "device-shared",
        "dma-device-shared",
        "host-driver-active",
        "host-interrupt-claimed-twice",
        "host-interrupt-in-use",
        "host-memory-absent",
        "host-memory-claimed-twice",
        "host-memory-in-use",
        "host-port-claimed-twice",
        "interrupt-source-missing",
        "iommu-group-split",
        "pci-ambiguous",
        "pci-is-bridge",
        "pci-not-found",
        "pci-passed-twice",
    )
)
"""The ids of findings about things that collide, by the side on which they do."""

DRAWN = _OF_THE_GUEST | _OF_THE_HOST
"""The ids of all findings that a picture shows."""

_OF_ONE_PLACE = frozenset(("address-too-high", "load-outside-memory", "pci-not-found"))
"""Those whose other places are not at odds with the first: they help to find the mistake."""


class Conflicts:
    """The findings about collisions, numbered, to be asked for by places of the text."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.all: list[Conflict] = []
        self._by_source: dict[Source, list[tuple[Span, int, bool]]] = {}
        for finding in findings:
            is_of_host = finding.id in _OF_THE_HOST
            if finding.severity is Severity.INFORMATION:
                continue
            if is_of_host or finding.id in _OF_THE_GUEST:
                self._add(finding, is_of_host)

    def of_guest(self, span: Span | None) -> tuple[int, ...]:
        """The conflicts that the thing configured at ``span`` is in, on either side."""
        return tuple(number for number, _ in self._at(span))

    def of_host(self, span: Span | None) -> tuple[int, ...]:
        """Those of them that are about the thing of the host behind it."""
        return tuple(number for number, is_of_host in self._at(span) if is_of_host)

    def _add(self, finding: Finding, is_of_host: bool) -> None:
        others = () if finding.id in _OF_ONE_PLACE else finding.others
        spans = [finding.span, *(other.span for other in others)]
        known = [span for span in spans if span is not None]
        number = len(self.all) + 1
        places = tuple(dict.fromkeys(str(span) for span in known))
        self.all.append(Conflict(number, finding.id, finding.message, places))
        for span in known:
            self._by_source.setdefault(span.source, []).append((span, number, is_of_host))

    def _at(self, span: Span | None) -> list[tuple[int, bool]]:
        if span is None:
            return []
        return [
            (number, is_of_host)
            for other, number, is_of_host in self._by_source.get(span.source, ())
            if other.start < span.end and span.start < other.end
        ]


def source_line(span: Span) -> str:
    """``guest.qvmconf:12: `` and the line that stands there."""
    return f"{span}: {span.source.line_text(span.line).strip()}"
