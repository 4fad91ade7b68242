# SPDX-License-Identifier: Apache-2.0
"""How a function is given to vfio-pci or another driver: commands to paste into a root shell."""

from passthru.addresses import PciAddress

__all__ = ["binding_commands"]


def binding_commands(address: PciAddress, driver: str | None, *, to: str = "vfio-pci") -> list[str]:
    """The commands for the function at ``address`` that ``driver`` has now (None: nobody).

    Source: Documentation/ABI/testing/sysfs-bus-pci, ``driver_override``.
    """
    name = address.sysfs_name
    device = f"/sys/bus/pci/devices/{name}"
    commands = [f"echo {to} > {device}/driver_override"]
    if driver is not None:
        commands.append(f"echo {name} > {device}/driver/unbind")
    commands.append(f"echo {name} > /sys/bus/pci/drivers_probe")
    return commands
