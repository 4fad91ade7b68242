# SPDX-License-Identifier: Apache-2.0
"""Packages of another Debian release or architecture, without a trace in this system.

apt downloads them with lists, state and sources of their own, and checks the archive's signature
with the keys of the package ``debian-archive-keyring``.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from passthru.bench.errors import KernelUnavailableError
from passthru.bench.kernels import kernel_packages
from passthru.bench.progress import Progress, silent
from passthru.bench.tools import find_tool

__all__ = ["Archive", "Packages", "open_archive"]

_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Archive(NamedTuple):
    """One release of Debian for one architecture, by the names that Debian has for them.

    ``tools`` is the architecture of programs that run here, on the machine that unpacks them.
    """

    release: str
    architecture: str
    url: str = "http://deb.debian.org/debian"
    tools: str = "amd64"


@contextmanager
def open_archive(archive: Archive, progress: Progress = silent) -> "Iterator[Packages]":
    """The packages that the archive has now. Raises KernelUnavailableError, MissingToolError."""
    with tempfile.TemporaryDirectory(prefix="passthru-apt-") as work:
        packages = Packages(archive, Path(work), progress)
        packages.update()
        yield packages


class Packages:
    """The packages of one archive, through apt with everything that it keeps below ``work``.

    Each method raises KernelUnavailableError where the archive lacks something, and
    MissingToolError.
    """

    def __init__(self, archive: Archive, work: Path, progress: Progress) -> None:
        if not _KEYS.is_file():
            raise KernelUnavailableError(
                f"without {_KEYS} nothing of Debian's can be verified",
                "apt-get install debian-archive-keyring",
            )
        self._archive = archive
        self._progress = progress
        self._work = work
        for folder in ("lists/partial", "archives/partial", "nothing"):
            (work / folder).mkdir(parents=True)
        (work / "status").touch()
        (work / "archive.sources").write_text(
            f"Types: deb\nURIs: {archive.url}\nSuites: {archive.release}\nComponents: main\n"
            f"Architectures: {archive.architecture} {archive.tools}\nSigned-By: {_KEYS}\n"
        )
        configuration = work / "apt.conf"
        configuration.write_text(
            _CONFIGURATION.format(work=work, it=archive.architecture, tools=archive.tools)
        )
        self._environment = {**os.environ, "LC_ALL": "C", "APT_CONFIG": str(configuration)}

    def update(self) -> None:
        """Read the lists of packages."""
        release, architecture = self._archive.release, self._archive.architecture
        self._progress(f"reading the package lists of {release} for {architecture}")
        _call([find_tool("apt-get"), "--quiet", "update"], environment=self._environment)

    def kernel(self, meta: str) -> list[str]:
        """The names of the packages of the kernel that ``meta`` depends on, the image first."""
        names = kernel_packages(meta, self._dependencies)
        if not names:
            archive = self._archive
            raise KernelUnavailableError(f"{archive.url} {archive.release} has no {meta}")
        return names

    def version(self, package: str) -> str:
        """The version of the package that ``unpack`` takes."""
        lines = self._ask("show", "--no-all-versions", package)
        found = [line.split()[1] for line in lines if line.startswith("Version: ")]
        if len(found) != 1:
            raise KernelUnavailableError(f"{self._archive.url} has no {package}")
        return found[0]

    def for_tools(self, package: str) -> str:
        """The name of a package of programs that run here."""
        return f"{package}:{self._archive.tools}"

    def unpack(self, packages: Sequence[str], folder: Path) -> None:
        """Download packages (``NAME``, ``NAME=VERSION``, ``NAME:ARCHITECTURE``), and unpack them.

        None of the packages that they need come with them.
        """
        self._progress(f"downloading {', '.join(packages)}")
        with tempfile.TemporaryDirectory(prefix="downloads-", dir=self._work) as downloads:
            command = [find_tool("apt-get"), "--quiet", "download", *packages]
            _call(command, directory=Path(downloads), environment=self._environment)
            for package in sorted(Path(downloads).glob("*.deb")):
                self._progress(f"unpacking {package.name}")
                _call([find_tool("dpkg-deb"), "--extract", str(package), str(folder)])

    def _dependencies(self, package: str) -> list[str]:
        lines = (line.strip() for line in self._ask("depends", "--important", package))
        return [line.removeprefix("Depends: ") for line in lines if line.startswith("Depends: ")]

    def _ask(self, *question: str) -> list[str]:
        command = [find_tool("apt-cache"), *question]
        return _call(command, environment=self._environment, check=False).splitlines()


# Root's apt would drop to a user that cannot write into a private directory.
_CONFIGURATION = """\
APT::Architecture "{it}";
APT::Architectures {{ "{it}"; "{tools}"; }};
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
