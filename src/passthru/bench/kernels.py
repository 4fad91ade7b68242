# SPDX-License-Identifier: Apache-2.0
"""Kernels for virtual hosts and guests: the distribution's own packages, in a cache.

The packages are downloaded by apt, which checks the archive's signature and the
package's hash, and unpacked without being installed.
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from passthru.bench.bzimage import unpack_kernel
from passthru.bench.cache import cache_directory, one_at_a_time
from passthru.bench.errors import KernelUnavailableError
from passthru.bench.progress import Progress, silent
from passthru.bench.tools import find_tool

__all__ = ["Kernel", "Programs", "index_modules", "kernel_packages", "obtain_kernel", "open_kernel"]

META_PACKAGES = ("linux-image-amd64", "linux-image-generic")
"""What depends on the current kernel: Debian's name and Ubuntu's."""

_VMLINUX = "boot/vmlinux"

_KERNEL_PACKAGE = re.compile(r"linux-(?:image|modules|modules-extra)-\d[\w.+-]*")


class Programs(NamedTuple):
    """Programs of another architecture: a static ``busybox``, and an initramfs with a system.

    ``system`` is a cpio archive that has Python and what a command needs below ``/system``.
    """

    busybox: Path
    system: Path


class Kernel(NamedTuple):
    """One unpacked kernel: ``image`` is its bzImage, ``modules`` its ``/lib/modules/X``.

    ``vmlinux`` is the ELF file that the bzImage unpacks itself to, made when the package
    came, so that an emulated processor need not; None where the compression is unknown or
    there is nothing to unpack. ``programs`` are those that run on it where this machine's
    own do not.
    """

    release: str
    image: Path
    modules: Path
    vmlinux: Path | None
    programs: Programs | None = None


def obtain_kernel(progress: Progress = silent) -> Kernel:
    """The cached kernel, newest first; downloads and unpacks one if there is none.

    Raises KernelUnavailableError when the package manager cannot give one, and
    MissingToolError.
    """
    store = cache_directory() / "kernels"
    cached = _newest_entry(store)
    if cached is None:
        with one_at_a_time(store):
            cached = _newest_entry(store) or _install(store, progress)
    return open_kernel(cached)


def _newest_entry(store: Path) -> Path | None:
    if not store.is_dir():
        return None
    # An entry gets its final name by the last step, so every such name is complete.
    entries = [entry for entry in store.iterdir() if not entry.name.startswith(".")]
    return max(entries, key=lambda entry: entry.stat().st_mtime, default=None)


def open_kernel(entry: Path) -> Kernel:
    """The kernel whose packages are unpacked in ``entry``. Raises KernelUnavailableError."""
    images = sorted((entry / "boot").glob("vmlinuz-*"))
    if len(images) != 1:
        raise KernelUnavailableError(f"{entry} has no kernel image", f"rm -r {entry}")
    release = images[0].name.removeprefix("vmlinuz-")
    modules = _modules_root(entry) / "lib/modules" / release
    if not (modules / "modules.dep").is_file():
        raise KernelUnavailableError(f"{entry} has no modules.dep", f"rm -r {entry}")
    vmlinux = entry / _VMLINUX
    return Kernel(release, images[0], modules, vmlinux if vmlinux.is_file() else None)


def _modules_root(entry: Path) -> Path:
    # Since Debian 13 packages carry /usr/lib/modules; depmod wants the parent of lib/.
    return entry / "usr" if (entry / "usr/lib/modules").is_dir() else entry


def _install(store: Path, progress: Progress) -> Path:
    store.mkdir(parents=True, exist_ok=True)
    # Hidden and beside its final place: renaming is then atomic.
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=store) as work:
        downloads, entry = Path(work, "downloads"), Path(work, "entry")
        downloads.mkdir()
        entry.mkdir()
        packages = _find_packages(progress)
        _download(packages, downloads, progress)
        for archive in sorted(downloads.glob("*.deb")):
            progress(f"unpacking {archive.name}")
            _call([find_tool("dpkg-deb"), "--extract", str(archive), str(entry)])
        index_modules(entry, progress)
        _unpack_image(entry, progress)
        final = store / packages[0]
        try:
            entry.rename(final)
        except OSError:
            if not final.is_dir():  # else another process was faster with the same
                raise
    return final


def index_modules(entry: Path, progress: Progress) -> None:
    """Let depmod write the lists that tell which module needs which.

    Raises KernelUnavailableError, MissingToolError.
    """
    images = sorted((entry / "boot").glob("vmlinuz-*"))
    if len(images) != 1:
        raise KernelUnavailableError("the packages have not just one kernel image")
    release = images[0].name.removeprefix("vmlinuz-")
    progress(f"indexing the modules of {release}")
    root = _modules_root(entry)
    if root != entry:
        # depmod looks in BASE/lib/modules, or in BASE/usr/lib/modules on newer systems.
        _link_for_depmod(entry)
    _call([find_tool("depmod"), "-b", str(entry), release])
    shutil.rmtree(entry / "usr/share", ignore_errors=True)


def _unpack_image(entry: Path, progress: Progress) -> None:
    (image,) = (entry / "boot").glob("vmlinuz-*")
    progress(f"unpacking {image.name}")
    kernel = unpack_kernel(image.read_bytes())
    if kernel is not None:
        (entry / _VMLINUX).write_bytes(kernel)


def _link_for_depmod(entry: Path) -> None:
    lib = entry / "lib"
    if not lib.exists():
        lib.symlink_to("usr/lib")


def _find_packages(progress: Progress) -> list[str]:
    packages = _known_packages()
    if not packages:
        if os.geteuid() != 0:
            raise KernelUnavailableError(
                f"apt knows none of {', '.join(META_PACKAGES)}; its lists may be empty",
                "sudo apt-get update",
            )
        progress("reading the package lists (apt-get update)")
        _call([find_tool("apt-get"), "update", "--quiet"])
        packages = _known_packages()
    if not packages:
        raise KernelUnavailableError(
            f"the configured package archives have none of {', '.join(META_PACKAGES)}"
        )
    return packages


def _known_packages() -> list[str]:
    for meta in META_PACKAGES:
        packages = kernel_packages(meta, _dependencies)
        if packages:
            return packages
    return []


def kernel_packages(
    meta: str, dependencies: Callable[[str], Sequence[str]], seen: Iterable[str] = ()
) -> list[str]:
    """The packages that make up the kernel that ``meta`` depends on, image first.

    ``dependencies(package)`` gives the names a package depends on. Ubuntu keeps modules
    in packages of their own, so the dependencies of the image are followed too.
    """
    found = list(seen)
    for name in dependencies(meta):
        if _KERNEL_PACKAGE.fullmatch(name) and name not in found:
            found = kernel_packages(name, dependencies, [*found, name])
    return found


def _dependencies(package: str) -> list[str]:
    # Unknown packages end with an error, which here means: no dependencies.
    result = subprocess.run(
        [find_tool("apt-cache"), "depends", "--important", package],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
    lines = (line.strip() for line in result.stdout.splitlines())
    return [line.removeprefix("Depends: ") for line in lines if line.startswith("Depends: ")]


def _download(packages: Sequence[str], directory: Path, progress: Progress) -> None:
    progress(f"downloading {', '.join(packages)}")
    # Root's apt would drop to a user that cannot write into a private cache directory.
    own_user = ["-o", "APT::Sandbox::User=root"] if os.geteuid() == 0 else []
    _call([find_tool("apt-get"), *own_user, "--quiet", "download", *packages], directory)


def _call(command: Sequence[str], directory: Path | None = None) -> None:
    result = subprocess.run(
        command,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        last = "\n".join(result.stdout.splitlines()[-5:])
        raise KernelUnavailableError(f"{Path(command[0]).name} failed:\n{last}")
