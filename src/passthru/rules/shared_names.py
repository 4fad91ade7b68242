# SPDX-License-Identifier: Apache-2.0
"""Rules about what a set of VMs shares beside passed things: names."""

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.lean import Iterator, Sequence
from passthru.rules.peers import DEVICE_PATH_TAKEN, device_paths, path_parts
from passthru.rules.shared_parties import CheckedVm, Party, conflict

__all__ = ["SYSTEM_NAME_TAKEN", "device_path_taken", "system_name_taken"]

SYSTEM_NAME_TAKEN = Rule(
    "system-name-taken",
    Severity.WARNING,
    "Two VMs have one name.",
    "Others reach the VM's devices as /dev/qvm/SYSTEM/NAME, and its dumps and messages carry the "
    "name. Two VMs may share it as long as no two of their devices have one path.",
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


def device_path_taken(vms: Sequence[CheckedVm]) -> Iterator[Finding]:
    """``device-path-taken`` between VMs."""
    owners: dict[tuple[str, ...], Party] = {}
    for number, (config, _) in enumerate(vms):
        for path, name in device_paths(config):
            party = Party(number, config, name.span)
            owner = owners.setdefault(path_parts(path), party)
            if owner.number != number:
                yield conflict(
                    DEVICE_PATH_TAKEN,
                    party,
                    [owner],
                    f"{path} is another VM's device",
                    other="its name is given here",
                    resource=path,
                    fix="give one of the two another `name`",
                )
