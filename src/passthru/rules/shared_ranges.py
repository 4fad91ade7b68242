# SPDX-License-Identifier: Apache-2.0
"""Ranges of the host that several VMs want: who of them comes first, and who is told."""

from passthru.addresses import AddressRange
from passthru.lean import Callable, Iterable, Iterator, NamedTuple
from passthru.rules.shared_parties import Party
from passthru.rules.sweep import Taken, overlapping_pairs

__all__ = ["Overlap", "overlaps_by_later_place"]


class Overlap(NamedTuple):
    """What of the host's addresses (or ports) both parties want."""

    shared: AddressRange
    earlier: Party
    later: Party


def overlaps_by_later_place(
    taken: Iterable[Taken], party_of: Callable[[Taken], Party]
) -> Iterator[list[Overlap]]:
    """Every overlap between VMs, those at one later place together, the earliest first.

    ``party_of`` tells who stands behind a range. Two places overlap once, however many
    pieces of a PCI function's registers do. Two functions do not overlap here: either they
    are one, of which ``functions_of_several_vms`` tells, or the board has it so.
    """
    found: dict[tuple[int, int], dict[tuple[int, int], Overlap]] = {}
    for one, other in overlapping_pairs(taken):
        parties = (party_of(one), party_of(other))
        if None not in [party.function for party in parties]:
            continue
        earlier, later = sorted(parties, key=lambda party: party.order)
        shared = AddressRange.between(max(one[0], other[0]), min(one[1], other[1]))
        of_later = found.setdefault(later.order, {})
        of_later.setdefault(earlier.order, Overlap(shared, earlier, later))
    for of_later in found.values():
        yield [of_later[order] for order in sorted(of_later)]
