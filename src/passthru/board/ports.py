# SPDX-License-Identifier: Apache-2.0
"""The x86 ports that somebody has, from ``/proc/ioports``."""

from passthru.board.host_files import HostFiles
from passthru.board.memory_map import parse_resource
from passthru.board.model import HostRegion

__all__ = ["PORTS", "parse_ioports", "read_ports"]

PORTS = "/proc/ioports"


def read_ports(files: HostFiles) -> tuple[HostRegion, ...]:
    """Every owned range of ports, sorted; empty without the right to see them."""
    return parse_ioports(files.text(PORTS))


def parse_ioports(text: str) -> tuple[HostRegion, ...]:
    """Read the text of ``/proc/ioports``; lines of another form are passed over.

    What a PCI bus forwards is nobody's yet and is left out; what stands inside it is there.
    """
    regions = {parse_resource(line) for line in text.splitlines()} - {None}
    owned = [each for each in regions if each is not None and not each.name.startswith("PCI Bus")]
    return tuple(sorted(owned))
