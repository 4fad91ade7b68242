# SPDX-License-Identifier: Apache-2.0
"""Rules about virtual devices that are connected to each other."""

from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import VmConfig
from passthru.lean import Iterator

__all__ = ["PEER_OF_ITSELF", "device_path", "path_parts", "peer_of_itself"]

PEER_OF_ITSELF = Rule(
    "peer-of-itself",
    Severity.ERROR,
    "A virtual device names itself as its peer.",
    "A device is reached as /dev/qvm/SYSTEM/NAME, and `peer` is the path of the other end. A "
    "device that is its own other end is connected to nothing.",
)


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
