# SPDX-License-Identifier: Apache-2.0
"""What a Linux host has of its devices, from its pseudo files."""

from pathlib import Path

import pytest

from passthru.board.device_uses import read_device_uses
from passthru.board.host_files import HostFiles
from passthru.board.model import DeviceUse, UseKind
from passthru.board.recording import RecordingFiles
from recorded_hosts import write_host

PCI = "../../devices/pci0000:00"
NVME = f"{PCI}/0000:00:01.0/0000:01:00.0/nvme/nvme0/nvme0n1"
SATA = f"{PCI}/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda"
USB = f"{PCI}/0000:00:14.0/usb1/1-1/1-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb"
MMC = "../../devices/platform/soc/fe300000.mmc/mmc_host/mmc0/mmc0:0001/block/mmcblk0"
DEVICES = {"0000:00:01.0", "0000:01:00.0", "0000:00:1f.2", "0000:00:14.0", "fe300000.mmc"}


def block(target: str, number: str, *holders: str) -> dict[str, str | bytes]:
    folder = "sys/" + target.removeprefix("../../")
    return {
        f"sys/class/block/{target.rpartition('/')[2]}": f"->{target}",
        f"{folder}/dev": f"{number}\n",
        **{f"{folder}/holders/{name}": "" for name in holders},
    }


HOST: dict[str, str | bytes] = {
    **block(NVME, "259:0"),
    **block(f"{NVME}/nvme0n1p1", "259:1"),
    **block(f"{NVME}/nvme0n1p2", "259:2", "dm-0"),
    **block(f"{NVME}/nvme0n1p3", "259:3"),
    **block("../../devices/virtual/block/dm-0", "254:0", "dm-1"),
    **block("../../devices/virtual/block/dm-1", "254:1"),
    **block(SATA, "8:0"),
    **block(USB, "8:16"),
    **block(f"{USB}/sdb1", "8:17"),
    **block(MMC, "179:0"),
    **block("../../devices/virtual/block/loop0", "7:0"),
    "sys/class/net/eth0": f"->{PCI}/0000:00:1f.2/net/eth0",
    "sys/class/net/wan": "->../../devices/platform/soc/fe300000.mmc/virtio0/net/wan",
    "sys/class/net/lo": "->../../devices/virtual/net/lo",
    "proc/self/mountinfo": (
        "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw\n"
        "23 22 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n"
        "24 22 259:1 / /boot/efi rw - vfat /dev/nvme0n1p1 rw\n"
        "25 22 0:25 / /srv/my\\040data rw - btrfs /dev/sdb1 rw\n"
        "26 22 0:5 / /proc rw - proc proc rw\n"
        "27 22 7:0 / /snap rw - squashfs /dev/loop0 ro\n"
        "damaged\n"
        "28 22 8:0\n"
    ),
    "proc/swaps": (
        "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
        "/dev/nvme0n1p3                          partition\t999420\t\t0\t\t-2\n"
    ),
}
USES = (
    DeviceUse("0000:00:14.0", UseKind.DISK, "sdb", ("/srv/my data",)),
    DeviceUse("0000:00:1f.2", UseKind.DISK, "sda", ()),
    DeviceUse("0000:00:1f.2", UseKind.INTERFACE, "eth0", ()),
    DeviceUse("0000:01:00.0", UseKind.DISK, "nvme0n1", ("/", "swap", "/boot/efi")),
    DeviceUse("fe300000.mmc", UseKind.DISK, "mmcblk0", ()),
    DeviceUse("fe300000.mmc", UseKind.INTERFACE, "wan", ()),
)


def test_disks_and_interfaces_belong_to_the_nearest_device(tmp_path: Path) -> None:
    files = HostFiles(write_host(tmp_path, HOST))
    assert read_device_uses(files, DEVICES) == USES
    only = tuple(use for use in USES if use.device == "0000:00:14.0")
    assert read_device_uses(files, {"0000:00:14.0"}) == only


def test_a_recording_tells_the_same(tmp_path: Path) -> None:
    files = RecordingFiles(write_host(tmp_path / "host", HOST))
    read_device_uses(files, DEVICES)
    files.save(str(tmp_path / "copy"))
    assert read_device_uses(HostFiles(str(tmp_path / "copy")), DEVICES) == USES


def test_a_disk_with_several_ways_has_the_name_that_people_know(tmp_path: Path) -> None:
    way = f"{PCI}/0000:01:00.0/nvme/nvme0/nvme0c0n1"
    head = "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1"
    host = block(way, "0:1") | block(head, "259:0") | block(f"{head}/nvme0n1p1", "259:1")
    host["proc/self/mountinfo"] = "22 1 259:1 / /data rw - ext4 /dev/nvme0n1p1 rw\n"
    files = HostFiles(write_host(tmp_path, host))
    assert read_device_uses(files, DEVICES) == (
        DeviceUse("0000:01:00.0", UseKind.DISK, "nvme0n1", ("/data",)),
    )


def test_volumes_that_hold_each_other_end(tmp_path: Path) -> None:
    host = block(SATA, "8:0", "dm-0")
    host |= block("../../devices/virtual/block/dm-0", "254:0", "dm-0", "sda")
    files = HostFiles(write_host(tmp_path, host))
    assert read_device_uses(files, DEVICES) == (DeviceUse("0000:00:1f.2", UseKind.DISK, "sda", ()),)


@pytest.mark.parametrize(
    ("mounts", "told"),
    [
        ((), "disk sda"),
        (("/",), "disk sda, mounted on /"),
        (("/", "/a", "/b"), "disk sda, mounted on /, /a, /b"),
        (("/", "/a", "/b", "/c", "/d"), "disk sda, mounted on /, /a, /b and 2 more"),
        (("swap",), "disk sda, used as swap"),
        (("/", "swap"), "disk sda, mounted on /, used as swap"),
    ],
)
def test_a_use_in_words(mounts: tuple[str, ...], told: str) -> None:
    assert str(DeviceUse("0000:00:1f.2", UseKind.DISK, "sda", mounts)) == told
