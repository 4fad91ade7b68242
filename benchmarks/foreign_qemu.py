# SPDX-License-Identifier: Apache-2.0
"""QEMU for arm64 hosts, with its libraries, out of Debian's packages, in the cache."""

import tempfile
from pathlib import Path

from passthru.bench.cache import cache_directory
from passthru.bench.foreign_packages import Archive, open_archive

__all__ = ["obtain_foreign_qemu", "qemu_program"]

_ARCHIVE = Archive("trixie", "arm64")
_PACKAGES = (
    "qemu-system-arm",
    *("libaio1t64", "libatomic1", "libblkid1", "libbpf1", "libc6", "libcap2", "libcapstone5"),
    *("libdaxctl1", "libelf1t64", "libfdt1", "libffi8", "libfuse3-4", "libglib2.0-0t64"),
    *("libgmp10", "libgnutls30t64", "libhogweed6t64", "libibverbs1", "libidn2-0"),
    *("libjpeg62-turbo", "libkmod2", "libmount1", "libndctl6", "libnettle8t64", "libnl-3-200"),
    *("libnl-route-3-200", "libnuma1", "libp11-kit0", "libpcre2-8-0", "libpixman-1-0"),
    *("libpmem1", "libpng16-16t64", "librdmacm1t64", "libsasl2-2", "libseccomp2"),
    *("libselinux1", "libslirp0", "libssl3t64", "libtasn1-6", "libudev1", "libunistring5"),
    *("liburing2", "libuuid1", "libvdeplug2t64", "libzstd1", "zlib1g"),
)


def obtain_foreign_qemu() -> Path:
    """The directory with QEMU's program and libraries; downloads and unpacks them once."""
    store = cache_directory() / "benchmarks"
    final = store / f"qemu-{_ARCHIVE.release}-{_ARCHIVE.architecture}"
    if not final.is_dir():
        store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=store) as work:
            entry = Path(work, "entry")
            entry.mkdir()
            with open_archive(_ARCHIVE) as packages:
                packages.unpack(_PACKAGES, entry)
            entry.rename(final)
    return final


def qemu_program(directory: str) -> list[str]:
    """How to start the QEMU of ``directory`` on a host that has other libraries, or none."""
    libraries = f"{directory}/usr/lib/aarch64-linux-gnu"
    loader = f"{libraries}/ld-linux-aarch64.so.1"
    return [loader, "--library-path", libraries, f"{directory}/usr/bin/qemu-system-aarch64"]
