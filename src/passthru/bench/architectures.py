# SPDX-License-Identifier: Apache-2.0
"""The architectures that virtual hosts have, and what differs between them.

Addresses are physical addresses of the virtual host (HPA).
"""

from typing import NamedTuple

from passthru.addresses import AddressRange

__all__ = ["AARCH64", "ARCHITECTURES", "X86_64", "Architecture"]


class Architecture(NamedTuple):
    """One architecture by the ``name`` that board files have for it.

    ``console`` is the serial port that Linux prints on. ``memory_start`` is where RAM
    begins. QEMU and the host's kernel put that kernel and its initramfs into ``own_area``,
    and use the last ``own_top`` bytes of RAM.
    """

    name: str
    qemu: str
    console: str
    memory_start: int
    own_area: AddressRange
    own_top: int


X86_64 = Architecture(
    name="x86-64",
    qemu="qemu-system-x86_64",
    console="ttyS0",
    memory_start=0,
    own_area=AddressRange.between(1 << 20, 128 << 20),
    # The initramfs and the firmware tables.
    own_top=64 << 20,
)

AARCH64 = Architecture(
    name="aarch64",
    qemu="qemu-system-aarch64",
    console="ttyAMA0",
    memory_start=0x40000000,
    # The initramfs is at 128 MiB, with the device tree behind it (QEMU: hw/arm/boot.c).
    own_area=AddressRange(0x40000000, 512 << 20),
    own_top=64 << 20,
)

ARCHITECTURES = {each.name: each for each in (X86_64, AARCH64)}
"""Every architecture by its name."""
