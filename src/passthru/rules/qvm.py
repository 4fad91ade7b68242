# SPDX-License-Identifier: Apache-2.0
"""A configuration against the machine that QNX's hypervisor makes of it.

Of that machine only what is documented counts; where it is not known, no rule speaks.
"""

from passthru.addresses import AddressRange, united
from passthru.diagnostics.finding import Finding
from passthru.language.model import VmConfig
from passthru.lean import Iterator
from passthru.plan.architecture import guest_architecture
from passthru.plan.model import GuestRegion, RegionKind
from passthru.plan.qvm_map import address_map, placed_memory
from passthru.plan.users import Uses, uses_of
from passthru.rules import guest_map, interrupts
from passthru.rules.architecture import foreign_vdevs, x86_only
from passthru.rules.hypervisor import Hypervisor
from passthru.rules.passed_memory import PassedMemory
from passthru.rules.qvm_machine import known_controllers, port_occupants
from passthru.rules.vdev_options import vdev_option_missing

__all__ = ["with_qvm"]


def with_qvm(
    config: VmConfig, unusual: tuple[PassedMemory, ...], hypervisor: Hypervisor
) -> Iterator[Finding]:
    """What is wrong for qvm, beyond what is wrong everywhere.

    ``unusual`` is the passed memory that can be wrong by itself.
    """
    uses = uses_of(config)
    shown_by = guest_architecture(config, uses)
    if shown_by is not None:
        foreign = foreign_vdevs(config, shown_by)
        yield from x86_only(config, uses, foreign, shown_by)
        if foreign:
            types = {vdev.type for vdev in foreign}
            own = tuple(vdev for vdev in config.vdevs if vdev.type not in types)
            config = config._replace(vdevs=own)
            uses = uses_of(config)
    yield from vdev_option_missing(config)
    yield from guest_map.port_overlap(port_occupants(config, uses))
    architecture = shown_by.architecture if shown_by else None
    controllers = known_controllers(config, uses, architecture)
    if not interrupts.are_plainly_right(uses.interrupts, controllers):
        users = interrupts.interrupt_users(uses)
        yield from interrupts.interrupt_controller_unknown(users, controllers)
        yield from interrupts.interrupt_line_out_of_range(users, controllers)
        yield from interrupts.interrupt_claimed_twice(users, controllers)
    if unusual or not _is_plainly_placed(config, uses, architecture):
        yield from _address_map(config, unusual, architecture)
    if unusual:
        from passthru.rules.dma import dma_status_missing

        is_required = hypervisor is Hypervisor.QNX_8_0
        yield from dma_status_missing(unusual, config, is_required=is_required)
    if uses.functions:
        from passthru.plan.guest_bus import check_places

        yield from check_places(config, has_host_bridge=False)


def _is_plainly_placed(config: VmConfig, uses: Uses, architecture: str | None) -> bool:
    """Quickly, whether nothing overlaps and all that is loaded goes to RAM or ROM.

    False where the address map has to look closer. No device has more there than in ``uses``.
    """
    has_own_places = any(vdev.type == "gic" and vdev.options for vdev in config.vdevs)
    if architecture == "x86" or has_own_places:
        return False
    memory: list[AddressRange] = []
    for option in config.memory:
        if option.start is None:
            return False
        memory.append(AddressRange(option.start, option.size))
    for load in config.loads:
        address = load.address
        if address is not None and not any(each.start <= address < each.end for each in memory):
            return False
    return not guest_map.any_overlap([*memory, *uses.memory])


def _address_map(
    config: VmConfig, passed: tuple[PassedMemory, ...], architecture: str | None
) -> Iterator[Finding]:
    placed = placed_memory(config)
    regions = address_map(config, placed, architecture)
    if guest_map.any_overlap(region.range for region in regions):
        yield from guest_map.address_overlap(_without_blobs_in_memory(regions, passed))
    if len(placed) < len(config.memory):
        return  # some memory has no certain place
    memory = guest_map.guest_memory(regions)
    loadable = (region for region in regions if region.kind is RegionKind.PASSED)
    # Whether a file can be loaded into memory that is passed without `m` is not known.
    yield from guest_map.load_outside_memory(config, (*memory, *loadable))
    if passed:
        from passthru.rules.blobs import blob_looks_swapped

        yield from blob_looks_swapped(passed, memory)


def _without_blobs_in_memory(
    regions: tuple[GuestRegion, ...], passed: tuple[PassedMemory, ...]
) -> tuple[GuestRegion, ...]:
    """The regions but for blobs that lie in the guest's RAM or ROM, where a guest wants them.

    How qvm brings them there is not documented.
    """
    blobs = {each.location.span for each in passed if each.is_blob}
    if not blobs:
        return regions
    memory = guest_map.guest_memory(regions)
    own = united(each.range for each in memory if each.span not in blobs)
    return tuple(
        region
        for region in regions
        if region.span not in blobs or not any(each.contains(region.range) for each in own)
    )
