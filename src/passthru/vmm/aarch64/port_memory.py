# SPDX-License-Identifier: Apache-2.0
"""Memory behind which the ports of a PCI bus are, for processors without port instructions."""

from passthru.vmm.address_space import Bus

__all__ = ["PortMemory"]


class PortMemory:
    """An access at offset N is one to port N."""

    def __init__(self, ports: Bus) -> None:
        self._ports = ports

    def read(self, offset: int, size: int) -> int:
        """All ones where no port is; ports have up to four bytes."""
        return self._ports.read(offset, size) if size <= 4 else -1

    def write(self, offset: int, size: int, value: int) -> None:
        """Nothing happens where no port is."""
        if size <= 4:
            self._ports.write(offset, size, value)
