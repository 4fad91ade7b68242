# SPDX-License-Identifier: Apache-2.0
"""Rules about passed registers of devices that are on no bus that tells of them."""

from itertools import groupby

from passthru.board.dma import is_bus_master, sign_of_dma
from passthru.board.model import Board, PlatformDevice
from passthru.diagnostics.finding import Finding, Place, Severity
from passthru.diagnostics.rule import Rule
from passthru.language.model import VmConfig
from passthru.lean import Iterator, NamedTuple, Sequence
from passthru.plan.variables import smmu_externally_managed
from passthru.rules.dma import DMA_DEVICE_DECLARED_HARMLESS, DMA_MANAGER_MISSING
from passthru.rules.host_functions import HOST_DRIVER_ACTIVE
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.passed_memory import PassedMemory, and_more
from passthru.rules.places import Places

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

_MOST_OTHERS = 8
_WITHOUT_ENGINE = (
    "where the guest's driver does not use that controller, say so: "
    "`# passthru: allow dma-device-declared-harmless`"
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
    places = Places(
        (place.start, place.end, number)
        for number, device in enumerate(board.devices)
        for place in device.registers
    )
    found: list[PassedDevice] = []
    for memory in passed:
        hit = [board.devices[number] for number in places.at(memory.location.host)]
        found.extend(PassedDevice(memory, device) for device in _innermost(hit))
    return tuple(found)


def _innermost(devices: Sequence[PlatformDevice]) -> list[PlatformDevice]:
    """Those that have none of the others inside, by the paths of the tree."""
    around: set[str] = set()
    for device in devices:
        path = device.name
        while (path := path.rpartition("/")[0]) and path not in around:
            around.add(path)
    return [device for device in devices if device.name not in around]


def _by_pass(
    devices: Sequence[PassedDevice],
) -> Iterator[tuple[PassedMemory, list[PlatformDevice]]]:
    """The devices of each pass together."""
    for memory, group in groupby(devices, key=_memory_of):
        yield memory, [each.device for each in group]


def _memory_of(each: PassedDevice) -> PassedMemory:
    return each.memory


def is_used_by_host(device: PlatformDevice) -> bool:
    """Whether a driver has the device that does not hand it on to processes."""
    # drivers/pnp/system.c only keeps the places of the mainboard's own devices.
    return device.driver not in (None, *_CARRIERS, "system")


def device_driver_active(devices: Sequence[PassedDevice], board: Board) -> Iterator[Finding]:
    """``host-driver-active`` for devices that are on no PCI bus, once for each pass."""
    for memory, behind in _by_pass(devices):
        used = [each for each in behind if is_used_by_host(each)]
        if used:
            from passthru.rules.host_steps import device_and_use, freeing_devices

            way = freeing_devices(used[:_MOST_OTHERS], board)
            names = [device_and_use(each, board) for each in used]
            yield HOST_DRIVER_ACTIVE.finding(
                f"the host's driver {used[0].driver} uses these registers of {and_more(names)}",
                memory.location.span,
                resource=memory.resource,
                others=(
                    Place(f"{each.driver} has {name}")
                    for each, name in zip(used[1:_MOST_OTHERS], names[1:], strict=False)
                ),
                fix=way.fix,
                steps=way.steps,
            )


def device_declared_harmless(
    devices: Sequence[PassedDevice], hypervisor: Hypervisor
) -> Iterator[Finding]:
    """``dma-device-declared-harmless`` for devices that show DMA, once for each pass."""
    for memory, behind in _by_pass(devices):
        if not (memory.is_device and memory.location.access.without_dma):
            continue
        masters = [each for each in behind if is_bus_master(each)]
        suspects = masters or [each for each in behind if sign_of_dma(each) is not None]
        if suspects:
            names = and_more([each.name for each in suspects])
            yield DMA_DEVICE_DECLARED_HARMLESS.finding(
                f"`n`: these are registers of {names}, which {sign_of_dma(suspects[0])}",
                memory.location.span,
                resource=memory.resource,
                others=(Place(f"registers of {each.name}") for each in suspects[1:_MOST_OTHERS]),
                fix=_true_status(hypervisor) if masters else _WITHOUT_ENGINE,
            )


def _true_status(hypervisor: Hypervisor) -> str | None:
    # Linux cannot contain what is passed as bare memory: dma-manager-missing.
    return None if hypervisor is Hypervisor.KVM else "say `d` instead of `n`"


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
    """``clock-dependent-device``, for hosts with Linux, once for each pass."""
    for memory, behind in _by_pass(devices):
        dependent = [each for each in behind if _providers(each)] if memory.is_device else []
        if dependent:
            first = dependent[0]
            yield CLOCK_DEPENDENT_DEVICE.finding(
                f"{first.name} needs what the host may switch off: {', '.join(_providers(first))}",
                memory.location.span,
                resource=memory.resource,
                others=(
                    Place(f"{each.name} needs {', '.join(_providers(each))}")
                    for each in dependent[1:_MOST_OTHERS]
                ),
                fix=_way_to_keep(dependent),
            )


def _providers(device: PlatformDevice) -> dict[str, None]:
    """Who gives it clocks, power and resets, each named once."""
    return dict.fromkeys((*device.clocks, *device.power_domains, *device.resets))


def _way_to_keep(devices: Sequence[PlatformDevice]) -> str:
    clocks = "clk_ignore_unused" if any(each.clocks for each in devices) else ""
    domains = "pd_ignore_unused" if any(each.power_domains for each in devices) else ""
    parameters = " ".join(filter(None, (clocks, domains)))
    boot = f"boot the host with {parameters}" if parameters else ""
    has_resets = any(each.resets for each in devices)
    release = "let the boot loader or a driver of the host take it out of reset"
    both = [boot, release] if has_resets else [boot]
    return "\n".join(
        (
            *(each for each in both if each),
            "and say here that it is done: `# passthru: allow clock-dependent-device`",
        )
    )
