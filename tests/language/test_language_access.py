# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.language.access import ACCESS_LETTERS, parse_access


@pytest.mark.shows(
    "loc-access-combined", "access-plus", "access-minus", "access-default", "access-m"
)
@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("", "rw"),
        ("+", "rw"),
        ("-", "rw"),
        ("r", "r"),
        ("rn", "rn"),
        ("nwr", "rwn"),
        ("+rw+x", "rwx"),
        ("rwx-x", "rw"),
        ("rw-w+n", "rn"),
        ("m", "rwxcmnst"),
        ("m-x", "rwcmnst"),
        ("m-xn+d", "rwcmdst"),
        ("m-m", "rwxcnst"),
        ("rw-rw", ""),
        ("rc", "rc"),
        ("rwed", "rwed"),
    ],
)
def test_letters_count_from_left_to_right(text, letters):
    parsed = parse_access(text)
    assert set(parsed.access.letters) == set(letters)
    assert (parsed.unknown, parsed.removed_nothing) == ("", "")


@pytest.mark.parametrize(
    ("text", "unknown"), [("rwq", "q"), ("RW", "RW"), ("r,w", ","), ("o", "o")]
)
def test_unknown_letters_are_named(text, unknown):
    assert parse_access(text).unknown == unknown


def test_removing_what_is_not_there_is_named():
    assert parse_access("rw-x").removed_nothing == "x"
    assert parse_access("-rw").removed_nothing == "rw"


@pytest.mark.parametrize(
    ("letter", "name"),
    [
        ("r", "readable"),
        ("w", "writable"),
        ("x", "executable"),
        ("c", "cacheable"),
        ("e", "reports_exceptions"),
        ("m", "system_memory"),
        ("d", "uses_dma"),
        ("n", "without_dma"),
        ("s", "dma_source"),
        ("t", "dma_target"),
    ],
)
def test_each_letter_has_its_property(letter, name):
    assert getattr(parse_access(letter).access, name)
    assert not getattr(parse_access("m+de-" + letter).access, name)


def model(text):
    """The rules of the reference, one letter at a time and with nothing clever."""
    if not any(letter in ACCESS_LETTERS for letter in text):
        return set("rw")
    have, sign = set(), "+"
    for letter in text:
        if letter in "+-":
            sign = letter
        elif sign == "+":
            have |= set("mrwxcstn") if letter == "m" else {letter}
        else:
            have -= {letter}
    return have


@pytest.mark.shows(
    "loc-access-combined", "access-plus", "access-minus", "access-default", "access-m"
)
@given(st.text(alphabet="+-" + ACCESS_LETTERS, max_size=12))
def test_letters_agree_with_the_model(text):
    parsed = parse_access(text)
    assert set(parsed.access.letters) == model(text)
    assert parsed.unknown == ""


@given(st.sets(st.sampled_from(ACCESS_LETTERS), min_size=1))
def test_printed_access_is_read_back(letters):
    text = "+" + "".join(letters)
    access = parse_access(text).access
    # What `m` implies is there when it is printed, so nothing is added by reading it again.
    assert parse_access(str(access)).access == access
