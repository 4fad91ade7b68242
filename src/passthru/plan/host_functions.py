# SPDX-License-Identifier: Apache-2.0
"""Which PCI function of the board a location means."""

from passthru.addresses import PciAddress
from passthru.board.model import Board, PciFunction
from passthru.diagnostics.finding import Finding, Place
from passthru.language.model import PciLocation, PciSelector, PciVendorDevice
from passthru.plan.problems import PCI_AMBIGUOUS, PCI_IS_BRIDGE, PCI_NOT_FOUND

__all__ = ["choose_function", "describe_function"]

_MOST_LISTED = 5


def choose_function(location: PciLocation, board: Board) -> PciFunction | Finding:
    """The one function that the host's side of ``location`` names, or why there is none."""
    matches = _matches(location.host, board)
    if not matches:
        return _not_found(location, board)
    if len(matches) > 1:
        return _ambiguous(location, matches)
    if matches[0].is_bridge:
        return PCI_IS_BRIDGE.finding(
            f"{matches[0]} is a PCI bridge of the host",
            location.span,
            resource=str(location.host),
        )
    return matches[0]


def describe_function(function: PciFunction) -> str:
    """One line for people: address in both notations, ids and driver."""
    driver = f"driver {function.driver}" if function.driver else "no driver"
    return f"{function}, in Linux tools {function.address.sysfs_name}, {driver}"


def _matches(selector: PciSelector, board: Board) -> list[PciFunction]:
    if isinstance(selector, PciAddress):
        function = board.pci_function(selector)
        return [function] if function else []
    found = _same_ids(selector, board)
    if selector.instance is None:
        return found
    return found[selector.instance : selector.instance + 1]


def _same_ids(selector: PciVendorDevice, board: Board) -> list[PciFunction]:
    wanted = (selector.vendor, selector.device)
    return sorted(f for f in board.pci if (f.vendor, f.device) == wanted)


def _not_found(location: PciLocation, board: Board) -> Finding:
    selector = location.host
    nearest = _nearest(selector, board)
    if isinstance(selector, PciVendorDevice) and (same := _same_ids(selector, board)):
        problem = (
            f"{selector}: instances count from 0, and this host has {len(same)} of that function"
        )
    else:
        problem = f"this host has no PCI function {selector}"
    return PCI_NOT_FOUND.finding(
        problem,
        location.span,
        resource=str(selector),
        others=(Place(f"the host has {describe_function(f)}") for f in nearest),
    )


def _nearest(selector: PciSelector, board: Board) -> list[PciFunction]:
    candidates = [f for f in board.pci if not f.is_bridge]
    if isinstance(selector, PciAddress):
        candidates.sort(key=lambda f: (_distance(f.address, selector), f.address))
    else:
        candidates.sort(
            key=lambda f: (f.vendor != selector.vendor, f.device != selector.device, f.address)
        )
    return candidates[:_MOST_LISTED]


def _distance(one: PciAddress, other: PciAddress) -> tuple[int, ...]:
    return tuple(abs(a - b) for a, b in zip(one, other, strict=True))


def _ambiguous(location: PciLocation, matches: list[PciFunction]) -> Finding:
    return PCI_AMBIGUOUS.finding(
        f"{location.host} matches {len(matches)} functions of this host",
        location.span,
        resource=str(location.host),
        others=(Place(describe_function(f)) for f in matches),
        fix=f"{location.host}/0, or by its place: {matches[0].address}",
    )
