# SPDX-License-Identifier: Apache-2.0
"""Everything that can be told about configurations, alone and as the VMs of one host."""

import os
from bisect import bisect_left
from itertools import accumulate

from passthru.addresses import AddressRange
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.source import Source, Span
from passthru.language.model import BlobType, VmConfig
from passthru.language.reader import ReadResult, read
from passthru.lean import TYPE_CHECKING, NamedTuple, Sequence
from passthru.plan.problems import VDEV_OPTION_MISSING
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.vdev_options import context_end, context_starts

if TYPE_CHECKING:
    from passthru.rules.shared_parties import CheckedVm

__all__ = [
    "CheckedSource",
    "LookedAt",
    "check_source",
    "check_together",
    "examine_source",
    "examine_together",
    "without_allowed_here",
]


class CheckedSource(NamedTuple):
    """One configuration, and what is wrong with it in the order of its text.

    ``complete`` is ReadResult.complete: nothing of the text is missing in ``config``.
    """

    source: Source
    config: VmConfig
    complete: bool
    findings: tuple[Finding, ...]

    @property
    def vm(self) -> str | None:
        """The name that the text gives; what has none is called by qvm's, programs get none."""
        return self.config.name if self.config.system else None


def check_source(
    source: Source, hypervisor: Hypervisor, board: Board | None = None
) -> tuple[Finding, ...]:
    """What is wrong with the VM that ``source`` configures, in the order of the text."""
    return examine_source(source, hypervisor, board).findings


def examine_source(
    source: Source, hypervisor: Hypervisor, board: Board | None = None
) -> CheckedSource:
    """Read and check the VM that ``source`` configures.

    ``$env{…}`` comes from this process's environment, `$asinfo_…{…}` from the ``board``. Where
    a part of the text could not be read, rules about the rest are told, but none that could
    follow from the missing part.
    """
    result = read(
        [source],
        environment=os.environ,
        asinfo=_named_ranges(board, hypervisor),
        version=hypervisor.version,
    )
    config = result.config
    ruled = _ruled(result, hypervisor, board)
    if result.complete and any(load.blob is BlobType.FDT for load in config.loads):
        from passthru.cli.guest_trees import guest_tree_findings

        ruled = (*ruled, *guest_tree_findings(config))
    mistakes = [
        each.span for each in result.findings if each.span and each.severity is Severity.ERROR
    ]
    if mistakes:
        misread = _Misread(mistakes, config)
        ruled = tuple(each for each in ruled if not misread.explains(each))
    checked = CheckedSource(source, config, result.complete, ())
    findings = [finding._replace(vm=checked.vm) for finding in (*result.findings, *ruled)]
    return checked._replace(findings=tuple(sorted(findings, key=_place)))


def _ruled(result: ReadResult, hypervisor: Hypervisor, board: Board | None) -> tuple[Finding, ...]:
    if board is None:
        return check_configuration(result.config, hypervisor, complete=result.complete)
    from passthru.rules.on_board import check_on_board

    return check_on_board(result.config, hypervisor, board, complete=result.complete)


def _named_ranges(board: Board | None, hypervisor: Hypervisor) -> dict[str, AddressRange] | None:
    """The host's memory ranges by name; None where only the target knows them."""
    if board is None or not (board.asinfo or hypervisor is Hypervisor.KVM):
        return None
    ranges: dict[str, AddressRange] = {}
    for region in board.asinfo:
        ranges.setdefault(region.name, region.range)  # of equal names the first counts
    return ranges


def check_together(
    checked: Sequence[CheckedSource], board: Board | None
) -> tuple[CheckedSource, ...]:
    """The same sources with what is wrong with them as the VMs of one host.

    Each finding is at its own source, and its other places name their VMs.
    """
    # One VM alone may want more than the board has; without a board it takes two to collide.
    if len(checked) < (1 if board is not None else 2):
        return tuple(checked)
    from passthru.rules.system import CheckedVm, check_system

    vms = [CheckedVm(each.config, each.complete) for each in checked]
    names = {each.source: each.vm for each in checked}
    found: dict[Source, list[Finding]] = {}
    for finding in check_system(vms, board):
        source = finding.span.source if finding.span else checked[-1].source
        others = tuple(_with_name(place, names) for place in finding.others)
        told = finding._replace(vm=names.get(source), others=others)
        found.setdefault(source, []).append(told)
    alone = _without_what_all_show(checked, vms, board)
    return tuple(
        each._replace(findings=tuple(sorted((*its_own, *found.get(each.source, ())), key=_place)))
        for each, its_own in zip(checked, alone, strict=True)
    )


