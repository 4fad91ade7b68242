# SPDX-License-Identifier: Apache-2.0
"""Which of the modules and options that a pass can need the host's kernel has."""

from passthru.board.host_files import HostFiles
from passthru.board.model import KernelFeature
from passthru.lean import Mapping

__all__ = ["MODULES", "OPTIONS", "parse_config", "read_kernel_features"]

MODULES = {
    "vfio": "CONFIG_VFIO",
    "vfio-pci": "CONFIG_VFIO_PCI",
    "vfio-platform": "CONFIG_VFIO_PLATFORM",
    "vfio_iommu_type1": "CONFIG_VFIO_IOMMU_TYPE1",
    "iommufd": "CONFIG_IOMMUFD",
    "uio_pci_generic": "CONFIG_UIO_PCI_GENERIC",
    "uio_pdrv_genirq": "CONFIG_UIO_PDRV_GENIRQ",
    "kvm": "CONFIG_KVM",
}
"""Modules, named as their files are, and the options that build them."""

OPTIONS = (
    "CONFIG_DEVMEM",
    "CONFIG_STRICT_DEVMEM",
    "CONFIG_IO_STRICT_DEVMEM",
    "CONFIG_VFIO_NOIOMMU",
    "CONFIG_VFIO_DEVICE_CDEV",
)
"""Options without a module; ``built-in`` says that they are on."""

_LONGEST_CONFIG = 4 << 20
_STATES = {"y": "built-in", "m": "module", "n": "missing"}


def read_kernel_features(files: HostFiles) -> tuple[KernelFeature, ...]:
    """Every module of MODULES and option of OPTIONS with its state.

    Of a module that is not built in, what is installed counts, whatever the configuration
    said: distributions split their modules into packages, and people add their own. Only
    where no list of modules can be read does the configuration decide.
    """
    release = _release(files)
    config = _read_config(files, release)
    folder = f"/lib/modules/{release}"
    built_in = _module_names(files.text(f"{folder}/modules.builtin"))
    installed = _module_names(files.text(f"{folder}/modules.dep"))
    features = []
    for name, option in MODULES.items():
        configured = _configured(option, config)
        # The list of what is built in leaves out what can be nothing else, as arm64's KVM.
        if configured != "built-in":
            configured = _listed(name, built_in, installed) or configured
        features.append(KernelFeature(name, _loaded(files, name) or configured))
    features.extend(KernelFeature(name, _configured(name, config)) for name in OPTIONS)
    return tuple(features)


def _release(files: HostFiles) -> str:
    """The kernel's name for itself; empty if it cannot be part of a path."""
    name = files.text("/proc/sys/kernel/osrelease")
    return name if name.isprintable() and "/" not in name else ""


def _loaded(files: HostFiles, name: str) -> str | None:
    folder = f"/sys/module/{_underscored(name)}"
    if files.exists(f"{folder}/initstate"):
        return "module"
    # One that is built in has a folder only if it has parameters.
    return "built-in" if files.exists(folder) else None


def _listed(name: str, built_in: frozenset[str], installed: frozenset[str]) -> str | None:
    if _underscored(name) in built_in:
        return "built-in"
    if _underscored(name) in installed:
        return "module"
    return "missing" if built_in and installed else None


def _module_names(text: str) -> frozenset[str]:
    """The names in ``modules.builtin`` or before the colons of ``modules.dep``."""
    paths = (line.partition(":")[0].strip() for line in text.splitlines())
    files = (path.rpartition("/")[2].partition(".ko")[0] for path in paths)
    return frozenset(_underscored(file) for file in files if file)


def _underscored(name: str) -> str:
    return name.replace("-", "_")


def _configured(option: str, config: Mapping[str, str]) -> str:
    if not config:
        return "unknown"
    return _STATES.get(config.get(option, "n"), "built-in")


def _read_config(files: HostFiles, release: str) -> Mapping[str, str]:
    """The kernel's configuration from the first place that has it; empty if none has."""
    config = parse_config(_unpacked(files.data("/proc/config.gz")))
    for path in (f"/boot/config-{release}", f"/lib/modules/{release}/config"):
        config = config or parse_config(files.text(path))
    return config


def _unpacked(data: bytes) -> str:
    import zlib

    try:
        # 16 and more stand for the gzip format (zlib.h, inflateInit2).
        text = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, _LONGEST_CONFIG)
    except zlib.error:
        return ""
    return text.decode(errors="replace")


def parse_config(text: str) -> dict[str, str]:
    """The options that are set in a kernel's ``.config``, with their values."""
    lines = (line.strip().partition("=") for line in text.splitlines())
    return {name: value for name, equals, value in lines if equals and name.startswith("CONFIG_")}
