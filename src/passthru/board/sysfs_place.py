# SPDX-License-Identifier: Apache-2.0
"""Where Linux has a platform device, for commands to paste into a root shell."""

from passthru.board.model import PlatformDevice
from passthru.lean import NamedTuple

__all__ = ["SysfsPlace", "sysfs_place", "unbinding_command"]


class SysfsPlace(NamedTuple):
    """The bus in sysfs and the device's name there."""

    bus: str
    name: str

    @property
    def folder(self) -> str:
        """The device's directory."""
        return f"/sys/bus/{self.bus}/devices/{self.name}"


def sysfs_place(device: PlatformDevice) -> SysfsPlace | None:
    """The device's place; None where its name in the tree does not tell it."""
    if device.name.startswith("pnp "):
        return SysfsPlace("pnp", device.name.removeprefix("pnp "))
    if not device.name.startswith("/"):
        return SysfsPlace("platform", device.name)
    if not device.registers:
        return None
    # drivers/of/platform.c, of_device_make_bus_id(); PrimeCells have a bus of their own.
    node = device.name.rpartition("/")[2].partition("@")[0]
    bus = "amba" if "arm,primecell" in device.compatible else "platform"
    return SysfsPlace(bus, f"{device.registers[0].start:x}.{node}")


def unbinding_command(device: PlatformDevice) -> str:
    """What makes the host's driver let go of the device, which has one."""
    place = sysfs_place(device) or SysfsPlace("*", "NAME")
    return f"echo {place.name} > /sys/bus/{place.bus}/drivers/{device.driver}/unbind"
