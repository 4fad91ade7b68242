# SPDX-License-Identifier: Apache-2.0
"""Whole hosts, read from directories; what they should come out as lies beside, by hand checked.

``PASSTHRU_REGENERATE=1`` writes the snapshots anew; read the difference before keeping it.
"""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from passthru.addresses import AddressRange
from passthru.board.capture import capture_board
from passthru.board.host_files import HostFiles
from passthru.board.linux import read_board
from passthru.board.model import Board, HostRegion, KernelFeature
from passthru.board.recording import RecordingFiles, UnwritableRecordingError
from passthru.board.snapshot import read_snapshot, write_board
from recorded_hosts import ARM64, HOSTS, X86_64, write_host

GOLDEN = Path(__file__).parent / "golden"


def captured(root: Path, files: dict[str, str | bytes]) -> Board:
    return capture_board(HostFiles(write_host(root, files)))


@pytest.mark.parametrize("name", HOSTS)
def test_a_recorded_host_gives_its_snapshot(tmp_path: Path, name: str) -> None:
    written = write_board(captured(tmp_path, HOSTS[name]))
    golden = GOLDEN / f"{name}.board.json"
    if os.environ.get("PASSTHRU_REGENERATE"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_bytes(written)
    assert written.decode() == golden.read_text()
    assert read_snapshot(written, name) == captured(tmp_path / "again", HOSTS[name])


@pytest.mark.parametrize("name", HOSTS)
def test_a_recording_holds_what_was_read_and_replays_it(tmp_path: Path, name: str) -> None:
    host = Path(write_host(tmp_path / "host", HOSTS[name]))
    (host / "proc/secret").write_text("not for others")
    (host / "sys/class/iommu/not-read").mkdir()
    files = RecordingFiles(str(host))
    board = capture_board(files)
    files.save(str(tmp_path / "copy"))
    shutil.rmtree(host)
    assert capture_board(HostFiles(str(tmp_path / "copy"))) == board
    assert not (tmp_path / "copy/proc/secret").exists()


def test_of_config_space_only_the_bytes_read_are_recorded(tmp_path: Path) -> None:
    path = "sys/bus/pci/devices/0000:00:05.0/config"
    files = RecordingFiles(write_host(tmp_path / "host", X86_64 | {path: b"\xff" * 64}))
    capture_board(files)
    files.save(str(tmp_path / "copy"))
    # Vendor, header type, interrupt pin; whether there are capabilities, and where they begin.
    expected = bytearray(0xFE)
    for offset in (0x00, 0x01, 0x06, 0x0E, 0x34, 0x3D):
        expected[offset] = 0xFF
    assert (tmp_path / "copy" / path).read_bytes() == expected


def test_the_architecture_of_an_older_kernel_is_recorded(tmp_path: Path) -> None:
    # Linux before 6.1 has no file for it; only uname(2) tells.
    class OlderKernel(RecordingFiles):
        __slots__ = ()

        def data(self, path: str) -> bytes:
            return b"" if path.endswith("/arch") else super().data(path)

    files = OlderKernel()
    assert read_board(files).architecture == os.uname().machine
    files.save(str(tmp_path / "copy"))
    assert read_board(HostFiles(str(tmp_path / "copy"))).architecture == os.uname().machine
    assert read_board(HostFiles(str(tmp_path / "nothing"))).architecture == "unknown"


def test_a_recording_is_not_mixed_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    with pytest.raises(UnwritableRecordingError, match="it is not empty"):
        RecordingFiles().save(str(tmp_path))
    with pytest.raises(UnwritableRecordingError, match="cannot record into"):
        RecordingFiles().save(str(tmp_path / "other/below"))


def test_capturing_twice_gives_the_same_bytes() -> None:
    assert write_board(capture_board(HostFiles())) == write_board(capture_board(HostFiles()))


def test_a_capture_agrees_with_what_run_reads(tmp_path: Path) -> None:
    files = HostFiles(write_host(tmp_path, X86_64))
    quick, full = read_board(files), capture_board(files)
    for field in ("name", "memory", "allocated", "reserved", "iommu_groups", "abilities"):
        assert getattr(full, field) == getattr(quick, field)
    assert all(function.capabilities is not None for function in full.pci)
    assert quick.pci == tuple(function._replace(capabilities=None) for function in full.pci)


def test_reserved_memory_has_the_name_of_its_node(tmp_path: Path) -> None:
    board = captured(tmp_path, ARM64)
    log = HostRegion(AddressRange(0x48000000, 0x100000), "log@48000000")
    guest = HostRegion(AddressRange(0x50000000, 0x4000000), "guest@50000000")
    assert board.reserved == (log, guest)
    assert not any(log.range.overlaps(each) for each in board.allocated)


HIDDEN = {
    "proc/iomem": "00000000-00000000 : System RAM\n",
    "proc/ioports": "0000-0000 : PCI conf1\n",
}


def test_a_device_tree_tells_of_memory_that_the_kernel_hides(tmp_path: Path) -> None:
    board = captured(tmp_path, ARM64 | HIDDEN)
    assert [region.name for region in board.memory] == ["memory@40000000"]
    assert AddressRange.between(0x48100000, 0x50000000) in board.allocated
    assert "/proc/iomem shows its addresses to root only" in board.unseen[0]


def test_what_root_alone_may_see_is_told(tmp_path: Path) -> None:
    board = captured(tmp_path, X86_64 | HIDDEN)
    assert not board.memory_known
    assert board.unseen[:2] == (
        "the memory map: /proc/iomem shows its addresses to root only",
        "the ports and their owners: /proc/ioports shows its addresses to root only",
    )


def test_nothing_readable_is_a_board_that_says_so(tmp_path: Path) -> None:
    board = capture_board(HostFiles(str(tmp_path)))
    assert read_snapshot(write_board(board), "x") == board
    told = "\n".join(board.unseen)
    for part in ("/proc/iomem cannot be read", "/sys/kernel/irq", "vfio-pci", "/proc/self/limits"):
        assert part in told
    assert KernelFeature("vfio-pci", "unknown") in board.features


def test_an_arm_host_can_run_guests_if_kvm_says_so(tmp_path: Path) -> None:
    assert captured(tmp_path / "with", ARM64).abilities.hardware_virtualization
    without = {path: text for path, text in ARM64.items() if "misc/kvm" not in path}
    assert not captured(tmp_path / "without", without).abilities.hardware_virtualization


LIES = st.text("0123456789abcdefx-:. ,\n\0", max_size=40) | st.sampled_from(
    ["9" * 30, "0x" + "f" * 17, "-1", "-0x5 0x3 0x200", "0x0 0x1ffffffffffffffff 0x200"]
)


@given(st.dictionaries(st.sampled_from(sorted(X86_64)), LIES), st.integers(0, 3))
def test_whatever_the_files_say_the_snapshot_can_be_read(lies: dict[str, str], odd: int) -> None:
    odd_names = {f"sys/bus/pci/devices/{'0' * odd}:ff:3{odd}.9/vendor": "0x1"}
    with TemporaryDirectory() as folder:
        files = {path: text for path, text in X86_64.items() if path not in lies} | odd_names
        board = captured(Path(folder), files | {path: f"{lie}" for path, lie in lies.items()})
    assert read_snapshot(write_board(board), "x") == board
