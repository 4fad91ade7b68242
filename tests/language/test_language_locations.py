# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange, PciAddress
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.language.locations import Space, read_location
from passthru.language.model import MemoryLocation, PciLocation, PciVendorDevice, PortLocation
from passthru.language.words import Word


def read(text, **how):
    findings = []
    location = read_location(
        Word(text, Source("a", text), 0, len(text)), findings, **{"version": "8.0", **how}
    )
    return location, findings


def memory(guest, size, host, access):
    return lambda found: (
        isinstance(found, MemoryLocation)
        and found.guest == AddressRange(guest, size)
        and found.host == AddressRange(host, size)
        and found.access.letters == access
    )


@pytest.mark.shows("loc-default-memory", "loc-host-address")
@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("0xEE080000,0x1000,rw", memory(0xEE080000, 0x1000, 0xEE080000, "rw")),
        ("mem:0x1f000d0000,0x4000,rwn", memory(0x1F000D0000, 0x4000, 0x1F000D0000, "rwn")),
        ("mem:0x2000,0x1000,rn=0x1000", memory(0x2000, 0x1000, 0x1000, "rn")),
        ("mem:0x2000,0x1000,rn,=0x1000", memory(0x2000, 0x1000, 0x1000, "rn")),
        ("mem:0x2000,0x1000=0x1000", memory(0x2000, 0x1000, 0x1000, "rw")),
        ("mem:0x2000,0x1000,=0x1000", memory(0x2000, 0x1000, 0x1000, "rw")),
        ("0x2000,0x1000,rn=mem:0x1000", memory(0x2000, 0x1000, 0x1000, "rn")),
        ("0x2000,0x1000", memory(0x2000, 0x1000, 0x2000, "rw")),
        ("0xe6055400,0x050,rwn", memory(0xE6055400, 0x50, 0xE6055400, "rwn")),
        ("1m,4K,m-x", memory(1 << 20, 4096, 1 << 20, "rwcmnst")),
        ("A0000,0d16,r", memory(0xA0000, 16, 0xA0000, "r")),
        ("0xfffffffffffff000,4k,n", memory((1 << 64) - 4096, 4096, (1 << 64) - 4096, "n")),
    ],
)
def test_memory(text, matches):
    location, findings = read(text)
    assert matches(location)
    assert findings == []
    assert location.span.text == text


@pytest.mark.shows("loc-default-memory", "io-port-number", "io-no-host")
@pytest.mark.parametrize(
    ("text", "start", "count"),
    [
        ("io:4", 4, 1),
        ("io:0x3f8,8", 0x3F8, 8),
        ("io:0x3f8,8,rw", 0x3F8, 8),
        ("io:0xffff", 65535, 1),
    ],
)
def test_ports(text, start, count):
    location, findings = read(text)
    assert isinstance(location, PortLocation)
    assert location.ports == AddressRange(start, count)
    assert findings == []


@pytest.mark.parametrize(
    ("text", "guest", "host"),
    [
        ("pci:0:14.0", (0, 14, 0), PciAddress(0, 0, 14, 0)),
        ("pci:0:3", (0, 3, 0), PciAddress(0, 0, 3, 0)),
        ("pci:0:12.0=pci:0x8086/0x1234", (0, 12, 0), PciVendorDevice(0x8086, 0x1234, None)),
        ("pci:0:12.1=pci:2:31.7", (0, 12, 1), PciAddress(0, 2, 31, 7)),
        ("pci:0x8086/0x1234", None, PciVendorDevice(0x8086, 0x1234, None)),
        ("pci:0:2.0=pci:0x1af4/0x1000", (0, 2, 0), PciVendorDevice(0x1AF4, 0x1000, None)),
        ("pci:00:02.0", (0, 2, 0), PciAddress(0, 0, 2, 0)),
    ],
)
def test_pci_functions(text, guest, host):
    location, findings = read(text)
    assert isinstance(location, PciLocation)
    assert location.guest == (None if guest is None else PciAddress(0, *guest))
    assert location.host == host
    assert findings == []


