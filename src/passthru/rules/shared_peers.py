# SPDX-License-Identifier: Apache-2.0
"""The rule about virtual devices that are connected to those of other VMs."""

from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import Vdev, VdevOption, VmConfig
from passthru.lean import Iterable, Iterator, NamedTuple, Sequence
from passthru.rules.peers import device_path, path_parts
from passthru.rules.shared_parties import CheckedVm, vm_name

__all__ = ["PEER_MISSING", "peer_missing"]

_DEVICES = ("dev", "qvm")
_CONNECTING = ("peer", "hostdev")

PEER_MISSING = Rule(
    "peer-missing",
    Severity.WARNING,
    "A virtual device is connected to a VM or a device that none of the given files has.",
    "A device is reached as /dev/qvm/SYSTEM/NAME: by the `system` of its VM and by its own `name`. "
    "A connection to a name that nobody has stays dead.",
)


class _KnownNames(NamedTuple):
    """What can be reached: the names of the VMs, and the paths of their devices.

    ``uncertain`` are the VMs that may have devices, or names of devices, which are not known.
    """

    systems: frozenset[str]
    devices: frozenset[tuple[str, ...]]
    uncertain: frozenset[str]


def peer_missing(vms: Sequence[CheckedVm]) -> Iterator[Finding]:
    """``peer-missing`` in a set of several VMs.

    Silent where the VM that is meant may be one whose name, or whose text, is not all known.
    """
    wanted = [each for vm in vms for each in _connections(vm.config)]
    if not wanted:
        return
    known = _known_names(vms)
    all_are_named = all(vm.config.system is not None for vm in vms)
    for config, vdev, option, system, name in wanted:
        path = (*_DEVICES, system, name)
        if path in known.devices or system in known.uncertain:
            continue
        if system in known.systems:
            problem = f"VM `{system}` has no device `{name}`"
            names = {device[-1] for device in known.devices if device[:-1] == path[:-1]}
            fix = _named_instead(name, names, "give the other device this `name`")
        elif all_are_named:
            problem = f"none of the given VMs is called `{system}`"
            fix = _named_instead(system, known.systems, "check it together with that VM's file")
        else:
            continue
        yield PEER_MISSING.finding(
            f"{problem}, which `{option.name}` of vdev {vdev.type} names",
            option.span,
            resource=option.value,
            fix=fix,
        )._replace(vm=vm_name(config))


def _named_instead(name: str, known: Iterable[str], otherwise: str) -> str:
    from passthru.language.spelling import nearest

    meant = nearest(name, known)
    return otherwise if meant is None else f"is `{meant}` meant?"


def _connections(config: VmConfig) -> Iterator[tuple[VmConfig, Vdev, VdevOption, str, str]]:
    """The options that lead to a device of a VM, with the VM's and the device's name."""
    for vdev in config.vdevs:
        for option in vdev.options:
            if option.name in _CONNECTING and option.value is not None:
                parts = path_parts(option.value.lstrip("<>"))
                if parts[:2] == _DEVICES and len(parts) == len(_DEVICES) + 2:
                    yield config, vdev, option, parts[2], parts[3]


def _known_names(vms: Sequence[CheckedVm]) -> _KnownNames:
    named = [(vm.config.system.value, vm) for vm in vms if vm.config.system is not None]
    return _KnownNames(
        systems=frozenset(name for name, _ in named),
        devices=frozenset(
            path_parts(device_path(vdev.name.value, vm.config))
            for vm in vms
            for vdev in vm.config.vdevs
            if vdev.name is not None
        ),
        uncertain=frozenset(name for name, vm in named if not vm.complete),
    )
