# SPDX-License-Identifier: Apache-2.0
"""Everything that can be told about one configuration without a board."""

import os

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.source import Source, Span
from passthru.language.model import VmConfig
from passthru.language.reader import read
from passthru.lean import Iterator
from passthru.plan.problems import VDEV_OPTION_MISSING
from passthru.rules.check import check_configuration
from passthru.rules.hypervisor import Hypervisor

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
        ruled = tuple(each for each in ruled if not _follows(each, mistakes, config))
    vm = config.name if config.system else None
    findings = [finding if finding.vm else finding._replace(vm=vm) for finding in result.findings]
    return tuple(sorted((*findings, *ruled), key=_place))


def _follows(finding: Finding, mistakes: list[Span], config: VmConfig) -> bool:
    """Whether the finding can come from a text that was not understood.

    That is so where the rule looked at that very text, and where it misses an option of a
    device among whose options a word was not understood.
    """
    if finding.span is None:
        return False
    start, end = finding.span.start, finding.span.end
    if finding.id == VDEV_OPTION_MISSING.id:
        later = (each.start for each in _contexts(config) if each.start > start)
        end = min(later, default=len(finding.span.source.text))
    return any(start < mistake.end and mistake.start < end for mistake in mistakes)


def _contexts(config: VmConfig) -> Iterator[Span]:
    """Where each context of the text begins."""
    yield from (each.span for each in config.cpus)
    yield from (each.span for each in config.passes)
    yield from (each.span for each in config.reserves)
    yield from (each.span for each in config.vdevs)


def _place(finding: Finding) -> int:
    return finding.span.start if finding.span else -1
