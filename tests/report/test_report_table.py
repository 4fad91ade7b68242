# SPDX-License-Identifier: Apache-2.0
"""Columns line up, narrow terminals get narrower columns, and sizes are readable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.report.sizes import rough_size_text
from passthru.report.table import Column, places_in_line, table

COLUMNS = (Column("name", may_shrink=True), Column("size", is_right=True), Column("note"))


def test_columns_are_aligned_and_empty_ones_left_out() -> None:
    rows = [("a", "1", ""), ("longer", "100", "")]
    assert list(table(COLUMNS, rows)) == [
        "  name    size",
        "  a          1",
        "  longer   100",
    ]


def test_only_what_may_shrink_is_cut() -> None:
    rows = [("a name that is rather long", "123456789", "kept")]
    (heading, line) = table(COLUMNS, rows, width=40)
    assert line == "  a name that is rathe…  123456789  kept"
    assert heading.index("note") == line.index("kept")
    # What would be unreadable is not made shorter still.
    assert list(table(COLUMNS, rows, width=10))[1] == "  a name that…  123456789  kept"


def test_the_dots_of_places_are_below_each_other() -> None:
    places = [("0x0", "0x1000"), ("0x100000", "?"), ("0x2000", "")]
    assert places_in_line(places) == ["     0x0..0x1000", "0x100000..?", "  0x2000"]


CELL = st.text("abcdef ", max_size=40).map(str.strip)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5), st.integers(30, 140))
def test_a_table_is_as_wide_as_the_terminal_or_its_fixed_columns(rows, width) -> None:
    lines = list(table(COLUMNS, rows, width=width))
    free = list(table(COLUMNS, rows))
    assert len(lines) == len(rows) + 1
    # 12 characters are left of the first column, the headings have 4, and there are 2 gaps.
    fixed = sum(max(4, *(len(row[place]) for row in rows)) for place in (1, 2)) + 6 + 12
    assert max(map(len, lines)) <= max(width, fixed)
    if max(map(len, free)) <= width:
        assert lines == free


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (0, "0 bytes"),
        (512, "512 bytes"),
        (1 << 20, "1 MiB"),
        ((1 << 20) + 1, "~1 MiB"),
        (3 << 19, "1.5 MiB"),
        ((3 << 19) + 1, "~1.5 MiB"),
        (1 << 29, "512 MiB"),
        ((1 << 29) - 4096, "~512 MiB"),
        (1 << 40, "1 TiB"),
        (511 << 40, "511 TiB"),
    ],
)
def test_rough_sizes_say_that_they_are_rough(size, expected) -> None:
    assert rough_size_text(size) == expected
