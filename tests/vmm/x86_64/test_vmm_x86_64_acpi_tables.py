# SPDX-License-Identifier: Apache-2.0
"""The tables as another implementation, ACPICA's iasl, reads them."""

import re
import shutil
import subprocess
from struct import unpack_from

import pytest

from passthru.addresses import AddressRange
from passthru.vmm.x86_64.acpi import AcpiTablesTooBig, build_tables
from passthru.vmm.x86_64.dsdt import AcpiPlatform, PciInterruptRoute

BASE = 0xE0000

SMALL = AcpiPlatform(
    address=BASE,
    space=0x20000,
    cpu_count=2,
    ioapic_address=0xFEC00000,
    ecam=AddressRange(0xE0000000, 1 << 20),
    memory32=AddressRange(0xC0000000, 0x20000000),
    memory64=AddressRange(1 << 34, 1 << 34),
    ports=AddressRange(0xC000, 0x4000),
    interrupt_routes=(PciInterruptRoute(3, 0, 16), PciInterruptRoute(14, 1, 17)),
    serial_ports=((0x3F8, 4),),
)
PLATFORMS = {
    "small": SMALL,
    "bare": SMALL._replace(
        cpu_count=1,
        memory32=AddressRange(0, 0),
        memory64=AddressRange(0, 0),
        interrupt_routes=(),
        serial_ports=(),
    ),
    "full": SMALL._replace(
        cpu_count=300,
        ecam=AddressRange(1 << 36, 1 << 20),
        ports=AddressRange.between(0xC00, 0x10000),
        interrupt_routes=tuple(
            PciInterruptRoute(device, pin, 16 + (device + pin) % 8)
            for device in range(32)
            for pin in range(4)
        ),
        serial_ports=((0x3F8, 4), (0x2F8, 20)),
    ),
}


@pytest.fixture(scope="session")
def iasl():
    path = shutil.which("iasl")
    if path is None:
        pytest.fail("iasl is missing: apt-get install acpica-tools")
    return path


def find_tables(block, base=BASE):
    """The tables by signature, found from the RSDP as a guest finds them."""
    (xsdt_address,) = unpack_from("<Q", block, 24)
    found = {}

    def add(address):
        signature, size = unpack_from("<4sI", block, address - base)
        found[signature.decode()] = block[address - base : address - base + size]

    add(xsdt_address)
    xsdt = found["XSDT"]
    for address in unpack_from(f"<{(len(xsdt) - 36) // 8}Q", xsdt, 36):
        add(address)
    for address in unpack_from("<II", found["FACP"], 36):
        add(address)
    return found


@pytest.fixture(params=PLATFORMS, name="platform")
def _platform(request):
    return PLATFORMS[request.param]


@pytest.fixture(name="tables")
def _tables(platform):
    return find_tables(build_tables(platform))


def disassemble(iasl, directory, signature, table):
    (directory / f"{signature}.dat").write_bytes(table)
    run = subprocess.run(
        [iasl, "-d", f"{signature}.dat"], cwd=directory, capture_output=True, text=True, check=True
    )
    assert not re.search(r"(?i)error|warning|invalid", run.stdout + run.stderr), run.stderr
    text = (directory / f"{signature}.dsl").read_text()
    assert not re.search(r"(?i)\berrors?\b|warning|invalid|unknown", text), text
    return text


def test_disassembled_clean(iasl, tables, tmp_path):
    for signature, table in tables.items():
        assert signature in disassemble(iasl, tmp_path, signature, table)


