# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.plan.windows import highest_gap, is_free, lowest_gap, power_of_two_from

Search = Callable[[list[AddressRange], int, AddressRange], AddressRange | None]

SPACE = AddressRange(0, 256)
ranges = st.builds(AddressRange, st.integers(0, 255), st.integers(0, 64))
sizes = st.sampled_from([1, 2, 4, 8, 16, 32, 64])


def places(used: list[AddressRange], size: int) -> list[AddressRange]:
    every = [AddressRange(start, size) for start in range(0, SPACE.end - size + 1, size)]
    return [place for place in every if is_free(place, used)]


@given(st.lists(ranges, max_size=8), sizes)
def test_lowest_gap_is_the_first_of_all_free_places(used: list[AddressRange], size: int) -> None:
    assert lowest_gap(used, size, SPACE) == next(iter(places(used, size)), None)


@given(st.lists(ranges, max_size=8), sizes)
def test_highest_gap_is_the_last_of_all_free_places(used: list[AddressRange], size: int) -> None:
    assert highest_gap(used, size, SPACE) == next(iter(reversed(places(used, size))), None)


@pytest.mark.parametrize("search", [lowest_gap, highest_gap])
def test_no_place_outside_the_bounds(search: Search) -> None:
    assert search([], 0x1000, AddressRange.between(0x800, 0x1800)) is None
    assert search([], 0x1000, AddressRange.between(0x800, 0x2000)) == (0x1000, 0x1000)


@given(st.integers(0, 1 << 70))
def test_power_of_two_from(size: int) -> None:
    power = power_of_two_from(size)
    assert power & (power - 1) == 0
    assert power >= size
    assert power == 1 or power // 2 < size
