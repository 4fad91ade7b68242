# SPDX-License-Identifier: Apache-2.0
"""How a host is made to leave a range of its RAM alone."""

from passthru.addresses import AddressRange
from passthru.board.model import Board, board_architecture
from passthru.rules.hypervisor import Hypervisor

__all__ = ["how_to_reserve"]


def how_to_reserve(host: AddressRange, board: Board, hypervisor: Hypervisor) -> str:
    """What to change on the host so that ``host`` (HPA) can be passed; text to paste in it."""
    whole = host.page_aligned()
    if hypervisor is not Hypervisor.KVM:
        return _by_startup(whole)
    if board_architecture(board) == "arm":
        return _by_device_tree(whole)
    return (
        f"boot the host with memmap={whole.size:#x}${whole.start:#x} (in GRUB's configuration "
        "the $ is written \\\\\\$)"
    )


def _by_startup(whole: AddressRange) -> str:
    """Startup takes memory from the top of RAM, wherever that is, and gives it a name."""
    return (
        f"give the host's startup the option -R {whole.size:#x},0x1000,guest_memory\n"
        "and pass $asinfo_start{guest_memory}: startup chooses the place"
    )


def _by_device_tree(whole: AddressRange) -> str:
    """A node as in bindings/reserved-memory/reserved-memory.yaml of Linux."""
    return "\n".join(
        (
            "add to the host's device tree (with the root's own #address-cells and #size-cells):",
            "/ {",
            "    reserved-memory {",
            "        #address-cells = <2>;",
            "        #size-cells = <2>;",
            "        ranges;",
            f"        guest@{whole.start:x} {{",
            f"            reg = <{_cells(whole.start)} {_cells(whole.size)}>;",
            "            no-map;",
            "        };",
            "    };",
            "};",
        )
    )


def _cells(number: int) -> str:
    return f"{number >> 32:#x} {number & 0xFFFFFFFF:#x}"
