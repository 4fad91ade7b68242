# SPDX-License-Identifier: Apache-2.0
"""The examples of the reference of `pass`, read as docs/reference-readings.md says."""

import pytest

from passthru.addresses import AddressRange, PciAddress
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.model import BlobType, PciVendorDevice


def read_example(text):
    result = read([Source("example", text)], environment={})
    return result.config, [finding.id for finding in result.findings]


@pytest.mark.shows("loc-example-read-only")
def test_read_only_location_without_length():
    config, findings = read_example("pass loc mem:0x2000,r=0x1000")
    (location,) = config.passes[0].locations
    assert location.guest == AddressRange(0x2000, 0x1000)
    assert location.host == AddressRange(0x1000, 0x1000)
    assert str(location.access) == "r"
    assert findings == ["missing-length"]


@pytest.mark.shows("io-port-number", "io-example")
def test_port_location():
    config, findings = read_example("pass loc io:4")
    assert config.passes[0].locations[0].ports == AddressRange(4, 1)
    assert findings == []


@pytest.mark.shows("pci-example")
def test_pci_function_by_ids():
    config, findings = read_example("pass loc pci:0:12.0=pci:0x8086/0x1234")
    (location,) = config.passes[0].locations
    assert location.guest == PciAddress(0, 0, 12, 0)
    assert location.host == PciVendorDevice(0x8086, 0x1234, None)
    assert findings == []


@pytest.mark.shows("sched-example-intr", "sched-example-pci")
@pytest.mark.parametrize(
    ("text", "priority", "interrupts", "locations"),
    [
        ("pass\n    sched 67 intr gic:89", "67", 1, 0),
        ("pass\n    sched 44 loc pci:0:3.0", "44", 0, 1),
    ],
)
def test_priorities(text, priority, interrupts, locations):
    config, findings = read_example(text)
    passed = config.passes[0]
    assert passed.sched.value == priority
    assert (len(passed.interrupts), len(passed.locations)) == (interrupts, locations)
    assert findings == []


@pytest.mark.shows("blob-types")
def test_blob_types_before_pass():
    config, findings = read_example("acpi pass fdt pass guest pass initrd pass")
    assert [passed.blob for passed in config.passes] == [
        BlobType.ACPI,
        BlobType.FDT,
        BlobType.GUEST,
        BlobType.INITRD,
    ]
    assert findings == []


@pytest.mark.shows("dma-status-example")
def test_device_without_dma():
    config, findings = read_example("pass loc mem:0x2000,0x1000,rn=0x1000")
    (location,) = config.passes[0].locations
    assert location.access.without_dma
    assert not location.access.writable
    assert location.host.start == 0x1000
    assert findings == []


@pytest.mark.shows("example-initrd-addresses", "example-initrd-access")
def test_ram_disk_has_the_guest_on_the_left_whatever_the_prose_says():
    config, findings = read_example("initrd pass loc 0xB1234000,0x4000000,rc=0xB7654000")
    passed = config.passes[0]
    assert passed.blob is BlobType.INITRD
    assert passed.locations[0].guest == AddressRange(0xB1234000, 0x4000000)
    assert passed.locations[0].host == AddressRange(0xB7654000, 0x4000000)
    assert str(passed.locations[0].access) == "rc"
    assert findings == []


@pytest.mark.shows("example-audio", "example-audio-numbers")
def test_audio_devices_without_loc():
    config, findings = read_example("pass pci:0:14.0 pass pci:0:23.0")
    assert [passed.locations[0].host for passed in config.passes] == [
        PciAddress(0, 0, 14, 0),
        PciAddress(0, 0, 23, 0),
    ]
    assert findings == ["missing-loc-keyword", "missing-loc-keyword"]


@pytest.mark.shows("example-graphics")
def test_graphics_device_with_a_dummy():
    config, findings = read_example(
        "pass loc pci:0:2.0=pci:0:2.0 \nvdev pci-dummy \n    clone pci:0:31.0"
    )
    (location,) = config.passes[0].locations
    assert location.guest == location.host == PciAddress(0, 0, 2, 0)
    assert config.vdevs[0].type == "pci-dummy"
    assert config.vdevs[0].values("clone") == ("pci:0:31.0",)
    assert findings == []
