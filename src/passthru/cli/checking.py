# SPDX-License-Identifier: Apache-2.0
"""Everything that can be told about one configuration without a board."""

import os
from bisect import bisect_left
from itertools import accumulate

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source, Span
from passthru.language.model import VmConfig
from passthru.language.reader import read
from passthru.plan.problems import VDEV_OPTION_MISSING
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.vdev_options import context_end, context_starts

__all__ = ["check_source"]


def check_source(source: Source, hypervisor: Hypervisor) -> tuple[Finding, ...]:
    """What is wrong with the VM that ``source`` configures, in the order of the text.

    ``$env{…}`` comes from this process's environment. Where a part of the text could not be
    read, rules about the rest are told, but none that could follow from the missing part.
    """
    result = read([source], environment=os.environ, version=hypervisor.version)
    config = result.config
    ruled = check_configuration(config, hypervisor, complete=result.complete)
    mistakes = [
        each.span for each in result.findings if each.span and each.severity is Severity.ERROR
    ]
    if mistakes:
        misread = _Misread(mistakes, config)
        ruled = tuple(each for each in ruled if not misread.explains(each))
    # What has no name of its own is called by qvm's; programs get none.
    vm = config.name if config.system else None
    findings = [finding._replace(vm=vm) for finding in (*result.findings, *ruled)]
    return tuple(sorted(findings, key=_place))


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
