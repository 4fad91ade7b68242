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
from passthru.vmm.aarch64.linux_image import (
    LARGEST_TREE,
    FreeMemory,
    read_header,
    unpacked,
)
from passthru.vmm.address_space import GuestMemory
from passthru.vmm.image_errors import OutsideRam, RamTooSmall
from passthru.vmm.images import (
    RAM_KINDS,
    ImageFormat,
    blobs_in_place,
    initrd_place,
    read_file,
    recognise,
    refusal,
)

__all__ = ["ArmImages", "MakeTree", "load", "read_images"]

MakeTree = Callable[[AddressRange | None], bytes]
"""Gives the device tree of the guest whose initial RAM disk is there (GPA)."""

_MACHINE = "arm64"


class ArmImages(NamedTuple):
    """What to copy (GPA and bytes), where the first vCPU begins, and what it gets in x0."""

    writes: tuple[tuple[int, bytes], ...]
    entry: int
    tree: int = 0


def read_images(plan: ArmPlan, make_tree: MakeTree) -> ArmImages:
    """Read every file and decide how the guest starts, before anything of KVM is touched.

    Raises FileUnreadable, ImageError or OutsideGuestMemory.
    """
    files = {blob: read_file(blob) for blob in plan.blobs if blob.path is not None}
    boot = next(blob for blob in plan.blobs if blob.role is BlobRole.BOOT_IMAGE)
    image, name = files[boot], boot.path or ""
    data = blobs_in_place(plan.regions, files)
    placed = tuple((blob.address or 0, content) for blob, content in data)
    kind = recognise(image)
    if kind is ImageFormat.GZIP:
        image = unpacked(name, image, max(part.size for part in _memory(plan)))
        kind = recognise(image)
    if kind is ImageFormat.FLAT and not boot.typed:
        entry = _place(plan, files, boot).start
        writes: list[tuple[int, bytes]] = [(entry, image)]
    elif kind is ImageFormat.ELF:
        writes, entry = _elf(plan, name, image)
    elif kind is ImageFormat.ARM64_IMAGE:
        linux = _linux(plan, files, boot, image, make_tree)
        return linux._replace(writes=(*placed, *linux.writes))
    else:
        raise refusal(name, kind, _MACHINE)
    return ArmImages((*placed, *writes), entry)


def _linux(
    plan: ArmPlan, files: dict[Blob, bytes], boot: Blob, image: bytes, make_tree: MakeTree
) -> ArmImages:
    """The kernel at the start of 2 MiB, its tree and an unplaced initial RAM disk behind it."""
    name = boot.path or ""
    header = read_header(name, image)
    free = FreeMemory(name, [r.range for r in plan.regions if r.kind in RAM_KINDS])
    initrd = next((blob for blob in plan.blobs if blob.role is BlobRole.INITRD), None)
    place = initrd_place(initrd, files)
    if place is not None:
        free.take(place)
    kernel = free.find(header.text_offset + header.image_size, boot.address)
    start = kernel.start + header.text_offset
    writes = [(start, image)]
    tree = free.find(LARGEST_TREE)
    if initrd is not None and place is None:
        place = AddressRange(free.find(len(files[initrd])).start, len(files[initrd]))
        writes.append((place.start, files[initrd]))
    writes.append((tree.start, make_tree(place)))
    return ArmImages(tuple(writes), start, tree.start)


def load(memory: GuestMemory, images: ArmImages) -> None:
    """Put everything in its place in guest memory."""
    for address, content in images.writes:
        memory.write(address, content)


def _memory(plan: ArmPlan) -> list[AddressRange]:
    kinds = (*RAM_KINDS, RegionKind.ROM)
    return united(region.range for region in plan.regions if region.kind in kinds)


def _place(plan: ArmPlan, files: dict[Blob, bytes], boot: Blob) -> AddressRange:
    """Where a flat binary goes: where the user wants it, else to the lowest free memory."""
    size, name = len(files[boot]), boot.path or ""
    if boot.address is not None:
        wanted = AddressRange(boot.address, size)
        if not any(part.contains(wanted) for part in _memory(plan)):
            raise OutsideRam(name, "the image", wanted)
        return wanted
    initrd = next((blob for blob in plan.blobs if blob.role is BlobRole.INITRD), None)
    taken = initrd_place(initrd, files)
    holes = [taken] if taken is not None else []
    free = [rest for part in _memory(plan) for rest in without(part, holes)]
    for part in free:
        start = (part.start + PAGE_SIZE - 1) & -PAGE_SIZE
        if start + size <= part.end:
            return AddressRange(start, size)
    largest = max((part.size for part in free), default=0)
    raise RamTooSmall(name, size, largest, size)


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
