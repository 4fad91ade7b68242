# SPDX-License-Identifier: Apache-2.0
"""What a rule is: a stable id, how bad it is, and why it exists."""

from passthru.diagnostics.finding import Edit, Finding, HostStep, Place, Severity
from passthru.diagnostics.source import Span
from passthru.lean import Iterable, NamedTuple

__all__ = ["Rule"]


class Rule(NamedTuple):
    """One rule, and the maker of its findings.

    ``summary`` says in one line when it is found; ``reason`` why that is wrong, in
    words that stand under a finding and in the list of rules alike. What is not
    ``allowable`` no comment and no option suppresses.
    """

    id: str
    severity: Severity
    summary: str
    reason: str
    allowable: bool = True

    def finding(
        self,
        message: str,
        span: Span | None = None,
        *,
        resource: str | None = None,
        others: Iterable[Place] = (),
        fix: str | None = None,
        edits: Iterable[Edit] = (),
        severity: Severity | None = None,
        steps: Iterable[HostStep] = (),
    ) -> Finding:
        """A finding of this rule; ``severity`` where this case differs.

        Where there are ``steps``, they are the fix.
        """
        steps = tuple(steps)
        if steps:
            fix = "\n".join(step.text for step in steps)
        return Finding(
            id=self.id,
            severity=severity or self.severity,
            message=message,
            span=span,
            resource=resource,
            others=tuple(others),
            reason=self.reason,
            fix=fix,
            edits=tuple(edits),
            allowable=self.allowable,
            steps=steps,
        )