@pytest.mark.parametrize(
    ("text", "finding_id", "place", "fix"),
    [
        ("mem:xyz,0x1000", "bad-number", "xyz", None),
        ("mem:,0x1000", "bad-number", "", None),
        ("0x1000,F000,rw", "bad-number", "F000", "0xF000"),
        ("0x1000,0,rw", "bad-number", "0", None),
        ("0x1000,0x0,rw", "bad-number", "0x0", None),
        ("0x1000,0x1000,rw=", "bad-number", "", None),
        ("0x1000,0x1000,rw=zz", "bad-number", "zz", None),
        ("0x1000,0x1000,rq", "unknown-access-type", "rq", None),
        ("0x1000,0x1000,RW", "unknown-access-type", "RW", "rw"),
        ("0x1000,0x1000,rw,n", "unknown-access-type", "rw,n", "rwn"),
        ("foo:0x1000,0x1000", "bad-location", "foo:0x1000,0x1000", None),
        ("0:3.0", "bad-location", "0:3.0", "pci:0:3.0"),
        ("0xffffffffffffffff,2", "bad-location", "0xffffffffffffffff,2", None),
        ("0,0x2000=0xfffffffffffff000", "bad-location", "0,0x2000=0xfffffffffffff000", None),
        ("io:0x10000", "bad-number", "0x10000", None),
        ("io:0xfff8,16", "bad-location", "io:0xfff8,16", None),
        ("pci:", "bad-location", "", None),
        ("pci:0", "bad-location", "0", None),
        ("pci:0:32.0", "bad-number", "32", None),
        ("pci:256:0.0", "bad-number", "256", None),
        ("pci:0:0.8", "bad-number", "8", None),
        ("pci:0:14.0,rw", "bad-number", "0,rw", None),
        ("pci:00:1f.3", "bad-location", "00:1f.3", "0:31.3"),
        ("pci:0000:00:1f.3", "bad-location", "0000:00:1f.3", "0:31.3"),
        ("pci:0001:00:1f.3", "bad-location", "0001:00:1f.3", None),
        ("pci:8086/15b7x", "bad-number", "15b7x", None),
        ("pci:0x8086/15b7", "bad-number", "15b7", "0x15b7"),
        ("pci:0x8086/0x10000", "bad-number", "0x10000", None),
        ("pci:0x8086/0x1234/x", "bad-number", "x", None),
        ("pci:1/2/3/4", "bad-location", "1/2/3/4", None),
        ("pci:0:2.0=0:2.0", "bad-location", "pci:0:2.0=0:2.0", "pci:0:2.0=pci:0:2.0"),
        ("pci:0x8086/0x1234=pci:0:2.0", "bad-location", "0x8086/0x1234", None),
    ],
)
def test_a_wrong_location_gives_one_error_at_its_place(text, finding_id, place, fix):
    location, findings = read(text)
    assert location is None
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    assert [(e.id, e.span.text, e.fix) for e in errors] == [(finding_id, place, fix)]


@pytest.mark.shows("io-no-host", case="io:4=")
@pytest.mark.shows("io-no-host", case="io:4,1")
@pytest.mark.parametrize(
    ("text", "finding_id", "fix"),
    [
        ("mem:0x2000,r=0x1000", "missing-length", "mem:0x2000,0x1000,r=0x1000"),
        ("0x2000", "missing-length", "0x2000,0x1000"),
        ("0x2000=0x4000", "missing-length", "0x2000,0x1000=0x4000"),
        ("4000,0x1000", "ambiguous-number", "0x4000"),
        ("16m,0x1000", "ambiguous-number", "0d16m"),
        ("0x1000,0x1000=4000", "ambiguous-number", "0x4000"),
        ("io:60", "ambiguous-number", "0x60"),
        ("io:4=0x4", "host-address-ignored", "io:4"),
        ("io:4,1,rw,=4", "host-address-ignored", "io:4,1,rw"),
        ("0x1000,0x1000,rw-x", "access-removed-nothing", "rw"),
        ("pci:0x8086/1234", "ambiguous-number", "0x1234"),
    ],
)
def test_a_doubtful_location_is_read_with_one_warning(text, finding_id, fix):
    location, findings = read(text)
    assert location is not None
    assert [(f.id, f.severity, f.fix) for f in findings] == [(finding_id, Severity.WARNING, fix)]


@pytest.mark.shows("loc-example-read-only")
def test_a_missing_length_is_one_page():
    location, _ = read("mem:0x2000,r=0x1000")
    assert memory(0x2000, 0x1000, 0x1000, "r")(location)


def test_a_virtual_device_knows_its_size_and_its_space():
    location, findings = read("0x3f8", default=Space.PORT, sized_by_device=True)
    assert isinstance(location, PortLocation)
    assert location.ports.start == 0x3F8
    location, more = read("0x1c090000", sized_by_device=True)
    assert isinstance(location, MemoryLocation)
    assert location.guest.start == 0x1C090000
    assert findings + more == []


def test_a_prefix_overrides_the_default_space():
    assert isinstance(read("mem:0x1000,1", default=Space.PORT)[0], MemoryLocation)
    assert isinstance(read("0:3.0", default=Space.PCI)[0], PciLocation)


ADDRESSES = st.integers(0, (1 << 60) - 1)


@pytest.mark.shows("loc-length")
@given(ADDRESSES, st.integers(1, 1 << 60), ADDRESSES, st.text("rwxcemdnst+", max_size=6))
def test_the_short_way_and_the_careful_way_agree(guest, size, host, letters):
    access = f",{letters}" if letters else ""
    short, _ = read(f"{guest:#x},{size:#x}{access}={host:#x}")
    # A decimal prefix is not what the short way reads.
    careful, findings = read(f"0d{guest},0d{size}{access}=0d{host}")
    assert short[:3] == careful[:3]
    assert findings == []


@given(st.integers(0, 255), st.integers(0, 31), st.integers(0, 7))
def test_pci_places_are_read_back(bus, device, function):
    address = PciAddress(0, bus, device, function)
    assert read(str(address))[0].host == address


@given(st.integers(0, 65535), st.integers(0, 65535), st.none() | st.integers(0, 255))
def test_pci_ids_are_read_back(vendor, device, instance):
    ids = PciVendorDevice(vendor, device, instance)
    assert read(str(ids))[0].host == ids


@given(st.text(alphabet="memiopc:0123xafrw,=/.+-$", max_size=30), st.sampled_from(list(Space)))
def test_any_location_is_read_or_found_wrong(text, space):
    location, findings = read(text, default=space)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    assert (location is None) == bool(errors)
