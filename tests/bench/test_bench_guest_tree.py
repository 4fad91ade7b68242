# SPDX-License-Identifier: Apache-2.0
"""Linux believes the tree that is made: it boots with it and sees the passed devices alone.

The machine is QEMU's; the configuration puts everything where that has it.
"""

import subprocess
import tempfile
from pathlib import Path

import pytest

from guest_trees import config_of
from passthru.bench.cache import cache_directory
from passthru.bench.cpio import CpioArchive
from passthru.bench.foreign_packages import Archive, open_archive
from passthru.board.load import load_tree
from passthru.guest_tree.assembly import guest_tree

pytestmark = pytest.mark.bench

SOCS = Path(__file__).parents[1] / "guest_tree/socs"
DEBIAN = Archive("trixie", "arm64")
LONGEST = 120.0
MACHINE = ("-M", "virt,gic-version=3", "-cpu", "cortex-a72", "-smp", "2", "-m", "512M")
INIT = """\
#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
cd /sys/bus
echo "guest: amba" $(/bin/busybox ls amba/devices)
echo "guest: platform" $(/bin/busybox ls platform/devices | /bin/busybox grep '^[0-9a-f]*[.]')
echo "guest: rtc $(/bin/busybox cat /sys/class/rtc/rtc0/name)"
echo "guest: lines" $(/bin/busybox grep -E -o "GICv3 +[0-9]+ .*(pl011|pl031)" /proc/interrupts)
echo "guest: processors $(/bin/busybox grep -c ^processor /proc/cpuinfo)"
echo "guest: memory $(/bin/busybox cat /proc/iomem | /bin/busybox grep -c 'System RAM')"
/bin/busybox poweroff -f
"""


@pytest.fixture(scope="module")
def packages() -> Path:
    """Debian's kernel for arm64 and a static busybox, unpacked."""
    store = cache_directory() / "foreign" / f"guest-{DEBIAN.release}-{DEBIAN.architecture}"
    if not store.is_dir():
        store.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=store.parent, prefix=".unpacking-") as work:
            folder = Path(work, "root")
            folder.mkdir()
            with open_archive(DEBIAN) as archive:
                archive.unpack([*archive.kernel("linux-image-arm64"), "busybox-static"], folder)
            folder.rename(store)
    return store


def initramfs(busybox: Path) -> bytes:
    archive = CpioArchive()
    for folder in ("/proc", "/sys", "/dev"):
        archive.add_directory(folder)
    archive.add_character_device("/dev/console", 5, 1)
    archive.add_file("/bin/busybox", busybox.read_bytes(), executable=True)
    archive.add_file("/init", INIT.encode(), executable=True)
    return archive.to_bytes()


def what_linux_told(text: str, packages: Path, folder: Path) -> list[str]:
    """Lines of a guest that QEMU starts with the tree of that configuration."""
    host = folder / "host.dtb"
    program = ["qemu-system-aarch64", *MACHINE, "-display", "none"]
    dump = [*program, "-machine", f"dumpdtb={host}"]
    subprocess.run(dump, check=True, capture_output=True, timeout=LONGEST)
    config = config_of(text)
    assert config.cmdline is not None
    tree = folder / "guest.dtb"
    tree.write_bytes(guest_tree(config, load_tree(str(host))))
    ramdisk = folder / "initramfs"
    ramdisk.write_bytes(initramfs(packages / "usr/bin/busybox"))
    kernel = sorted(packages.glob("boot/vmlinuz-*"))[-1]
    command = [
        *(*program, "-nodefaults", "-no-reboot", "-serial", "stdio", "-dtb", str(tree)),
        *("-kernel", str(kernel), "-initrd", str(ramdisk), "-append", config.cmdline.value),
    ]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    told = [line.strip() for line in done.stdout.splitlines() if line.startswith("guest: ")]
    assert told, done.stdout + done.stderr
    return told


def test_linux_sees_the_passed_device_and_nothing_else_of_the_host(packages, tmp_path) -> None:
    assert what_linux_told((SOCS / "qemu-boot.qvmconf").read_text(), packages, tmp_path) == [
        "guest: amba 9000000.serial 9010000.pl031",
        "guest: platform",
        "guest: rtc rtc-pl031 9010000.pl031",
        "guest: lines GICv3 33 Level uart-pl011 GICv3 34 Level rtc-pl031",
        "guest: processors 2",
        "guest: memory 1",
    ]


def test_without_the_pass_it_sees_no_device_of_the_host(packages, tmp_path) -> None:
    text = (SOCS / "qemu-boot.qvmconf").read_text()
    without = "".join(line for line in text.splitlines(True) if not line.startswith("pass"))
    assert what_linux_told(without, packages, tmp_path)[:4] == [
        "guest: amba 9000000.serial",
        "guest: platform",
        "guest: rtc",
        "guest: lines GICv3 33 Level uart-pl011",
    ]
