# SPDX-License-Identifier: Apache-2.0
"""Rules about what a set of VMs shares beside passed things: names."""

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.lean import Iterator, Sequence
from passthru.rules.shared_parties import CheckedVm, Party, conflict

__all__ = ["SYSTEM_NAME_TAKEN", "system_name_taken"]

SYSTEM_NAME_TAKEN = Rule(
    "system-name-taken",
    Severity.ERROR,
    "Two VMs have one name.",
    "The name is how others reach the VM's devices, /dev/qvm/SYSTEM/NAME, so each VM needs its "
    "own.",
)


def system_name_taken(vms: Sequence[CheckedVm]) -> Iterator[Finding]:
    """``system-name-taken``."""
    owners: dict[str, Party] = {}
    for number, (config, _) in enumerate(vms):
        if config.system is None:
            continue
        name = config.system.value
        party = Party(number, config, config.system.span)
        owner = owners.setdefault(name, party)
        if owner is not party:
            yield conflict(
                SYSTEM_NAME_TAKEN,
                party,
                [owner],
                f"the name `{name}` is that of another VM",
                other="taken here",
                resource=name,
                fix="give one of the two another name",
            )
