# SPDX-License-Identifier: Apache-2.0
import gzip
from pathlib import Path

import pytest

from passthru.board.clusters import parse_cpu_list, read_clusters
from passthru.board.host_files import HostFiles
from passthru.board.iommu_kind import iommu_kind
from passthru.board.kernel_features import MODULES, OPTIONS, read_kernel_features
from recorded_hosts import write_host

RELEASE = {"proc/sys/kernel/osrelease": "6.1.0\n"}
MODULE_LISTS = {
    "lib/modules/6.1.0/modules.builtin": "kernel/virt/kvm.ko\n",
    "lib/modules/6.1.0/modules.dep": (
        "kernel/drivers/vfio/pci/vfio-pci.ko.zst: a.ko\nextra/uio_pdrv_genirq.ko:\n"
    ),
}


def states(root: Path, files: dict[str, str | bytes]) -> dict[str, str]:
    return dict(read_kernel_features(HostFiles(write_host(root, RELEASE | files))))


@pytest.mark.parametrize(
    ("files", "name", "state"),
    [
        ({}, "vfio-pci", "unknown"),
        ({}, "CONFIG_DEVMEM", "unknown"),
        ({"boot/config-6.1.0": "CONFIG_VFIO_PCI=m\n"}, "vfio-pci", "module"),
        ({"boot/config-6.1.0": "CONFIG_VFIO_PCI=m\n"}, "iommufd", "missing"),
        ({"boot/config-6.1.0": "# CONFIG_DEVMEM is not set\nA=b\n"}, "CONFIG_DEVMEM", "unknown"),
        ({"lib/modules/6.1.0/config": "CONFIG_DEVMEM=y\n"}, "CONFIG_DEVMEM", "built-in"),
        ({"boot/config-5.0": "CONFIG_DEVMEM=y\n"}, "CONFIG_DEVMEM", "unknown"),
        ({"proc/config.gz": gzip.compress(b"CONFIG_DEVMEM=y\n")}, "CONFIG_DEVMEM", "built-in"),
        ({"proc/config.gz": b"no gzip"}, "CONFIG_DEVMEM", "unknown"),
        ({"proc/config.gz": gzip.compress(b"CONFIG_DEVMEM=y")[:9]}, "CONFIG_DEVMEM", "unknown"),
        (MODULE_LISTS, "vfio-pci", "module"),
        (MODULE_LISTS, "uio_pdrv_genirq", "module"),
        (MODULE_LISTS, "kvm", "built-in"),
        (MODULE_LISTS, "iommufd", "missing"),
        # Split off into a package that is not installed.
        (MODULE_LISTS | {"boot/config-6.1.0": "CONFIG_IOMMUFD=m\n"}, "iommufd", "missing"),
        # Never a module, so in no list of them.
        (MODULE_LISTS | {"boot/config-6.1.0": "CONFIG_IOMMUFD=y\n"}, "iommufd", "built-in"),
        (MODULE_LISTS | {"boot/config-6.1.0": "CONFIG_VFIO=m\n"}, "uio_pdrv_genirq", "module"),
        ({"sys/module/vfio_pci/initstate": "live\n"}, "vfio-pci", "module"),
        ({"sys/module/kvm/parameters/x": "1\n"}, "kvm", "built-in"),
    ],
)
def test_what_a_kernel_has(
    tmp_path: Path, files: dict[str, str | bytes], name: str, state: str
) -> None:
    assert states(tmp_path, files)[name] == state


def test_every_feature_is_always_listed(tmp_path: Path) -> None:
    assert list(states(tmp_path, {})) == [*MODULES, *OPTIONS]


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("0", (0,)),
        ("0-3,8", (0, 1, 2, 3, 8)),
        ("", ()),
        ("3-1", ()),
        ("0-9999999999", ()),
        ("a-b", ()),
        ("0,,1", ()),
    ],
)
def test_processor_lists(text: str, cpus: tuple[int, ...]) -> None:
    assert parse_cpu_list(text) == cpus


def topology(**lists: str) -> dict[str, str | bytes]:
    """``core="0 1"``: of each processor in turn."""
    return {
        f"sys/devices/system/cpu/cpu{number}/topology/{level}_list": f"{text}\n"
        for level, texts in lists.items()
        for number, text in enumerate(texts.split())
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, []),
        (topology(package_cpus="0-1 0-1"), [("package0", (0, 1))]),
        (topology(core_siblings="0-1 0-1"), [("package0", (0, 1))]),
        # Clusters of one core each say nothing.
        (
            topology(cluster_cpus="0 1", core_cpus="0 1", package_cpus="0-1 0-1"),
            [("package0", (0, 1))],
        ),
        (
            topology(cluster_cpus="0-1 0-1 2", core_cpus="0 1 2", package_cpus="0-2 0-2 0-2"),
            [("cluster0", (0, 1)), ("cluster1", (2,))],
        ),
        (topology(package_cpus="0 1"), [("package0", (0,)), ("package1", (1,))]),
    ],
)
def test_clusters(
    tmp_path: Path, files: dict[str, str | bytes], expected: list[tuple[str, tuple[int, ...]]]
) -> None:
    found = read_clusters(HostFiles(write_host(tmp_path, files)))
    assert [tuple(cluster) for cluster in found] == expected


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dmar0", "vt-d"),
        ("ivhd1", "amd-vi"),
        ("smmu3.0x0000000009050000", "smmuv3"),
        ("smmu.0x0000000012c00000", "smmuv2"),
        ("virtio0", "virtio-iommu"),
        ("fd818000.iommu", "iommu"),
        ("exynos4", "exynos"),
    ],
)
def test_kinds_of_iommu(name: str, kind: str) -> None:
    assert iommu_kind(name) == kind
