# SPDX-License-Identifier: Apache-2.0
"""The host's PCI functions and IOMMU groups from sysfs."""

from passthru.addresses import AddressRange, PciAddress
from passthru.board.host_files import HostFiles
from passthru.board.model import Bar, BarKind, HostRegion, IommuGroup, PciFunction
from passthru.lean import Iterator

__all__ = [
    "group_number",
    "parse_bars",
    "parse_reserved_regions",
    "read_iommu_groups",
    "read_pci_functions",
]

_DEVICES = "/sys/bus/pci/devices"
_GROUPS = "/sys/kernel/iommu_groups"

# Flags of the sysfs ``resource`` file (include/linux/ioport.h).
_IORESOURCE_IO = 0x100
_IORESOURCE_MEM = 0x200
_IORESOURCE_PREFETCH = 0x2000
_IORESOURCE_MEM_64 = 0x100000

_ADDRESS_LIMIT = 1 << 64
_BAR_COUNT = 6
_CONFIG_HEADER_TYPE = 0x0E
_CONFIG_INTERRUPT_PIN = 0x3D
_INTERRUPT_PINS = range(5)


def read_pci_functions(files: HostFiles) -> tuple[PciFunction, ...]:
    """Every PCI function, sorted by address; one whose files make no sense is left out."""
    functions = (_read_function(files, name) for name in files.names(_DEVICES))
    return tuple(sorted(f for f in functions if f is not None))


def _read_function(files: HostFiles, name: str) -> PciFunction | None:
    folder = f"{_DEVICES}/{name}"
    try:
        address = PciAddress.from_sysfs(name)
        vendor = int(files.text(f"{folder}/vendor"), 16)
        device = int(files.text(f"{folder}/device"), 16)
        class_code = int(files.text(f"{folder}/class"), 16)
    except ValueError:
        return None
    if not (0 <= vendor <= 0xFFFF and 0 <= device <= 0xFFFF and 0 <= class_code <= 0xFFFFFF):
        return None
    pin = files.byte(f"{folder}/config", _CONFIG_INTERRUPT_PIN)
    return PciFunction(
        address=address,
        vendor=vendor,
        device=device,
        class_code=class_code,
        header_type=files.byte(f"{folder}/config", _CONFIG_HEADER_TYPE),
        interrupt_pin=pin if pin in _INTERRUPT_PINS else 0,
        bars=parse_bars(files.text(f"{folder}/resource")),
        driver=files.link_name(f"{folder}/driver"),
        iommu_group=group_number(files.link_name(f"{folder}/iommu_group")),
        reset_methods=tuple(files.text(f"{folder}/reset_method").split()),
    )


def group_number(name: str | None) -> int | None:
    """The number of the IOMMU group of that name in sysfs; None for no name or another form."""
    return int(name) if name is not None and name.isdecimal() and len(name) < 10 else None


def parse_bars(text: str) -> tuple[Bar, ...]:
    """The BARs in the text of a sysfs ``resource`` file: ``start end flags`` per line.

    The lines after the sixth are the ROM and a bridge's windows. Lines that make no sense
    count as absent.
    """
    bars = (_parse_bar(number, line) for number, line in enumerate(text.splitlines()[:_BAR_COUNT]))
    return tuple(bar for bar in bars if bar is not None)


def _parse_bar(number: int, line: str) -> Bar | None:
    try:
        start, last, flags = (int(word, 16) for word in line.split())
    except ValueError:
        return None
    size = last - start + 1
    if not flags or not 0 <= start <= last < _ADDRESS_LIMIT or last == 0 or size & (size - 1):
        return None
    if flags & _IORESOURCE_IO:
        kind = BarKind.PORTS
    elif flags & _IORESOURCE_MEM:
        kind = BarKind.MEMORY64 if flags & _IORESOURCE_MEM_64 else BarKind.MEMORY32
    else:
        return None
    return Bar(number, kind, bool(flags & _IORESOURCE_PREFETCH), AddressRange(start, size))


def read_iommu_groups(files: HostFiles) -> tuple[IommuGroup, ...]:
    """Every IOMMU group, sorted by number.

    Groups that VFIO made up for use without an IOMMU (named ``vfio-noiommu``,
    drivers/vfio/group.c) isolate nothing and are left out.
    """
    return tuple(sorted(_read_groups(files)))


def _read_groups(files: HostFiles) -> Iterator[IommuGroup]:
    for name in files.names(_GROUPS):
        number = group_number(name)
        folder = f"{_GROUPS}/{name}"
        if number is None or files.text(f"{folder}/name") == "vfio-noiommu":
            continue
        members = tuple(_pci_addresses(files.names(f"{folder}/devices")))
        reserved = parse_reserved_regions(files.text(f"{folder}/reserved_regions"))
        yield IommuGroup(number, members, reserved)


def _pci_addresses(names: list[str]) -> Iterator[PciAddress]:
    for name in names:
        try:
            yield PciAddress.from_sysfs(name)
        except ValueError:
            continue  # a platform device; it has no PCI address


def parse_reserved_regions(text: str) -> tuple[HostRegion, ...]:
    """IOVA windows in ``start last type`` lines (ABI/testing/sysfs-kernel-iommu_groups).

    The region's name is the kernel's word for its type: ``direct``, ``direct-relaxable``,
    ``msi`` or ``reserved``.
    """
    regions = []
    for line in text.splitlines():
        words = line.split()
        try:
            start, last, kind = int(words[0], 16), int(words[1], 16), words[2]
        except (ValueError, IndexError):
            continue
        if 0 <= start <= last < _ADDRESS_LIMIT:
            regions.append(HostRegion(AddressRange.between(start, last + 1), kind))
    return tuple(regions)
