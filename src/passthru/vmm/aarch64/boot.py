# SPDX-License-Identifier: Apache-2.0
"""From an image to what must be written and where the first processor starts.

A flat binary is copied and run from its first byte. All start with the MMU off, interrupts
masked, and the address of the device tree in x0, 0 where there is none (Linux:
Documentation/arch/arm64/booting.rst).
"""

from passthru.addresses import PAGE_SIZE, AddressRange, united, without
from passthru.lean import Callable, NamedTuple
from passthru.plan.aarch64 import ArmPlan
from passthru.plan.model import Blob, BlobRole, RegionKind
from passthru.vmm.aarch64.errors import TreeOutsideRam
from passthru.vmm.aarch64.linux_image import (
    LARGEST_TREE,
    FreeMemory,
    ram_too_small,
    read_header,
    unpacked,
)
from passthru.vmm.address_space import GuestMemory
from passthru.vmm.image_errors import OutsideRam
from passthru.vmm.images import (
    ImageFormat,
    blobs_in_place,
    initrd_place,
    read_file,
    recognise,
    refusal,
)

__all__ = ["ArmImages", "MakeTree", "ReadHost", "load", "read_images"]

MakeTree = Callable[[AddressRange | None, int], bytes]
"""Gives the device tree, of at most so many bytes, of the guest whose initial RAM disk is there
(GPA)."""

_MACHINE = "arm64"


ReadHost = Callable[[AddressRange], bytes]
"""Gives a copy of host-physical memory."""


class ArmImages(NamedTuple):
    """What to copy (GPA and bytes), where the first vCPU begins, and what it gets in x0."""

    writes: tuple[tuple[int, bytes], ...]
    entry: int
    tree: int = 0


def read_images(plan: ArmPlan, make_tree: MakeTree, read_host: ReadHost) -> ArmImages:
    """Read every file and decide how the guest starts, before anything of KVM is touched.

    Raises FileUnreadable, ImageError, OutsideGuestMemory or PhysicalMemoryRefused.
    """
    files = {blob: read_file(blob) for blob in plan.blobs if _is_copied(blob)}
    boot = next(blob for blob in plan.blobs if blob.role is BlobRole.BOOT_IMAGE)
    image, name = files[boot], boot.path or ""
    data = blobs_in_place(plan.regions, files)
    placed = tuple((blob.address or 0, content) for blob, content in data)
    kind = recognise(image)
    if kind is ImageFormat.GZIP:
        image = unpacked(name, image, _memory(plan))
        kind = recognise(image)
    if kind is ImageFormat.FLAT and not boot.typed:
        entry = _place(plan, files, boot).start
        writes: list[tuple[int, bytes]] = [(entry, image)]
    elif kind is ImageFormat.ELF:
        writes, entry = _elf(plan, name, image)
    elif kind is ImageFormat.ARM64_IMAGE:
        linux = _linux(plan, files, boot, image, make_tree, read_host)
        return linux._replace(writes=(*placed, *linux.writes))
    else:
        raise refusal(name, kind, _MACHINE)
    images = ArmImages((*placed, *writes), entry)
    if not plan.wants_tree:
        return images
    return _with_tree(plan, files, images, make_tree, read_host)


def _is_copied(blob: Blob) -> bool:
    """Whether the guest gets the very bytes of a file."""
    return blob.path is not None and blob.role is not BlobRole.FDT


def _linux(
    plan: ArmPlan,
    files: dict[Blob, bytes],
    boot: Blob,
    image: bytes,
    make_tree: MakeTree,
    read_host: ReadHost,
) -> ArmImages:
    """The kernel at the start of 2 MiB, its tree and an unplaced initial RAM disk behind it.

    What has an address of its own comes first: the others go where there is room.
    """
    name = boot.path or ""
    header = read_header(name, image)
    size = header.text_offset + header.image_size
    free = _free_memory(plan, files)
    kernel = free.find(size, boot.address) if boot.address is not None else None
    tree = _wanted_tree(plan, free)
    kernel = kernel or free.find(size)
    tree = tree or free.find(LARGEST_TREE)
    start = kernel.start + header.text_offset
    initrd = _place_initrd(plan, files, free, read_host)
    writes = ((start, image), *initrd.writes)
    content = make_tree(initrd.place, tree.size)
    return ArmImages((*writes, (tree.start, content)), start, tree.start)


def _with_tree(
    plan: ArmPlan,
    files: dict[Blob, bytes],
    images: ArmImages,
    make_tree: MakeTree,
    read_host: ReadHost,
) -> ArmImages:
    """The same with a device tree, where the configuration speaks of one."""
    free = _free_memory(plan, files)
    for address, content in images.writes:
        free.take(AddressRange(address, len(content)))
    place = _wanted_tree(plan, free)
    initrd = _place_initrd(plan, files, free, read_host)
    tree = make_tree(initrd.place, place.size if place else LARGEST_TREE)
    start = (place or free.find(len(tree), alignment=PAGE_SIZE)).start
    return ArmImages((*images.writes, *initrd.writes, (start, tree)), images.entry, start)


