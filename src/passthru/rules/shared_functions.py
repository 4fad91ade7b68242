# SPDX-License-Identifier: Apache-2.0
"""Rules about PCI functions of the host that are passed to several VMs."""

from passthru.board.model import BarKind, Board, PciFunction
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language.model import PciSelector, PciVendorDevice
from passthru.lean import Iterable, Iterator, NamedTuple, Sequence
from passthru.rules.host_functions import IOMMU_GROUP_SPLIT, keeps_group
from passthru.rules.shared_devices import DMA_DEVICE_SHARED
from passthru.rules.shared_parties import CheckedVm, HostClaims, Party, conflict, host_claims
from passthru.rules.sweep import Taken

__all__ = [
    "ChosenFunction",
    "chosen_functions",
    "functions_of_several_vms",
    "groups_of_several_vms",
    "splits_between_vms",
    "taken_registers",
]


class ChosenFunction(NamedTuple):
    """A function that is passed, by what it is the same for all VMs.

    That is its address on the board, in whatever way the text names it. Where the board's
    functions are not known it is the text's own way: of one vendor and device either there is
    one and it is the same, or there are several and the text means none.
    """

    key: PciSelector
    party: Party


def chosen_functions(
    vms: Sequence[CheckedVm], claims: HostClaims, board: Board | None
) -> list[ChosenFunction]:
    """The functions that the VMs pass; without those that other findings are about.

    Those are not on the board, are bridges, or are not told apart by the text.
    """
    known = _KnownFunctions(board.pci) if board is not None and board.pci else None
    chosen = []
    for number, location in claims.functions:
        key = _without_first_instance(location.host)
        function = None
        if known is not None:
            function = known.only_match(location.host)
            if function is None or function.is_bridge:
                continue
            key = function.address
        party = Party(number, vms[number].config, location.span, None, function)
        chosen.append(ChosenFunction(key, party))
    return chosen


def _without_first_instance(selector: PciSelector) -> PciSelector:
    """Who names no instance means the only one, which is the first."""
    if isinstance(selector, PciVendorDevice) and selector.instance == 0:
        return selector._replace(instance=None)
    return selector


class _KnownFunctions:
    """The functions of a board, quickly found; the meaning is that of ``choose_function``."""

    def __init__(self, functions: Iterable[PciFunction]) -> None:
        self._by_address = {function.address: function for function in functions}
        self._by_ids: dict[tuple[int, int], list[PciFunction]] = {}
        for function in sorted(functions):
            self._by_ids.setdefault((function.vendor, function.device), []).append(function)

    def only_match(self, selector: PciSelector) -> PciFunction | None:
        if not isinstance(selector, PciVendorDevice):
            return self._by_address.get(selector)
        matches = self._by_ids.get((selector.vendor, selector.device), [])
        if selector.instance is not None:
            matches = matches[selector.instance : selector.instance + 1]
        return matches[0] if len(matches) == 1 else None


def functions_of_several_vms(chosen: Iterable[ChosenFunction]) -> Iterator[Finding]:
    """``dma-device-shared`` for PCI functions, once for each VM after the first."""
    owners: dict[PciSelector, Party] = {}
    told: set[tuple[PciSelector, int]] = set()
    for key, party in chosen:
        owner = owners.setdefault(key, party)
        if owner.number == party.number or (key, party.number) in told:
            continue
        told.add((key, party.number))
        yield conflict(
            DMA_DEVICE_SHARED,
            party,
            [owner],
            f"{party.function or key} is passed to {owner.title}, too",
            resource=str(key),
            fix="pass it to one VM only",
        )


def groups_of_several_vms(chosen: Iterable[ChosenFunction]) -> Iterator[Finding]:
    """``iommu-group-split`` between VMs, once for each group and VM after the first."""
    owners: dict[PciSelector, int] = {}
    holders: dict[int, Party] = {}
    told: set[tuple[int, int]] = set()
    for key, party in chosen:
        function = party.function
        if function is None or function.iommu_group is None:
            continue
        if owners.setdefault(key, party.number) != party.number:
            continue  # dma-device-shared has it
        group = function.iommu_group
        holder = holders.setdefault(group, party)
        if holder.number == party.number or (group, party.number) in told:
            continue
        told.add((group, party.number))
        yield conflict(
            IOMMU_GROUP_SPLIT,
            party,
            [holder],
            f"{function} shares IOMMU group {group} with {holder.function}, which is passed to "
            f"{holder.title}",
            resource=str(key),
            fix=f"pass all of group {group} to one VM",
        )


def splits_between_vms(vms: Sequence[CheckedVm], board: Board) -> frozenset[Span]:
    """The passed functions in whose group nothing is in use but what other VMs pass.

    ``iommu-group-split`` of one VM alone can take that for the host's.
    """
    passed: dict[int, list[Party]] = {}
    for _, party in chosen_functions(vms, host_claims(vms), board):
        if party.function is not None and party.function.iommu_group is not None:
            passed.setdefault(party.function.iommu_group, []).append(party)
    all_passed = {party.function for parties in passed.values() for party in parties}
    busy = {each.iommu_group for each in board.pci if keeps_group(each) and each not in all_passed}
    return frozenset(
        party.span
        for group, parties in passed.items()
        if group not in busy and len({party.number for party in parties}) > 1
        for party in parties
    )


def taken_registers(
    chosen: Iterable[ChosenFunction], first: int, *, are_ports: bool
) -> Iterator[Taken]:
    """The memory, or the ports, of the functions' registers.

    The number of the n-th function is n more than ``first``.
    """
    for what, (_, party) in enumerate(chosen, first):
        for bar in party.function.bars if party.function else ():
            if (bar.kind is BarKind.PORTS) == are_ports:
                yield bar.range.start, bar.range.end, party.number, what
