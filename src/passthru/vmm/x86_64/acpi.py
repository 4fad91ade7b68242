# SPDX-License-Identifier: Apache-2.0
"""RSDP, XSDT, FADT, FACS, MADT, MCFG and DSDT as one block of bytes (ACPI 6.5, 5.2).

Not a hardware-reduced platform: fixed registers at the ports of ``plan.x86_64``. There is no
SMI command port, so the platform is in ACPI mode from the start (SCI_EN always set).
"""

from _struct import pack  # struct only hands it on, from a file more

from passthru.diagnostics.errors import PassthruError
from passthru.plan.x86_64 import (
    LAPIC_PAGE,
    PM1A_CONTROL_PORT,
    PM1A_EVENT_PORT,
    PM_TIMER_PORT,
    RESET_PORT,
    RESET_VALUE,
    RTC_CENTURY_INDEX,
    SCI_GSI,
)
from passthru.vmm.x86_64.dsdt import AcpiPlatform, dsdt_body

__all__ = ["AcpiTablesTooBig", "build_tables"]

_OEM_ID = b"PASSTH"
_OEM_TABLE_ID = b"PASSTHRU"
_CREATOR_ID = b"PTHR"
_RSDP_SIZE = 36
_HEADER_SIZE = 36
_FADT_SIZE = 276

# FADT, IAPC_BOOT_ARCH (table 5.11): ISA devices are there; 8042 and VGA are not; no ASPM.
_BOOT_ARCHITECTURE = 1 << 0 | 1 << 2 | 1 << 4
# FADT, flags (table 5.10): WBINVD works, C1 on every processor, no fixed sleep button
# (the fixed power button is there: bit 4 clear), the RTC wakes nothing, reset register.
_FLAGS = 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 10
# Latencies above the limits of 5.2.9 tell that C2 and C3 do not exist.
_NO_C2_LATENCY, _NO_C3_LATENCY = 101, 1001

_ACCESS_BYTE, _ACCESS_WORD, _ACCESS_DWORD = 1, 2, 3


class AcpiTablesTooBig(PassthruError):
    """The tables do not fit into the room kept for them."""

    def __init__(self, size: int, space: int) -> None:
        super().__init__(
            f"the ACPI tables of this VM take {size} bytes, and only {space} are kept for them"
        )


def build_tables(platform: AcpiPlatform) -> bytes:
    """All tables, to be copied to the GPA ``platform.address``; the RSDP is at its start.

    Raises AcpiTablesTooBig.
    """
    block = _Block(platform.address, reserve=_RSDP_SIZE)
    facs = block.add(_facs())
    dsdt = block.add(_table(b"DSDT", 2, dsdt_body(platform)))
    listed = [
        block.add(_table(b"FACP", 6, _fadt_body(facs, dsdt))),
        block.add(_table(b"APIC", 5, _madt_body(platform))),
    ]
    if platform.ecam.size:
        listed.append(block.add(_table(b"MCFG", 1, _mcfg_body(platform))))
    xsdt = block.add(_table(b"XSDT", 1, pack(f"<{len(listed)}Q", *listed)))
    tables = _rsdp(xsdt) + block.content()
    if len(tables) > platform.space:
        raise AcpiTablesTooBig(len(tables), platform.space)
    return tables


class _Block:
    """Tables one after the other, each at a multiple of 64 (the FACS wants that, 5.2.10)."""

    _ALIGNMENT = 64

    def __init__(self, address: int, reserve: int) -> None:
        self._start = address + reserve
        self._bytes = bytearray()

    def add(self, table: bytes) -> int:
        """Append a table; its GPA."""
        self._bytes += bytes(-(self._start + len(self._bytes)) % self._ALIGNMENT)
        address = self._start + len(self._bytes)
        self._bytes += table
        return address

    def content(self) -> bytes:
        return bytes(self._bytes)


def _checksum(data: bytes | bytearray) -> int:
    return -sum(data) & 0xFF


def _table(signature: bytes, revision: int, body: bytes) -> bytes:
    """System description table header (5.2.6) and body, summing up to 0."""
    size = _HEADER_SIZE + len(body)
    table = bytearray(
        pack(
            "<4sIBB6s8sI4sI",
            signature,
            size,
            revision,
            0,
            _OEM_ID,
            _OEM_TABLE_ID,
            1,
            _CREATOR_ID,
            1,
        )
    )
    table += body
    table[9] = _checksum(table)
    return bytes(table)


def _rsdp(xsdt: int) -> bytes:
    """5.2.5.3, revision 2; no RSDT, which such a revision does not need."""
    rsdp = bytearray(pack("<8sB6sBIIQB3x", b"RSD PTR ", 0, _OEM_ID, 2, 0, _RSDP_SIZE, xsdt, 0))
    rsdp[8] = _checksum(rsdp[:20])
    rsdp[32] = _checksum(rsdp)
    return bytes(rsdp)


