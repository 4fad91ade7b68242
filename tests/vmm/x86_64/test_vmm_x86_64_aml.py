# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.vmm.x86_64 import aml


def decode_package_length(data):
    """ACPI 6.5, 20.2.4, read the other way round; answers length and bytes used."""
    following = data[0] >> 6
    if following == 0:
        return data[0] & 0x3F, 1
    length = data[0] & 0xF
    for n in range(following):
        length |= data[1 + n] << (4 + 8 * n)
    return length, 1 + following


@given(st.integers(0, 0xFFFFFFF - 4))
def test_package_length_counts_itself(size):
    encoded = aml.package_length(size)
    assert decode_package_length(encoded) == (size + len(encoded), len(encoded))


@pytest.mark.parametrize(
    ("size", "bytes_used"),
    [(0, 1), (62, 1), (63, 2), (0xFFD, 2), (0xFFE, 3), (0xFFFFC, 3), (0xFFFFD, 4)],
)
def test_package_length_is_the_shortest(size, bytes_used):
    assert len(aml.package_length(size)) == bytes_used


def test_package_length_has_a_limit():
    with pytest.raises(ValueError, match="does not fit"):
        aml.package_length(0xFFFFFFF)


@given(st.integers(0, (1 << 64) - 1))
def test_integer_round_trip(value):
    encoded = aml.integer(value)
    sizes = {0x0A: 1, 0x0B: 2, 0x0C: 4, 0x0E: 8}
    if encoded in (b"\x00", b"\x01"):
        assert value == encoded[0]
        return
    assert len(encoded) == 1 + sizes[encoded[0]]
    assert int.from_bytes(encoded[1:], "little") == value
    smaller = [size for size in sizes.values() if size < sizes[encoded[0]]]
    assert all(value >= 1 << (8 * size) for size in smaller)


@pytest.mark.parametrize("value", [-1, 1 << 64])
def test_integer_outside_64_bits(value):
    with pytest.raises(ValueError, match="64-bit"):
        aml.integer(value)


@pytest.mark.parametrize(
    ("path", "encoded"),
    [
        ("\\_S5", b"\\_S5_"),
        ("\\", b"\\\0"),
        ("PCI0", b"PCI0"),
        ("^A", b"^A___"),
        ("\\_SB.PCI0", b"\\\x2e_SB_PCI0"),
        ("_SB.PCI0.COM1", b"\x2f\x03_SB_PCI0COM1"),
    ],
)
def test_name_path(path, encoded):
    assert aml.name_path(path) == encoded


@pytest.mark.parametrize("path", ["TOOLONG", "pci0", "A-B", "1ABC", "A..B"])
def test_bad_name_path(path):
    with pytest.raises(ValueError, match=r"ACPI name|an ACPI"):
        aml.name_path(path)


def test_eisa_id_as_the_specification_has_it():
    # 19.6.36: EISAID("PNP0C09") is 0x090CD041.
    assert aml.eisa_id("PNP0C09") == b"\x0c" + (0x090CD041).to_bytes(4, "little")


@pytest.mark.parametrize("text", ["PNP0A0", "pnp0A08", "PNPX000"])
def test_bad_eisa_id(text):
    with pytest.raises(ValueError, match=r"EISA|invalid literal"):
        aml.eisa_id(text)


def test_uuid_byte_order():
    encoded = aml.uuid("33DB4D5B-1FF7-401C-9657-7441C03DD766")
    assert encoded[-16:].hex() == "5b4ddb33f71f1c4096577441c03dd766"


@pytest.mark.parametrize("text", ["a\0b", "ü"])
def test_bad_string(text):
    with pytest.raises(ValueError, match="ACPI string"):
        aml.string(text)


def test_package_holds_255():
    aml.package(*[aml.integer(0)] * 255)
    with pytest.raises(ValueError, match="255"):
        aml.package(*[aml.integer(0)] * 256)


@given(st.integers(0, 0xFFFF), st.integers(1, 0x10000))
def test_word_space_has_inclusive_end(start, size):
    size = min(size, 0x10000 - start)
    if size == 0x10000:  # its length does not fit the format
        size -= 1
    space = aml.word_space(aml.SpaceType.PORTS, AddressRange(start, size))
    fields = [int.from_bytes(space[n : n + 2], "little") for n in range(6, 16, 2)]
    assert fields == [0, start, start + size - 1, 0, size]


def test_isa_lines_only():
    with pytest.raises(ValueError, match="16"):
        aml.irq(16)
