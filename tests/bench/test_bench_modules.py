# SPDX-License-Identifier: Apache-2.0
"""Load order of kernel modules, and reading them compressed or not."""

import gzip
import lzma
import subprocess
from pathlib import Path

import pytest

from passthru.bench.errors import ModuleMissingError
from passthru.bench.modules import ModuleIndex, module_name, read_module

# As depmod writes it: all needs of a module, the nearest first.
DEPENDENCIES = """\
kvm/kvm.ko: lib/irqbypass.ko
kvm/kvm-amd.ko: drivers/ccp.ko kvm/kvm.ko lib/irqbypass.ko
drivers/ccp.ko:
vfio/vfio-pci.ko.xz: vfio/vfio-pci-core.ko.xz lib/irqbypass.ko
vfio/vfio-pci-core.ko.xz: lib/irqbypass.ko
lib/irqbypass.ko:
"""
BUILTIN = "kernel/fs/ext4/ext4.ko\nkernel/drivers/virtio/virtio-pci.ko\n"


def index() -> ModuleIndex:
    return ModuleIndex("6.1.0-test", DEPENDENCIES, BUILTIN)


def names(files: list[str]) -> list[str]:
    return [module_name(file) for file in files]


def test_every_dependency_comes_before_what_needs_it() -> None:
    order = names(index().load_order(["kvm-amd"]))

    assert sorted(order) == ["ccp", "irqbypass", "kvm", "kvm_amd"]
    assert order.index("irqbypass") < order.index("kvm") < order.index("kvm_amd")
    assert order[-1] == "kvm_amd"


def test_a_shared_dependency_is_loaded_once_and_the_order_asked_for_is_kept() -> None:
    order = names(index().load_order(["vfio_pci", "kvm"]))

    assert order == ["irqbypass", "vfio_pci_core", "vfio_pci", "kvm"]


@pytest.mark.parametrize("name", ["vfio-pci", "vfio_pci"])
def test_dash_and_underscore_are_the_same(name: str) -> None:
    assert index().load_order([name])[-1] == "vfio/vfio-pci.ko.xz"


def test_what_is_built_in_needs_no_file() -> None:
    assert index().load_order(["virtio_pci", "ext4"]) == []


def test_an_unknown_module_is_named_with_the_kernel() -> None:
    with pytest.raises(ModuleMissingError, match=r"6\.1\.0-test has no module uio_pdrv_genirq"):
        index().load_order(["ccp", "uio-pdrv-genirq"])


def test_modules_are_read_as_the_kernel_takes_them(tmp_path: Path) -> None:
    content = b"\x7fELF module" * 100
    (tmp_path / "plain.ko").write_bytes(content)
    (tmp_path / "small.ko.xz").write_bytes(lzma.compress(content))
    (tmp_path / "old.ko.gz").write_bytes(gzip.compress(content))

    for name in ("plain.ko", "small.ko.xz", "old.ko.gz"):
        assert read_module(tmp_path / name) == content


def test_a_zstd_module_is_unpacked(tmp_path: Path) -> None:
    plain = tmp_path / "new.ko"
    plain.write_bytes(b"\x7fELF module" * 100)
    subprocess.run(["zstd", "--quiet", str(plain)], check=True)

    assert read_module(tmp_path / "new.ko.zst") == plain.read_bytes()
