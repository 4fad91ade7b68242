# SPDX-License-Identifier: Apache-2.0
"""The programs that the bench calls, and the Debian packages that have them."""

import os
import shutil

from passthru.bench.errors import MissingToolError

__all__ = ["PACKAGES", "find_tool"]

PACKAGES = {
    "aarch64-linux-gnu-gcc": "gcc-aarch64-linux-gnu",
    "apt-cache": "apt",
    "apt-get": "apt",
    "busybox": "busybox-static",
    "depmod": "kmod",
    "dpkg-deb": "dpkg",
    "fdtget": "device-tree-compiler",
    "fdtput": "device-tree-compiler",
    "make": "make",
    "qemu-system-aarch64": "qemu-system-arm",
    "qemu-system-x86_64": "qemu-system-x86",
    "setpriv": "util-linux",
    "zstd": "zstd",
}
"""Debian package of each program."""


def find_tool(name: str) -> str:
    """Absolute path of a program; the directories of root's tools are searched too.

    Raises MissingToolError with the package to install.
    """
    path = os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"
    found = shutil.which(name, path=path)
    if found is None:
        raise MissingToolError(name, PACKAGES[name])
    return found
