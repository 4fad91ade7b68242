# SPDX-License-Identifier: Apache-2.0
"""The sweep over ranges of several owners against the comparison of all with all."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from passthru.rules.sweep import Taken, overlapping_pairs

MOST_NAMED = 4

RANGES = st.tuples(st.integers(0, 60), st.integers(0, 12), st.integers(0, 5))


def taken_of(ranges: list[tuple[int, int, int]]) -> list[Taken]:
    return [
        (start, start + size, owner, number) for number, (start, size, owner) in enumerate(ranges)
    ]


def conflicts(one: Taken, other: Taken) -> bool:
    overlap = max(one[0], other[0]) < min(one[1], other[1])
    return overlap and one[2] != other[2]


def plain_pairs(taken: list[Taken]) -> set[frozenset[int]]:
    return {frozenset((a[3], b[3])) for a, b in combinations(taken, 2) if conflicts(a, b)}


def swept_pairs(taken: list[Taken]) -> list[frozenset[int]]:
    return [frozenset((a[3], b[3])) for a, b in overlapping_pairs(taken)]


@given(st.lists(RANGES, max_size=MOST_NAMED + 1))
def test_few_are_all_compared(ranges: list[tuple[int, int, int]]) -> None:
    taken = taken_of(ranges)
    swept = swept_pairs(taken)
    assert set(swept) == plain_pairs(taken)
    assert len(swept) == len(set(swept))


@given(
    st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7), st.integers(0, 2)), max_size=60),
)
def test_where_few_overlap_at_one_place_all_pairs_are_found(ranges) -> None:
    # Of each owner at most one range in each part of the address space.
    parts = {(part, owner): (16 * part + start, 8, owner) for part, start, owner in ranges}
    taken = taken_of(list(parts.values()))
    swept = swept_pairs(taken)
    assert set(swept) == plain_pairs(taken)
    assert len(swept) == len(set(swept))


@given(st.lists(RANGES, max_size=60))
def test_whatever_overlaps_one_that_starts_below_is_named(ranges) -> None:
    taken = taken_of(ranges)
    swept = swept_pairs(taken)
    plain = plain_pairs(taken)
    assert set(swept) <= plain
    assert len(swept) == len(set(swept)) <= MOST_NAMED * len(taken)
    # The sweep takes those with one start in the order that they are given in.
    in_order = sorted(taken, key=lambda each: each[0])
    later = {b[3] for a, b in combinations(in_order, 2) if conflicts(a, b)}
    assert {b[3] for _, b in overlapping_pairs(taken)} == later


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 5)), max_size=30), st.randoms())
def test_neighbours_do_not_overlap(steps, random) -> None:
    ranges, start = [], 0
    for owner, (gap, size) in enumerate(steps):
        ranges.append((start + gap, size, owner))
        start += gap + size
    random.shuffle(ranges)
    assert swept_pairs(taken_of(ranges)) == []


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 12)), max_size=30))
def test_an_owner_has_no_conflict_with_himself(ranges) -> None:
    assert swept_pairs(taken_of([(start, size, 7) for start, size in ranges])) == []


def test_thousands_in_one_place_take_no_time_to_speak_of() -> None:
    taken = taken_of([(0, 16, owner) for owner in range(5000)])
    assert len(swept_pairs(taken)) == MOST_NAMED * 5000 - 10


def test_thousands_of_one_owner_hide_none_of_another() -> None:
    ranges = [(number, 10_000, 1) for number in range(3000)]
    assert 1 <= len(swept_pairs(taken_of([*ranges, (2999, 1, 2)]))) <= MOST_NAMED
