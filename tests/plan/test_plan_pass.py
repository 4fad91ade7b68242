# SPDX-License-Identifier: Apache-2.0
"""What becomes of a pass, in sentences of the reference that no other test is about."""

import pytest

from passthru.addresses import PciAddress
from passthru.diagnostics.source import Source
from passthru.language import read
from passthru.language.model import BlobType
from passthru.plan.description import describe_vm
from sample_board import AUDIO, NVME, check_text

INITRD = "initrd pass loc 0x30000000,0x1000,rcn=0x20000000"
ARM = "ram 0x80000000,64m guest load kernel vdev gic "
BLOB = "pass loc 0x90000000,0x1000,rn=0x20000000 sched 9 intr gic:40=150"


@pytest.mark.shows("blob-type-for-loc")
def test_a_type_of_data_changes_nothing_about_interrupts() -> None:
    typed, plain = (
        read([Source("test.qvmconf", ARM + text)], environment={}).config
        for text in (f"initrd {BLOB}", BLOB)
    )
    assert [passed.blob for passed in typed.passes + plain.passes] == [BlobType.INITRD, None]
    typed_routes, plain_routes = (
        [(each.line, each.vector, each.is_passed) for each in described.interrupts]
        for described in (describe_vm(config, None, kvm=False) for config in (typed, plain))
    )
    assert typed_routes == plain_routes == [(40, 150, True)]
    assert [passed.sched.value for passed in typed.passes + plain.passes] == ["9", "9"]


@pytest.mark.shows("blob-type-for-all-loc")
def test_a_second_location_of_one_type_is_refused() -> None:
    checked = check_text(f"{INITRD} loc 0x30001000,0x1000,rcn=0x20001000")
    (finding,) = (each for each in checked.findings if each.id == "not-supported-by-run")
    assert "second initrd image" in finding.message
    assert finding.span is not None
    assert finding.span.text == "0x30001000,0x1000,rcn=0x20001000"
    # The next context has no type: its memory is no RAM disk.
    assert check_text(f"{INITRD} pass loc 0x30001000,0x1000,rcn=0x20001000").findings == ()


@pytest.mark.shows("blob-fdt", case="fdt")
@pytest.mark.shows("pci-placeholder", "example-graphics", "example-graphics-ids", case="a dummy")
@pytest.mark.parametrize(
    ("text", "refused"),
    [
        pytest.param(INITRD.replace("initrd", "fdt"), ["device tree"], id="fdt"),
        pytest.param("vdev pci-dummy clone pci:0:31.0", ["pci-dummy"], id="a dummy"),
        pytest.param(
            "pass intr ioapic:5", ["is not certain"], id="an interrupt of no known number"
        ),
        pytest.param("pass sched 100 intr ioapic:9=9", ["1 to 99"], id="no priority of Linux"),
    ],
)
def test_what_run_does_not_pass_is_refused(text: str, refused: list[str]) -> None:
    found = [each for each in check_text(text).findings if each.id == "not-supported-by-run"]
    assert len(found) == len(refused)
    for finding, words in zip(found, refused, strict=True):
        assert words in finding.message


@pytest.mark.shows("example-graphics-both", "example-graphics-left", "example-graphics-right")
@pytest.mark.parametrize(
    ("text", "guest", "host"),
    [
        ("pass loc pci:0:3.0=pci:0:3.0", 3, NVME),
        ("pass loc pci:0:4.0=pci:0:3.0", 4, NVME),
        ("pass loc pci:0:3.0=pci:0:4.0", 3, AUDIO),
    ],
)
def test_the_guests_place_is_left_and_the_hosts_right(text, guest, host) -> None:
    checked = check_text(text)
    (function,) = checked.the_plan.functions
    assert (function.guest, function.host) == (PciAddress(0, 0, guest, 0), host)
    assert checked.findings == ()
