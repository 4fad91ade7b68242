# SPDX-License-Identifier: Apache-2.0
"""Packages of another architecture, from a package manager of shell scripts."""

import os
from pathlib import Path

import pytest

from passthru.bench import foreign_packages
from passthru.bench.errors import KernelUnavailableError
from passthru.bench.foreign_packages import Archive, open_archive

ARCHIVE = Archive("trixie", "arm64", "http://archive.test/debian")
APT_GET = """
cat "$APT_CONFIG" "${APT_CONFIG%apt.conf}archive.sources" >CONFIGURATION
case "$*" in
*update*) exit UPDATE ;;
*download*) touch linux-image-6.12-arm64_1_arm64.deb busybox-static_1_arm64.deb ;;
esac
"""
APT_CACHE = """
[ "$3" = linux-image-arm64 ] && printf '  Depends: linux-image-6.12-arm64\\n  Depends: kmod\\n'
"""
DPKG_DEB = 'touch "$3/${2##*/}"'


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tools"
    folder.mkdir()
    keys = tmp_path / "keys.gpg"
    keys.touch()
    monkeypatch.setattr(foreign_packages, "_KEYS", keys)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    make_tools(folder, update=0)
    return folder


def make_tools(folder: Path, update: int) -> None:
    apt_get = APT_GET.replace("CONFIGURATION", f"{folder}/seen").replace("UPDATE", str(update))
    for name, script in {"apt-get": apt_get, "apt-cache": APT_CACHE, "dpkg-deb": DPKG_DEB}.items():
        tool = folder / name
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)


def unpack(root: Path, meta: str = "linux-image-arm64", *others: str) -> list[str]:
    with open_archive(ARCHIVE) as packages:
        kernel = packages.kernel(meta)
        packages.unpack([*kernel, *others], root)
    return kernel


def test_the_kernel_and_others_are_unpacked(tools: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    kernel = unpack(root, "linux-image-arm64", "busybox-static")
    assert kernel == ["linux-image-6.12-arm64"]
    assert {path.name for path in root.iterdir()} == {
        "linux-image-6.12-arm64_1_arm64.deb",
        "busybox-static_1_arm64.deb",
    }


def test_apt_is_kept_apart_and_checks_signatures(tools: Path, tmp_path: Path) -> None:
    unpack(tmp_path)
    seen = (tools / "seen").read_text()
    assert 'APT::Architecture "arm64";' in seen
    assert "Architectures: arm64 amd64\n" in seen
    assert f"Signed-By: {tmp_path / 'keys.gpg'}" in seen
    assert "URIs: http://archive.test/debian\nSuites: trixie\n" in seen
    folders = [line.split('"')[1] for line in seen.splitlines() if line.startswith("Dir::")]
    assert len(folders) >= 8
    assert not [folder for folder in folders if folder.startswith(("/etc", "/var"))]
    assert not any(Path(folder).exists() for folder in folders)


def test_what_is_wrong_is_told(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KernelUnavailableError, match="trixie has no linux-image-riscv"):
        unpack(tmp_path, "linux-image-riscv")
    make_tools(tools, update=100)
    with pytest.raises(KernelUnavailableError, match="apt-get failed"):
        unpack(tmp_path)
    monkeypatch.setattr(foreign_packages, "_KEYS", tmp_path / "none")
    with pytest.raises(KernelUnavailableError, match="nothing of Debian's can be verified") as told:
        unpack(tmp_path)
    assert told.value.fix == "apt-get install debian-archive-keyring"
