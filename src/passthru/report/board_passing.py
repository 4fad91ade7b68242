# SPDX-License-Identifier: Apache-2.0
"""What it would take to pass a board's devices and memory to a guest."""

from collections.abc import Iterator

from passthru.addresses import HUGEPAGE_SIZE, AddressRange
from passthru.board.binding import binding_commands
from passthru.board.dma import is_bus_master
from passthru.board.model import Board, PciFunction, PlatformDevice
from passthru.board.sysfs_place import SysfsPlace, sysfs_place, unbinding_command
from passthru.board.uio import MAIN_CONTROLLERS

__all__ = ["function_steps", "memory_steps", "pci_steps", "platform_steps"]

# drivers/vfio/group.c and drivers/pci/pcie/portdrv.c: these leave a group usable for VFIO.
_DRIVERS_WITHOUT_DMA = (None, "vfio-pci", "pcieport", "pci-stub")

_EXAMPLE_SIZE = 64 << 20


def function_steps(function: PciFunction, board: Board) -> Iterator[str]:
    """The steps until the function can be passed, commands for a root shell among them.

    Ends with the line for the configuration; a function that needs nothing has only that, and
    so has one of a host that is not known to run Linux.
    """
    if board.features:
        yield from _binding_steps(function, board)
    yield f"pass loc {function.address}"


def pci_steps(board: Board) -> Iterator[str]:
    """What a Linux host needs before any PCI function can be passed; empty if nothing."""
    if not board.features:
        return
    if not board.iommu_groups:
        yield _iommu_step(board)
    if not board.abilities.vfio_pci:
        yield _module_step(board, "vfio-pci")


def _binding_steps(function: PciFunction, board: Board) -> Iterator[str]:
    if function.iommu_group is None and board.iommu_groups:
        if function.driver is None and not board.architecture.startswith("x86"):
            # Before Linux 6.15 (drivers/of/device.c, of_dma_configure_id).
            yield "it has no IOMMU group yet: with a device tree it gets that with its driver"
        else:
            yield "no IOMMU contains it: it is in no group"
    if function.driver != "vfio-pci":
        yield from binding_commands(function.address, function.driver)
    for other in _group_peers(function, board):
        yield f"{other} is in the same group and has to leave {other.driver}:"
        yield from binding_commands(other.address, other.driver)


def _group_peers(function: PciFunction, board: Board) -> Iterator[PciFunction]:
    if function.iommu_group is None:
        return
    for other in board.pci:
        in_the_way = other.driver not in _DRIVERS_WITHOUT_DMA
        if other != function and other.iommu_group == function.iommu_group and in_the_way:
            yield other


def _iommu_step(board: Board) -> str:
    if board.architecture.startswith("x86"):
        return (
            "no IOMMU is in use: switch it on in the firmware, and on Intel start the kernel "
            "with intel_iommu=on"
        )
    return "no IOMMU is in use, or the kernel has no driver for it"


def _module_step(board: Board, name: str) -> str:
    states = {feature.name: feature.state for feature in board.features}
    if states.get(name) == "missing":
        option = f"CONFIG_{name.replace('-', '_').upper()}"
        return f"the kernel has no {name}: it needs {option}"
    return f"modprobe {name}"


def platform_steps(device: PlatformDevice, board: Board) -> Iterator[str]:
    """The steps until a device that is on no PCI bus can be passed; empty if nothing can be."""
    if not device.registers and not device.interrupts:
        return
    if board.features:
        yield from _platform_binding_steps(device, board)
    neighbours = _page_neighbours(device, board)
    if neighbours:
        yield f"mind that its pages have registers of {', '.join(neighbours)}, too"
    shared = _providers(device)
    if shared:
        yield f"keep on what it takes from the host: {', '.join(shared)}"
    yield f"pass {' '.join(_locations(device, board))}"


def _platform_binding_steps(device: PlatformDevice, board: Board) -> Iterator[str]:
    place = sysfs_place(device)
    driver = _carrier(device, place)
    if device.driver is not None and device.driver != driver:
        yield unbinding_command(device)
    if driver is None:
        if device.interrupts:
            yield "no driver of Linux hands its interrupts on"
    elif device.driver != driver:
        yield _module_step(board, driver)
        if place is not None:
            yield f"echo {driver} > {place.folder}/driver_override"
            yield f"echo {place.name} > /sys/bus/{place.bus}/drivers_probe"


def _carrier(device: PlatformDevice, place: SysfsPlace | None) -> str | None:
    """The driver that hands on a device's interrupts and its DMA; None if there is none."""
    bus = place.bus if place is not None else "platform"
    if device.iommu_group is not None:
        return {"platform": "vfio-platform", "amba": "vfio-amba"}.get(bus)
    return "uio_pdrv_genirq" if bus == "platform" and device.interrupts else None


def _page_neighbours(device: PlatformDevice, board: Board) -> list[str]:
    """Other devices in the pages of this one: no less than a page can be passed."""
    pages = [each.page_aligned() for each in device.registers]
    return [
        other.name
        for other in board.devices
        if other.name != device.name and any(p.overlaps(r) for p in pages for r in other.registers)
    ]


def _providers(device: PlatformDevice) -> list[str]:
    providers = (*device.clocks, *device.power_domains, *device.resets)
    return list(dict.fromkeys(providers))


def _locations(device: PlatformDevice, board: Board) -> Iterator[str]:
    # Where the board does not show DMA, it is the integrator who knows.
    status = "d" if is_bus_master(device) else "n"
    for each in device.registers:
        yield f"loc {each.start:#x},{each.size:#x},rw{status}"
    # Vectors of a device are the main controller's; a GPIO controller may count alike.
    by_rank = sorted(board.interrupts, key=lambda line: line.controller in MAIN_CONTROLLERS)
    controllers = {line.vector: line.controller for line in by_rank}
    for vector in device.interrupts:
        controller = controllers.get(vector)
        if controller is not None:
            yield f"intr {controller}:{vector}"


def memory_steps(board: Board) -> Iterator[str]:
    """How to keep RAM from a Linux host, for passing it; empty where some is kept already."""
    enough = any(region.range.size >= HUGEPAGE_SIZE for region in board.reserved)
    if enough or not board.allocated or not board.features:
        return
    yield "No RAM to speak of is reserved: what a guest gets passed has to be kept from the host."
    place = _example_place(board)
    if place is None:
        return
    if board.architecture.startswith("x86"):
        size = f"{place.size >> 20}M"
        yield f"For example on the kernel's command line: memmap={size}${place.start:#x}"
        yield "(in GRUB's configuration the $ is written \\\\\\$)"
    else:
        yield (
            "For example a node with no-map in the device tree's /reserved-memory: "
            f"{place.start:#x}, {place.size >> 20} MiB"
        )


def _example_place(board: Board) -> AddressRange | None:
    """The end of the largest piece of RAM, in whole huge pages."""
    largest = max(board.allocated, key=lambda each: each.size)
    end = largest.end & -HUGEPAGE_SIZE
    place = AddressRange.between(end - _EXAMPLE_SIZE, end)
    return place if largest.contains(place) else None
