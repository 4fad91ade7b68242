# SPDX-License-Identifier: Apache-2.0
"""From an image to what must be written and where the first processor starts."""

from passthru.addresses import AddressRange
from passthru.lean import TYPE_CHECKING, Callable
from passthru.vmm.x86_64.boot.images import ImageFormat, recognise
from passthru.vmm.x86_64.boot.request import BootPlan, BootRequest, BootWrite

if TYPE_CHECKING:
    from passthru.vmm.x86_64.boot.errors import ImageError

__all__ = ["plan_boot"]

_ARCHITECTURES = {
    ImageFormat.ARM64_IMAGE: "arm64",
    ImageFormat.ARM_ZIMAGE: "arm",
    ImageFormat.RISCV_IMAGE: "RISC-V",
}
_UNPACKERS = {
    ImageFormat.GZIP: "zcat",
    ImageFormat.XZ: "xzcat",
    ImageFormat.BZIP2: "bzcat",
    ImageFormat.ZSTD: "zstdcat",
    ImageFormat.LZ4: "lz4cat",
}


def plan_boot(request: BootRequest) -> BootPlan:
    """How to start ``request.image``, by the protocol that fits its format.

    Nothing is written; each write and each zeroed range of the answer lies inside one range
    of ``request.ram`` or ``request.rom``, none of which may overlap. An image that is not
    recognised runs from its first byte in real mode. Raises ImageError.
    """
    return _by_memory(request, _protocol(request)(request))


def _protocol(request: BootRequest) -> Callable[[BootRequest], BootPlan]:
    """The only boot protocol that is imported: a flat guest starts without the others."""
    kind = recognise(request.image)
    if kind is ImageFormat.BZIMAGE:
        from passthru.vmm.x86_64.boot.bzimage import plan_bzimage

        return plan_bzimage
    if kind is ImageFormat.ELF:
        from passthru.vmm.x86_64.boot.pvh import plan_elf

        return plan_elf
    if kind is ImageFormat.FLAT and not request.explicit:
        from passthru.vmm.x86_64.boot.flat import plan_flat

        return plan_flat
    raise _refusal(request.name, kind)


def _refusal(name: str, kind: ImageFormat) -> "ImageError":
    from passthru.vmm.x86_64.boot.errors import NotAnImage, OtherArchitecture

    if kind in _ARCHITECTURES:
        return OtherArchitecture(name, _ARCHITECTURES[kind])
    if kind is ImageFormat.FLAT:
        return NotAnImage(
            name, "data of no known format", f"to run them from the first byte: load {name}"
        )
    fix = None
    if kind in _UNPACKERS:
        fix = f"{_UNPACKERS[kind]} {name} > {name}.unpacked"
    elif kind is ImageFormat.CPIO:
        fix = f"initrd load {name}"
    return NotAnImage(name, kind.value, fix)


def _by_memory(request: BootRequest, plan: BootPlan) -> BootPlan:
    """``plan`` in pieces that each lie in one range of RAM or ROM."""
    writes = []
    for write in plan.writes:
        data = memoryview(write.data)
        for part in _pieces(request, write.range):
            start = part.start - write.address
            writes.append(BootWrite(part.start, data[start : start + part.size]))
    zeroed = [part for whole in plan.zeroed for part in _pieces(request, whole)]
    return plan._replace(writes=tuple(writes), zeroed=tuple(zeroed))


def _pieces(request: BootRequest, whole: AddressRange) -> list[AddressRange]:
    """Raises OutsideRam if there is a byte of ``whole`` that no memory holds."""
    common = [whole.intersection(memory) for memory in (*request.ram, *request.rom)]
    pieces = [part for part in common if part is not None]
    if sum(part.size for part in pieces) != whole.size:
        from passthru.vmm.x86_64.boot.errors import OutsideRam

        raise OutsideRam(request.name, "boot data", whole)
    return pieces
