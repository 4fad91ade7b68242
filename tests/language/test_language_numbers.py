# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.language.numbers import BadNumber, Notation, Number, parse_number

ADDRESS, LENGTH, PLAIN = Notation.ADDRESS, Notation.LENGTH, Notation.PLAIN


@pytest.mark.parametrize(
    ("text", "notation", "value"),
    [
        ("0x1000", ADDRESS, 0x1000),
        ("0X1c0D", ADDRESS, 0x1C0D),
        ("0d4096", ADDRESS, 4096),
        ("0d16", LENGTH, 16),
        ("b1234000", ADDRESS, 0xB1234000),
        ("0", ADDRESS, 0),
        ("4", ADDRESS, 4),
        ("4K", ADDRESS, 4096),
        ("1m", ADDRESS, 1 << 20),
        ("0x10m", ADDRESS, 16 << 20),
        ("4000", LENGTH, 4000),
        ("050", LENGTH, 50),
        ("1023m", LENGTH, 1023 << 20),
        ("4G", LENGTH, 4 << 30),
        ("0x4000000", LENGTH, 0x4000000),
        ("37", PLAIN, 37),
        ("0x25", PLAIN, 37),
        ("0xffffffffffffffff", ADDRESS, (1 << 64) - 1),
    ],
)
def test_unambiguous_numbers(text, notation, value):
    assert parse_number(text, notation) == Number(value, ambiguous=False)


@pytest.mark.parametrize(
    ("text", "value"), [("4000", 0x4000), ("10", 16), ("16m", 16 << 20), ("0010", 16)]
)
def test_an_address_that_reads_differently_in_the_other_radix_is_ambiguous(text, value):
    assert parse_number(text, ADDRESS) == Number(value, ambiguous=True)


@pytest.mark.parametrize(
    ("text", "notation", "meant"),
    [
        ("", ADDRESS, None),
        ("xyz", ADDRESS, None),
        ("0x", ADDRESS, None),
        ("0d", ADDRESS, None),
        ("0d1f", ADDRESS, None),
        ("-5", LENGTH, None),
        ("1_000", LENGTH, None),
        (" 5", LENGTH, None),
        ("٣", LENGTH, None),
        ("1.5G", LENGTH, None),
        ("F000", LENGTH, "0xF000"),
        ("1f", PLAIN, "0x1f"),
        ("a0k", ADDRESS, "0xa0k"),
        ("16MB", LENGTH, "16M"),
        ("512MiB", LENGTH, "512M"),
        ("0x10kB", ADDRESS, "0x10k"),
        ("4k", PLAIN, None),
        ("9" * 5000, LENGTH, None),
        ("0x10000000000000000", ADDRESS, None),
        ("16777216T", LENGTH, None),
        ("17179869184G", LENGTH, None),
    ],
)
def test_what_is_no_number(text, notation, meant):
    number = parse_number(text, notation)
    assert isinstance(number, BadNumber)
    assert number.meant == meant


def test_the_limit_is_the_first_number_that_is_out_of_range():
    assert parse_number("31", PLAIN, 32) == Number(31)
    assert isinstance(parse_number("32", PLAIN, 32), BadNumber)


@given(st.integers(0, (1 << 64) - 1), st.sampled_from(list(Notation)))
def test_prefixed_numbers_are_read_back(value, notation):
    for text in (f"{value:#x}", f"0X{value:X}", f"0d{value}"):
        assert parse_number(text, notation) == Number(value)


@given(st.integers(0, (1 << 34) - 1), st.sampled_from("kKmMgG"))
def test_suffixes_multiply_by_powers_of_1024(value, suffix):
    factor = 1024 ** ("kmg".index(suffix.lower()) + 1)
    for text in (f"{value:#x}{suffix}", f"0d{value}{suffix}", f"{value}{suffix}"):
        number = parse_number(text, LENGTH)
        if value * factor < 1 << 64:
            assert number == Number(value * factor)
        else:
            assert isinstance(number, BadNumber)


@given(st.integers(0, (1 << 64) - 1))
def test_bare_addresses_are_hexadecimal_and_bare_lengths_decimal(value):
    address = parse_number(f"{value:x}", ADDRESS)
    assert isinstance(address, Number)
    assert address.value == value
    assert parse_number(str(value), LENGTH) == Number(value)


@given(st.text(max_size=12), st.sampled_from(list(Notation)))
def test_any_text_is_a_number_or_is_not(text, notation):
    assert isinstance(parse_number(text, notation), Number | BadNumber)
