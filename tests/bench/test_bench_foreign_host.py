# SPDX-License-Identifier: Apache-2.0
"""What a virtual arm64 host is made of, from a package manager of shell scripts."""

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from passthru.addresses import AddressRange
from passthru.bench import foreign_packages
from passthru.bench.architectures import AARCH64
from passthru.bench.boards import load_board
from passthru.bench.boot_files import write_host_initramfs
from passthru.bench.errors import BenchBoardError, KernelUnavailableError
from passthru.bench.foreign_host import FOREIGN_PYTHON, obtain_foreign_kernel
from passthru.bench.host_tree import write_host_tree
from passthru.bench.inner_command import passthru_command
from passthru.bench.tools import find_tool

BOARD = load_board("arm64-virt")

APT_CACHE = """
[ "$3" = linux-image-arm64 ] && echo '  Depends: linux-image-6.12-arm64'
"""
APT_GET = """
echo "$*" >>CALLS
case "$*" in *download*) touch linux-image-6.12-arm64_1_arm64.deb ;; esac
"""
DPKG_DEB = """
cd "$3" && mkdir -p boot usr/bin usr/lib/aarch64-linux-gnu usr/lib/python3.13 usr/lib/modules/6.12
echo image >boot/vmlinuz-6.12
for program in busybox env python3.13; do echo $program >usr/bin/$program; done
chmod 755 usr/bin/*
echo code >usr/lib/python3.13/os.py
ln -s aarch64-linux-gnu/ld-linux-aarch64.so.1 usr/lib/ld-linux-aarch64.so.1
echo "virtio_pci virtio_console 9pnet_virtio 9p overlay irqbypass kvm vfio-pci \
vfio_iommu_type1 uio_pci_generic" | sed 's/ /.ko\\n/g; s/$/.ko/' \\
    >usr/lib/modules/6.12/modules.builtin
"""
DEPMOD = 'touch "$2/lib/modules/$3/modules.dep"'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    (tmp_path / "keys.gpg").touch()
    monkeypatch.setattr(foreign_packages, "_KEYS", tmp_path / "keys.gpg")
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("PASSTHRU_CACHE", str(tmp_path / "cache"))
    make_tool(folder, "apt-get", APT_GET.replace("CALLS", f"{folder}/calls"))
    make_tool(folder, "apt-cache", APT_CACHE)
    make_tool(folder, "dpkg-deb", DPKG_DEB)
    make_tool(folder, "depmod", DEPMOD)
    return folder


def make_tool(folder: Path, name: str, script: str) -> None:
    tool = folder / name
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)


def unpacked(archive: Path, folder: Path) -> None:
    """What Linux would unpack: every archive in the file, one after the other."""
    folder.mkdir()
    data = archive.read_bytes()
    while data.strip(b"\0"):
        end = data.index(b"TRAILER!!!") + len(b"TRAILER!!!\0")
        one, data = data[:end], data[end:].lstrip(b"\0")
        command = ["cpio", "--extract", "--quiet", "--no-absolute-filenames", "-d"]
        subprocess.run(command, input=one + bytes(512), cwd=folder, check=False)


def test_the_host_starts_with_its_own_programs(tools: Path, tmp_path: Path) -> None:
    kernel = obtain_foreign_kernel()
    write_host_initramfs(tmp_path / "initramfs", kernel, BOARD, "kvm", "mark", tmp_path)
    unpacked(tmp_path / "initramfs", tmp_path / "root")

    root = tmp_path / "root"
    assert kernel.image.read_text() == "image\n"
    assert (root / "bin/busybox").read_text() == "busybox\n"
    assert os.access(root / "system/usr/bin/python3.13", os.X_OK)
    assert (root / "system/usr/lib/python3.13/os.py").read_text() == "code\n"
    loader = root / "system/usr/lib/ld-linux-aarch64.so.1"
    assert str(loader.readlink()) == "aarch64-linux-gnu/ld-linux-aarch64.so.1"
    assert (root / "init").read_text().startswith("#!/bin/busybox sh")


def test_packages_are_downloaded_once(tools: Path) -> None:
    first = obtain_foreign_kernel()
    calls = (tools / "calls").read_text()

    assert "python3.13-minimal" in calls
    assert obtain_foreign_kernel() == first
    assert (tools / "calls").read_text() == calls


@pytest.mark.parametrize("tool", ["apt-get", "dpkg-deb", "depmod"])
def test_a_step_that_fails_leaves_nothing_behind(tool: str, tools: Path, tmp_path: Path) -> None:
    make_tool(tools, tool, "echo no space left; exit 1")

    with pytest.raises(KernelUnavailableError, match=f"{tool} failed:\nno space left"):
        obtain_foreign_kernel()

    assert list((tmp_path / "cache/hosts").iterdir()) == []


def test_the_hosts_python_keeps_its_own_standard_library() -> None:
    command = passthru_command(["run", "@x"], AARCH64)

    assert command[0] == FOREIGN_PYTHON
    assert command[-2:] == ["run", "@x"]
    assert f"'{sysconfig.get_path('stdlib')}'" not in command[4]
    assert repr(str(Path(__file__).resolve().parents[2] / "src")) in command[4]
    # With this interpreter in its place the command works, too.
    done = subprocess.run(
        [sys.executable, *command[1:5], "--help"], capture_output=True, text=True, check=True
    )
    assert "usage: passthru" in done.stdout, shlex.join(command)


def test_reserved_memory_is_in_the_device_tree(tmp_path: Path) -> None:
    file = tmp_path / "host.dtb"
    places = [AddressRange(0x80000000, 0x4000000), AddressRange(0x1_2345_6000, 0x1000)]
    write_host_tree(file, find_tool(AARCH64.qemu), BOARD, places)

    def value(node: str, name: str, kind: str = "x") -> str:
        command = ["fdtget", "-t", kind, str(file), node, name]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert value("/reserved-memory/kept@80000000", "reg") == "0 80000000 0 4000000"
    assert value("/reserved-memory/kept@123456000", "reg") == "1 23456000 0 1000"
    assert value("/reserved-memory/kept@80000000", "no-map") == ""
    assert value("/intc@8000000", "compatible", "s") == "arm,gic-v3"


def test_the_tree_is_no_larger_than_kernels_take(tmp_path: Path) -> None:
    write_host_tree(tmp_path / "tree", find_tool(AARCH64.qemu), BOARD, [])

    assert (tmp_path / "tree").stat().st_size < 1 << 19


def test_a_machine_that_qemu_does_not_know(tmp_path: Path) -> None:
    strange = BOARD._replace(machine="nosuchmachine")
    with pytest.raises(BenchBoardError, match=r"machine: .*unsupported machine"):
        write_host_tree(tmp_path / "tree", find_tool(AARCH64.qemu), strange, [])
