# SPDX-License-Identifier: Apache-2.0
"""Giving PCI functions of a virtual host to vfio-pci (by their sysfs names)."""

from collections.abc import Iterable

from passthru.addresses import PciAddress

__all__ = ["bind_command"]

# driver_override is exact: unlike new_id it does not attract other functions of the kind.
_SCRIPT = """
for function; do
    cd "/sys/bus/pci/devices/$function" || exit
    echo vfio-pci >driver_override || exit
    if [ -e driver ]; then echo "$function" >driver/unbind || exit; fi
    echo "$function" >/sys/bus/pci/drivers_probe || exit
    case $(readlink driver) in */vfio-pci) ;; *)
        echo "$function: vfio-pci did not take it" >&2
        exit 1 ;;
    esac
done
"""


def bind_command(addresses: Iterable[PciAddress]) -> list[str]:
    """A command that binds the functions to vfio-pci; it fails with a message if one is not."""
    return ["/bin/sh", "-c", _SCRIPT, "bind", *(address.sysfs_name for address in addresses)]
