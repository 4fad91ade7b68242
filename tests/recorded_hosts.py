# SPDX-License-Identifier: Apache-2.0
"""Two hosts as their kernels would show them, made by hand, to be read from a directory.

The arm64 one has a device tree and an SMMU, the x86-64 one ACPI and VT-d. A target that
starts with ``->`` is a symbolic link.
"""

import json
from pathlib import Path

BOARDS = Path(__file__).parent / "boards"


def recorded(name: str) -> dict[str, str | bytes]:
    """The pseudo files of the host in ``tests/boards/NAME.recording.json``."""
    document = json.loads((BOARDS / f"{name}.recording.json").read_text())
    return {
        path: bytes.fromhex(content["hex"]) if isinstance(content, dict) else content
        for path, content in document.items()
    }


def write_recording(tree: Path, file: Path) -> None:
    """Write the files below ``tree`` as text: one line each, bytes in hexadecimal."""
    entries = {
        str(path.relative_to(tree)): _content(path)
        for path in sorted(tree.rglob("*"))
        if path.is_symlink() or path.is_file()
    }
    lines = (f"{json.dumps(path)}: {json.dumps(content)}" for path, content in entries.items())
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def _content(path: Path) -> str | dict[str, str]:
    if path.is_symlink():
        return f"->{path.readlink()}"
    data = path.read_bytes()
    # What is no text that people would read: cells of a device tree, config space.
    plain = data.isascii() and all(byte >= 32 or byte in b"\n\t" for byte in data)
    return data.decode() if plain else {"hex": data.hex()}


def write_host(root: Path, files: dict[str, str | bytes]) -> str:
    """Write the pseudo files below ``root`` and give its path."""
    for path, content in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            file.write_bytes(content)
        elif content.startswith("->"):
            file.symlink_to(content[2:])
        else:
            file.write_text(content)
    return str(root)