def _facs() -> bytes:
    """5.2.10, version 2; no checksum."""
    return pack("<4sIIIIIQB31x", b"FACS", 64, 0, 0, 0, 0, 0, 2)


def _mcfg_body(platform: AcpiPlatform) -> bytes:
    """PCI Firmware 3.3, 4.1.2: segment 0, bus 0 only."""
    return pack("<8xQHBB4x", platform.ecam.start, 0, 0, 0)


def _port(port: int, size: int, access: int) -> bytes:
    """Generic address structure in port space (5.2.3.2); ``size`` in bytes."""
    return pack("<BBBBQ", 1, 8 * size, 0, access, port)


def _fadt_body(facs: int, dsdt: int) -> bytes:
    """5.2.9, revision 6 minor 5. A pointer that has two fields is in the 32-bit one or both."""
    no_register = bytes(12)
    body = b"".join(
        (
            # FIRMWARE_CTRL, DSDT, reserved, profile (desktop), SCI, SMI port and its values
            pack("<IIxBHIBBBB", facs, dsdt, 1, SCI_GSI, 0, 0, 0, 0, 0),
            # PM1a/PM1b event, PM1a/PM1b control, PM2 control, PM timer, GPE0, GPE1
            pack("<8I", PM1A_EVENT_PORT, 0, PM1A_CONTROL_PORT, 0, 0, PM_TIMER_PORT, 0, 0),
            # lengths of PM1 event, control, PM2, timer, GPE0, GPE1; GPE1 base; C-state control
            pack("<8B", 4, 2, 0, 4, 0, 0, 0, 0),
            # C2 and C3 latency, flush size and stride, duty offset and width
            pack("<HHHHBB", _NO_C2_LATENCY, _NO_C3_LATENCY, 0, 0, 0, 0),
            # CMOS indices of day alarm, month alarm (none) and century
            pack("<BBB", 0, 0, RTC_CENTURY_INDEX),
            pack("<HxI", _BOOT_ARCHITECTURE, _FLAGS),
            _port(RESET_PORT, 1, _ACCESS_BYTE),
            # reset value, ARM boot flags, minor version, X_FIRMWARE_CTRL, X_DSDT
            pack("<BHBQQ", RESET_VALUE, 0, 5, 0, dsdt),
            _port(PM1A_EVENT_PORT, 4, _ACCESS_WORD),
            no_register,
            _port(PM1A_CONTROL_PORT, 2, _ACCESS_WORD),
            no_register,
            no_register,
            _port(PM_TIMER_PORT, 4, _ACCESS_DWORD),
            no_register,
            no_register,
            # sleep control and status: for hardware-reduced platforms
            no_register,
            no_register,
            # hypervisor vendor identity
            b"passthru",
        )
    )
    return body.ljust(_FADT_SIZE - _HEADER_SIZE, b"\0")


# Two 8259 are there too.
_PCAT_COMPATIBLE = 1
_ENABLED = 1
# APIC ids from here on do not fit a local APIC structure (255 is broadcast).
_FIRST_X2APIC_ID = 255

# MPS INTI flags (table 5.26).
_CONFORMS_TO_BUS = 0
_LEVEL_ACTIVE_HIGH = 0b1101


def _madt_body(platform: AcpiPlatform) -> bytes:
    """The structures after the MADT's header; APIC id and processor _UID are the vCPU's number."""
    many = platform.cpu_count > _FIRST_X2APIC_ID
    return b"".join(
        (
            pack("<II", LAPIC_PAGE.start, _PCAT_COMPATIBLE),
            *(_local_apic(number) for number in range(platform.cpu_count)),
            # type 1: id, address, first GSI
            pack("<BBBxII", 1, 12, 0, platform.ioapic_address, 0),
            # No override for the PIT: its line 0 is pin 0, as `timer8254 intr ioapic:0` says.
            # Active high, because that is how the device model drives the line.
            _source_override(SCI_GSI, SCI_GSI, _LEVEL_ACTIVE_HIGH),
            # type 4: every processor's LINT1 is NMI
            pack("<BBBHB", 4, 6, 0xFF, _CONFORMS_TO_BUS, 1),
            # type 0xa: the same for x2APIC structures
            pack("<BBHIB3x", 0xA, 12, _CONFORMS_TO_BUS, 0xFFFFFFFF, 1) if many else b"",
        )
    )


def _local_apic(number: int) -> bytes:
    if number < _FIRST_X2APIC_ID:
        return pack("<BBBBI", 0, 8, number, number, _ENABLED)
    return pack("<BBHIII", 9, 16, 0, number, _ENABLED, number)


def _source_override(line: int, gsi: int, flags: int) -> bytes:
    return pack("<BBBBIH", 2, 10, 0, line, gsi, flags)
