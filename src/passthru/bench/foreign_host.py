# SPDX-License-Identifier: Apache-2.0
"""Debian's kernel for another architecture, and the programs that a virtual host needs on it."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from passthru.bench.cache import cache_directory, one_at_a_time
from passthru.bench.cpio import CpioArchive
from passthru.bench.foreign_modules import RECIPE, build_modules, check_tools
from passthru.bench.foreign_packages import Archive, open_archive
from passthru.bench.kernels import Kernel, Programs, index_modules, open_kernel
from passthru.bench.progress import Progress, silent

__all__ = ["FOREIGN_PYTHON", "obtain_foreign_kernel"]

FOREIGN_PYTHON = "/usr/bin/python3.13"
"""Python on a virtual host of another architecture."""

_ARCHIVE = Archive("trixie", "arm64")
_KERNEL = "linux-image-arm64"

_PACKAGES = (
    "busybox-static",
    # env, which knows --chdir and --default-signal, and its libraries.
    *("coreutils", "libacl1", "libattr1", "libgmp10", "libpcre2-8-0", "libselinux1"),
    *("python3.13-minimal", "libpython3.13-minimal", "libpython3.13-stdlib"),
    *("libc6", "libbz2-1.0", "libexpat1", "libffi8", "liblzma5", "libssl3t64", "zlib1g"),
    "libgcc-s1",  # glibc loads it when a thread ends
)

_KEPT = ("bin", "lib/aarch64-linux-gnu", "lib/python3.13")
"""What the system has of the packages, below /usr."""

_LOADER = "lib/ld-linux-aarch64.so.1"

_SYSTEM = "system.cpio"

_MODULES = "usr/lib/modules/{}/extra"


def obtain_foreign_kernel(progress: Progress = silent) -> Kernel:
    """Debian's kernel for arm64 with its programs, from the cache or newly downloaded.

    It has the modules of ``foreign_modules``, too. Raises KernelUnavailableError when the
    archive cannot give it, ModuleBuildError and MissingToolError.
    """
    store = cache_directory() / "hosts"
    # Other packages or modules need another entry.
    content = hashlib.sha256(repr((_PACKAGES, RECIPE)).encode()).hexdigest()[:8]
    entry = store / f"{_ARCHIVE.release}-{_ARCHIVE.architecture}-{content}"
    if not entry.is_dir():
        with one_at_a_time(store):
            if not entry.is_dir():
                _install(store, entry, progress)
    programs = Programs(entry / "usr/bin/busybox", entry / _SYSTEM)
    return open_kernel(entry)._replace(programs=programs)


def _install(store: Path, final: Path, progress: Progress) -> None:
    check_tools()
    store.mkdir(parents=True, exist_ok=True)
    # Hidden and beside its final place: renaming is then atomic.
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=store) as work:
        entry = Path(work, "entry")
        entry.mkdir()
        with open_archive(_ARCHIVE, progress) as packages:
            kernel = packages.kernel(_KERNEL)
            packages.unpack([*kernel, *_PACKAGES], entry)
            release = kernel[0].removeprefix("linux-image-")
            build_modules(packages, kernel[0], entry / _MODULES.format(release), progress)
        index_modules(entry, progress)
        progress("writing the system of the virtual host")
        (entry / _SYSTEM).write_bytes(_system(entry / "usr"))
        for folder in _KEPT[1:]:
            shutil.rmtree(entry / "usr" / folder)
        try:
            entry.rename(final)
        except OSError:
            if not final.is_dir():  # else another process was faster with the same
                raise


def _system(usr: Path) -> bytes:
    archive = CpioArchive()
    for folder in _KEPT:
        archive.add_tree(f"/system/usr/{folder}", usr / folder)
    archive.add_symlink(f"/system/usr/{_LOADER}", str((usr / _LOADER).readlink()))
    return archive.to_bytes()
