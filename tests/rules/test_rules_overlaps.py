# SPDX-License-Identifier: Apache-2.0
"""The sweep over an address map against the plain comparison of all with all."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.diagnostics.source import Source, Span
from passthru.rules.guest_map import Occupant, any_overlap, overlapping_pairs

SOURCE = Source("test.qvmconf", "x" * 4096)

ranges = st.builds(AddressRange, st.integers(0, 60), st.integers(0, 12))
MOST_NAMED = 4


def occupants_of(places: list[AddressRange]) -> list[Occupant]:
    return [Occupant(p, f"r{n}", Span(SOURCE, n, n + 1)) for n, p in enumerate(places)]


def plain_pairs(occupants: list[Occupant]) -> set[frozenset[str]]:
    both = combinations(occupants, 2)
    return {frozenset((a.name, b.name)) for a, b in both if a.range.overlaps(b.range)}


def swept_pairs(occupants: list[Occupant]) -> list[frozenset[str]]:
    return [frozenset((a.name, b.name)) for a, b in overlapping_pairs(occupants)]


@given(st.lists(ranges, max_size=MOST_NAMED + 1))
def test_few_occupants_are_all_compared(places: list[AddressRange]) -> None:
    occupants = occupants_of(places)
    swept = swept_pairs(occupants)
    assert set(swept) == plain_pairs(occupants)
    assert len(swept) == len(set(swept))


@given(st.lists(ranges, max_size=40))
def test_of_many_occupants_each_that_overlaps_is_named(places: list[AddressRange]) -> None:
    occupants = occupants_of(places)
    swept, plain = swept_pairs(occupants), plain_pairs(occupants)
    assert set(swept) <= plain
    assert frozenset().union(*swept) == frozenset().union(*plain)
    assert len(swept) <= MOST_NAMED * len(occupants)


@given(st.lists(ranges, max_size=12))
def test_the_quick_look_misses_nothing(places: list[AddressRange]) -> None:
    if plain_pairs(occupants_of(places)):
        assert any_overlap(places)


@given(st.lists(st.integers(1, 5), max_size=20))
def test_the_quick_look_is_content_with_neighbours(sizes: list[int]) -> None:
    start, places = 0, []
    for size in sizes:
        places.append(AddressRange(start, size))
        start += size
    assert not any_overlap(places)


def test_thousands_in_one_place_take_no_time_to_speak_of() -> None:
    occupants = occupants_of([AddressRange(0, 16)] * 3000)
    assert len(swept_pairs(occupants)) == MOST_NAMED * 3000 - 10
