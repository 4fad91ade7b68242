# SPDX-License-Identifier: Apache-2.0
"""Devices that ACPI describes, as far as sysfs tells of them: platform and PNP devices."""

from passthru.addresses import AddressRange
from passthru.board.host_files import HostFiles
from passthru.board.infrastructure import described_infrastructure
from passthru.board.memory_map import parse_resource
from passthru.board.model import HostRegion, InterruptLine, PlatformDevice
from passthru.board.pci import group_number
from passthru.lean import Iterable, Iterator, Mapping

__all__ = ["read_acpi_devices", "read_motherboard", "read_pnp_devices"]

_PLATFORM = "/sys/bus/platform/devices"
_PNP = "/sys/bus/pnp/devices"


def read_acpi_devices(
    files: HostFiles, lines: Mapping[int, InterruptLine]
) -> Iterator[PlatformDevice]:
    """The platform devices that come from ACPI.

    sysfs has neither their registers nor their interrupts: those are what ``/proc/iomem``
    and the interrupt ``lines`` name after them. A driver may have registered another name,
    so more may exist.
    """
    resources = _named_resources(files.text("/proc/iomem"))
    owned = _vectors_by_owner(lines.values())
    for name in files.names(_PLATFORM):
        folder = f"{_PLATFORM}/{name}"
        modalias = files.text(f"{folder}/modalias")
        if not modalias.startswith("acpi:"):
            continue  # from a device tree, or made up by a driver
        yield PlatformDevice(
            name=name,
            compatible=tuple(word for word in modalias.split(":")[1:] if word),
            registers=tuple(sorted(resources.get(name, ()))),
            interrupts=tuple(sorted(owned.get(name, ()))),
            clocks=(),
            power_domains=(),
            resets=(),
            streams=(),
            driver=files.link_name(f"{folder}/driver"),
            iommu_group=group_number(files.link_name(f"{folder}/iommu_group")),
        )


def _named_resources(iomem: str) -> dict[str, set[AddressRange]]:
    """The ranges by the first word of their names, which is the device's."""
    found: dict[str, set[AddressRange]] = {}
    for line in iomem.splitlines():
        region = parse_resource(line)
        if region is not None:
            found.setdefault(region.name.partition(" ")[0], set()).add(region.range)
    return found


def _vectors_by_owner(lines: Iterable[InterruptLine]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for line in lines:
        for owner in (line.owner or "").split(","):
            found.setdefault(owner, set()).add(line.vector)
    return found


def read_pnp_devices(
    files: HostFiles, lines: Mapping[int, InterruptLine]
) -> Iterator[PlatformDevice]:
    """The devices of the PNP bus, which has the old parts of a PC: serial ports, clock.

    Their ports are in ``Board.ports``, as far as somebody has them.
    """
    for name in files.names(_PNP):
        folder = f"{_PNP}/{name}"
        registers, numbers = _pnp_resources(files.text(f"{folder}/resources"))
        yield PlatformDevice(
            name=f"pnp {name}",
            compatible=tuple(files.text(f"{folder}/id").split()),
            registers=registers,
            interrupts=tuple(sorted({lines[each].vector for each in numbers if each in lines})),
            clocks=(),
            power_domains=(),
            resets=(),
            streams=(),
            driver=files.link_name(f"{folder}/driver"),
            iommu_group=None,
        )


def read_motherboard(files: HostFiles, ram: Iterable[AddressRange]) -> Iterator[HostRegion]:
    """What the PNP bus shows of the host's infrastructure, without ``ram``."""
    return described_infrastructure(read_pnp_devices(files, {}), ram)


def _pnp_resources(text: str) -> tuple[tuple[AddressRange, ...], tuple[int, ...]]:
    """Registers and the kernel's interrupt numbers in a ``resources`` file.

    Source: drivers/pnp/interface.c, ``pnp_print_resources`` (``mem 0xfed00000-0xfed003ff``).
    """
    registers, numbers = set(), set()
    for line in text.splitlines():
        kind, _, value = line.strip().partition(" ")
        if kind == "irq" and value.isdecimal() and len(value) < 10:
            numbers.add(int(value))
        # A bridge's window says so behind the range.
        place = value.removesuffix(" window")
        region = parse_resource(f"{place} : {kind}") if kind == "mem" else None
        if region is not None:
            registers.add(region.range)
    return tuple(sorted(registers)), tuple(sorted(numbers))
