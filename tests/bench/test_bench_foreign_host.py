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
from passthru.bench import foreign_modules, foreign_packages
from passthru.bench.architectures import AARCH64
from passthru.bench.boards import load_board
from passthru.bench.boot_files import write_host_initramfs
from passthru.bench.errors import (
    BenchBoardError,
    KernelUnavailableError,
    MissingToolError,
    ModuleBuildError,
)
from passthru.bench.foreign_host import FOREIGN_PYTHON, obtain_foreign_kernel
from passthru.bench.host_tree import write_host_tree
from passthru.bench.inner_command import passthru_command
from passthru.bench.tools import PACKAGES, find_tool

BOARD = load_board("arm64-virt")

APT_CACHE = """
[ "$1" = show ] && echo 'Version: 6.12.1-1'
[ "$3" = linux-image-arm64 ] && echo '  Depends: linux-image-6.12.1+x-arm64'
"""
APT_GET = """
echo "$*" >>CALLS
case "$*" in
*linux-source-6.12=6.12.1-1*) touch build.deb ;;
*download*) touch kernel.deb ;;
esac
"""
DPKG_DEB = """
release=6.12.1+x-arm64
cd "$3" || exit
if [ "${2##*/}" = build.deb ]; then
    scripts=usr/lib/linux-kbuild-6.12.1+x/scripts
    mkdir -p usr/src/linux-headers-$release $scripts/basic $scripts/mod usr/lib/x86_64-linux-gnu
    touch $scripts/basic/fixdep $scripts/mod/modpost $scripts/mod/modpost.real-lsb-64
    touch usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
    mkdir -p linux/drivers/uio linux/drivers/vfio/platform
    touch linux/drivers/uio/uio_pdrv_genirq.c
    for end in .c _common.c _irq.c _private.h; do
        touch linux/drivers/vfio/platform/vfio_platform$end
    done
    exec tar -cJf usr/src/linux-source-6.12.tar.xz linux
fi
mkdir -p boot usr/bin usr/lib/aarch64-linux-gnu usr/lib/python3.13 usr/lib/modules/$release
echo image >boot/vmlinuz-$release
for program in busybox env python3.13; do echo $program >usr/bin/$program; done
chmod 755 usr/bin/*
echo code >usr/lib/python3.13/os.py
ln -s aarch64-linux-gnu/ld-linux-aarch64.so.1 usr/lib/ld-linux-aarch64.so.1
echo "virtio_pci virtio_console 9pnet_virtio 9p overlay irqbypass kvm vfio-pci \
vfio_iommu_type1 uio_pci_generic" | sed 's/ /.ko\\n/g; s/$/.ko/' \\
    >usr/lib/modules/$release/modules.builtin
"""
MAKE = """
for word; do case $word in M=*) cd "${word#M=}" ;; esac; done
ls >CALLS.sources
for name in $(sed -n 's/^obj-m := //p' Makefile); do echo code >"${name%.o}.ko"; done
"""
DEPMOD = 'cd "$2/lib/modules/$3" && ls extra/* | sed "s/$/:/" >modules.dep'


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
    make_tool(folder, "make", MAKE.replace("CALLS", f"{folder}/make"))
    make_tool(folder, "aarch64-linux-gnu-gcc", "exit 1")
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
    assert (root / "modules/uio_pdrv_genirq.ko").read_text() == "code\n"
    assert "uio_pdrv_genirq.ko of_id=generic-uio\n" in (root / "modules/board").read_text()


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


def test_what_modules_are_built_from(tools: Path) -> None:
    kernel = obtain_foreign_kernel()

    assert {file.name for file in (kernel.modules / "extra").iterdir()} == {
        "uio_pdrv_genirq.ko",
        "vfio-platform-base.ko",
        "vfio-platform.ko",
    }
    sources = (tools / "make.sources").read_text().split()
    assert {"Makefile", "uio_pdrv_genirq.c", "vfio_platform_irq.c"} < set(sources)
    asked = (tools / "calls").read_text()
    assert "linux-headers-6.12.1+x-arm64 linux-headers-6.12.1+x-common" in asked
    assert "linux-kbuild-6.12.1+x:amd64 libc6:amd64" in asked


def test_modules_that_cannot_be_built_are_an_error(tools: Path, tmp_path: Path) -> None:
    make_tool(tools, "make", "echo cc1: unknown option; exit 2")

    with pytest.raises(ModuleBuildError, match=r"(?s)6\.12\.1\+x-arm64 .*cc1: unknown") as told:
        obtain_foreign_kernel()

    assert "apt-get install gcc-aarch64-linux-gnu" in (told.value.fix or "")
    assert list((tmp_path / "cache/hosts").iterdir()) == []


@pytest.mark.parametrize("missing", ["make", "aarch64-linux-gnu-gcc"])
def test_a_missing_compiler_is_told_before_anything_is_downloaded(
    missing: str, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(name: str) -> str:
        if name == missing:
            raise MissingToolError(name, PACKAGES[name])
        return find_tool(name)

    monkeypatch.setattr(foreign_modules, "find_tool", find)
    with pytest.raises(MissingToolError) as told:
        obtain_foreign_kernel()
    assert told.value.fix == f"apt-get install {PACKAGES[missing]}"
    assert not (tools / "calls").exists()


def test_a_source_without_the_driver_is_an_error(tools: Path) -> None:
    make_tool(tools, "dpkg-deb", DPKG_DEB.replace("touch linux/drivers/uio/uio_pdrv_genirq.c", ""))

    with pytest.raises(KernelUnavailableError, match=r"has no drivers/uio/uio_pdrv_genirq\.c"):
        obtain_foreign_kernel()


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
    assert value("/pl031@9010000", "compatible", "s") == "generic-uio arm,pl031"
    assert value("/virtio_mmio@a003e00", "compatible", "s") == "generic-uio virtio,mmio"
    assert value("/virtio_mmio@a003c00", "compatible", "s") == "virtio,mmio"


def test_the_tree_is_no_larger_than_kernels_take(tmp_path: Path) -> None:
    write_host_tree(tmp_path / "tree", find_tool(AARCH64.qemu), BOARD, [])

    assert (tmp_path / "tree").stat().st_size < 1 << 19


def test_a_machine_that_qemu_does_not_know(tmp_path: Path) -> None:
    strange = BOARD._replace(machine="nosuchmachine")
    with pytest.raises(BenchBoardError, match=r"machine: .*unsupported machine"):
        write_host_tree(tmp_path / "tree", find_tool(AARCH64.qemu), strange, [])


def test_a_device_that_the_machine_lacks(tmp_path: Path) -> None:
    strange = BOARD._replace(uio=("/pl031@123",))
    with pytest.raises(BenchBoardError, match=r"uio: the machine has no device /pl031@123"):
        write_host_tree(tmp_path / "tree", find_tool(AARCH64.qemu), strange, [])