def cells(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


def words(*values: str) -> bytes:
    return b"".join(value.encode() + b"\0" for value in values)


def _node(path: str, **properties: bytes) -> dict[str, str | bytes]:
    folder = f"sys/firmware/devicetree/base{path}"
    named = {"name": words(path.rpartition("/")[2].partition("@")[0]), **properties}
    return {f"{folder}/{name.replace('__', '-')}": value for name, value in named.items()}


def _shaped(address_cells: int, size_cells: int) -> dict[str, bytes]:
    return {"#address-cells": cells(address_cells), "#size-cells": cells(size_cells)}


def _irq(number: int, chip: str, vector: str, kind: str, actions: str) -> dict[str, str | bytes]:
    folder = f"sys/kernel/irq/{number}"
    return {
        f"{folder}/chip_name": f"{chip}\n",
        f"{folder}/hwirq": f"{vector}\n",
        f"{folder}/type": f"{kind}\n",
        f"{folder}/actions": f"{actions}\n",
    }


def _function(
    name: str, ids: tuple[str, str, str], group: int, driver: str, resource: str
) -> dict[str, str | bytes]:
    folder = f"sys/bus/pci/devices/{name}"
    config = bytearray(64)
    config[:2] = int(ids[0], 16).to_bytes(2, "little")
    config[0x3D] = 1
    return {
        f"{folder}/vendor": f"{ids[0]}\n",
        f"{folder}/device": f"{ids[1]}\n",
        f"{folder}/class": f"{ids[2]}\n",
        f"{folder}/config": bytes(config),
        f"{folder}/resource": resource,
        f"{folder}/reset_method": "flr bus\n",
        f"{folder}/iommu_group": f"->../../../../kernel/iommu_groups/{group}",
        f"sys/kernel/iommu_groups/{group}/devices/{name}": "",
        f"sys/kernel/iommu_groups/{group}/reserved_regions": (
            "0x00000000fee00000 0x00000000feefffff msi\n"
        ),
        f"{folder}/driver": f"->../../../../bus/pci/drivers/{driver}",
    }


def _limits(size: int) -> dict[str, str | bytes]:
    return {
        "proc/self/limits": f"Max locked memory         {size}   {size}   bytes\n",
        "proc/self/status": "Name:\tx\nCapEff:\t0000000000000000\n",
    }


ARM64: dict[str, str | bytes] = {
    "proc/sys/kernel/hostname": "arm-board\n",
    "proc/sys/kernel/arch": "aarch64\n",
    "proc/sys/kernel/osrelease": "6.12.1-test\n",
    "proc/cpuinfo": "processor\t: 0\nCPU implementer\t: 0x41\n\nprocessor\t: 1\n\nprocessor\t: 2\n",
    "proc/iomem": (
        "09000000-09000fff : pl011@9000000\n"
        "  09000000-09000fff : 9000000.pl011 pl011@9000000\n"
        "40000000-4fffffff : System RAM\n"
        "  40210000-41ffffff : Kernel code\n"
        "  48000000-480fffff : reserved\n"
        "50000000-53ffffff : reserved\n"
        "54000000-bfffffff : System RAM\n"
    ),
    "proc/ioports": "",
    **_limits(8 << 20),
    "sys/devices/virtual/misc/kvm/dev": "10:232\n",
    "sys/devices/system/cpu/cpu0/topology/cluster_cpus_list": "0-1\n",
    "sys/devices/system/cpu/cpu0/topology/core_cpus_list": "0\n",
    "sys/devices/system/cpu/cpu1/topology/cluster_cpus_list": "0-1\n",
    "sys/devices/system/cpu/cpu1/topology/core_cpus_list": "1\n",
    "sys/devices/system/cpu/cpu2/topology/cluster_cpus_list": "2\n",
    "sys/devices/system/cpu/cpu2/topology/core_cpus_list": "2\n",
    "sys/devices/system/cpu/online": "0-2\n",
    **_irq(11, "GICv3", "27", "level", "arch_timer"),
    **_irq(14, "GICv3", "33", "level", "uart-pl011"),
    **_irq(40, "ITS-PCI-MSIX-0000:00:01.0", "0", "edge", "virtio0-config"),
    **_irq(41, "pl061", "3", "edge", "GPIO Key Poweroff"),
    **_node("", compatible=words("test,board"), interrupt__parent=cells(1), **_shaped(2, 2)),
    **_node(
        "/intc@8000000",
        compatible=words("arm,gic-v3"),
        phandle=cells(1),
        reg=cells(0, 0x8000000, 0, 0x10000),
        **{"#interrupt-cells": cells(3), "interrupt-controller": b""},
    ),
    **_node(
        "/clocks",
        compatible=words("test,clocks"),
        phandle=cells(2),
        **{"#clock-cells": cells(1)},
    ),
    **_node(
        "/smmu@9050000",
        compatible=words("arm,smmu-v3"),
        phandle=cells(3),
        reg=cells(0, 0x9050000, 0, 0x20000),
        **{"#iommu-cells": cells(1)},
    ),
    **_node("/cpus"),
    **_node(
        "/pl011@9000000",
        compatible=words("arm,pl011", "arm,primecell"),
        reg=cells(0, 0x9000000, 0, 0x1000),
        interrupts=cells(0, 1, 4),
        clocks=cells(2, 5),
    ),
    **_node(
        "/soc",
        compatible=words("simple-bus"),
        ranges=cells(0, 0, 0xA000000, 0x100000),
        **_shaped(1, 1),
    ),
    **_node(
        "/soc/dma@1000",
        compatible=words("test,dma"),
        reg=cells(0x1000, 0x200),
        interrupts=cells(0, 9, 1),
        iommus=cells(3, 0x100),
    ),
    **_node("/soc/timer@1400", compatible=words("test,timer"), reg=cells(0x1400, 0x100)),
    **_node(
        "/memory@40000000", device_type=words("memory"), reg=cells(0, 0x40000000, 0, 0x80000000)
    ),
    **_node("/reserved-memory", ranges=b"", **_shaped(2, 2)),
    **_node(
        "/reserved-memory/guest@50000000",
        reg=cells(0, 0x50000000, 0, 0x4000000),
        no__map=b"",
    ),
    **_node("/reserved-memory/log@48000000", reg=cells(0, 0x48000000, 0, 0x100000)),
    "sys/bus/amba/devices/9000000.pl011/uevent": (
        "DRIVER=uart-pl011\nOF_NAME=pl011\nOF_FULLNAME=/pl011@9000000\n"
    ),
    "sys/bus/amba/devices/9000000.pl011/driver": "->../../../bus/amba/drivers/uart-pl011",
    "sys/bus/platform/devices/a001000.dma/uevent": "OF_NAME=dma\nOF_FULLNAME=/soc/dma@1000\n",
    "sys/bus/platform/devices/a001000.dma/modalias": "of:NdmaT(null)Ctest,dma\n",
    "sys/bus/platform/devices/a001000.dma/iommu_group": "->../../../kernel/iommu_groups/4",
    "sys/kernel/iommu_groups/4/devices/a001000.dma": "",
    "sys/kernel/iommu_groups/4/reserved_regions": "0x8000000 0x80fffff msi\n",
    "sys/class/iommu/smmu3.0x0000000009050000/uevent": "",
    "boot/config-6.12.1-test": (
        "CONFIG_VFIO=m\nCONFIG_VFIO_PCI=m\n# CONFIG_VFIO_PLATFORM is not set\nCONFIG_KVM=y\n"
        "CONFIG_DEVMEM=y\nCONFIG_STRICT_DEVMEM=y\n# CONFIG_IO_STRICT_DEVMEM is not set\n"
    ),
    "lib/modules/6.12.1-test/modules.builtin": "kernel/drivers/tty/serial/amba-pl011.ko\n",
    "lib/modules/6.12.1-test/modules.dep": (
        "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\n"
        "kernel/drivers/vfio/vfio.ko.xz:\nupdates/uio_pdrv_genirq.ko:\n"
    ),
}

X86_64: dict[str, str | bytes] = {
    "proc/sys/kernel/hostname": "pc\n",
    "proc/sys/kernel/arch": "x86_64\n",
    "proc/sys/kernel/osrelease": "6.1.0-test\n",
    "proc/cpuinfo": (
        "processor\t: 0\nflags\t: fpu vmx\naddress sizes\t: 39 bits physical, 48 bits virtual\n\n"
        "processor\t: 1\nflags\t: fpu vmx\n"
    ),
    "proc/iomem": (
        "00000000-00000fff : Reserved\n"
        "00001000-0009fbff : System RAM\n"
        "00100000-1fffffff : System RAM\n"
        "20000000-23ffffff : Reserved\n"
        "24000000-7fffffff : System RAM\n"
        "80000000-febfffff : PCI Bus 0000:00\n"
        "  fd000000-fd003fff : INT34C5:00\n"
        "    fd000000-fd003fff : INT34C5:00 INT34C5:00\n"
        "  febc0000-febdffff : 0000:00:05.0\n"
        "    febc0000-febdffff : e1000e\n"
    ),
    "proc/ioports": (
        "0000-0cf7 : PCI Bus 0000:00\n"
        "  0070-0071 : rtc_cmos\n"
        "  03f8-03ff : serial\n"
        "0cf8-0cff : PCI conf1\n"
    ),
    **_limits(65536),
    "sys/firmware/memmap/0/start": "0x0\n",
    "sys/firmware/memmap/0/end": "0x9fbff\n",
    "sys/firmware/memmap/0/type": "System RAM\n",
    "sys/firmware/memmap/1/start": "0x100000\n",
    "sys/firmware/memmap/1/end": "0x7fffffff\n",
    "sys/firmware/memmap/1/type": "System RAM\n",
    "sys/devices/system/cpu/cpu0/topology/package_cpus_list": "0-1\n",
    "sys/devices/system/cpu/cpu1/topology/package_cpus_list": "0-1\n",
    "sys/devices/system/cpu/cpufreq/boost": "1\n",
    **_irq(4, "IR-IO-APIC", "4", "edge", "ttyS0"),
    **_irq(14, "IR-IO-APIC", "14", "level", "INT34C5:00"),
    **_irq(16, "IO-APIC", "16", "level", "ehci_hcd:usb1,ahci"),
    **_irq(9, "", "", "edge", ""),
    **_irq(120, "DMAR-MSI", "0", "edge", "dmar0"),
    **_irq(121, "IR-PCI-MSIX-0000:00:05.0", "0", "edge", "eth0"),
    **_function(
        "0000:00:05.0",
        ("0x8086", "0x10d3", "0x020000"),
        5,
        "e1000e",
        "0x00000000febc0000 0x00000000febdffff 0x0000000000040200\n",
    ),
    **_function("0000:00:1f.0", ("0x8086", "0x2918", "0x060100"), 9, "lpc_ich", ""),
    **_function("0000:00:1f.2", ("0x8086", "0x2922", "0x010601"), 9, "vfio-pci", ""),
    "sys/class/net/eth0": "->../../devices/pci0000:00/0000:00:05.0/net/eth0",
    "sys/class/net/lo": "->../../devices/virtual/net/lo",
    "sys/bus/pci/drivers/vfio-pci/bind": "",
    "sys/class/iommu/dmar0/uevent": "",
    "sys/bus/platform/devices/INT34C5:00/modalias": "acpi:INT34C5:\n",
    "sys/bus/platform/devices/INT34C5:00/driver": "->../../../bus/platform/drivers/tgl-pinctrl",
    "sys/bus/platform/devices/PNP0C0C:00/modalias": "acpi:PNP0C0C:\n",
    "sys/bus/platform/devices/pcspkr/modalias": "platform:pcspkr\n",
    "sys/bus/pnp/devices/00:01/id": "PNP0501\nPNP0500\n",
    "sys/bus/pnp/devices/00:01/resources": (
        "state = active\nio 0x3f8-0x3ff\nirq 4\nmem 0xfed40000-0xfed44fff\nmem disabled\n"
    ),
    "sys/bus/pnp/devices/00:01/driver": "->../../../bus/pnp/drivers/serial",
    "sys/module/vfio_pci/initstate": "live\n",
    "sys/module/kvm/parameters/halt_poll_ns": "200000\n",
    "lib/modules/6.1.0-test/config": "CONFIG_VFIO=y\nCONFIG_UIO_PCI_GENERIC=m\n",
}

HOSTS = {"arm64": ARM64, "x86_64": X86_64}
