# SPDX-License-Identifier: Apache-2.0
"""Which processors belong together, from sysfs ``topology``."""

from passthru.board.host_files import HostFiles
from passthru.board.model import CpuCluster

__all__ = ["parse_cpu_list", "read_clusters"]

_CPUS = "/sys/devices/system/cpu"
_MOST_CPUS = 1 << 16


def read_clusters(files: HostFiles) -> tuple[CpuCluster, ...]:
    """The clusters of the online processors, in the order of their first ones.

    The kernel's clusters where it knows any that are more than one core, else its packages
    (Documentation/admin-guide/cputopology.rst). Empty where sysfs has neither.
    """
    folders = [
        f"{_CPUS}/{name}/topology"
        for name in files.names(_CPUS)
        if name.startswith("cpu") and name[3:].isdecimal()
    ]
    clusters = _cpu_sets(files, folders, "cluster_cpus_list")
    if clusters and clusters != _cpu_sets(files, folders, "core_cpus_list"):
        return _named("cluster", clusters)
    # The second name is the older one; kernels before 5.3 have no other.
    packages = _cpu_sets(files, folders, "package_cpus_list")
    return _named("package", packages or _cpu_sets(files, folders, "core_siblings_list"))


def _cpu_sets(files: HostFiles, folders: list[str], file: str) -> set[tuple[int, ...]]:
    return {parse_cpu_list(files.text(f"{folder}/{file}")) for folder in folders} - {()}


def _named(name: str, sets: set[tuple[int, ...]]) -> tuple[CpuCluster, ...]:
    return tuple(CpuCluster(f"{name}{number}", cpus) for number, cpus in enumerate(sorted(sets)))


def parse_cpu_list(text: str) -> tuple[int, ...]:
    """The processors of ``0-3,8``, sorted; empty if it is no such list."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        last = last or first
        if not (first.isdecimal() and last.isdecimal()) or len(last) > 5 or len(first) > 5:
            return ()
        found.update(range(int(first), min(int(last) + 1, _MOST_CPUS)))
    return tuple(sorted(found))
