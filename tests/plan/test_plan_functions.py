# SPDX-License-Identifier: Apache-2.0
import pytest

from passthru.addresses import PciAddress
from sample_board import AUDIO, DISK, EDU, EDU_2, NVME, check_text, function, with_functions


def guest(device: int, number: int = 0) -> PciAddress:
    return PciAddress(0, 0, device, number)


@pytest.mark.shows(
    "pci-by-ids", "pci-at-guest-place", "pci-same-place", "pci-host-side", "pci-example"
)
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pass loc pci:0:3.0", {NVME.address: guest(3)}),
        ("pass loc pci:0:12.0=pci:0:3.0", {NVME.address: guest(12)}),
        ("pass loc pci:0:12=pci:0x8086/0x2668", {AUDIO.address: guest(12)}),
        ("pass loc pci:0x8086/0x2668", {AUDIO.address: guest(1)}),
        ("pass loc pci:0x1234/0x11e8/1", {EDU_2.address: guest(1)}),
        (
            "pass loc pci:0x8086/0x2668 loc pci:0:1.0=pci:0:3.0",
            {AUDIO.address: guest(2), NVME.address: guest(1)},
        ),
        ("reserve loc pci:0:1 pass loc pci:0x8086/0x2668", {AUDIO.address: guest(2)}),
        (
            "pass loc pci:0:9.0=pci:0:3.0 pass loc pci:0:9.2=pci:0:4.0",
            {NVME.address: guest(9), AUDIO.address: guest(9, 2)},
        ),
    ],
)
def test_guest_places(text: str, expected: dict[PciAddress, PciAddress]) -> None:
    plan = check_text(text).the_plan
    assert {f.host.address: f.guest for f in plan.functions} == expected


def test_functions_keep_the_order_of_the_text() -> None:
    plan = check_text("pass loc pci:0x8086/0x2668 loc pci:0:3.0").the_plan
    assert [f.host for f in plan.functions] == [AUDIO, NVME]


def test_each_device_and_pin_has_its_own_line_until_they_run_out() -> None:
    functions = [
        function(f"0000:00:{number:02x}.0", (1, number), group=number) for number in range(2, 12)
    ]
    text = "pass " + " ".join(f"loc pci:0:{number}.0" for number in range(2, 12))
    plan = check_text(text, with_functions(*functions)).the_plan
    assert [f.gsi for f in plan.functions] == [16, 17, 18, 19, 20, 21, 22, 23, 16, 17]


def test_functions_of_one_device_share_a_line_by_pin() -> None:
    two = (EDU, EDU_2._replace(interrupt_pin=1), DISK._replace(interrupt_pin=0))
    text = "pass loc pci:0:9.0=pci:0:6.0 loc pci:0:9.1=pci:0:7.0 loc pci:0:10=pci:0:31.2"
    plan = check_text(text, with_functions(*two)).the_plan
    assert [f.gsi for f in plan.functions] == [16, 16, None]


def test_the_nearest_functions_are_listed_first() -> None:
    checked = check_text("pass loc pci:0:9.0")
    (finding,) = (f for f in checked.findings if f.id == "pci-not-found")
    assert "0000:00:08.0" in finding.others[0].message
    assert len(finding.others) == 5


def test_ambiguous_ids_list_every_match() -> None:
    checked = check_text("pass loc pci:0x1234/0x11e8")
    (finding,) = (f for f in checked.findings if f.id == "pci-ambiguous")
    assert ["0000:00:06.0" in finding.others[0].message, len(finding.others)] == [True, 2]


def test_the_fix_for_another_bus_names_a_free_place() -> None:
    checked = check_text("pass loc pci:1:0.0 loc pci:0:1.0=pci:0:3.0")
    (finding,) = (f for f in checked.findings if f.id == "pci-guest-bus")
    assert finding.fix == "pci:0:2.0=pci:1:0.0"


def test_a_wrong_function_0_is_told_once() -> None:
    checked = check_text("pass loc pci:0:9.0=pci:0:20.0 loc pci:0:9.1=pci:0:3.0")
    assert checked.ids() == {"pci-not-found"}


def test_a_full_bus_is_refused() -> None:
    text = " ".join(f"reserve loc pci:0:{number}" for number in range(1, 32))
    checked = check_text(text + " pass loc pci:0x8086/0x2668")
    assert "pci-slot-taken" in checked.ids()
    assert checked.the_plan.functions == ()


def test_lines_of_the_configuration_are_not_given_to_functions() -> None:
    text = "vdev ioapic name p intr apic vdev ser8250 loc 0x3f8 intr p:16 reserve intr p:17 "
    plan = check_text(f"{text} pass loc pci:0:3.0").the_plan
    assert plan.functions[0].gsi == 18
