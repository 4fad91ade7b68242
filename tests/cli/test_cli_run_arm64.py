# SPDX-License-Identifier: Apache-2.0
"""`passthru run` on an arm64 host up to the machine: what the host's device tree tells it."""

import pytest

from passthru.board.capture import capture_board
from passthru.board.host_files import HostFiles
from passthru.cli import run
from passthru.cli.checking import examine_together
from passthru.cli.main import main
from passthru.diagnostics.finding import Severity
from passthru.diagnostics.source import Source
from passthru.rules.hypervisor import Hypervisor
from recorded_hosts import ARM64, cells, words, write_host

TREE = "sys/firmware/devicetree/base/soc"
CLOCKED = {
    f"{TREE}/mmc@2000/name": words("mmc"),
    f"{TREE}/mmc@2000/compatible": words("test,mmc"),
    f"{TREE}/mmc@2000/reg": cells(0x2000, 0x1000),
    f"{TREE}/mmc@2000/clocks": cells(2, 7),
}
MACHINE = "ram 0x80000000,64M\nload image\nvdev pl011 loc 0x1c090000 intr gic:37\n"


@pytest.fixture
def host(tmp_path, monkeypatch) -> HostFiles:
    files = HostFiles(write_host(tmp_path / "host", ARM64 | CLOCKED))
    monkeypatch.setattr(run, "HostFiles", lambda: files)
    return files


@pytest.fixture
def started(monkeypatch) -> list:
    """What was started: its board and its host's tree."""
    starts = []

    def start(plan, config, board, tree, *, hugepages):
        starts.append((board, tree))
        return 0

    monkeypatch.setattr(run, "_start", start)
    return starts


def write(tmp_path, text: str) -> str:
    path = tmp_path / "guest.qvmconf"
    path.write_text(MACHINE + text)
    return f"@{path}"


CASES = [
    ("pass loc 0xa001000,0x1000,rwn", set()),
    ("pass loc 0xa002000,0x1000,rwn", {"clock-dependent-device"}),
    ("pass loc 0x9000000,0x1000,rwn", {"host-driver-active", "clock-dependent-device"}),
    ("pass loc 0x30000000,0x1000,rn=0x50000000", set()),
    ("pass loc 0x30000000,0x1000,rn=0x48000000", set()),
    ("pass loc 0x30000000,0x1000,rn=0x44000000", {"host-memory-in-use"}),
]


@pytest.mark.shows("clock-dependent")
@pytest.mark.parametrize(("text", "errors"), CASES)
def test_what_the_tree_tells_keeps_a_guest_from_starting(
    text, errors, tmp_path, host, started, capsys
):
    assert main(["run", write(tmp_path, text)]) == (65 if errors else 0)
    told = capsys.readouterr().err
    assert told.count(" error: ") == len(errors)
    assert {each for each in errors if f"[{each}]" in told} == errors
    assert bool(started) is not bool(errors)


@pytest.mark.parametrize(("text", "errors"), CASES)
def test_a_check_against_the_same_host_tells_the_same(text, errors, host):
    source = Source("guest.qvmconf", MACHINE + text)
    (checked,) = examine_together([source], Hypervisor.KVM, capture_board(host))
    told = [each.id for each in checked.findings if each.severity is Severity.ERROR]
    assert sorted(told) == sorted(errors)


def test_a_check_tells_what_only_x86_has(host):
    source = Source("guest.qvmconf", MACHINE + "vdev hpet loc 0xf8008000 intr gic:40")
    (checked,) = examine_together([source], Hypervisor.KVM, capture_board(host))
    told = {each.id for each in checked.findings if each.severity is Severity.ERROR}
    assert told == {"not-supported-by-run", "x86-only"}


def test_a_device_that_the_iommu_knows_is_told(tmp_path, host, started, capsys):
    main(["run", write(tmp_path, "pass loc 0xa001000,0x1000,rwn")])
    assert "[dma-device-declared-harmless]" in capsys.readouterr().err


def test_the_machine_gets_the_tree_of_the_host(tmp_path, host, started):
    assert main(["run", write(tmp_path, "pass loc 0x30000000,0x1000,rn=0x50000000")]) == 0
    ((board, tree),) = started
    assert tree.child("soc").child("mmc@2000") is not None
    assert "/soc/mmc@2000" in [device.name for device in board.devices]


def test_a_guest_with_nothing_passed_does_not_wait_for_the_tree(tmp_path, host, started):
    assert main(["run", write(tmp_path, "")]) == 0
    ((board, tree),) = started
    assert (board.devices, tree) == ((), None)


def test_a_comment_says_that_the_clock_is_cared_for(tmp_path, host, started):
    allowed = "# passthru: allow clock-dependent-device\npass loc 0xa002000,0x1000,rwn\n"
    assert main(["run", write(tmp_path, allowed)]) == 0
    assert started


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("pass loc 0x30000000,0x1000,rn=0x44000000", "host-memory-in-use"),
        ("vdev virtio-blk loc 0x1c0c0000 intr gic:40", "not-supported-by-run"),
    ],
)
def test_no_comment_allows_to_run_anything_else(text, rule, tmp_path, host, started, capsys):
    clocks = "# passthru: allow clock-dependent-device\npass loc 0xa002000,0x1000,rwn\n"
    allowed = f"{clocks}# passthru: allow {rule}\n{text}\n"
    assert main(["run", write(tmp_path, allowed)]) == 65
    assert f"[{rule}]" in capsys.readouterr().err


def test_devices_are_left_out_by_name_on_arm64_too(tmp_path, host, started, capsys):
    place = write(tmp_path, "vdev virtio-blk loc 0x1c0c0000 intr gic:40")
    assert main(["run", place]) == 65
    assert "fix: passthru run --without virtio-blk," in capsys.readouterr().err
    assert main(["run", "--without", "virtio-blk", place]) == 0
    assert "`vdev virtio-blk` is left out of this run" in capsys.readouterr().err
    assert main(["run", "--without", "pl011", place]) == 2
    assert len(started) == 1
