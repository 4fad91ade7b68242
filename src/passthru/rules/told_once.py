# SPDX-License-Identifier: Apache-2.0
"""What is left unsaid beside a place that is refused as the host's own."""

from passthru.diagnostics.finding import Finding
from passthru.lean import Sequence
from passthru.rules.infrastructure import HOST_INFRASTRUCTURE
from passthru.rules.interrupt_devices import INTERRUPT_NOT_OF_DEVICE
from passthru.rules.judged import NEED_A_BOARD

__all__ = ["told_once"]

_OTHERS = {rule.id for rule in NEED_A_BOARD} - {HOST_INFRASTRUCTURE.id, INTERRUPT_NOT_OF_DEVICE.id}


def told_once(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without what the board says of places that have ``host-infrastructure``.

    Those places have to go, so how the host could give them is of no use. Which interrupt was
    meant in place of the host's own is.
    """
    refused = {each.span for each in findings if each.id == HOST_INFRASTRUCTURE.id}
    return [each for each in findings if each.span not in refused or each.id not in _OTHERS]