def _without_what_all_show(
    checked: Sequence[CheckedSource], vms: "Sequence[CheckedVm]", board: Board | None
) -> list[tuple[Finding, ...]]:
    """What is told of each source, but for what is another VM's and looked like the host's."""
    told = [each.findings for each in checked]
    if board is None:
        return told
    from passthru.rules.host_functions import IOMMU_GROUP_SPLIT

    split = IOMMU_GROUP_SPLIT.id
    if not any(each.id == split for findings in told for each in findings):
        return told
    from passthru.rules.shared_functions import splits_between_vms

    others = splits_between_vms(vms, board)
    return [
        tuple(each for each in findings if each.id != split or each.span not in others)
        for findings in told
    ]


def examine_together(
    sources: Sequence[Source], hypervisor: Hypervisor, board: Board | None
) -> tuple[CheckedSource, ...]:
    """The VMs of one host with all that is wrong with each alone and with them together.

    What a comment in a text allows is left out.
    """
    examined = [examine_source(source, hypervisor, board) for source in sources]
    looked_at = LookedAt(hypervisor, board is not None, len(examined) > 1)
    return tuple(
        each._replace(findings=without_allowed_here(each, looked_at))
        for each in check_together(examined, board)
    )


class LookedAt(NamedTuple):
    """What a configuration was checked for, and with."""

    hypervisor: Hypervisor
    has_board: bool
    are_several: bool


def without_allowed_here(
    checked: CheckedSource,
    looked_at: LookedAt,
    allowed: frozenset[str] = frozenset(),
    known: frozenset[str] = frozenset(),
) -> tuple[Finding, ...]:
    """The findings but for those that a comment of the text, or ``allowed``, leaves out.

    ``known`` are the ids of all rules. Of a comment that allows what only a board or another
    VM would bring up nobody can say without them that it is unused.
    """
    has_comment = "passthru:" in checked.source.text
    if not has_comment and not allowed:
        return checked.findings
    from passthru.language.suppression import UNUSED_ALLOWANCE, without_allowed

    told = without_allowed(checked.findings, [checked.source], allowed, known)[0]
    if not any(each.id == UNUSED_ALLOWANCE.id for each in told):
        return told
    from passthru.rules.judged import not_judged

    hypervisor, has_board, are_several = looked_at
    unknown = not_judged(hypervisor, has_board=has_board, are_several=are_several)
    return tuple(
        each._replace(vm=checked.vm) if each.id == UNUSED_ALLOWANCE.id else each
        for each in told
        if each.id != UNUSED_ALLOWANCE.id or each.span is None or each.span.text not in unknown
    )


def _with_name(place: Place, names: dict[Source, str | None]) -> Place:
    return place._replace(vm=names.get(place.span.source)) if place.span else place


class _Misread:
    """The places of the text that were not understood, the first to the last."""

    def __init__(self, mistakes: list[Span], config: VmConfig) -> None:
        in_order = sorted((span.start, span.end) for span in mistakes)
        self._starts = [start for start, _ in in_order]
        self._furthest = list(accumulate((end for _, end in in_order), max))
        self._contexts = context_starts(config)

    def explains(self, finding: Finding) -> bool:
        """Whether the finding can come from a text that was not understood.

        That is so where the rule looked at that very text, and where it misses an option of a
        device among whose options a word was not understood.
        """
        span = finding.span
        if span is None:
            return False
        is_about_context = finding.id == VDEV_OPTION_MISSING.id
        end = context_end(span, self._contexts) if is_about_context else span.end
        before_end = bisect_left(self._starts, end)
        return before_end > 0 and self._furthest[before_end - 1] > span.start


def _place(finding: Finding) -> int:
    return finding.span.start if finding.span else -1
