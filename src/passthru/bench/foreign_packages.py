# SPDX-License-Identifier: Apache-2.0
"""Packages of another Debian release or architecture, without a trace in this system.

apt downloads them with lists, state and sources of their own, and checks the archive's signature
with the keys of the package ``debian-archive-keyring``.
"""

import os
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from passthru.bench.errors import KernelUnavailableError
from passthru.bench.kernels import kernel_packages
from passthru.bench.progress import Progress, silent
from passthru.bench.tools import find_tool

__all__ = ["Archive", "obtain_packages"]

_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Archive(NamedTuple):
    """One release of Debian for one architecture, by the names that Debian has for them."""

    release: str
    architecture: str
    url: str = "http://deb.debian.org/debian"


def obtain_packages(
    archive: Archive, meta: str, others: Sequence[str], folder: Path, progress: Progress = silent
) -> list[str]:
    """Unpack the kernel that ``meta`` depends on, and ``others``, into ``folder``.

    Returns the names of the kernel's packages, the image first. Raises KernelUnavailableError
    and MissingToolError.
    """
    with tempfile.TemporaryDirectory(prefix="passthru-apt-") as work:
        apt = _Apt(archive, Path(work))
        progress(f"reading the package lists of {archive.release} for {archive.architecture}")
        apt.update()
        kernel = kernel_packages(meta, apt.dependencies)
        if not kernel:
            raise KernelUnavailableError(f"{archive.url} {archive.release} has no {meta}")
        progress(f"downloading {', '.join([*kernel, *others])}")
        for package in apt.download([*kernel, *others]):
            progress(f"unpacking {package.name}")
            _call([find_tool("dpkg-deb"), "--extract", str(package), str(folder)])
    return kernel


class _Apt:
    """apt with everything that it keeps below one directory."""

    def __init__(self, archive: Archive, work: Path) -> None:
        if not _KEYS.is_file():
            raise KernelUnavailableError(
                f"without {_KEYS} nothing of Debian's can be verified",
                "apt-get install debian-archive-keyring",
            )
        self._downloads = work / "downloads"
        for folder in ("lists/partial", "archives/partial", "downloads", "nothing"):
            (work / folder).mkdir(parents=True)
        (work / "status").touch()
        (work / "archive.sources").write_text(
            f"Types: deb\nURIs: {archive.url}\nSuites: {archive.release}\nComponents: main\n"
            f"Architectures: {archive.architecture}\nSigned-By: {_KEYS}\n"
        )
        configuration = work / "apt.conf"
        configuration.write_text(_CONFIGURATION.format(work=work, it=archive.architecture))
        self._environment = {**os.environ, "LC_ALL": "C", "APT_CONFIG": str(configuration)}

    def update(self) -> None:
        _call([find_tool("apt-get"), "--quiet", "update"], environment=self._environment)

    def dependencies(self, package: str) -> list[str]:
        command = [find_tool("apt-cache"), "depends", "--important", package]
        lines = _call(command, environment=self._environment, check=False).splitlines()
        needed = (line.strip() for line in lines if line.strip().startswith("Depends: "))
        return [line.removeprefix("Depends: ") for line in needed]

    def download(self, packages: Sequence[str]) -> list[Path]:
        command = [find_tool("apt-get"), "--quiet", "download", *packages]
        _call(command, directory=self._downloads, environment=self._environment)
        return sorted(self._downloads.glob("*.deb"))


# Root's apt would drop to a user that cannot write into a private directory.
_CONFIGURATION = """\
APT::Architecture "{it}";
APT::Architectures {{ "{it}"; }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Dir::State "{work}";
Dir::State::status "{work}/status";
Dir::Cache "{work}";
Dir::Etc::sourcelist "{work}/archive.sources";
Dir::Etc::sourceparts "{work}/nothing";
Dir::Etc::parts "{work}/nothing";
Dir::Etc::preferencesparts "{work}/nothing";
Dir::Etc::trustedparts "{work}/nothing";
"""


def _call(
    command: Sequence[str],
    *,
    directory: Path | None = None,
    environment: dict[str, str] | None = None,
    check: bool = True,
) -> str:
    result = subprocess.run(
        command,
        cwd=directory,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if check and result.returncode:
        last = "\n".join(result.stdout.splitlines()[-5:])
        raise KernelUnavailableError(f"{Path(command[0]).name} failed:\n{last}")
    return result.stdout
