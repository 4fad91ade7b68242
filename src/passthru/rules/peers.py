# SPDX-License-Identifier: Apache-2.0
"""Rules about virtual devices that are connected to each other."""

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import Text, VmConfig
from passthru.language.vdevs import VDEV_TYPES
from passthru.lean import Iterator

__all__ = [
    "DEVICE_PATH_TAKEN",
    "PEER_OF_ITSELF",
    "device_path",
    "device_path_taken",
    "device_paths",
    "path_parts",
    "peer_of_itself",
]

PEER_OF_ITSELF = Rule(
    "peer-of-itself",
    Severity.ERROR,
    "A virtual device names itself as its peer.",
    "A device is reached as /dev/qvm/SYSTEM/NAME, and `peer` is the path of the other end. A "
    "device that is its own other end is connected to nothing.",
)


DEVICE_PATH_TAKEN = Rule(
    "device-path-taken",
    Severity.ERROR,
    "Two virtual devices have one path.",
    "A device is reached as /dev/qvm/SYSTEM/NAME, by the `system` of its VM and by its own `name`. "
    "Only one of two devices with the same path can be reached.",
)


def device_path_taken(config: VmConfig) -> Iterator[Finding]:
    """``device-path-taken`` within one VM."""
    owners: dict[tuple[str, ...], Text] = {}
    for path, name in device_paths(config):
        owner = owners.setdefault(path_parts(path), name)
        if owner is not name:
            yield DEVICE_PATH_TAKEN.finding(
                f"{path} is another device already",
                name.span,
                resource=path,
                others=(Place("its name is given here", owner.span),),
                fix="give one of the two another `name`",
            )


def device_paths(config: VmConfig) -> Iterator[tuple[str, Text]]:
    """The path of every device whose path is known, with the name that it has from the text.

    The names of interrupt controllers are for the VM's own `intr`.
    """
    for vdev in config.vdevs:
        known = VDEV_TYPES.get(vdev.type)
        if vdev.name is not None and not (known is not None and known.controller):
            path = device_path(vdev.name.value, config)
            if path.startswith("/"):
                yield path, vdev.name


def peer_of_itself(config: VmConfig) -> Iterator[Finding]:
    """``peer-of-itself``."""
    for vdev in config.vdevs:
        if vdev.name is None:
            continue
        for option in vdev.options:
            if option.name != "peer" or option.value is None:
                continue
            if path_parts(option.value) == path_parts(device_path(vdev.name.value, config)):
                yield PEER_OF_ITSELF.finding(
                    f"`peer` of vdev {vdev.type} is the device itself",
                    option.span,
                    resource=option.value,
                    others=(Place("its own name", vdev.name.span),),
                    fix="name the other end: /dev/qvm/SYSTEM/NAME of another VM's device, or "
                    "/dev/vdevpeers/NAME of the host",
                )


def device_path(name: str, config: VmConfig) -> str:
    """Where the device of that name is reached; some give theirs the whole path as its name.

    Without a `system` it is not known, and the name alone is no path that anybody writes.
    """
    if name.startswith("/") or config.system is None:
        return name
    return f"/dev/qvm/{config.system.value}/{name}"


def path_parts(path: str) -> tuple[str, ...]:
    """The names that a path is made of."""
    return tuple(part for part in path.split("/") if part)
