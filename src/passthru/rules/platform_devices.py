# SPDX-License-Identifier: Apache-2.0
"""Rules about passed registers of devices that are on no bus that tells of them."""

from bisect import bisect_left
from itertools import accumulate

from passthru.addresses import AddressRange
from passthru.board.model import Board, PlatformDevice
from passthru.board.sysfs_place import unbinding_command
from passthru.diagnostics.finding import Finding, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import VmConfig
from passthru.lean import Iterator, NamedTuple, Sequence
from passthru.plan.variables import smmu_externally_managed
from passthru.rules.dma import DMA_DEVICE_DECLARED_HARMLESS, DMA_MANAGER_MISSING
from passthru.rules.host_functions import HOST_DRIVER_ACTIVE
from passthru.rules.passed_memory import PassedMemory

__all__ = [
    "CLOCK_DEPENDENT_DEVICE",
    "PassedDevice",
    "clock_dependent_device",
    "device_declared_harmless",
    "device_driver_active",
    "device_without_iommu",
    "is_used_by_host",
    "passed_devices",
]

CLOCK_DEPENDENT_DEVICE = Rule(
    "clock-dependent-device",
    Severity.ERROR,
    "A passed device takes a clock, its power or its reset from the host.",
    "Linux switches off clocks and power domains that none of its own drivers uses, some seconds "
    "after it started; the registers then hang or read as zeros. Clocks that nobody can switch "
    "off do not count.",
)

_CARRIERS = ("vfio-platform", "vfio-amba", "uio_pdrv_genirq")
_IOMMU_WORDS = ("iommu", "smmu", "mmu-4", "mmu-5", "mmu-6", "mmu-7", "ipmmu")


class PassedDevice(NamedTuple):
    """Registers that are passed as memory, and the device of the board that has them."""

    memory: PassedMemory
    device: PlatformDevice


def passed_devices(passed: Sequence[PassedMemory], board: Board) -> tuple[PassedDevice, ...]:
    """Every passed piece of a device; where devices are nested, of the innermost ones."""
    if not passed:
        return ()
    places = _Registers(board)
    found: list[PassedDevice] = []
    for memory in passed:
        hit = places.devices_at(memory.location.host)
        inner = [d for d in hit if not any(e.name.startswith(f"{d.name}/") for e in hit)]
        found.extend(PassedDevice(memory, device) for device in inner)
    return tuple(found)


class _Registers:
    """All registers of a board's devices, sorted, to be looked up by their addresses."""

    def __init__(self, board: Board) -> None:
        self._devices = board.devices
        places = sorted(
            (place.start, place.end, number)
            for number, device in enumerate(board.devices)
            for place in device.registers
        )
        self._places = places
        self._starts = [start for start, _, _ in places]
        self._furthest = list(accumulate((end for _, end, _ in places), max))

    def devices_at(self, host: AddressRange) -> list[PlatformDevice]:
        """The devices with at least one byte in ``host``, in the board's order."""
        numbers = set()
        place = bisect_left(self._starts, host.end)
        while place > 0 and self._furthest[place - 1] > host.start:
            place -= 1
            start, end, number = self._places[place]
            if max(start, host.start) < min(end, host.end):
                numbers.add(number)
        return [self._devices[number] for number in sorted(numbers)]


def is_used_by_host(device: PlatformDevice) -> bool:
    """Whether a driver has the device that does not hand it on to processes."""
    # drivers/pnp/system.c only keeps the places of the mainboard's own devices.
    return device.driver not in (None, *_CARRIERS, "system")


def device_driver_active(devices: Sequence[PassedDevice]) -> Iterator[Finding]:
    """``host-driver-active`` for devices that are on no PCI bus."""
    for memory, device in devices:
        if is_used_by_host(device):
            yield HOST_DRIVER_ACTIVE.finding(
                f"the host's driver {device.driver} uses these registers of {device.name}",
                memory.location.span,
                resource=memory.resource,
                fix=unbinding_command(device),
            )


def device_declared_harmless(devices: Sequence[PassedDevice]) -> Iterator[Finding]:
    """``dma-device-declared-harmless`` for devices that an IOMMU knows."""
    for memory, device in devices:
        if not (memory.is_device and memory.location.access.without_dma):
            continue
        if device.streams or device.iommu_group is not None:
            known = f" (as {', '.join(device.streams)})" if device.streams else ""
            yield DMA_DEVICE_DECLARED_HARMLESS.finding(
                f"`n`: these are registers of {device.name}, which does DMA: the board's IOMMU "
                f"knows it{known}",
                memory.location.span,
                resource=memory.resource,
                fix="say `d` instead of `n`",
            )


def device_without_iommu(
    devices: Sequence[PassedDevice], config: VmConfig, board: Board
) -> Iterator[Finding]:
    """``dma-manager-missing`` where a device tree tells that no IOMMU contains the device.

    A warning where the board has an IOMMU: the tree may leave out who is behind it.
    """
    if smmu_externally_managed(config):
        return
    has_iommu = _has_iommu(board)
    for memory, device in devices:
        access = memory.location.access
        is_plain = not (access.without_dma or access.system_memory)
        if not (access.uses_dma and is_plain and device.name.startswith("/")):
            continue
        if device.streams or device.iommu_group is not None:
            continue
        yield DMA_MANAGER_MISSING.finding(
            f"`d`: by the board's device tree {device.name} is behind no IOMMU"
            + ("" if has_iommu else ", and there is none"),
            memory.location.span,
            resource=memory.resource,
            fix="`set smmu-externally-managed on` if its DMA is contained in another way",
            severity=Severity.WARNING if has_iommu else Severity.ERROR,
        )


def _has_iommu(board: Board) -> bool:
    """Whether there is anything that may be one; its kind need not be known."""
    if board.iommu_kind is not None or board.iommu_groups:
        return True
    words = (word.lower() for device in board.devices for word in device.compatible)
    return any(part in word for word in words for part in _IOMMU_WORDS)


def clock_dependent_device(devices: Sequence[PassedDevice]) -> Iterator[Finding]:
    """``clock-dependent-device``, for hosts with Linux."""
    for memory, device in devices:
        providers = dict.fromkeys((*device.clocks, *device.power_domains, *device.resets))
        if not memory.is_device or not providers:
            continue
        yield CLOCK_DEPENDENT_DEVICE.finding(
            f"{device.name} needs what the host may switch off: {', '.join(providers)}",
            memory.location.span,
            resource=memory.resource,
            fix=_way_to_keep(device),
        )


def _way_to_keep(device: PlatformDevice) -> str:
    parameters = [
        word
        for word, providers in (
            ("clk_ignore_unused", device.clocks),
            ("pd_ignore_unused", device.power_domains),
        )
        if providers
    ]
    boot = f"boot the host with {' '.join(parameters)}" if parameters else ""
    release = "let the boot loader or a driver of the host take it out of reset"
    both = [boot, release] if device.resets else [boot]
    return "\n".join(
        (
            *(each for each in both if each),
            "and say here that it is done: `# passthru: allow clock-dependent-device`",
        )
    )
