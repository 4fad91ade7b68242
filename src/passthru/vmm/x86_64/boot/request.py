# SPDX-License-Identifier: Apache-2.0
"""What a boot protocol is given, and what it answers."""

from passthru.addresses import AddressRange
from passthru.lean import NamedTuple
from passthru.vmm.x86_64.boot.entry import Entry
from passthru.vmm.x86_64.e820 import MapEntry

__all__ = ["BootPlan", "BootRequest", "BootWrite"]


class BootRequest(NamedTuple):
    """One image to start, and the machine around it. All addresses are GPAs.

    ``name`` is the image as the user calls it, for messages. ``ram`` is what the guest may
    write and the caller can fill, ``rom`` what only the caller can; ``memory`` is the map
    that the guest is told. The initrd is either in place already (``initrd``) or comes as
    ``initrd_data`` to be placed. ``rsdp`` is 0 where there are no ACPI tables. ``address``
    is where the user wants the image, None where the image or the loader decides.
    ``explicit`` says that the user called it a guest image, so that data of no known
    format are an error and not a flat binary.
    """

    name: str
    image: bytes | memoryview
    command_line: str
    memory: tuple[MapEntry, ...]
    ram: tuple[AddressRange, ...]
    rom: tuple[AddressRange, ...] = ()
    rsdp: int = 0
    initrd: AddressRange | None = None
    initrd_data: bytes | memoryview | None = None
    address: int | None = None
    explicit: bool = False


class BootWrite(NamedTuple):
    """Bytes to copy to the GPA ``address``."""

    address: int
    data: bytes | memoryview

    @property
    def range(self) -> AddressRange:
        """Where they go."""
        return AddressRange(self.address, len(self.data))


class BootPlan(NamedTuple):
    """What to do to start the image: copy ``writes``, then run the first vCPU from ``entry``.

    ``zeroed`` lists GPA ranges that must read as zero; fresh RAM does already, RAM passed
    from the host may not.
    """

    writes: tuple[BootWrite, ...]
    entry: Entry
    zeroed: tuple[AddressRange, ...] = ()