def test_dsdt_assembles_to_the_same_bytes(iasl, tables, tmp_path):
    disassemble(iasl, tmp_path, "DSDT", tables["DSDT"])
    run = subprocess.run(
        [iasl, "-oa", "-we", "-p", "again", "DSDT.dsl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "0 Errors, 0 Warnings, 0 Remarks" in run.stdout, run.stdout + run.stderr
    # The header carries the compiler's name, so only what follows it is compared.
    assert (tmp_path / "again.aml").read_bytes()[36:] == tables["DSDT"][36:]


def test_checksums(platform):
    block = build_tables(platform)
    assert block[:8] == b"RSD PTR "
    assert sum(block[:20]) % 256 == 0
    assert sum(block[:36]) % 256 == 0
    for signature, table in find_tables(block).items():
        if signature != "FACS":
            assert sum(table) % 256 == 0, signature


def test_every_table_is_listed(tables):
    assert set(tables) == {"XSDT", "FACP", "FACS", "APIC", "MCFG", "DSDT"}


def test_pointers_follow_the_address():
    address = 0x7FE0010
    moved = find_tables(build_tables(SMALL._replace(address=address)), address)
    assert moved["DSDT"] == find_tables(build_tables(SMALL))["DSDT"]
    facs, dsdt = unpack_from("<II", moved["FACP"], 36)
    assert facs % 64 == 0
    assert unpack_from("<Q", moved["FACP"], 140) == (dsdt,)


def test_fixed_hardware(iasl, tmp_path):
    text = disassemble(iasl, tmp_path, "FACP", find_tables(build_tables(SMALL))["FACP"])
    values = dict(re.findall(r"^(?:\[.*?\])? +(.*?) : (.*)$", text, re.MULTILINE))
    assert int(values["SCI Interrupt"], 16) == 9
    assert int(values["PM1A Event Block Address"], 16) == 0x600
    assert int(values["PM1A Control Block Address"], 16) == 0x604
    assert int(values["PM Timer Block Address"], 16) == 0x608
    assert int(values["PM1 Event Block Length"], 16) == 4
    assert int(values["PM1 Control Block Length"], 16) == 2
    assert int(values["PM Timer Block Length"], 16) == 4
    assert int(values["SMI Command Port"], 16) == 0
    assert int(values["RTC Century Index"], 16) == 0x32
    assert int(values["Value to cause reset"], 16) == 6
    assert values["Reset Register Supported (V2)"] == "1"
    assert values["Control Method Power Button (V1)"] == "0"
    assert values["Control Method Sleep Button (V1)"] == "1"
    assert values["8042 Present on ports 60/64 (V2)"] == "0"
    assert values["Hardware Reduced (V5)"] == "0"
    reset = text[text.index("Reset Register :") :]
    assert re.search(r"Address : 0000000000000CF9", reset)


def test_madt(iasl, tmp_path):
    text = disassemble(iasl, tmp_path, "APIC", find_tables(build_tables(SMALL))["APIC"])
    assert re.findall(r"Local Apic ID : (..)", text) == ["00", "01"]
    assert re.findall(r"Processor ID : (..)", text) == ["00", "01", "FF"]
    assert "Address : FEC00000" in text
    overrides = re.findall(r"Source : (..)\n.*Interrupt : (.{8})\n.*Flags.*: (.{4})\n", text)
    assert overrides == [("09", "00000009", "000D")]


def test_madt_of_many_processors(iasl, tmp_path):
    tables = find_tables(build_tables(PLATFORMS["full"]))
    text = disassemble(iasl, tmp_path, "APIC", tables["APIC"])
    small = [int(n, 16) for n in re.findall(r"Local Apic ID : (..)", text)]
    large = [int(n, 16) for n in re.findall(r"Processor x2Apic ID : (.{8})", text)]
    assert small == list(range(255))
    assert large == list(range(255, 300))


def test_mcfg_covers_bus_0(iasl, tmp_path):
    text = disassemble(iasl, tmp_path, "MCFG", find_tables(build_tables(SMALL))["MCFG"])
    assert "Base Address : 00000000E0000000" in text
    assert re.search(r"Start Bus Number : 00\n.*End Bus Number : 00", text)


def test_dsdt_tells_the_platform(iasl, tmp_path):
    text = disassemble(iasl, tmp_path, "DSDT", find_tables(build_tables(SMALL))["DSDT"])
    joined = re.sub(r"//[^\n]*|/\*.*?\*/", "", text)
    joined = re.sub(r"\s+", " ", joined)
    assert joined.count('"ACPI0007"') == 2
    assert re.search(r"Name \(\\_S5, Package \(0x04\) \{ 0x05, 0x05, Zero, Zero \}", joined)
    # Device 3, INTA, GSI 16; device 14, INTB, GSI 17.
    assert "{ 0x0003FFFF, Zero, Zero, 0x10 }" in joined
    assert "{ 0x000EFFFF, One, Zero, 0x11 }" in joined
    for start, end in [("0xC000", "0xFFFF"), ("0xC0000000", "0xDFFFFFFF")]:
        assert re.search(rf"{start}, {end},", joined)
    assert "0x0000000400000000, 0x00000007FFFFFFFF," in joined
    assert "Memory32Fixed (ReadWrite, 0xE0000000, 0x00100000, )" in joined
    assert re.search(r"IO \(Decode16, 0x03F8, 0x03F8, 0x01, 0x08, \) IRQNoFlags \(\) \{4\}", joined)


def test_port_window_leaves_out_config_access(iasl, tmp_path):
    tables = find_tables(build_tables(PLATFORMS["full"]))
    text = disassemble(iasl, tmp_path, "DSDT", tables["DSDT"])
    windows = re.findall(r"WordIO .*?\n\s+0x....,.*\n\s+(0x....),.*\n\s+(0x....),", text)
    assert windows == [("0x0C00", "0x0CF7"), ("0x0D00", "0xFFFF")]


def test_osc_gives_the_guest_only_the_capability_structure(iasl, tmp_path):
    text = disassemble(iasl, tmp_path, "DSDT", find_tables(build_tables(SMALL))["DSDT"])
    osc = text[text.index("Method (_OSC") :]
    assert re.search(r"Local0 &= 0x10\b", osc)
    assert re.search(r"CDW3 = Local0", osc)


def test_tables_that_do_not_fit():
    size = len(build_tables(SMALL))
    assert build_tables(SMALL._replace(space=size))
    with pytest.raises(AcpiTablesTooBig, match=f"take {size} bytes, and only {size - 1}"):
        build_tables(SMALL._replace(space=size - 1))
