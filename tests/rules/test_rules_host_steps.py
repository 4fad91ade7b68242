# SPDX-License-Identifier: Apache-2.0
"""What findings ask the operator to do: what is lost is told before, and the order is one."""

import pytest

from passthru.board.model import Board, DeviceUse, PciFunction, UseKind
from passthru.diagnostics.finding import Finding, HostStep, Severity, StepKind
from passthru.report.host_steps import host_steps_as_text
from sample_board import BASE, check_text, function, with_functions

IDS = (0x8086, 0x10D3)
NETWORK = function("0000:00:05.0", IDS, driver="e1000e", class_code=0x020000)
NAME = "0000:00:05.0"
PASS = f"{BASE}\npass loc pci:0:5.0"


def board(*uses: DeviceUse, functions: tuple[PciFunction, ...] = (NETWORK,)) -> Board:
    return with_functions(*functions)._replace(uses=uses)


def disk(name: str, *mounts: str, device: str = NAME) -> DeviceUse:
    return DeviceUse(device, UseKind.DISK, name, mounts)


def the_finding(id_: str, text: str, on: Board) -> Finding:
    (found,) = (each for each in check_text(text, on, base="").findings if each.id == id_)
    return found


def lines(finding: Finding) -> list[str]:
    return (finding.fix or "").split("\n")


BINDING = [
    f"echo vfio-pci > /sys/bus/pci/devices/{NAME}/driver_override",
    f"echo {NAME} > /sys/bus/pci/devices/{NAME}/driver/unbind",
    f"echo {NAME} > /sys/bus/pci/drivers_probe",
]


def test_what_the_host_would_lose_is_said_before_it_is_unbound():
    interface = DeviceUse(NAME, UseKind.INTERFACE, "eth0", ())
    found = the_finding("host-driver-active", PASS, board(interface))
    assert found.message.endswith("(network: interface eth0)")
    assert lines(found) == BINDING


def test_what_is_mounted_is_unmounted_first_from_the_inside():
    found = the_finding(
        "host-driver-active", PASS, board(disk("sda", "swap", "/srv", "/srv/my data"))
    )
    assert "disk sda, mounted on /srv, /srv/my data, used as swap" in found.message
    assert lines(found) == ["umount '/srv/my data'", "umount /srv", "swapoff -a", *BINDING]


def test_the_disk_that_the_host_runs_from_is_not_to_be_unbound():
    found = the_finding("host-driver-active", PASS, board(disk("sda", "/", "/boot")))
    assert found.fix == "the host itself runs from sda: pass another device"
    assert found.steps == ()


def test_a_disk_of_another_device_changes_nothing():
    other = disk("sda", "/", device="0000:00:06.0")
    found = the_finding("host-driver-active", PASS, board(other))
    assert "sda" not in found.message
    assert lines(found) == BINDING


def test_the_group_of_the_disk_that_the_host_runs_from_is_not_to_be_split():
    passed = function("0000:00:05.0", IDS, group=3)
    kept = function("0000:00:05.1", IDS, driver="ahci", group=3)
    on = board(disk("sda", "/", device="0000:00:05.1"), functions=(passed, kept))
    found = the_finding("iommu-group-split", PASS, on)
    assert found.fix == "the host itself runs from sda: pass another device"
    assert any("disk sda, mounted on /" in other.message for other in found.others)


def finding(*steps: tuple[StepKind, str]) -> Finding:
    made = tuple(HostStep(kind, text) for kind, text in steps)
    return Finding("some-rule", Severity.ERROR, "message", steps=made)


LOAD, HAND, LIMIT, BOOT = StepKind.LOAD, StepKind.HAND_OVER, StepKind.LIMIT, StepKind.BOOT


def test_the_steps_of_all_findings_are_one_list_with_the_reboot_last():
    findings = [
        finding((BOOT, "boot the host with x"), (LIMIT, "prlimit")),
        finding((LOAD, "modprobe b"), (HAND, "echo b 1"), (HAND, "echo b 2")),
        finding(),
        finding((LOAD, "modprobe b"), (HAND, "echo a"), (StepKind.RELEASE, "umount /a")),
    ]
    assert host_steps_as_text(findings).splitlines() == [
        "to make the host ready, as root and in this order:",
        "  umount /a",
        "  modprobe b",
        "  echo b 1",
        "  echo b 2",
        "  echo a",
        "  prlimit",
        "then, which takes a reboot:",
        "  boot the host with x",
        "and after that, the commands above once more: a reboot undoes them.",
    ]


@pytest.mark.parametrize("findings", [[], [finding()], [finding((LOAD, "modprobe b")), finding()]])
def test_one_finding_has_its_steps_under_it_and_needs_no_list(findings):
    assert host_steps_as_text(findings) == ""


def test_a_reboot_alone_asks_for_no_commands_after_it():
    tree = "add to the tree:\n/ {\n};"
    findings = [finding((BOOT, tree)), finding((BOOT, "boot the host with x"))]
    assert host_steps_as_text(findings).splitlines() == [
        "to make the host ready, which takes a reboot:",
        "  add to the tree:",
        "  / {",
        "  };",
        "  boot the host with x",
    ]


def test_what_a_terminal_could_obey_is_not_printed():
    findings = [finding((HAND, "echo \x1b[2J")), finding((HAND, "echo b"))]
    assert "\x1b" not in host_steps_as_text(findings)