class _PlacedInitrd(NamedTuple):
    """Where the guest finds the initial RAM disk (GPA), and what is to be copied for it."""

    place: AddressRange | None
    writes: tuple[tuple[int, bytes], ...]


def _place_initrd(
    plan: ArmPlan, files: dict[Blob, bytes], free: FreeMemory, read_host: ReadHost
) -> _PlacedInitrd:
    """What is passed is copied: to the guest it is a device's memory, if the host's kernel does
    not know it as RAM, and Linux reads and frees its RAM disk as it does with RAM."""
    initrd = _initrd(plan)
    if initrd is None or (initrd.passed is None and initrd.address is not None):
        return _PlacedInitrd(initrd_place(initrd, files), ())
    host = next((each.host for each in plan.regions if each.range == initrd.passed), None)
    size = len(files[initrd]) if host is None else host.size
    # Before it is read: this process may not have the memory for it, either.
    place = free.find(size, needed_by=f"[{initrd.span}] the initial RAM disk")
    content = files[initrd] if host is None else read_host(host)
    return _PlacedInitrd(place, ((place.start, content),))


def _initrd(plan: ArmPlan) -> Blob | None:
    return next((blob for blob in plan.blobs if blob.role is BlobRole.INITRD), None)


def _free_memory(plan: ArmPlan, files: dict[Blob, bytes]) -> FreeMemory:
    """RAM but for what the user has put there.

    Passed memory is none: to KVM it is a device's, in which nothing can be executed.
    """
    boot = next(blob for blob in plan.blobs if blob.role is BlobRole.BOOT_IMAGE)
    free = FreeMemory(boot.path or "", [r.range for r in plan.regions if r.kind is RegionKind.RAM])
    for blob in plan.blobs:
        if blob.passed is not None:
            free.take(blob.passed)
        elif blob.address is not None and blob.role in (BlobRole.DATA, BlobRole.INITRD):
            free.take(AddressRange(blob.address, len(files[blob])))
    return free


def _wanted_tree(plan: ArmPlan, free: FreeMemory) -> AddressRange | None:
    """The room for the device tree where the user wants it, if so. Raises TreeOutsideRam."""
    for blob in plan.blobs:
        if blob.role is BlobRole.FDT and blob.path is not None and blob.address is not None:
            room = free.take_room(blob.address, LARGEST_TREE)
            if room is None:
                raise TreeOutsideRam(blob.path, blob.address, blob.span)
            return room
    return None


def load(memory: GuestMemory, images: ArmImages) -> None:
    """Put everything in its place in guest memory."""
    for address, content in images.writes:
        memory.write_on_arm(address, content)


def _memory(plan: ArmPlan) -> list[AddressRange]:
    kinds = (RegionKind.RAM, RegionKind.ROM)
    return united(region.range for region in plan.regions if region.kind in kinds)


def _place(plan: ArmPlan, files: dict[Blob, bytes], boot: Blob) -> AddressRange:
    """Where a flat binary goes: where the user wants it, else to the lowest free memory."""
    size, name = len(files[boot]), boot.path or ""
    if boot.address is not None:
        wanted = AddressRange(boot.address, size)
        if not any(part.contains(wanted) for part in _memory(plan)):
            raise OutsideRam(name, "the image", wanted)
        return wanted
    taken = initrd_place(_initrd(plan), files)
    holes = [taken] if taken is not None else []
    free = [rest for part in _memory(plan) for rest in without(part, holes)]
    for part in free:
        start = (part.start + PAGE_SIZE - 1) & -PAGE_SIZE
        if start + size <= part.end:
            return AddressRange(start, size)
    largest = max((part.size for part in free), default=0)
    raise ram_too_small(name, size, _memory(plan), largest)


def _elf(plan: ArmPlan, name: str, image: bytes) -> tuple[list[tuple[int, bytes]], int]:
    from passthru.vmm.elf_image import read_elf

    elf = read_elf(name, image, _MACHINE)
    writes = []
    entry = elf.entry
    for segment in elf.segments:
        place = AddressRange(segment.address, segment.memory_size)
        if not any(part.contains(place) for part in _memory(plan)):
            raise OutsideRam(name, "a segment", place)
        content = image[segment.offset : segment.offset + segment.file_size]
        writes.append((segment.address, content.ljust(segment.memory_size, b"\0")))
        # The header tells it as the program sees it with its MMU on.
        if segment.virtual <= elf.entry < segment.virtual + segment.memory_size:
            entry = elf.entry - segment.virtual + segment.address
    return writes, entry
