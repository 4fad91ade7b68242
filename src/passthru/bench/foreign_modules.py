# SPDX-License-Identifier: Apache-2.0
"""Kernel modules that Debian's kernel for arm64 lacks, built from its own sources.

The sources are not changed. Headers and configuration are those of the very kernel, the
compiler is this machine's; kbuild's own programs come from the kernel's release of Debian and
run with the C library of that release, which may be newer than the one here.
"""

import os
import re
import shlex
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from passthru.bench.errors import KernelUnavailableError, ModuleBuildError
from passthru.bench.foreign_packages import Packages
from passthru.bench.progress import Progress
from passthru.bench.tools import find_tool

__all__ = ["RECIPE", "build_modules", "check_tools"]

_SOURCES = (
    "drivers/uio/uio_pdrv_genirq.c",
    *(
        f"drivers/vfio/platform/vfio_platform{end}"
        for end in (".c", "_common.c", "_irq.c", "_private.h")
    ),
)
"""What is compiled, by its names in the kernel's source."""

_MAKEFILE = """\
obj-m := uio_pdrv_genirq.o vfio-platform-base.o vfio-platform.o
vfio-platform-base-y := vfio_platform_common.o vfio_platform_irq.o
vfio-platform-y := vfio_platform.o
"""

_COMPILER = "aarch64-linux-gnu-gcc"

_SETTINGS = (
    f"CC={_COMPILER}",
    # Debian's compiler knows an option that GCC has since version 14. It aligns every function,
    # as ftrace demands of those that it changes: nobody traces these modules.
    "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT=",
    "CC_FLAGS_FTRACE=",
    # Nobody debugs them, and BTF needs more programs.
    "CONFIG_DEBUG_INFO=",
    "CONFIG_DEBUG_INFO_BTF_MODULES=",
)
"""Only make sees them: what the sources see of the configuration stays the kernel's."""

RECIPE = (_SOURCES, _MAKEFILE, _SETTINGS)
"""What makes the modules what they are, beside the kernel."""

_PROGRAMS = {"basic/fixdep": "basic/fixdep", "mod/modpost": "mod/modpost.real-lsb-64"}
"""What kbuild starts here, and the program of it for 64-bit little-endian kernels."""

_KERNEL = re.compile(r"linux-image-((\d+\.\d+)\.\d+\S*)-arm64")


class _Release(NamedTuple):
    """A kernel's release in parts: ``6.12.107+deb13-arm64``, ``6.12.107+deb13``, ``6.12``."""

    name: str
    common: str
    series: str


def check_tools() -> None:
    """Raise MissingToolError if ``build_modules`` would, before much is downloaded for it."""
    for tool in ("make", _COMPILER):
        find_tool(tool)


def build_modules(packages: Packages, image: str, modules: Path, progress: Progress) -> None:
    """Build the modules for the kernel whose package is ``image`` into the folder ``modules``.

    Raises ModuleBuildError, KernelUnavailableError where the archive lacks something, and
    MissingToolError.
    """
    release = _release(image)
    # Not in the cache, whose path may have spaces: kbuild cannot live with them.
    with tempfile.TemporaryDirectory(prefix="passthru-modules-") as work:
        root, build = Path(work, "root"), Path(work, "build")
        root.mkdir()
        build.mkdir()
        packages.unpack(_package_names(packages, image, release), root)
        _take_sources(root / f"usr/src/linux-source-{release.series}.tar.xz", build, progress)
        headers = _make_usable(root, release)
        progress(f"building modules for {release.name}")
        jobs = f"--jobs={os.cpu_count() or 1}"
        make = [find_tool("make"), jobs, "-C", str(headers), f"M={build}", *_SETTINGS, "modules"]
        _call(make, release)
        modules.mkdir(parents=True, exist_ok=True)
        for module in build.glob("*.ko"):
            shutil.copy(module, modules)


def _release(image: str) -> _Release:
    match = _KERNEL.fullmatch(image)
    if match is None:
        raise KernelUnavailableError(f"{image} is not named as Debian names kernels for arm64")
    return _Release(f"{match[1]}-arm64", match[1], match[2])


def _package_names(packages: Packages, image: str, release: _Release) -> list[str]:
    return [
        f"linux-headers-{release.name}",
        f"linux-headers-{release.common}-common",
        f"linux-source-{release.series}={packages.version(image)}",
        packages.for_tools(f"linux-kbuild-{release.common}"),
        packages.for_tools("libc6"),
    ]


def _take_sources(archive: Path, build: Path, progress: Progress) -> None:
    progress(f"searching {archive.name} for the drivers")
    wanted = set(_SOURCES)
    # As a stream, and no further than needed: unpacking it all takes a minute.
    with tarfile.open(archive, "r|xz") as source:
        for member in source:
            name = member.name.partition("/")[2]
            content = source.extractfile(member) if name in wanted else None
            if content is not None:
                (build / PurePosixPath(name).name).write_bytes(content.read())
                wanted.remove(name)
            if not wanted:
                break
    if wanted:
        raise KernelUnavailableError(f"{archive.name} has no {', '.join(sorted(wanted))}")
    (build / "Makefile").write_text(_MAKEFILE)


def _make_usable(root: Path, release: _Release) -> Path:
    """Let what is made for ``/usr`` work below ``root``; returns the folder to build in."""
    scripts = root / f"usr/lib/linux-kbuild-{release.common}/scripts"
    library = next(root.glob("usr/lib/*/ld-linux*.so.*"), None)
    if library is None:
        raise KernelUnavailableError("Debian's libc6 has no program loader")
    for name, program in _PROGRAMS.items():
        original = scripts / f"{program}.debian"
        (scripts / program).rename(original)
        start = [str(library), "--library-path", str(library.parent), str(original)]
        starter = scripts / name
        starter.unlink(missing_ok=True)
        starter.write_text(f'#!/bin/sh\nexec {shlex.join(start)} "$@"\n')
        starter.chmod(0o755)
    headers = root / f"usr/src/linux-headers-{release.name}"
    common = root / f"usr/src/linux-headers-{release.common}-common"
    (headers / "Makefile").write_text(f"include {common}/Makefile\n")
    return headers


def _call(command: Sequence[str], release: _Release) -> None:
    # Under another make its options would be taken for ours.
    environment = {n: v for n, v in os.environ.items() if n not in ("MAKEFLAGS", "MAKELEVEL")}
    result = subprocess.run(
        command,
        env={**environment, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        raise ModuleBuildError(release.name, result.stdout.splitlines())
