# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a guest image or with the memory it is to start in."""

from passthru.addresses import AddressRange
from passthru.diagnostics.errors import PassthruError

__all__ = [
    "AddressNotPossible",
    "CommandLineNotPossible",
    "ImageError",
    "ImageTruncated",
    "ImageUnsupported",
    "InitrdNotPlaceable",
    "LowRamMissing",
    "MapTooLong",
    "NotAnImage",
    "OtherArchitecture",
    "OutsideRam",
    "RamTooSmall",
]

_MIB = 1 << 20


_IMAGES = {
    "x86-64": "give an x86-64 image (a bzImage, an ELF with a PVH entry, or a flat binary)",
    "arm64": "give an arm64 image (a Linux Image, an ELF, or a flat binary)",
}


def _size(count: int) -> str:
    """Rounded up to what one can write in a configuration."""
    return f"{(count + _MIB - 1) // _MIB}m" if count >= _MIB else f"{(count + 1023) // 1024}k"


class ImageError(PassthruError):
    """An image cannot be started in this machine; ``name`` is what the user calls it."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name


class NotAnImage(ImageError):
    """The data are nothing that a processor can start."""

    def __init__(self, name: str, what: str, fix: str | None = None) -> None:
        super().__init__(name, f"not a guest image, but {what}")
        self.fix = fix


class OtherArchitecture(ImageError):
    """The image is for another kind of processor."""

    def __init__(self, name: str, architecture: str, machine: str) -> None:
        super().__init__(name, f"made for {architecture}; this machine is {machine}")
        self.fix = _IMAGES[machine]


class ImageTruncated(ImageError):
    """The image ends before its own header says it does."""

    def __init__(self, name: str, what: str, needed: int, size: int) -> None:
        super().__init__(
            name, f"truncated or damaged: {what} needs {needed} bytes, the image has {size}"
        )


class ImageUnsupported(ImageError):
    """The image is of a known kind, but cannot be started by the protocols spoken here."""

    def __init__(self, name: str, problem: str, fix: str | None = None) -> None:
        super().__init__(name, problem)
        self.fix = fix


class AddressNotPossible(ImageError):
    """The user wants the image at an address where it cannot run."""

    def __init__(self, name: str, address: int, reason: str, fix: str) -> None:
        super().__init__(name, f"cannot run at {address:#x}: {reason}")
        self.fix = fix


class RamTooSmall(ImageError):
    """No free RAM is large enough for the image.

    ``needed`` is in bytes; RAM from ``start`` up to ``enough`` would do (GPA).
    """

    def __init__(self, name: str, needed: int, largest: int, enough: int, start: int = 0) -> None:
        super().__init__(
            name,
            f"needs {_size(needed)} of RAM in one piece to start, and the largest free piece "
            f"that this guest has is {_size(largest)}",
        )
        self.fix = f"ram {f'{start:#x}' if start else 0},{_size(enough - start)}"


class LowRamMissing(ImageError):
    """There is no room for the boot protocol's tables where they must be."""

    def __init__(self, name: str, needed: int, within: AddressRange) -> None:
        super().__init__(
            name, f"starting it takes {_size(needed)} of free RAM in {within}, and there are none"
        )
        self.fix = f"let the guest's RAM begin at 0 (ram 0,SIZE), so that it covers {within}"


class OutsideRam(ImageError):
    """A part of the image belongs to an address where the guest has no free memory."""

    def __init__(self, name: str, what: str, place: AddressRange) -> None:
        super().__init__(name, f"{what} goes to {place}, and not all of that is free memory")
        self.fix = f"let the guest's RAM cover {place}, and put nothing else there"


class InitrdNotPlaceable(ImageError):
    """There is no room for the initial RAM disk where the image can reach it."""

    def __init__(self, name: str, size: int, limit: int) -> None:
        super().__init__(
            name, f"no free RAM for its initial RAM disk of {_size(size)} below {limit:#x}"
        )
        self.fix = f"give the guest at least {_size(size)} more RAM below {limit:#x}"


class CommandLineNotPossible(ImageError):
    """The image cannot take this command line."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, f"the command line {reason}")


class MapTooLong(ImageError):
    """The guest's memory map has more pieces than the boot protocol can tell."""

    def __init__(self, name: str, count: int, limit: int) -> None:
        super().__init__(
            name,
            f"the guest's memory map has {count} pieces, and its boot protocol takes {limit}",
        )
