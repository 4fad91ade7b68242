# SPDX-License-Identifier: Apache-2.0
"""Passed x86 ports that the host's kernel has given to somebody."""

from passthru.board.model import Board
from passthru.diagnostics.finding import Finding, Place
from passthru.language.model import PortLocation, VmConfig
from passthru.lean import Iterator
from passthru.rules.host_functions import HOST_DRIVER_ACTIVE

__all__ = ["host_ports_in_use"]

_FREE_FUNCTION_DRIVERS = (None, "vfio-pci", "pci-stub", "uio_pci_generic")
_MOST_OWNERS = 8
_KEPT_FOR_NOBODY = "pnp "
"""drivers/pnp/system.c keeps ports under such names so that no other device gets them."""


def host_ports_in_use(config: VmConfig, board: Board) -> Iterator[Finding]:
    """``host-driver-active`` for ports, on a host with Linux."""
    if not board.ports:
        return
    free = {
        function.address.sysfs_name
        for function in board.pci
        if function.driver in _FREE_FUNCTION_DRIVERS
    }
    owned = [
        region
        for region in board.ports
        if region.name not in free and not region.name.startswith(_KEPT_FOR_NOBODY)
    ]
    for passed in config.passes:
        for location in passed.locations:
            if not isinstance(location, PortLocation):
                continue
            owners = [region for region in owned if region.range.overlaps(location.ports)]
            if owners:
                owners = owners[:_MOST_OWNERS]
                names = list(dict.fromkeys(region.name for region in owners))
                have = "have" if len(names) > 1 else "has"
                yield HOST_DRIVER_ACTIVE.finding(
                    f"ports of the host that {' and '.join(names)} {have}",
                    location.span,
                    resource=f"io:{location.ports.start:#x},{location.ports.size}",
                    others=(Place(f"{region.name} has {region.range}") for region in owners),
                    fix="let the host's driver go of its device: unbind it, or blacklist its "
                    "module",
                )
