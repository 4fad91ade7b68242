# SPDX-License-Identifier: Apache-2.0
"""Infrastructure in ACPI's tables, as ACPICA's compiler writes them, and as nobody should."""

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.board.acpi_tables import infrastructure_of_table
from passthru.board.host_files import HostFiles
from passthru.board.linux import read_board
from recorded_hosts import write_host

FIRST_ADDRESS = 0x10_0000_0000


def with_addresses(folder: Path, signature: str, fields: str) -> tuple[list[int], bytes]:
    """The template with an address of its own in each of the ``fields``, compiled."""
    subprocess.run(["iasl", "-T", signature], cwd=folder, check=True, capture_output=True)
    source = folder / f"{signature.lower()}.asl"
    given: list[int] = []

    def numbered(match: re.Match[str]) -> str:
        digits = len(match[2])
        address = 0xE000_0000 + len(given) * 0x10_0000
        if digits == 16:
            address += FIRST_ADDRESS
        given.append(address)
        return f"{match[1]}{address:0{digits}X}"

    pattern = rf"(?m)^(\[\d+\] +(?:{fields}) : )([0-9A-F]+)$"
    # The compiler's own template has the offset of a shorter, earlier table.
    text = source.read_text().replace("Timer Offset : 00000060", "Timer Offset : 00000068")
    source.write_text(re.sub(pattern, numbered, text))
    subprocess.run(["iasl", source.name], cwd=folder, check=True, capture_output=True)
    return given, (folder / f"{signature.lower()}.aml").read_bytes()


ADDRESSES = {
    "APIC": "Local Apic Address|Address|APIC Address|SAPIC Address|Base Address|"
    "Virtual GIC Base Address|Hypervisor GIC Base Address|Redistributor Base Address",
    "MCFG": "Base Address",
    "DMAR": "Register Base Address",
    "IVRS": "Base Address",
    "HPET": "Address",
    "GTDT": "Counter Block Address|Counter Read Block Address|Block Address",
    "IORT": "Base Address",
}


@pytest.mark.parametrize("signature", ADDRESSES)
def test_every_address_of_the_compiler_s_template_is_found(signature: str, tmp_path: Path) -> None:
    given, table = with_addresses(tmp_path, signature, ADDRESSES[signature])
    found = [each.range.start for each in infrastructure_of_table(table)]
    assert given
    assert sorted(map(hex, found)) == sorted(map(hex, given))


def test_a_segment_s_configuration_space_goes_from_its_first_bus_to_its_last() -> None:
    entry = (0xE0000000).to_bytes(8, "little") + bytes((0, 0, 0x10, 0x3F)) + bytes(4)
    (found,) = infrastructure_of_table(table_of(b"MCFG", bytes(8) + entry))
    assert (found.range.start, found.range.size) == (0xE1000000, 0x3000000)


def table_of(signature: bytes, body: bytes) -> bytes:
    return signature + (36 + len(body)).to_bytes(4, "little") + bytes(28) + body


@pytest.mark.parametrize("signature", ADDRESSES)
def test_a_table_may_end_anywhere(signature: str, tmp_path: Path) -> None:
    _, table = with_addresses(tmp_path, signature, ADDRESSES[signature])
    for length in range(len(table)):
        list(infrastructure_of_table(table[:length]))


@given(st.sampled_from(sorted(ADDRESSES)), st.binary(max_size=400))
def test_no_table_of_the_firmware_s_is_too_odd(signature: str, body: bytes) -> None:
    for region in infrastructure_of_table(table_of(signature.encode(), body)):
        assert 0 < region.range.start < region.range.end <= 1 << 64


def test_the_board_has_what_the_tables_have(tmp_path: Path) -> None:
    entry = (0xE0000000).to_bytes(8, "little") + bytes((0, 0, 0, 0xFF)) + bytes(4)
    table = table_of(b"MCFG", bytes(8) + entry)
    files = {"sys/firmware/acpi/tables/MCFG": table, "sys/firmware/acpi/tables/DSDT": b"DSDT"}
    host = read_board(HostFiles(write_host(tmp_path, files)))
    assert [(str(each.range), each.name) for each in host.infrastructure] == [
        ("0xe0000000..0xf0000000", "PCI configuration space")
    ]
