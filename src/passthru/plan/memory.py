# SPDX-License-Identifier: Apache-2.0
"""The guest-physical address map: what the configuration puts there, and the machine."""

from passthru.addresses import PAGE_SIZE, AddressRange
from passthru.board.model import Board
from passthru.diagnostics.finding import Finding
from passthru.diagnostics.source import Span
from passthru.language.model import MemoryKind, MemoryLocation, MemoryOption, VmConfig
from passthru.lean import Iterable, Iterator
from passthru.plan.model import GuestRegion, RegionKind, Verdict
from passthru.plan.x86_64 import FIRMWARE_AREA, IOAPIC_ADDRESS, KVM_PAGES, LAPIC_PAGE

__all__ = [
    "IoApic",
    "configured_regions",
    "find_ioapic",
    "machine_regions",
    "option_regions",
    "pass_regions",
    "plain_region",
    "reserved_regions",
    "too_high",
]

_KINDS = {MemoryKind.RAM: RegionKind.RAM, MemoryKind.ROM: RegionKind.ROM}

_BACKED = (RegionKind.RAM, RegionKind.ROM, RegionKind.PASSED_RAM)

IoApic = tuple[int, Span | None]
"""Guest-physical address of the I/O APIC, and where the configuration moved it."""


def configured_regions(config: VmConfig, board: Board | None) -> tuple[GuestRegion, ...]:
    """What the configuration itself puts into the guest's address map, in its order.

    Without a ``board`` passed memory has no verdicts: they tell what a host does.
    """
    return (
        *option_regions(config.memory),
        *pass_regions(config, board),
        *reserved_regions(config),
        *_vdev_regions(config),
    )


def option_regions(options: tuple[MemoryOption, ...]) -> Iterator[GuestRegion]:
    """RAM and ROM; one without a start goes directly after the highest so far."""
    highest = 0
    for option in options:
        start = highest if option.start is None else option.start
        place = AddressRange(start, option.size)
        highest = max(highest, place.end)
        yield plain_region(place, _KINDS[option.kind], option.kind.value, option.span)


def plain_region(
    place: AddressRange, kind: RegionKind, name: str, span: Span | None
) -> GuestRegion:
    """A region with nothing of the host behind it, made without looking at what may be left out."""
    return GuestRegion._make((place, kind, name, span, None, None, ()))


def pass_regions(config: VmConfig, board: Board | None) -> Iterator[GuestRegion]:
    """Passed memory; with its verdicts where there is a ``board``."""
    for passed in config.passes:
        prefix = f"{passed.blob.value} pass" if passed.blob else "pass"
        for location in passed.locations:
            if isinstance(location, MemoryLocation):
                guest, access = location.guest, location.access
                kind = RegionKind.PASSED_RAM if access.system_memory else RegionKind.PASSED
                name = f"{prefix} mem:{guest.start:#x}"
                verdicts = () if board is None else _verdicts(location, config, board)
                yield GuestRegion._make(
                    (guest, kind, name, location.span, location.host, access, verdicts)
                )


def _verdicts(location: MemoryLocation, config: VmConfig, board: Board) -> tuple[Verdict, ...]:
    # Here, not above: a guest with nothing passed starts without them.
    from passthru.plan.memory_types import is_ram_to_kvm
    from passthru.plan.variables import smmu_externally_managed
    from passthru.plan.verdicts import access_verdicts

    return access_verdicts(
        location.access,
        host_is_ram=is_ram_to_kvm(location.host, board),
        externally_managed=smmu_externally_managed(config),
        architecture=board.architecture,
    )


def reserved_regions(config: VmConfig) -> Iterator[GuestRegion]:
    """Memory that the configuration keeps free."""
    for reserve in config.reserves:
        for location in reserve.locations:
            if isinstance(location, MemoryLocation):
                name = f"reserve mem:{location.guest.start:#x}"
                yield GuestRegion(location.guest, RegionKind.RESERVED, name, location.span)


def _vdev_regions(config: VmConfig) -> Iterator[GuestRegion]:
    for vdev in config.vdevs:
        if vdev.type == "ioapic":
            continue  # placed by machine_regions: the machine has one in any case
        for location in vdev.locations:
            if isinstance(location, MemoryLocation):
                yield GuestRegion(location.guest, RegionKind.DEVICE, vdev.type, location.span)


def find_ioapic(config: VmConfig) -> IoApic:
    """Where the I/O APIC answers: ``vdev ioapic loc``, else KVM's own place."""
    for vdev in config.vdevs:
        if vdev.type == "ioapic":
            for location in vdev.locations:
                if isinstance(location, MemoryLocation):
                    return location.guest.start, location.span
            return IOAPIC_ADDRESS, vdev.span
    return IOAPIC_ADDRESS, None


def machine_regions(configured: tuple[GuestRegion, ...], ioapic: IoApic) -> tuple[GuestRegion, ...]:
    """What the machine adds to ``configured``: interrupt controllers and firmware tables.

    The firmware tables lie in RAM or ROM where the configuration has it there, else in a
    region of their own.
    """
    address, span = ioapic
    regions = (
        GuestRegion(AddressRange(address, PAGE_SIZE), RegionKind.DEVICE, "ioapic", span),
        GuestRegion(LAPIC_PAGE, RegionKind.DEVICE, "local apic", None),
        GuestRegion(KVM_PAGES, RegionKind.DEVICE, "kvm's own pages", None),
    )
    # Memory that covers only a part is no place for the tables; the overlap is then found.
    if any(each.kind in _BACKED and each.range.contains(FIRMWARE_AREA) for each in configured):
        return regions
    return (*regions, GuestRegion(FIRMWARE_AREA, RegionKind.FIRMWARE, "acpi tables", None))


def too_high(regions: Iterable[GuestRegion], end: int, why: str) -> Iterator[Finding]:
    """``address-too-high`` for what ends above ``end`` (GPA); ``why`` there is no more.

    A `reserve` puts nothing where it is.
    """
    for region in regions:
        if region.range.end > end and region.kind is not RegionKind.RESERVED:
            # Here, not above: a right configuration is planned without it.
            from passthru.plan.problems import ADDRESS_TOO_HIGH

            yield ADDRESS_TOO_HIGH.finding(
                f"{region.name} ends at {region.range.end:#x}, above {end:#x}: {why}",
                region.span,
                fix=f"give it addresses below {end:#x}",
            )
