# SPDX-License-Identifier: Apache-2.0
"""The cache of kernels: what it asks apt for, and that it needs no network twice."""

import gzip
import os
import struct
from pathlib import Path

import pytest

from passthru.bench.errors import KernelUnavailableError
from passthru.bench.kernels import kernel_packages, obtain_kernel

DEBIAN = {"linux-image-amd64": ["linux-image-6.1.0-56-amd64"]}
UBUNTU = {
    "linux-image-generic": [
        "linux-image-6.8.0-1-generic",
        "linux-modules-extra-6.8.0-1-generic",
        "linux-firmware",
        "intel-microcode",
    ],
    "linux-image-6.8.0-1-generic": ["linux-modules-6.8.0-1-generic", "kmod", "linux-base"],
    "linux-modules-extra-6.8.0-1-generic": ["linux-image-6.8.0-1-generic"],
}


@pytest.mark.parametrize(
    ("archive", "meta", "packages"),
    [
        (DEBIAN, "linux-image-amd64", ["linux-image-6.1.0-56-amd64"]),
        (
            UBUNTU,
            "linux-image-generic",
            [
                "linux-image-6.8.0-1-generic",
                "linux-modules-6.8.0-1-generic",
                "linux-modules-extra-6.8.0-1-generic",
            ],
        ),
        (DEBIAN, "linux-image-generic", []),
    ],
)
def test_packages(archive: dict[str, list[str]], meta: str, packages: list[str]) -> None:
    assert kernel_packages(meta, lambda name: archive.get(name, [])) == packages


def bzimage() -> bytes:
    payload = gzip.compress(b"\x7fELF the kernel", mtime=0)
    image = bytearray(1024)
    image[0x1F1] = 1
    image[0x202:0x208] = b"HdrS\x0f\x02"
    struct.pack_into("<II", image, 0x248, 0, len(payload))
    return bytes(image) + payload


def make_tool(directory: Path, name: str, script: str) -> None:
    tool = directory / name
    tool.write_text(f'#!/bin/sh\necho "{name} $*" >>"{directory}/calls"\n{script}\n')
    tool.chmod(0o755)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package manager of shell scripts that knows one kernel package."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "vmlinuz").write_bytes(bzimage())
    make_tool(
        tools,
        "apt-cache",
        'case $3 in linux-image-amd64) echo "  Depends: linux-image-9.9.9-amd64" ;; esac',
    )
    make_tool(
        tools,
        "apt-get",
        'case "$*" in *download*) touch linux-image-9.9.9-amd64_1_amd64.deb ;; esac',
    )
    make_tool(
        tools,
        "dpkg-deb",
        f'mkdir -p "$3/boot" "$3/lib/modules/9.9.9"\ncp "{tools}/vmlinuz" "$3/boot/vmlinuz-9.9.9"',
    )
    make_tool(tools, "depmod", 'touch "$2/lib/modules/$3/modules.dep"')
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("PASSTHRU_CACHE", str(tmp_path / "cache"))
    return tools


def calls(tools: Path) -> list[str]:
    return [line.split()[0] for line in (tools / "calls").read_text().splitlines()]


def test_a_kernel_is_downloaded_once(apt: Path) -> None:
    kernel = obtain_kernel()
    asked = calls(apt)

    assert kernel.release == "9.9.9"
    assert kernel.image.read_bytes() == bzimage()
    assert kernel.vmlinux is not None
    assert kernel.vmlinux.read_bytes() == b"\x7fELF the kernel"
    assert asked[-3:] == ["apt-get", "dpkg-deb", "depmod"]

    assert obtain_kernel() == kernel
    assert calls(apt) == asked


@pytest.mark.parametrize("tool", ["apt-get", "dpkg-deb", "depmod"])
def test_a_step_that_fails_leaves_nothing_behind(tool: str, apt: Path, tmp_path: Path) -> None:
    make_tool(apt, tool, "echo no space left; exit 1")

    with pytest.raises(KernelUnavailableError, match=f"{tool} failed:\nno space left"):
        obtain_kernel()

    assert list((tmp_path / "cache/kernels").iterdir()) == []


def test_empty_package_lists_are_told_with_the_fix(
    apt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tool(apt, "apt-cache", "exit 100")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(KernelUnavailableError, match="lists may be empty") as caught:
        obtain_kernel()

    assert caught.value.fix == "sudo apt-get update"


def test_root_reads_the_package_lists_itself(apt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_tool(apt, "apt-cache", "exit 100")
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    with pytest.raises(KernelUnavailableError, match="archives have none"):
        obtain_kernel()

    assert "apt-get update --quiet" in (apt / "calls").read_text()
